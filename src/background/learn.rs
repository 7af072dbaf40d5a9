//! Learning: what people dropped into the training folders goes to the learner, in order.

use std::sync::Arc;
use std::time::Duration;

use super::Nightly;
use crate::actions::link_keys;
use crate::clock::{Clock, Timestamp};
use crate::inspect::{Learner, Taught, Vector, vector};
use crate::mail::{Address, headers};
use crate::net::listen::Closing;
use crate::record::Lesson;
use crate::store::{Store, StoreError};
use crate::token::notice;

/// How often new lessons are looked for.
const EVERY: Duration = Duration::from_secs(2);
/// How long an export that failed is left alone.
const EXPORT_AGAIN: Duration = Duration::from_secs(600);
/// Lessons taken in one step.
const BATCH: usize = 64;

/// The chore that teaches.
#[derive(Clone)]
pub struct Teaching {
    pub store: Store,
    pub learner: Arc<Learner>,
    /// Octets of a mail's text that are read, as the checks read them.
    pub text_most: usize,
    /// The export of each day, where one is wanted.
    pub nightly: Option<Nightly>,
    pub clock: Clock,
}

impl Teaching {
    /// Teaches until the doors close.
    pub async fn run(self, mut stop: Closing) {
        let mut export_from = Timestamp::default();
        loop {
            self.teach_new().await;
            if self.clock.now() >= export_from && !self.export_if_due().await {
                export_from = self.clock.now().after(EXPORT_AGAIN);
            }
            tokio::select! {
                () = stop.wait() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Teaches all lessons that are there now and were not learned yet, then what the learner
    /// noted by itself.
    pub async fn teach_new(&self) {
        self.teach_stored().await;
        let (learner, now) = (self.learner.clone(), self.clock.now());
        if let Err(error) =
            done(tokio::task::spawn_blocking(move || learner.learn_overheard(now)).await)
        {
            tracing::error!(%error, "mail cannot be learned now");
        }
    }

    /// Writes the export of today, if its hour has come; false if that failed.
    pub async fn export_if_due(&self) -> bool {
        let due = |nightly: &Nightly| Some((nightly.clone(), nightly.due(self.clock.now())?));
        let Some((nightly, to)) = self.nightly.as_ref().and_then(due) else {
            return true;
        };
        let learner = self.learner.clone();
        let written = tokio::task::spawn_blocking(move || nightly.export(&learner, &to)).await;
        done(written)
            .inspect_err(|error| tracing::error!(%error, "the lessons cannot be exported"))
            .is_ok()
    }

    async fn teach_stored(&self) {
        let mut after = self.learner.stored();
        loop {
            match self.teach_some(after).await {
                Ok(Some(last)) => after = last,
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(%error, "lessons cannot be learned now");
                    return;
                }
            }
        }
    }

    /// Teaches a batch; says the last lesson it looked at.
    async fn teach_some(&self, after: u64) -> Result<Option<u64>, StoreError> {
        let lessons = self.store.lessons.lessons(after, BATCH).await?;
        let Some((last, _)) = lessons.last() else {
            return Ok(None);
        };
        let last = *last;
        for (number, lesson) in lessons {
            // Octets are kept for a time only; without them there is nothing to learn.
            let Some(mail) = self.store.entries.mail(lesson.mail).await? else {
                continue;
            };
            if self.is_own_letter(&mail.bytes).await? {
                continue;
            }
            let (learner, most) = (self.learner.clone(), self.text_most);
            let learned = tokio::task::spawn_blocking(move || {
                let vector = vector(&mail.bytes, &mail.envelope, most);
                learner.teach(vec![taught(lesson, number, vector)])
            });
            done(learned.await)?;
        }
        let learner = self.learner.clone();
        done(tokio::task::spawn_blocking(move || learner.pass(last)).await)?;
        Ok(Some(last))
    }

    /// True for a letter of the house, from which nobody learns (SE-10). Its mark says so, however old
    /// it is; the word of a stranger's header field would keep the stranger's spam from being learned.
    async fn is_own_letter(&self, message: &[u8]) -> Result<bool, StoreError> {
        let (Some(mark), Some(to)) = (
            headers::first(message, notice::MARK_FIELD),
            headers::first(message, "To"),
        ) else {
            return Ok(false);
        };
        let to = to.text();
        let Ok(to) = to.trim_matches(['<', '>', ' ']).parse::<Address>() else {
            return Ok(false);
        };
        let ring = link_keys(&*self.store.settings, self.clock.now()).await?;
        let ever = Timestamp::default();
        Ok(notice::holds(&ring, &mark.text(), &to, message, ever))
    }
}

fn taught(lesson: Lesson, number: u64, vector: Vector) -> Taught {
    Taught {
        mail: lesson.mail,
        lore: lesson.lore,
        who: lesson.who,
        scope: lesson.scope,
        at: lesson.at,
        number,
        bulk: false,
        vector,
    }
}

fn done<T>(result: Result<std::io::Result<T>, tokio::task::JoinError>) -> Result<T, StoreError> {
    match result {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(StoreError::Failed(error.to_string())),
        Err(error) => Err(StoreError::Failed(error.to_string())),
    }
}

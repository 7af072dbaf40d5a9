//! Teaching others: what people dropped into the training folders goes on to rspamd and SpamAssassin.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::inspect::scanners::{NotLearned, Pupil};
use crate::net::listen::Closing;
use crate::record::Lesson;
use crate::store::{Store, StoreError};

/// How often new lessons are looked for.
const EVERY: Duration = Duration::from_secs(2);
/// Lessons read in one step.
const BATCH: usize = 64;
/// The first pause after a pupil could not be taught; it doubles with each try.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// Tries after which a lesson is passed over, some three hours in all: one on which the pupil fails
/// each time must not keep the others from it for ever.
const TRIES_MOST: u32 = 100;

/// The chore that teaches one pupil, in the order of the lessons.
pub struct Tutor {
    store: Store,
    pupil: Arc<dyn Pupil>,
    /// Where the number of the last lesson is kept. Without it all are taught anew, which does no harm.
    path: PathBuf,
    last: u64,
    tries: u32,
}

/// What became of a look at the lessons.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// All that were there are done.
    Done,
    /// There may be more.
    More,
    /// The pupil is not there now.
    Wait,
}

impl Tutor {
    /// Goes on where `pupil` was left; `dir` is the data directory.
    #[must_use]
    pub fn new(store: Store, pupil: Arc<dyn Pupil>, dir: &Path) -> Self {
        let path = dir.join(format!("taught-{}", pupil.name().to_ascii_lowercase()));
        Self {
            store,
            last: stored(&path),
            pupil,
            path,
            tries: 0,
        }
    }

    /// Teaches until the doors close.
    pub async fn run(mut self, mut stop: Closing) {
        loop {
            let pause = tokio::select! {
                () = stop.wait() => return,
                pause = self.teach_new() => pause,
            };
            tokio::select! {
                () = stop.wait() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Teaches what is there, and says when to look again.
    pub async fn teach_new(&mut self) -> Duration {
        loop {
            match self.look().await {
                Ok(Look::More) => {}
                Ok(Look::Done) => return EVERY,
                Ok(Look::Wait) => {
                    let doubled = FIRST_PAUSE.saturating_mul(1 << self.tries.min(16));
                    return doubled.min(LONGEST_PAUSE);
                }
                Err(error) => {
                    tracing::error!(pupil = self.pupil.name(), %error, "lessons cannot be passed on now");
                    return LONGEST_PAUSE;
                }
            }
        }
    }

    async fn look(&mut self) -> Result<Look, StoreError> {
        let lessons = self.store.lessons.lessons(self.last, BATCH).await?;
        if lessons.is_empty() {
            return Ok(Look::Done);
        }
        for (number, lesson) in lessons {
            if !self.teach(&lesson).await? {
                return Ok(Look::Wait);
            }
            self.tries = 0;
            self.last = number;
            self.remember();
        }
        Ok(Look::More)
    }

    /// False if it is to be tried again.
    async fn teach(&mut self, lesson: &Lesson) -> Result<bool, StoreError> {
        // Octets are kept for a time only; without them there is nothing to learn.
        let Some(mail) = self.store.entries.mail(lesson.mail).await? else {
            return Ok(true);
        };
        let (pupil, mail_id) = (self.pupil.name(), lesson.mail);
        match self.pupil.learn(&mail.bytes, lesson.lore).await {
            Ok(()) => Ok(true),
            Err(NotLearned::Refused(why)) => {
                tracing::warn!(pupil, mail = %mail_id, %why, "a lesson was not taken");
                Ok(true)
            }
            Err(NotLearned::Later(why)) => {
                self.tries += 1;
                let over = self.tries >= TRIES_MOST;
                tracing::warn!(pupil, mail = %mail_id, %why, over, "a lesson cannot be passed on now");
                Ok(over)
            }
        }
    }

    fn remember(&self) {
        if let Err(error) = write(&self.path, self.last) {
            tracing::warn!(pupil = self.pupil.name(), %error, "where a pupil stands cannot be kept");
        }
    }
}

fn stored(path: &Path) -> u64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim().parse().unwrap_or_default()
}

/// Whole or not at all. A power cut may take the last numbers back.
fn write(path: &Path, last: u64) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = std::fs::File::create(&new)?;
    writeln!(file, "{last}")?;
    std::fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use bytes::Bytes;
    use parking_lot::Mutex;

    use crate::actions::Desk;
    use crate::clock::{Clock, Timestamp};
    use crate::mail::{BodyType, Direction, Envelope, Mail, Message, Peer};
    use crate::policy::Principal;
    use crate::record::{Door, Lore};
    use crate::store::in_memory;

    /// Takes what it is told to take.
    #[derive(Default)]
    struct Child {
        answers: Mutex<Vec<Result<(), NotLearned>>>,
        learned: Mutex<Vec<(String, Lore)>>,
    }

    #[async_trait]
    impl Pupil for Child {
        fn name(&self) -> &'static str {
            "CHILD"
        }
        async fn learn(&self, message: &Bytes, lore: Lore) -> Result<(), NotLearned> {
            self.answers.lock().pop().unwrap_or(Ok(()))?;
            let text = String::from_utf8_lossy(message);
            let subject = text.lines().next().unwrap_or_default().to_owned();
            self.learned.lock().push((subject, lore));
            Ok(())
        }
    }

    async fn taught(store: &Store, subject: &str, lore: Lore) {
        let envelope = Envelope {
            peer: Peer::new("192.0.2.1".parse().expect("address")),
            direction: Direction::Inbound,
            from: None,
            to: vec!["a@example.org".parse().expect("address")],
            body: BodyType::SevenBit,
            smtputf8: false,
        };
        let message = Message::new(format!("{subject}\r\n\r\nx\r\n"), None).expect("message");
        let mail = Mail::new(envelope, message, 0);
        let desk = Desk::new(store.clone(), Clock::by_hand(Timestamp(1000)));
        let by = Principal::house("a test");
        desk.teach(&by, lore, &mail, &Door::new("test", ""))
            .await
            .expect("taught");
    }

    #[tokio::test]
    async fn lessons_go_on_once_in_order_and_wait_for_who_is_away() {
        let dir = tempfile::tempdir().expect("folder");
        let store = in_memory::open(Clock::by_hand(Timestamp(1000)));
        let child = Arc::new(Child::default());
        let tutor = || Tutor::new(store.clone(), child.clone(), dir.path());
        for (subject, lore) in [
            ("A: 1", Lore::Spam),
            ("B: 2", Lore::Ham),
            ("C: 3", Lore::Spam),
        ] {
            taught(&store, subject, lore).await;
        }
        let later = || Err(NotLearned::Later("away".to_owned()));
        let refused = Err(NotLearned::Refused("too small".to_owned()));
        // From the last on: A is taken at the third try, B is not wanted.
        *child.answers.lock() = vec![refused, Ok(()), later(), later()];
        let mut first = tutor();
        assert_eq!(first.teach_new().await, FIRST_PAUSE * 2);
        assert_eq!(first.teach_new().await, FIRST_PAUSE * 4);
        assert_eq!(first.teach_new().await, EVERY);
        let all = [
            ("A: 1".to_owned(), Lore::Spam),
            ("C: 3".to_owned(), Lore::Spam),
        ];
        assert_eq!(*child.learned.lock(), all);
        drop(first);
        let mut again = tutor();
        assert_eq!(again.teach_new().await, EVERY);
        assert_eq!(child.learned.lock().len(), 2, "not taught twice");
        taught(&store, "D: 4", Lore::Ham).await;
        *child.answers.lock() = vec![later(); TRIES_MOST as usize];
        for _try in 0..TRIES_MOST {
            again.teach_new().await;
        }
        taught(&store, "E: 5", Lore::Ham).await;
        again.teach_new().await;
        let last = child.learned.lock().last().cloned();
        assert_eq!(last, Some(("E: 5".to_owned(), Lore::Ham)), "it goes on");
    }
}

//! Teaching others: what people dropped into the training folders goes on to rspamd and SpamAssassin, and
//! what was taken back is taken back there, where that can be done.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::inspect::scanners::{NotLearned, Pupil};
use crate::inspect::{Learner, Struck};
use crate::mail::MailId;
use crate::net::listen::Closing;
use crate::record::Lore;
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
    learner: Arc<Learner>,
    pupil: Arc<dyn Pupil>,
    /// Where it is kept how far it came. Without it all are taught anew, which does no harm.
    path: PathBuf,
    done: Done,
    tries: u32,
}

/// How far a pupil came.
#[derive(Debug, Default, Clone, Copy)]
struct Done {
    /// The last lesson.
    taught: u64,
    /// The last lesson that was taken back.
    struck: u64,
}

/// What a pupil is told of a mail.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Word {
    Learn,
    Forget,
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
    pub fn new(store: Store, learner: Arc<Learner>, pupil: Arc<dyn Pupil>, dir: &Path) -> Self {
        let path = dir.join(format!("taught-{}", pupil.name().to_ascii_lowercase()));
        Self {
            store,
            learner,
            done: stored(&path),
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
        let lessons = self.store.lessons.lessons(self.done.taught, BATCH).await?;
        // The learner may be busy with the disk.
        let (learner, after) = (self.learner.clone(), self.done.struck);
        let struck = tokio::task::spawn_blocking(move || learner.struck(after, BATCH)).await;
        let struck = struck.map_err(|e| StoreError::Failed(e.to_string()))?;
        let mut struck = struck.into_iter().peekable();
        if lessons.is_empty() && struck.peek().is_none() {
            return Ok(Look::Done);
        }
        let all_lessons = lessons.len() < BATCH;
        // In the order in which people said so: the same mail may be taught again later.
        for (number, lesson) in lessons {
            while let Some(back) = struck.next_if(|back| back.at < lesson.at) {
                if !self.forget(&back).await? {
                    return Ok(Look::Wait);
                }
            }
            if !self.tell(Word::Learn, lesson.mail, lesson.lore).await? {
                return Ok(Look::Wait);
            }
            self.done.taught = number;
            self.remember();
        }
        for back in struck.filter(|_| all_lessons) {
            if !self.forget(&back).await? {
                return Ok(Look::Wait);
            }
        }
        Ok(Look::More)
    }

    /// False if it is to be tried again.
    async fn forget(&mut self, back: &Struck) -> Result<bool, StoreError> {
        let told = self.tell(Word::Forget, back.mail, back.lore).await?;
        if told {
            self.done.struck = back.number;
            self.remember();
        }
        Ok(told)
    }

    /// False if it is to be tried again.
    async fn tell(&mut self, word: Word, id: MailId, lore: Lore) -> Result<bool, StoreError> {
        // Octets are kept for a time only; without them there is nothing to learn.
        let Some(mail) = self.store.entries.mail(id).await? else {
            return Ok(true);
        };
        let pupil = self.pupil.name();
        let answer = match word {
            Word::Learn => self.pupil.learn(&mail.bytes, lore).await,
            Word::Forget => self.pupil.forget(&mail.bytes, lore).await,
        };
        let done = match answer {
            Ok(()) => true,
            Err(NotLearned::Refused(why)) => {
                tracing::warn!(pupil, mail = %id, ?word, %why, "a lesson was not taken");
                true
            }
            Err(NotLearned::Later(why)) => {
                self.tries += 1;
                let over = self.tries >= TRIES_MOST;
                tracing::warn!(pupil, mail = %id, ?word, %why, over, "a lesson cannot be passed on now");
                over
            }
        };
        if done {
            self.tries = 0;
        }
        Ok(done)
    }

    fn remember(&self) {
        if let Err(error) = write(&self.path, self.done) {
            tracing::warn!(pupil = self.pupil.name(), %error, "where a pupil stands cannot be kept");
        }
    }
}

fn stored(path: &Path) -> Done {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut numbers = text.split_whitespace().map_while(|word| word.parse().ok());
    Done {
        taught: numbers.next().unwrap_or_default(),
        struck: numbers.next().unwrap_or_default(),
    }
}

/// Whole or not at all. A power cut may take the last numbers back.
fn write(path: &Path, done: Done) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = std::fs::File::create(&new)?;
    writeln!(file, "{} {}", done.taught, done.struck)?;
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
    use crate::inspect::Which;
    use crate::mail::{BodyType, Direction, Envelope, Mail, Message, Peer};
    use crate::policy::Principal;
    use crate::record::Door;
    use crate::store::in_memory;

    /// Takes what it is told to take.
    #[derive(Default)]
    struct Child {
        answers: Mutex<Vec<Result<(), NotLearned>>>,
        learned: Mutex<Vec<(String, Lore)>>,
        forgotten: Mutex<Vec<(String, Lore)>>,
    }

    fn subject(message: &[u8]) -> String {
        let text = String::from_utf8_lossy(message);
        text.lines().next().unwrap_or_default().to_owned()
    }

    #[async_trait]
    impl Pupil for Child {
        fn name(&self) -> &'static str {
            "CHILD"
        }
        async fn learn(&self, message: &Bytes, lore: Lore) -> Result<(), NotLearned> {
            self.answers.lock().pop().unwrap_or(Ok(()))?;
            self.learned.lock().push((subject(message), lore));
            Ok(())
        }
        async fn forget(&self, message: &Bytes, lore: Lore) -> Result<(), NotLearned> {
            self.answers.lock().pop().unwrap_or(Ok(()))?;
            self.forgotten.lock().push((subject(message), lore));
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
        let learner = Arc::new(Learner::in_memory());
        let tutor = || Tutor::new(store.clone(), learner.clone(), child.clone(), dir.path());
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

    /// XX-11: what is taken back is taken back from others too, in the order in which it was said.
    #[tokio::test]
    async fn lessons_taken_back_are_forgotten_by_others() {
        let dir = tempfile::tempdir().expect("folder");
        let store = in_memory::open(Clock::by_hand(Timestamp(1000)));
        let (child, learner) = (Arc::new(Child::default()), Arc::new(Learner::in_memory()));
        let teaching = crate::background::Teaching {
            store: store.clone(),
            learner: learner.clone(),
            text_most: 1 << 16,
            clock: Clock::by_hand(Timestamp(1000)),
            nightly: None,
        };
        let tutor = || Tutor::new(store.clone(), learner.clone(), child.clone(), dir.path());
        taught(&store, "A: 1", Lore::Spam).await;
        taught(&store, "B: 2", Lore::Ham).await;
        teaching.teach_new().await;
        let first = Which {
            numbers: vec![1],
            ..Which::default()
        };
        assert_eq!(
            learner.undo(&first, "t", Timestamp(2000)).expect("undone"),
            1
        );
        let away = || Err(NotLearned::Later("away".to_owned()));
        *child.answers.lock() = vec![away(), Ok(()), Ok(())];
        assert_eq!(
            tutor().teach_new().await,
            FIRST_PAUSE * 2,
            "both learned, away then"
        );
        assert_eq!(child.learned.lock().len(), 2);
        assert_eq!(tutor().teach_new().await, EVERY);
        let a = ("A: 1".to_owned(), Lore::Spam);
        assert_eq!(*child.forgotten.lock(), [a]);
        assert_eq!(tutor().teach_new().await, EVERY);
        assert_eq!(child.forgotten.lock().len(), 1, "once");
        assert_eq!(child.learned.lock().len(), 2, "and nothing else");
    }
}

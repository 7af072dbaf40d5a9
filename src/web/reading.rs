//! Turns at reading messages: a few at a time, because each is held in memory as a whole.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::Fault;

/// Messages that are looked into at the same time.
const READERS: usize = 8;

/// Who may look into messages now. Cheap to clone.
#[derive(Clone)]
pub(super) struct Readers(Arc<Semaphore>);

impl Default for Readers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(READERS)))
    }
}

/// A turn; given back when dropped.
pub(super) struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Readers {
    /// Waits for a turn: asked for before the message is fetched.
    pub(super) async fn turn(&self) -> Result<Turn, Fault> {
        let turn = Arc::clone(&self.0).acquire_owned().await;
        let closed = |_| Fault::Failed("no message is read any more".to_owned());
        let permit = turn.map_err(closed)?;
        Ok(Turn { _permit: permit })
    }
}

impl Turn {
    /// Does `work`, which takes its time, not on a thread that serves others. The turn lasts until it
    /// is done, also if the visitor has left: nobody has more done by leaving.
    pub(super) async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Turn), Fault> {
        let all = move || (work(), self);
        tokio::task::spawn_blocking(all)
            .await
            .map_err(|error| Fault::Failed(format!("the message cannot be read: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test]
    async fn iw04_who_leaves_has_no_more_done() {
        let readers = Readers(Arc::new(Semaphore::new(1)));
        let (go_on, waits) = channel::<()>();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let turn = readers.turn().await.expect("turn");
        let visitor = tokio::spawn(turn.work(move || {
            let _ = begun.send(());
            let _ = waits.recv();
        }));
        has_begun.await.expect("begun");
        visitor.abort();
        assert!(visitor.await.is_err());
        assert_eq!(readers.0.available_permits(), 0);
        drop(go_on);
        let turn = readers.turn().await.expect("turn");
        let (done, _turn) = turn.work(|| 7).await.expect("done");
        assert_eq!(done, 7);
    }
}

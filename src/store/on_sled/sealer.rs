//! The sealer: one thread that moves events from the log to sealed parts of the log of all mail.
//!
//! First the events are durable in the log, then in a part; once the part has its name it
//! counts, and they may end in the log. The part's name says which numbers it covers, so
//! whatever is interrupted, no event is lost and none is there twice.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::Shared;
use super::committer::Queue;
use crate::store::StoreError;
use crate::store::ledger::ops::{Answer, Op};

/// Time between two looks at what waits.
const TICK: Duration = Duration::from_secs(1);
/// Time to the next try after a failure.
const AGAIN: Duration = Duration::from_secs(30);

/// The sealer.
pub(super) struct Sealer {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Queue,
    /// Ends when the handle does.
    pub(super) stopped: Receiver<()>,
}

impl Sealer {
    /// Works until the handle ends.
    pub(super) fn run(self) {
        let mut failed: Option<Instant> = None;
        loop {
            match self.stopped.recv_timeout(TICK) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
            if failed.is_some_and(|at| at.elapsed() < AGAIN) {
                continue;
            }
            failed = None;
            if let Err(error) = seal(&self.shared, &self.queue, false) {
                tracing::error!(%error, "events of the log of all mail cannot be sealed; they stay in memory and in the store's log");
                failed = Some(Instant::now());
            }
        }
    }
}

/// Seals what is ripe, or with `all` whatever there is, and makes few parts of many.
pub(super) fn seal(shared: &Shared, queue: &Queue, all: bool) -> Result<(), StoreError> {
    let _one = shared.sealing.lock();
    let today = shared.clock.now().day();
    while let Some(ripe) = shared.book.ripe(today, all) {
        // What the log may lose in a power cut must not be found in a part: its numbers would
        // be given again.
        queue.ask(Op::Sync)?;
        shared.book.seal(&ripe)?;
        let_go(shared, queue)?;
        while shared.book.tidy()? {}
    }
    Ok(())
}

/// Lets sealed events end in the log.
pub(super) fn let_go(shared: &Shared, queue: &Queue) -> Result<(), StoreError> {
    let sealed = shared.book.sealed();
    while queue.ask(Op::Sealed(sealed))? == Answer::Yes(true) {}
    Ok(())
}

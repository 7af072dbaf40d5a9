//! The keeper: one thread that writes down the index, lets go of what is old, wins back space.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use super::committer::Queue;
use super::open::write_aside;
use super::recover::{Applied, CHECKPOINT};
use super::{Shared, compact, snapshot};
use crate::store::StoreError;
use crate::store::ledger::ops::{Answer, Op};

/// So many octets of log make a check-point due before its time.
const CHECKPOINT_OCTETS: u64 = 128 << 20;
/// Time between two looks at what is due.
const TICK: Duration = Duration::from_secs(1);
/// Time between two rounds of tidying.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// The keeper.
pub(super) struct Keeper {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Queue,
    /// Ends when the handle does.
    pub(super) stopped: Receiver<()>,
}

impl Keeper {
    /// Works until the handle ends.
    pub(super) fn run(self) {
        let every = self.shared.options.checkpoint_every.0;
        let (mut covered, mut at, mut tidied) = (0, Instant::now(), Instant::now());
        loop {
            match self.stopped.recv_timeout(TICK.min(every)) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
            let written = self.shared.written.load(Ordering::Relaxed);
            let due = at.elapsed() >= every || written - covered >= CHECKPOINT_OCTETS;
            if written > covered && due {
                (covered, at) = (written, Instant::now());
                if let Err(error) = checkpoint(&self.shared, &self.queue) {
                    tracing::error!(%error, "no check-point; the next start takes longer");
                }
            }
            if tidied.elapsed() >= TIDY_EVERY {
                tidied = Instant::now();
                let stop = || self.is_stopped();
                if let Err(error) = tidy(&self.shared, &self.queue, &stop) {
                    tracing::warn!(%error, "old files of the store are not tidied up");
                }
            }
        }
    }

    fn is_stopped(&self) -> bool {
        !matches!(self.stopped.try_recv(), Err(TryRecvError::Empty))
    }
}

/// Makes the index durable and notes up to where it knows the log. The log comes
/// first: the index must never be ahead of it.
pub(super) fn checkpoint(shared: &Shared, queue: &Queue) -> Result<(), StoreError> {
    let _one = shared.checkpoints.lock();
    queue.ask(Op::Sync)?;
    let applied = Applied::of(&shared.tree)?;
    shared.tree.flush()?;
    let text = format!("{}\n", applied.number);
    write_aside(&shared.dir, CHECKPOINT, text.as_bytes())
        .map_err(|error| StoreError::Failed(format!("cannot note the check-point: {error}")))?;
    if shared.settings_changed.swap(false, Ordering::Relaxed) {
        snapshot::write(&shared.tree, &shared.dir)
            .inspect_err(|_| shared.settings_changed.store(true, Ordering::Relaxed))?;
    }
    Ok(())
}

/// Lets go of what is too old, and wins back the space of what is gone.
pub(super) fn tidy(
    shared: &Shared,
    queue: &Queue,
    stop: &dyn Fn() -> bool,
) -> Result<(), StoreError> {
    let _one = shared.tidying.lock();
    let sweep = || Op::Sweep {
        now: shared.clock.now(),
        history_days: shared.options.history_days,
    };
    while queue.ask(sweep())? == Answer::Yes(true) && !stop() {}
    compact::compact(shared, queue, stop)
}

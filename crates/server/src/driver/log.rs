//! The log thread: makes entries durable, one sync for everything that waits.

use crate::driver::outbox::Courier;
use crate::driver::shared::Shared;
use node::Input;
use parking_lot::{Condvar, Mutex};
use proto::Zxid;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use storage::{StorageError, TxnLog};

/// Quiet time after which the log notes that everything in it is durable, so that damage to its end
/// is told from an unfinished write (HC-114).
const SETTLE_AFTER: Duration = Duration::from_secs(1);

/// What waiting for entries brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Batch,
    /// None came in time.
    Nothing,
    /// None will come any more.
    Closed,
}

/// Entries on their way to the log, in the node's order.
#[derive(Debug, Default)]
pub(crate) struct LogQueue {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<(Zxid, Vec<u8>)>,
    closed: bool,
}

impl LogQueue {
    /// Adds entries; the caller holds the node, which keeps them in order.
    pub(crate) fn push(&self, entries: &mut Vec<(Zxid, Vec<u8>)>) {
        if !entries.is_empty() {
            self.state.lock().entries.append(entries);
        }
    }

    /// Wakes the log thread when there is something for it.
    pub(crate) fn notify(&self) {
        self.ready.notify_one();
    }

    /// No entry will come any more.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.ready.notify_one();
    }

    /// Takes what there is into `batch`, waiting for it, at most for `patience` when one is given.
    fn take(&self, batch: &mut Vec<(Zxid, Vec<u8>)>, patience: Option<Duration>) -> Taken {
        let mut state = self.state.lock();
        while state.entries.is_empty() {
            if state.closed {
                return Taken::Closed;
            }
            match patience {
                None => self.ready.wait(&mut state),
                Some(patience) if self.ready.wait_for(&mut state, patience).timed_out() => {
                    return Taken::Nothing;
                }
                Some(_) => {}
            }
        }
        std::mem::swap(&mut state.entries, batch);
        Taken::Batch
    }

    /// Waits until `deadline` for company for the entries already taken.
    fn take_more(&self, batch: &mut Vec<(Zxid, Vec<u8>)>, deadline: Instant) -> bool {
        let mut state = self.state.lock();
        while state.entries.is_empty() && !state.closed {
            if self.ready.wait_until(&mut state, deadline).timed_out() {
                return false;
            }
        }
        batch.append(&mut state.entries);
        !state.closed
    }
}

/// Runs until the queue is closed; a failure stops the server, because what the disk holds is then
/// unknown (HC-122, HC-123).
pub(crate) fn run(shared: &Shared, mut log: TxnLog) {
    let mut courier = Courier::new(shared);
    let mut batch = Vec::new();
    let mut patience = None;
    loop {
        let done = match shared.log.take(&mut batch, patience) {
            Taken::Closed => break,
            Taken::Nothing => {
                patience = None;
                log.settle()
            }
            Taken::Batch => {
                patience = Some(SETTLE_AFTER);
                gather(shared, &mut batch);
                write(shared, &mut log, &mut batch, &mut courier)
            }
        };
        if let Err(error) = done {
            tracing::error!(%error, "transaction log failed; stopping, because nothing more can be promised");
            return shared.stop(Err(format!("transaction log failed: {error}")));
        }
    }
    if let Err(error) = log.close() {
        tracing::error!(%error, "transaction log could not be closed");
    }
}

/// `flushDelay`: lets entries wait for company, up to the batch size.
fn gather(shared: &Shared, batch: &mut Vec<(Zxid, Vec<u8>)>) {
    let storage = &shared.config.storage;
    if storage.flush_delay.is_zero() {
        return;
    }
    let deadline = Instant::now() + storage.flush_delay;
    let max = storage.max_batch_size.unwrap_or(u64::MAX);
    while (batch.len() as u64) < max && shared.log.take_more(batch, deadline) {}
}

fn write(
    shared: &Shared,
    log: &mut TxnLog,
    batch: &mut Vec<(Zxid, Vec<u8>)>,
    courier: &mut Courier<'_>,
) -> Result<(), StorageError> {
    let mut last = Zxid::ZERO;
    let (count, mut bytes) = (batch.len() as u64, 0);
    for (zxid, entry) in batch.drain(..) {
        bytes += entry.len() as u64;
        log.append(zxid, &entry);
        last = zxid;
    }
    let stats = log.sync()?;
    if stats.slow {
        shared.counters.slow_syncs.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            ms = stats.duration.as_millis() as u64,
            "slow log sync delays every write; is the disk busy?"
        );
    }
    let mut node = shared.node.lock();
    node.step(shared.clock.now(), Input::Synced(last), courier);
    courier.flush();
    shared.outstanding.store(node.outstanding(), Ordering::Relaxed);
    drop(node);
    courier.notify(None);
    if shared.snapshots.is_due(count, bytes) {
        log.roll()?;
        shared.snapshots.request();
    }
    Ok(())
}

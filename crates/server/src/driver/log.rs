//! The log thread: makes entries durable, one sync for everything that waits.

use crate::driver::linger::Linger;
use crate::driver::shared::Shared;
use parking_lot::{Condvar, Mutex};
use proto::Zxid;
use proto::peer::Entry;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use storage::{StorageError, TxnLog};

/// Quiet time after which the log notes that everything in it is durable, so that damage to its end
/// is told from an unfinished write (HC-114).
const SETTLE_AFTER: Duration = Duration::from_secs(1);

/// Transactions up to which a server is taken to be waited for rather than busy.
pub(crate) const LATENCY_BOUND: usize = 4;

/// How long the log thread looks for the next entry before it sleeps, after a batch so small that its
/// clients may be waiting for each reply.
const LINGER: Duration = Duration::from_micros(50);

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
    /// Whether there may be entries: to look without the lock.
    filled: AtomicBool,
    /// How many things are known to be durable that the node was not told of; 0 for none.
    synced: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<(Zxid, Entry)>,
    /// The event loop that brought the first of them, and so waits longest.
    from: usize,
    closed: bool,
}

/// Entries taken out of the queue.
#[derive(Debug, Default)]
struct Batch {
    entries: Vec<(Zxid, Entry)>,
    from: usize,
    /// How many things were stored before it.
    stored: u64,
}

impl LogQueue {
    /// Adds entries from an event loop; the caller holds the node, which keeps them in order.
    pub(crate) fn push(&self, entries: &mut Vec<(Zxid, Entry)>, from: usize) {
        if entries.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        if state.entries.is_empty() {
            state.from = from;
        }
        state.entries.append(entries);
        self.filled.store(true, Ordering::Release);
    }

    /// What has become durable since the last call, for the node to hear of.
    pub(crate) fn take_synced(&self) -> Option<u64> {
        // Most calls find nothing, and a load is cheaper than a swap.
        if !self.has_synced() {
            return None;
        }
        Some(self.synced.swap(0, Ordering::AcqRel)).filter(|count| *count != 0)
    }

    /// Whether [`LogQueue::take_synced`] would find something.
    pub(crate) fn has_synced(&self) -> bool {
        self.synced.load(Ordering::Acquire) != 0
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
    fn take(&self, batch: &mut Batch, patience: Option<Duration>) -> Taken {
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
        std::mem::swap(&mut state.entries, &mut batch.entries);
        batch.from = state.from;
        self.filled.store(false, Ordering::Release);
        Taken::Batch
    }

    /// Looks for entries for a moment, as far as that has paid lately.
    fn look(&self, linger: &mut Linger) {
        linger.begin(Instant::now());
        while linger.goes_on(Instant::now()) {
            if self.filled.load(Ordering::Acquire) {
                return linger.end(true);
            }
            std::hint::spin_loop();
        }
    }

    /// Waits until `deadline` for company for the entries already taken.
    fn take_more(&self, batch: &mut Batch, deadline: Instant) -> bool {
        let mut state = self.state.lock();
        while state.entries.is_empty() && !state.closed {
            if self.ready.wait_until(&mut state, deadline).timed_out() {
                return false;
            }
        }
        batch.entries.append(&mut state.entries);
        self.filled.store(false, Ordering::Release);
        !state.closed
    }
}

/// Runs until the queue is closed; a failure stops the server, because what the disk holds is then
/// unknown (HC-122, HC-123).
pub(crate) fn run(shared: &Shared, mut log: TxnLog) {
    let mut batch = Batch::default();
    let mut linger = Linger::new(LINGER);
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
                let few = batch.entries.len() <= LATENCY_BOUND;
                let done = write(shared, &mut log, &mut batch);
                if few {
                    shared.log.look(&mut linger);
                }
                done
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
fn gather(shared: &Shared, batch: &mut Batch) {
    let storage = &shared.config.storage;
    if storage.flush_delay.is_zero() {
        return;
    }
    let deadline = Instant::now() + storage.flush_delay;
    let max = storage.max_batch_size.unwrap_or(u64::MAX);
    while (batch.entries.len() as u64) < max && shared.log.take_more(batch, deadline) {}
}

/// Makes a batch durable and says so to the event loop that waits for it. The node is stepped there,
/// so that this thread can go on with the next batch while this one is applied.
fn write(shared: &Shared, log: &mut TxnLog, batch: &mut Batch) -> Result<(), StorageError> {
    let (count, mut bytes) = (batch.entries.len() as u64, 0);
    for (zxid, entry) in batch.entries.drain(..) {
        bytes += entry.len() as u64;
        log.append(zxid, &entry);
    }
    let stats = log.sync()?;
    if stats.slow {
        shared.slow_syncs.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            ms = stats.duration.as_millis() as u64,
            "slow log sync delays every write; is the disk busy?"
        );
    }
    batch.stored += count;
    shared.log.synced.store(batch.stored, Ordering::Release);
    shared.mailboxes[batch.from].wake();
    if shared.snapshots.is_due(count, bytes) {
        log.roll()?;
        shared.snapshots.request();
    }
    Ok(())
}

//! The log thread: makes entries durable, one sync for everything that waits.

use crate::driver::linger::Linger;
use crate::driver::log_ops;
use crate::driver::log_queue::{Batch, LogOp, Taken};
use crate::driver::report::Reporter;
use crate::driver::shared::Shared;
use node::Input;
use std::sync::atomic::Ordering;
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

/// Runs until the queue is closed; a failure stops the server, because what the disk holds is then
/// unknown (HC-122, HC-123).
pub(crate) fn run(shared: &Shared, mut log: TxnLog) {
    let mut batch = Batch::default();
    let mut linger = Linger::new(LINGER);
    let mut patience = None;
    let mut reporter = Reporter::new(shared);
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
                let few = batch.ops.len() <= LATENCY_BOUND;
                let done = perform(shared, &mut log, &mut batch, &mut reporter);
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
    while (batch.ops.len() as u64) < max && shared.log.take_more(batch, deadline) {}
}

/// Performs a batch in its order: entries that follow one another with one write and one sync, whatever
/// is between them by itself.
fn perform(
    shared: &Shared,
    log: &mut TxnLog,
    batch: &mut Batch,
    reporter: &mut Reporter<'_>,
) -> Result<(), StorageError> {
    let mut entries = Entries::default();
    for op in batch.ops.drain(..) {
        if let LogOp::Append(zxid, entry) = op {
            entries.count += 1;
            entries.bytes += entry.len() as u64;
            log.append(zxid, &entry);
            continue;
        }
        sync(shared, log, std::mem::take(&mut entries), batch.from, reporter)?;
        let place = reporter.count(1);
        match op {
            LogOp::Record(record) => log_ops::record(shared, record)?,
            LogOp::Truncate { to, reload } => {
                let tree = log_ops::truncate(shared, log, to, reload)?;
                shared.log.give_back(place, Input::Truncated(tree));
            }
            LogOp::Install { zxid, tree } => {
                log_ops::install(shared, log, zxid, &tree)?;
                shared.log.give_back(place, Input::Installed(tree));
            }
            LogOp::Append(..) => {}
        }
        reporter.tell(1, batch.from);
    }
    sync(shared, log, entries, batch.from, reporter)
}

/// Entries appended since the last sync.
#[derive(Debug, Default)]
struct Entries {
    count: u64,
    bytes: u64,
}

/// Makes what was appended durable and says so.
fn sync(
    shared: &Shared,
    log: &mut TxnLog,
    entries: Entries,
    from: usize,
    reporter: &mut Reporter<'_>,
) -> Result<(), StorageError> {
    if entries.count == 0 {
        return Ok(());
    }
    let stats = log.sync()?;
    if stats.slow {
        shared.slow_syncs.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            ms = stats.duration.as_millis() as u64,
            "slow log sync delays every write; is the disk busy?"
        );
    }
    reporter.count(entries.count);
    reporter.tell(entries.count, from);
    if shared.snapshots.is_due(entries.count, entries.bytes) {
        log.roll()?;
        shared.snapshots.request();
    }
    Ok(())
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;

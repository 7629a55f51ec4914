//! Append and fdatasync of records of the log's size, with nothing around them.

use crate::error::Error;
use crate::stats::Outcome;
use proto::txn::{DIGEST_VERSION, SetDataTxn, Txn, TxnDigest, TxnHeader, encode_entry};
use proto::{OpCode, SessionId, Zxid};
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::{LogOptions, RealDisk, TxnLog};
use tempfile::TempDir;

/// The log grows in steps of this size, as the server's does by default.
const PREALLOC: u64 = 64 << 20;
/// Checksum and length in front of an entry, the mark behind it.
const ENTRY_FRAME: usize = 8 + 4 + 1;
/// Magic, version and database id at the start of a log file.
const FILE_HEADER: u64 = 16;

/// How the space ahead of the writes was made ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// Zeroes were written: a sync has no metadata to care for.
    Zeroed,
    /// Space was reserved but not written: every sync marks extents as written.
    Reserved,
}

impl Ahead {
    fn name(self) -> &'static str {
        match self {
            Self::Zeroed => "space zeroed ahead",
            Self::Reserved => "space reserved ahead",
        }
    }
}

/// The log entry of a `setData`, without its frame.
fn entry(path: &str, size: usize) -> Vec<u8> {
    let set = SetDataTxn { path: path.into(), data: Some(vec![b'x'; size]), version: 1 };
    let txn = Txn::SetData(OpCode::SetData, set);
    let header = TxnHeader { client_id: SessionId(1), cxid: 1, zxid: Zxid(1), time: 1, kind: txn.kind() };
    let mut out = Vec::new();
    encode_entry(&header, &txn, Some(TxnDigest { version: DIGEST_VERSION, digest: 1 }), &mut out);
    out
}

/// Bytes that a `setData` of `size` bytes takes in the log.
pub fn record_len(path: &str, size: usize) -> usize {
    ENTRY_FRAME + entry(path, size).len()
}

/// The same through the server's own log: framing and checksums included, nothing else.
///
/// # Errors
/// The log cannot be written in `dir`.
pub fn run_own_log(
    dir: &Path,
    path: &str,
    size: usize,
    batch: usize,
    length: Duration,
) -> Result<Outcome, Error> {
    let holder = holder(dir)?;
    let failed = |e: storage::StorageError| Error::Log(e.to_string());
    let mut log = TxnLog::open(Arc::new(RealDisk), holder.path(), LogOptions::default()).map_err(failed)?;
    let entry = entry(path, size);
    let mut outcome = Outcome { name: format!("own log, batches of {batch}"), ..Outcome::default() };
    let flushes = crate::proc::disk_flushes();
    while outcome.elapsed < length {
        let start = Instant::now();
        for n in 0..batch.max(1) as i64 {
            log.append(Zxid(outcome.ops as i64 + n + 1), &entry);
        }
        log.sync().map_err(failed)?;
        outcome.count(batch, start.elapsed());
    }
    outcome.flushes = crate::proc::disk_flushes().zip(flushes).map(|(after, before)| after - before);
    Ok(outcome)
}

fn holder(dir: &Path) -> Result<TempDir, Error> {
    std::fs::create_dir_all(dir).map_err(Error::file(dir))?;
    tempfile::Builder::new().prefix("floor-").tempdir_in(dir).map_err(Error::file(dir))
}

impl Outcome {
    fn count(&mut self, batch: usize, took: Duration) {
        self.tally.writes.record(took.as_nanos() as u64);
        self.elapsed += took;
        self.ops += batch as u64;
    }
}

/// Appends batches of `batch` records of `record` bytes for `length`, syncing after each.
///
/// # Errors
/// The file cannot be written in `dir`.
pub fn run(
    dir: &Path,
    record: usize,
    batch: usize,
    ahead: Ahead,
    length: Duration,
) -> Result<Outcome, Error> {
    let holder = holder(dir)?;
    let path = holder.path().join("log.1");
    append(&path, record, batch.max(1), ahead, length).map_err(Error::file(path.clone()))
}

fn append(
    path: &Path,
    record: usize,
    batch: usize,
    ahead: Ahead,
    length: Duration,
) -> std::io::Result<Outcome> {
    let file = OpenOptions::new().create_new(true).write(true).open(path)?;
    let bytes: Vec<u8> = (0..record * batch).map(|i| (i % 251) as u8 + 1).collect();
    let mut outcome =
        Outcome { name: format!("fsync floor, batches of {batch}, {}", ahead.name()), ..Outcome::default() };
    let mut end = FILE_HEADER;
    let mut ready = 0;
    let flushes = crate::proc::disk_flushes();
    while outcome.elapsed < length {
        if end + bytes.len() as u64 > ready {
            let start = Instant::now();
            make_ready(&file, ready, PREALLOC, ahead)?;
            // No batch waits for it, as a server may do it ahead; but the disk has to do it.
            outcome.elapsed += start.elapsed();
            ready += PREALLOC;
        }
        let start = Instant::now();
        file.write_all_at(&bytes, end)?;
        file.sync_data()?;
        outcome.count(batch, start.elapsed());
        end += bytes.len() as u64;
    }
    outcome.flushes = crate::proc::disk_flushes().zip(flushes).map(|(after, before)| after - before);
    Ok(outcome)
}

/// Makes `len` bytes from `from` on ready.
pub(super) fn make_ready(file: &File, from: u64, len: u64, ahead: Ahead) -> std::io::Result<()> {
    match ahead {
        Ahead::Zeroed => {
            let zeroes = vec![0; 1 << 20];
            for step in 0..len >> 20 {
                file.write_all_at(&zeroes, from + (step << 20))?;
            }
        }
        Ahead::Reserved => fallocate(file, FallocateFlags::empty(), from, len)?,
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn every_batch_of_a_floor_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let outcome = run(dir.path(), 100, 5, Ahead::Reserved, Duration::from_millis(1)).unwrap();
        assert_eq!(outcome.ops, outcome.tally.writes.count() * 5);
        assert!(outcome.ops > 0);
        let outcome = run_own_log(dir.path(), "/a", 100, 5, Duration::from_millis(1)).unwrap();
        assert_eq!(outcome.ops, outcome.tally.writes.count() * 5);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the files are removed");
    }
}

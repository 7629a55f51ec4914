//! Append and fdatasync of records of the log's size, with nothing around them.

use crate::error::Error;
use crate::stats::Outcome;
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

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

/// Bytes that one `setData` of `size` bytes takes in the log.
pub fn record_len(path_len: usize, size: usize) -> usize {
    // Header, path and data with their lengths, version, digest: see the log format.
    const HEADER: usize = 8 + 4 + 8 + 8 + 4;
    ENTRY_FRAME + HEADER + 4 + path_len + 4 + size + 4 + 12
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
    std::fs::create_dir_all(dir).map_err(Error::file(dir))?;
    let holder = tempfile::Builder::new().prefix("floor-").tempdir_in(dir).map_err(Error::file(dir))?;
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
            make_ready(&file, ready, ahead)?;
            ready += PREALLOC;
        }
        let start = Instant::now();
        file.write_all_at(&bytes, end)?;
        file.sync_data()?;
        let took = start.elapsed();
        outcome.tally.writes.record(took.as_nanos() as u64);
        outcome.elapsed += took;
        outcome.ops += batch as u64;
        end += bytes.len() as u64;
    }
    outcome.flushes = crate::proc::disk_flushes().zip(flushes).map(|(after, before)| after - before);
    Ok(outcome)
}

/// Not part of the measured time: a server may do this ahead.
fn make_ready(file: &File, from: u64, ahead: Ahead) -> std::io::Result<()> {
    match ahead {
        Ahead::Zeroed => {
            let zeroes = vec![0; 1 << 20];
            for step in 0..PREALLOC >> 20 {
                file.write_all_at(&zeroes, from + (step << 20))?;
            }
        }
        Ahead::Reserved => fallocate(file, FallocateFlags::empty(), from, PREALLOC)?,
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::txn::{DIGEST_VERSION, SetDataTxn, Txn, TxnDigest, TxnHeader, encode_entry};
    use proto::{OpCode, SessionId, Zxid};

    fn encoded_len(path: &str, size: usize) -> usize {
        let set = SetDataTxn { path: path.into(), data: Some(vec![0; size]), version: 1 };
        let txn = Txn::SetData(OpCode::SetData, set);
        let header = TxnHeader { client_id: SessionId(1), cxid: 1, zxid: Zxid(1), time: 1, kind: txn.kind() };
        let digest = TxnDigest { version: DIGEST_VERSION, digest: 1 };
        let mut out = Vec::new();
        encode_entry(&header, &txn, Some(digest), &mut out);
        out.len()
    }

    #[test]
    fn records_have_the_length_of_log_entries() {
        assert_eq!(record_len(10, 1024), ENTRY_FRAME + encoded_len("/bench/k01", 1024));
    }

    #[test]
    fn every_batch_of_a_floor_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let outcome = run(dir.path(), 100, 5, Ahead::Reserved, Duration::from_millis(1)).unwrap();
        assert_eq!(outcome.ops, outcome.tally.writes.count() * 5);
        assert!(outcome.ops > 0);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the file is removed");
    }
}

//! Reading the log for somebody who lags behind, while it is being written.

use crate::dirs::NamedFile;
use crate::txnlog::{Step, follows};
use crate::{DataDirs, SharedDisk, StorageError, TxnLogReader};
use proto::Zxid;
use proto::jute::{Reader, Wire};
use proto::peer::Entry;
use proto::txn::TxnHeader;
use std::io::ErrorKind::NotFound;

/// The greatest log entry at or before `after`, if there is one, and every later one, as the log has them
/// at this moment: each follows the one before without a gap (HC-34). Entries at the end may not be
/// durable yet, nor committed: the caller, who has the newest in memory, takes only what those do not
/// cover, and checks that the two meet.
///
/// `None` when the logs cannot tell what came after `after` (HC-36): they begin later and not with its
/// direct successor, or there is a gap or an entry that cannot be read between files; when files
/// disappear meanwhile; or when there are more than `bytes_max` bytes of entries.
///
/// # Errors
/// [`StorageError::Io`].
pub fn read_history(
    disk: &SharedDisk,
    dirs: &DataDirs,
    after: Zxid,
    bytes_max: u64,
) -> Result<Option<Vec<(Zxid, Entry)>>, StorageError> {
    let logs = dirs.logs(disk)?;
    let mut first = logs.iter().rposition(|file| file.zxid <= after).unwrap_or(0);
    loop {
        let mut gathered = Gathered { after, bytes_max, bytes: 0, entries: Vec::new() };
        match gathered.read(disk, &logs[first.min(logs.len())..]) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(StorageError::Io { source, .. }) if source.kind() == NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        match gathered.entries.first() {
            Some((zxid, _)) if *zxid <= after || after.next() == Some(*zxid) => {
                return Ok(Some(gathered.entries));
            }
            // The file that should have it was begun and has no entry yet.
            None if first > 0 => first -= 1,
            _ => return Ok(None),
        }
    }
}

/// Bytes of the newest snapshot's file, if there is one; it is not looked into.
///
/// # Errors
/// [`StorageError::Io`].
pub fn newest_snapshot_bytes(disk: &SharedDisk, dirs: &DataDirs) -> Result<Option<u64>, StorageError> {
    Ok(dirs.snapshots(disk)?.last().map(|file| file.bytes))
}

struct Gathered {
    after: Zxid,
    bytes_max: u64,
    bytes: u64,
    entries: Vec<(Zxid, Entry)>,
}

impl Gathered {
    /// Reads files from their first entry to the last complete one; `false` when they do not make one
    /// history, or too long a one.
    fn read(&mut self, disk: &SharedDisk, files: &[NamedFile]) -> Result<bool, StorageError> {
        for file in files {
            let mut reader = match TxnLogReader::open(disk, &file.path) {
                Ok(reader) => reader,
                // The file being begun has no header yet; an older one must have.
                Err(StorageError::Corrupt { .. }) => return Ok(files.last() == Some(file)),
                Err(error) => return Err(error),
            };
            while let Step::Entry { bytes, .. } = reader.step()? {
                let Ok(header) = TxnHeader::decode(&mut Reader::new(bytes)) else { return Ok(false) };
                if !self.add(header.zxid, bytes) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn add(&mut self, zxid: Zxid, bytes: &[u8]) -> bool {
        if let Some((last, _)) = self.entries.last() {
            // The reference notes some errors under the zxid before them: they change nothing.
            if zxid == *last {
                return true;
            }
            if !follows(*last, zxid) {
                return false;
            }
        }
        // Only the last of those at or before `after` is wanted.
        if zxid <= self.after {
            self.entries.clear();
            self.bytes = 0;
        }
        self.bytes += bytes.len() as u64;
        self.entries.push((zxid, bytes.into()));
        self.bytes <= self.bytes_max || zxid <= self.after
    }
}

//! Taking back transactions that the leader never committed.

use super::reader::{Step, TxnLogReader};
use super::recovery::{cut, remove};
use crate::dirs::NamedFile;
use crate::disk::OpenMode;
use crate::snapshot::verify;
use crate::{DataDirs, SharedDisk, StorageError};
use proto::Zxid;
use proto::txn::TxnHeader;
use proto::{Reader, Wire};

/// Removes every log entry after `zxid` and every snapshot named later; the [`crate::TxnLog`] must
/// have been closed before and opened anew after (HC-45). `false` when there is no transaction
/// `zxid` here to go back to, or no valid snapshot before it; nothing is changed then.
///
/// A crash on the way leaves a longer history than wanted, never a broken one.
///
/// Snapshots named at or before `zxid` stay, although they are fuzzy: they may hold effects of whatever
/// was applied while they were written. That is nothing after `zxid` as long as whoever takes snapshots
/// keeps two rules (HC-19). A transaction is applied only when it is committed, and what is committed is
/// never taken back; the exception is the start, when the whole log is replayed with its uncommitted end,
/// but that is over before a snapshot begins, whose name then covers all of it. And no snapshot spans a
/// change of role: one that began in an old role could otherwise end with what a later one brought.
///
/// # Errors
/// [`StorageError`]; the directory must then not be used any further (HC-46).
pub fn truncate(disk: &SharedDisk, dirs: &DataDirs, zxid: Zxid) -> Result<bool, StorageError> {
    let snapshots = dirs.snapshots(disk)?;
    let base = snapshots.iter().rev().find(|f| f.zxid <= zxid && verify(disk, &f.path).is_ok());
    let Some(base) = base else { return Ok(false) };
    let logs = dirs.logs(disk)?;
    let (mut later, mut earlier) = (Vec::new(), Vec::new());
    for file in logs {
        if file.zxid > zxid { later.push(file) } else { earlier.push(file) }
    }
    let end = match earlier.last() {
        Some(file) => Some(find_end(disk, file, zxid)?),
        None => None,
    };
    // A snapshot's name may be one that no entry has: that of the start of an epoch.
    if base.zxid != zxid && end.is_none_or(|end| end.last != zxid) {
        return Ok(false);
    }

    // A later snapshot would bring back what is taken away; without it the logs still hold
    // everything, so it goes first. Then the logs, newest first.
    for file in snapshots.iter().rev().take_while(|f| f.zxid > zxid) {
        remove(disk, &file.path)?;
    }
    for file in later.iter().rev() {
        remove(disk, &file.path)?;
    }
    if let Some((file, end)) = earlier.last().zip(end) {
        let open = disk.open(&file.path, OpenMode::Write).map_err(StorageError::io("open", &file.path))?;
        cut(&*open, &file.path, end.offset)?;
    }
    Ok(true)
}

/// Where the wanted part of a file ends.
#[derive(Debug, Clone, Copy)]
struct End {
    offset: u64,
    /// The last entry before it.
    last: Zxid,
}

/// Finds the last entry at or before `zxid`.
fn find_end(disk: &SharedDisk, file: &NamedFile, zxid: Zxid) -> Result<End, StorageError> {
    let mut reader = TxnLogReader::open(disk, &file.path)?;
    let mut last = Zxid::ZERO;
    loop {
        match reader.step()? {
            Step::Entry { offset, bytes } => match TxnHeader::decode(&mut Reader::new(bytes)) {
                Ok(header) if header.zxid <= zxid => last = header.zxid,
                _ => return Ok(End { offset, last }),
            },
            Step::End { offset, .. } => return Ok(End { offset, last }),
        }
    }
}

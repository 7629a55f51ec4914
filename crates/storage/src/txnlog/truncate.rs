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
        Some(file) => find_end(disk, file, zxid)?,
        None => None,
    };
    if end.is_none() && base.zxid != zxid {
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
        cut(&*open, &file.path, end)?;
    }
    Ok(true)
}

/// Where the entry of `zxid` ends in a file, if it is there.
fn find_end(disk: &SharedDisk, file: &NamedFile, zxid: Zxid) -> Result<Option<u64>, StorageError> {
    let mut reader = TxnLogReader::open(disk, &file.path)?;
    let mut found = false;
    loop {
        match reader.step()? {
            Step::Entry { offset, bytes } => {
                let header = TxnHeader::decode(&mut Reader::new(bytes));
                match header.map(|h| h.zxid) {
                    Ok(at) if at <= zxid => found = at == zxid,
                    _ => return Ok(found.then_some(offset)),
                }
            }
            Step::End { offset, .. } => return Ok(found.then_some(offset)),
        }
    }
}

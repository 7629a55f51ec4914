//! Removing what no kept snapshot needs.

use crate::snapshot::verify;
use crate::txnlog::TORN;
use crate::{DataDirs, SharedDisk, StorageError};
use proto::Zxid;
use std::path::{Path, PathBuf};

/// Keeps the `retain` newest valid snapshots and every log any of them needs; removes the rest and
/// says what was removed. `retain` below 1 counts as 1. Every snapshot that counts is read to its
/// end first (HC-120); without a valid one nothing is removed.
///
/// # Errors
/// [`StorageError::Io`]; what was removed until then is gone.
pub fn purge(disk: &SharedDisk, dirs: &DataDirs, retain: usize) -> Result<Vec<PathBuf>, StorageError> {
    let snapshots = dirs.snapshots(disk)?;
    let Some(oldest) = oldest_kept(disk, &snapshots, retain.max(1))? else { return Ok(Vec::new()) };

    let logs = dirs.logs(disk)?;
    // The file that holds the first entry after the snapshot may begin long before it (HC-119).
    let spanning = logs.iter().rev().find(|f| f.zxid <= oldest).map_or(Zxid::ZERO, |f| f.zxid);
    let mut removed: Vec<_> = snapshots.into_iter().filter(|f| f.zxid < oldest).map(|f| f.path).collect();
    removed.extend(logs.into_iter().filter(|f| f.zxid < spanning).map(|f| f.path));
    removed.extend(torn_before(disk, dirs.log_dir(), spanning)?);

    for path in &removed {
        disk.remove(path).map_err(StorageError::io("remove", path))?;
    }
    if !removed.is_empty() {
        for dir in [dirs.snap_dir(), dirs.log_dir()] {
            disk.sync_dir(dir).map_err(StorageError::io("sync", dir))?;
        }
    }
    Ok(removed)
}

/// The zxid of the oldest snapshot to keep.
fn oldest_kept(
    disk: &SharedDisk,
    snapshots: &[crate::dirs::NamedFile],
    retain: usize,
) -> Result<Option<Zxid>, StorageError> {
    let mut oldest = None;
    let mut kept = 0;
    for file in snapshots.iter().rev() {
        match verify(disk, &file.path) {
            Ok(()) => {
                oldest = Some(file.zxid);
                kept += 1;
            }
            Err(StorageError::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
        if kept == retain {
            break;
        }
    }
    Ok(oldest)
}

/// Copies of unfinished ends of logs that are removed as well.
fn torn_before(disk: &SharedDisk, dir: &Path, zxid: Zxid) -> Result<Vec<PathBuf>, StorageError> {
    let old = |name: &str| {
        let (log, _) = name.strip_prefix(TORN)?.strip_prefix('.')?.split_once('.')?;
        Some(i64::from_str_radix(log, 16).ok()? < zxid.0)
    };
    let entries = disk.list(dir).map_err(StorageError::io("list", dir))?;
    Ok(entries.iter().filter(|e| old(&e.name) == Some(true)).map(|e| dir.join(&e.name)).collect())
}

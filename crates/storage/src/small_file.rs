//! Files of a few lines that are replaced as a whole: either the old contents are there or the new.

use crate::disk::OpenMode;
use crate::{SharedDisk, StorageError};
use std::io::ErrorKind::NotFound;
use std::path::{Path, PathBuf};

/// What the reference appends to the name while it writes.
const TEMPORARY: &str = ".tmp";

/// Replaces a file's contents, durably: a temporary file, its sync, the rename, the directory's sync
/// (HC-42, HC-124).
pub(crate) fn replace(disk: &SharedDisk, path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    let temporary = temporary(path);
    let file = disk.open(&temporary, OpenMode::Replace).map_err(StorageError::io("create", &temporary))?;
    file.write_all_at(0, bytes).map_err(StorageError::io("write", &temporary))?;
    file.sync_data().map_err(StorageError::io("sync", &temporary))?;
    disk.rename(&temporary, path).map_err(StorageError::io("rename", &temporary))?;
    sync_parent(disk, path)
}

/// Reads a file of at most `max` bytes; `None` when there is none.
pub(crate) fn read(disk: &SharedDisk, path: &Path, max: usize) -> Result<Option<Vec<u8>>, StorageError> {
    let file = match disk.open(path, OpenMode::Read) {
        Ok(file) => file,
        Err(e) if e.kind() == NotFound => return Ok(None),
        Err(e) => return Err(StorageError::io("open", path)(e)),
    };
    let size = file.size().map_err(StorageError::io("read", path))?;
    if size > max as u64 {
        return Err(StorageError::Corrupt {
            path: path.to_path_buf(),
            offset: max as u64,
            what: format!("the file has {size} bytes, and {max} are the most that make sense"),
            remedy: "look at what is in it",
        });
    }
    let mut bytes = vec![0; size as usize];
    let got = file.read_full_at(0, &mut bytes).map_err(StorageError::io("read", path))?;
    bytes.truncate(got);
    Ok(Some(bytes))
}

/// Removes a file, durably; one that is not there is fine.
pub(crate) fn remove(disk: &SharedDisk, path: &Path) -> Result<(), StorageError> {
    match disk.remove(path) {
        Err(e) if e.kind() == NotFound => Ok(()),
        Err(e) => Err(StorageError::io("remove", path)(e)),
        Ok(()) => sync_parent(disk, path),
    }
}

/// Where the new contents are until they are complete.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY);
    name.into()
}

fn sync_parent(disk: &SharedDisk, path: &Path) -> Result<(), StorageError> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    disk.sync_dir(dir).map_err(StorageError::io("sync", dir))
}

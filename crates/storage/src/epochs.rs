//! The files `acceptedEpoch` and `currentEpoch`: what a member has promised, and whom it has followed.
//!
//! Always true of them: `currentEpoch` ≤ `acceptedEpoch`, and the history's epoch ≤ `acceptedEpoch`. A
//! crash between the two writes of a synchronization may leave a history of a newer epoch than
//! `currentEpoch` says; see [`load_epochs`].
//!
//! //= java: QuorumPeer.loadDataBase, writeLongToFile

use crate::small_file;
use crate::{DataDirs, SharedDisk, StorageError};
use proto::Zxid;
use std::path::{Path, PathBuf};

/// Longest decimal number that is an epoch, with room for white space.
const BYTES_MAX: usize = 64;
const REMEDY: &str = "restore the file from a backup, or empty the data directory and let the ensemble \
     fill it again";

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochFile {
    /// The newest epoch this member has agreed to: it follows no leader of an older one.
    Accepted,
    /// The epoch of the last leader whose history this member has taken over whole.
    Current,
}

/// What the two files say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epochs {
    /// `acceptedEpoch`.
    pub accepted: u32,
    /// `currentEpoch`.
    pub current: u32,
    /// What an operator should read: one sentence each.
    pub warnings: Vec<String>,
}

impl EpochFile {
    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "acceptedEpoch",
            Self::Current => "currentEpoch",
        }
    }

    fn path(self, dirs: &DataDirs) -> PathBuf {
        dirs.snap_dir().join(self.name())
    }
}

/// Reads both files, and writes those that are missing from `last`, the last transaction that
/// recovery found in snapshots and logs (negative: none). For members of an ensemble only: a standalone
/// server has no such files.
///
/// When the history is of a newer epoch than `currentEpoch`, a crash came between making the history
/// durable and noting its epoch (in that order: HC-23). If the note was about to be made
/// (`currentEpoch.tmp` names exactly that epoch), it is made now, as the reference does. If the epoch was
/// accepted, the old `currentEpoch` stands: the history was never acknowledged as that epoch's, and
/// voting with the older number can only favour others. The reference refuses to start there. Otherwise
/// the files do not belong to this history (HC-42, HC-44).
///
/// # Errors
/// [`StorageError::Refused`] naming the file that cannot be true, [`StorageError::Io`].
pub fn load_epochs(disk: &SharedDisk, dirs: &DataDirs, last: Zxid) -> Result<Epochs, StorageError> {
    let history = if last.0 < 0 { 0 } else { last.epoch() };
    let mut warnings = Vec::new();
    let accepted = read_or_write(disk, dirs, EpochFile::Accepted, history)?;
    let mut current = read_or_write(disk, dirs, EpochFile::Current, history)?;
    let path = EpochFile::Current.path(dirs);
    if current < history {
        let planned = read(disk, &small_file::temporary(&path)).unwrap_or_default();
        if planned == Some(history) {
            // Without the acceptance it would be refused below, and again at the next start.
            if history <= accepted {
                write(disk, dirs, EpochFile::Current, history)?;
            }
            current = history;
        } else if accepted >= history {
            warnings.push(format!(
                "{} says {current}, and the history reaches into epoch {history}: a crash interrupted a \
                 synchronization, which the next leader completes or takes back",
                path.display()
            ));
        } else {
            return refused(&path, format!("it says {current}, yet there are transactions of {history}"));
        }
    }
    if accepted < current {
        let path = EpochFile::Accepted.path(dirs);
        return refused(&path, format!("it says {accepted}, which is less than currentEpoch, {current}"));
    }
    Ok(Epochs { accepted, current, warnings })
}

/// Makes an epoch durable. The same number again costs nothing.
///
/// # Errors
/// [`StorageError::Refused`] for a number lower than the file has: epochs never decrease;
/// [`StorageError::Io`]. The process must end then.
pub fn store_epoch(
    disk: &SharedDisk,
    dirs: &DataDirs,
    file: EpochFile,
    epoch: u32,
) -> Result<(), StorageError> {
    let path = file.path(dirs);
    match read(disk, &path)? {
        Some(stored) if stored == epoch => Ok(()),
        Some(stored) if stored > epoch => refused(&path, format!("it says {stored}, and {epoch} is less")),
        _ => write(disk, dirs, file, epoch),
    }
}

fn read_or_write(
    disk: &SharedDisk,
    dirs: &DataDirs,
    file: EpochFile,
    otherwise: u32,
) -> Result<u32, StorageError> {
    match read(disk, &file.path(dirs))? {
        Some(epoch) => Ok(epoch),
        None => write(disk, dirs, file, otherwise).map(|()| otherwise),
    }
}

fn write(disk: &SharedDisk, dirs: &DataDirs, file: EpochFile, epoch: u32) -> Result<(), StorageError> {
    small_file::replace(disk, &file.path(dirs), epoch.to_string().as_bytes())
}

fn read(disk: &SharedDisk, path: &Path) -> Result<Option<u32>, StorageError> {
    let Some(bytes) = small_file::read(disk, path, BYTES_MAX)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    match text.trim_end().parse() {
        Ok(epoch) => Ok(Some(epoch)),
        Err(_) => refused(path, format!("{text:?} is not an epoch")),
    }
}

fn refused<T>(path: &Path, what: String) -> Result<T, StorageError> {
    Err(StorageError::Refused { path: path.to_path_buf(), what, remedy: REMEDY })
}

//! What can go wrong with files, told so that an operator knows what to do next.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A failure of the disk, or contents of it that cannot be trusted.
#[derive(Debug)]
pub enum StorageError {
    /// The operating system refused.
    Io {
        /// What was attempted, as a verb: "open", "write".
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// A sync failed: what was written since the last good one may be lost although it can still
    /// be read. The process must stop; a restart reads what the disk really holds (HC-123).
    SyncFailed {
        /// The log file.
        path: PathBuf,
        /// What the first failure said.
        reason: String,
    },
    /// A file whose contents cannot be what was written.
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// Where in it, in bytes from its start.
        offset: u64,
        /// What is wrong there.
        what: String,
        /// What the operator can do.
        remedy: &'static str,
    },
    /// A file set that does not fit together, or does not belong here.
    Refused {
        /// Which file or directory.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
        /// What the operator can do.
        remedy: &'static str,
    },
    /// Another process uses the directory.
    Locked {
        /// The lock file.
        path: PathBuf,
    },
}

impl StorageError {
    /// Wraps an operating system error, for use with `map_err`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_path_buf(), source }
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { action, path, source } => write!(f, "cannot {action} {}: {source}", path.display()),
            Self::SyncFailed { path, reason } => write!(
                f,
                "{} could not be made durable ({reason}); nothing written since the last sync can be \
                 trusted, check the disk and restart",
                path.display()
            ),
            Self::Corrupt { path, offset, what, remedy } => {
                write!(f, "{} at byte {offset}: {what}; {remedy}", path.display())
            }
            Self::Refused { path, what, remedy } => write!(f, "{}: {what}; {remedy}", path.display()),
            Self::Locked { path } => {
                write!(f, "{} is held by another running server; stop that one first", path.display())
            }
        }
    }
}

impl std::error::Error for StorageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

//! Appending: entries gather in a buffer, one write and one sync make all of them durable.

use crate::{SharedDisk, StorageError};
use proto::Zxid;
use std::path::Path;
use std::time::Duration;

/// How the log is written.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// Files grow in steps of this many bytes (`preAllocSize`); 0 for no padding.
    pub prealloc_bytes: u64,
    /// Wait for the disk (`forceSync`). Without it a power loss takes acknowledged writes.
    pub force_sync: bool,
    /// A sync slower than this is reported as slow (`fsync.warningthresholdms`).
    pub fsync_warning: Duration,
    /// A new file is begun after this many bytes (`txnLogSizeLimitInKb`); `None` for no limit.
    pub roll_bytes: Option<u64>,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            prealloc_bytes: 64 << 20,
            force_sync: true,
            fsync_warning: Duration::from_secs(1),
            roll_bytes: None,
        }
    }
}

/// What one [`TxnLog::sync`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncStats {
    /// Bytes of entries made durable, frames included.
    pub bytes: u64,
    /// Time in the sync call alone; zero without `force_sync` or with nothing to do.
    pub duration: Duration,
    /// Whether it took longer than [`LogOptions::fsync_warning`].
    pub slow: bool,
}

/// The writing end of the log. Lives on the log thread; every method may block on the disk except
/// [`TxnLog::append`].
#[derive(Debug)]
pub struct TxnLog {
    buffer: Vec<u8>,
}

impl TxnLog {
    /// Prepares to write into `dir` ([`crate::DataDirs::log_dir`]). Touches nothing: old files are
    /// never appended to, the first entry begins a new one.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn open(disk: SharedDisk, dir: &Path, options: LogOptions) -> Result<Self, StorageError> {
        let _ = (disk, dir, options);
        Ok(Self { buffer: Vec::new() })
    }

    /// Adds an entry ([`proto::txn::encode_entry`]) to the batch. Nothing is durable before
    /// [`TxnLog::sync`].
    pub fn append(&mut self, zxid: Zxid, entry: &[u8]) {
        let _ = zxid;
        self.buffer.extend_from_slice(entry);
    }

    /// Bytes gathered since the last sync.
    pub fn buffered_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Writes the batch and waits until it is durable.
    ///
    /// # Errors
    /// After the first [`StorageError`] every later call fails too: what the disk holds is known
    /// only after a restart (HC-123).
    pub fn sync(&mut self) -> Result<SyncStats, StorageError> {
        self.buffer.clear();
        Ok(SyncStats::default())
    }

    /// Makes the batch durable and ends the file; the next entry begins a new one.
    ///
    /// # Errors
    /// As [`TxnLog::sync`].
    pub fn roll(&mut self) -> Result<(), StorageError> {
        self.sync().map(drop)
    }

    /// Bytes of entries since the last [`TxnLog::roll`] or open, the batch included.
    pub fn bytes_since_roll(&self) -> u64 {
        0
    }

    /// A clean stop: makes the batch durable and drops the padding.
    ///
    /// # Errors
    /// As [`TxnLog::sync`].
    pub fn close(mut self) -> Result<(), StorageError> {
        self.sync().map(drop)
    }
}

//! Appending: entries gather in a buffer, one write and one sync make all of them durable.
//!
//! Writing into a hole or an unwritten extent makes the file system change its own records with
//! every sync. So each time the batches reach unused room, zeros go out in the same write, a good
//! piece ahead: the following batches overwrite blocks that exist. Measured on ext4 with 1100-byte
//! entries, one write and one sync each (6000 times, three rounds):
//!
//! | padding | mean | p50 | p90 |
//! | --- | --- | --- | --- |
//! | none | 76–100 µs | 73–86 | 96–158 |
//! | one sparse byte at the end, as the reference | 69–89 | 54–61 | 107–112 |
//! | allocated, not written | 75–97 | 55–65 | 114–124 |
//! | sparse, and zeros 512 KiB ahead in the same write | 56–62 | 53–58 | 61–70 |
//! | all written before | 76–82 | 77–80 | 96–104 |
//!
//! An idle server has written [`AHEAD_BYTES`] of padding, not the whole preallocation.

use super::format::{BatchMark, HEADER_BYTES, MAKER, MARK_BYTES, header, put_entry};
use crate::dirs::log_name;
use crate::disk::{DiskFile, OpenMode};
use crate::{SharedDisk, StorageError};
use proto::Zxid;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Zeros written ahead of the entries.
const AHEAD_BYTES: usize = 512 << 10;
/// The file is extended when fewer bytes of padding than this would be left.
const PADDING_BYTES_MIN: u64 = 4096;
/// A batch buffer larger than this is given back after use.
const BUFFER_BYTES_KEPT: usize = 4 << 20;

/// How the log is written.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// Files grow in steps of this many bytes (`preAllocSize`); 0 for no padding. Without padding
    /// syncs are slower, and a file does not show that it is ours: after a power loss in the middle
    /// of a batch a start may then have to be refused where it could go on.
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
    disk: SharedDisk,
    dir: PathBuf,
    options: LogOptions,
    /// The batch: entries in their frames.
    batch: Vec<u8>,
    /// Name of the file the batch begins, when none is open.
    first: Option<Zxid>,
    open: Option<OpenLog>,
    since_roll: u64,
    /// What the first failure said.
    poison: Option<(PathBuf, String)>,
}

/// The file being written.
#[derive(Debug)]
struct OpenLog {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    /// Where the next batch goes.
    end: u64,
    /// Up to where blocks were written, padding included.
    written: u64,
    /// Length of the file.
    size: u64,
    /// Where the batch mark on disk says the last batch began.
    marked: u64,
}

impl TxnLog {
    /// Prepares to write into `dir` ([`crate::DataDirs::log_dir`]). Touches nothing: old files are
    /// never appended to, the first entry begins a new one.
    ///
    /// # Errors
    /// [`StorageError::Io`] when the directory is not there.
    pub fn open(disk: SharedDisk, dir: &Path, options: LogOptions) -> Result<Self, StorageError> {
        disk.list(dir).map_err(StorageError::io("list", dir))?;
        Ok(Self {
            disk,
            dir: dir.to_path_buf(),
            options,
            batch: Vec::new(),
            first: None,
            open: None,
            since_roll: 0,
            poison: None,
        })
    }

    /// Adds an entry ([`proto::txn::encode_entry`]) to the batch. Nothing is durable before
    /// [`TxnLog::sync`].
    pub fn append(&mut self, zxid: Zxid, entry: &[u8]) {
        if self.open.is_none() && self.first.is_none() {
            self.first = Some(zxid);
        }
        let before = self.batch.len();
        put_entry(&mut self.batch, entry);
        self.since_roll += (self.batch.len() - before) as u64;
    }

    /// Bytes gathered since the last sync.
    pub fn buffered_bytes(&self) -> usize {
        self.batch.len()
    }

    /// Writes the batch and waits until it is durable.
    ///
    /// # Errors
    /// [`StorageError::Io`] for a failed write, [`StorageError::SyncFailed`] for a failed sync.
    /// After the first of either every later call fails too: what the disk holds is known only
    /// after a restart (HC-122, HC-123).
    pub fn sync(&mut self) -> Result<SyncStats, StorageError> {
        if let Some((path, reason)) = &self.poison {
            return Err(StorageError::SyncFailed { path: path.clone(), reason: reason.clone() });
        }
        let outcome = self.sync_batch();
        if let Err(error) = &outcome {
            let path = self.open.as_ref().map_or(&self.dir, |open| &open.path).clone();
            self.poison = Some((path, error.to_string()));
        }
        outcome
    }

    /// Makes the batch durable and ends the file; the next entry begins a new one.
    ///
    /// # Errors
    /// As [`TxnLog::sync`].
    pub fn roll(&mut self) -> Result<(), StorageError> {
        self.sync()?;
        self.settle()?;
        self.open = None;
        self.since_roll = 0;
        Ok(())
    }

    /// Bytes of entries since the last [`TxnLog::roll`] or open, the batch included.
    pub fn bytes_since_roll(&self) -> u64 {
        self.since_roll
    }

    /// Notes on disk that everything written is durable, so that damage to the last batch is from
    /// then on told from an unfinished write. Worth calling once when the log has been idle for a
    /// while; does nothing when there is nothing new to note.
    ///
    /// # Errors
    /// As [`TxnLog::sync`].
    pub fn settle(&mut self) -> Result<(), StorageError> {
        self.sync()?;
        let force_sync = self.options.force_sync;
        let Some(open) = self.open.as_mut().filter(|open| force_sync && open.marked < open.end) else {
            return Ok(());
        };
        let outcome = open.settle();
        if let Err(error) = &outcome {
            self.poison = Some((open.path.clone(), error.to_string()));
        }
        outcome
    }

    /// A clean stop: makes the batch durable and drops the padding.
    ///
    /// # Errors
    /// As [`TxnLog::sync`].
    pub fn close(mut self) -> Result<(), StorageError> {
        self.settle()?;
        match self.open.take() {
            Some(open) => open.trim(),
            None => Ok(()),
        }
    }

    fn sync_batch(&mut self) -> Result<SyncStats, StorageError> {
        if self.batch.is_empty() {
            return Ok(SyncStats::default());
        }
        let open = match &mut self.open {
            Some(open) => open,
            none => {
                let zxid = self.first.take().expect("a batch without a file names one");
                none.insert(OpenLog::create(&self.disk, &self.dir, zxid)?)
            }
        };
        let bytes = self.batch.len() as u64;
        open.write(&mut self.batch, &self.options)?;
        let mut stats = SyncStats { bytes, ..SyncStats::default() };
        if self.options.force_sync {
            let begun = Instant::now();
            open.sync()?;
            stats.duration = begun.elapsed();
            stats.slow = stats.duration > self.options.fsync_warning;
        }
        self.batch.clear();
        self.batch.shrink_to(BUFFER_BYTES_KEPT);
        if self.options.roll_bytes.is_some_and(|limit| open.end > limit) {
            self.settle()?;
            self.open = None;
        }
        Ok(stats)
    }
}

impl OpenLog {
    /// A new file whose header and name are durable before any entry is (HC-113, HC-124, HC-125).
    fn create(disk: &SharedDisk, dir: &Path, first: Zxid) -> Result<Self, StorageError> {
        let path = dir.join(log_name(first));
        let file = disk.open(&path, OpenMode::CreateNew).map_err(StorageError::io("create", &path))?;
        file.write_all_at(0, &header()).map_err(StorageError::io("write", &path))?;
        let end = HEADER_BYTES as u64;
        let log = Self { path, file, end, written: end, size: end, marked: end };
        log.sync()?;
        disk.sync_dir(dir).map_err(StorageError::io("sync", dir))?;
        Ok(log)
    }

    /// Writes a batch with its mark, and zeros behind it when it reaches unused room. The batch
    /// buffer is left with what was added.
    fn write(&mut self, batch: &mut Vec<u8>, options: &LogOptions) -> Result<(), StorageError> {
        let start = self.end;
        let step = options.prealloc_bytes;
        let end = start + batch.len() as u64;
        let needed = end + MARK_BYTES as u64;
        if step > 0 {
            self.extend(needed + PADDING_BYTES_MIN, step)?;
        }
        // Without syncs nothing before the batch is known to be durable.
        let durable = if options.force_sync { start } else { HEADER_BYTES as u64 };
        BatchMark { start: durable, end }.encode(batch);
        if step > 0 && needed > self.written {
            let room = self.size - MAKER.len() as u64;
            self.written = (needed + AHEAD_BYTES as u64).min(room);
            batch.resize((self.written - start) as usize, 0);
        }
        self.file.write_all_at(start, batch).map_err(StorageError::io("write", &self.path))?;
        self.size = self.size.max(start + batch.len() as u64);
        self.marked = start;
        self.end = end;
        Ok(())
    }

    /// Grows the file in whole steps until it holds `needed` bytes. The maker's mark at the new end
    /// is durable before entries may overwrite the old one.
    fn extend(&mut self, needed: u64, step: u64) -> Result<(), StorageError> {
        if needed <= self.size {
            return Ok(());
        }
        self.size += (needed - self.size).div_ceil(step) * step;
        let at = self.size - MAKER.len() as u64;
        self.file.write_all_at(at, &MAKER).map_err(StorageError::io("extend", &self.path))?;
        // The old mark is padding now: the next batch writes zeros over it.
        self.written = self.written.min(self.end);
        self.sync()
    }

    fn settle(&mut self) -> Result<(), StorageError> {
        let mut mark = Vec::with_capacity(MARK_BYTES);
        BatchMark { start: self.end, end: self.end }.encode(&mut mark);
        self.file.write_all_at(self.end, &mark).map_err(StorageError::io("write", &self.path))?;
        self.sync()?;
        self.marked = self.end;
        Ok(())
    }

    /// Drops the padding.
    fn trim(self) -> Result<(), StorageError> {
        let end = self.end + MARK_BYTES as u64;
        if self.size > end {
            self.file.set_size(end).map_err(StorageError::io("cut", &self.path))?;
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.file
            .sync_data()
            .map_err(|e| StorageError::SyncFailed { path: self.path.clone(), reason: e.to_string() })
    }
}

//! Writing a snapshot file beside a log that must stay fast.
//!
//! The file goes to disk past the page cache, in small pieces with pauses between them: the log's
//! syncs share the device's queue with it, and one big burst would be one long wait for them.
//! Measured on ext4, 1 KiB appends with a sync each, while a snapshot of 201 MB is written:
//!
//! | how | snapshot | p50 | p99 | max |
//! | --- | --- | --- | --- | --- |
//! | no snapshot | | 50–55 µs | 90–105 µs | 1–2 ms |
//! | cached, synced every 4 MiB | 0.4–0.6 s | 55–59 | 5000–6200 | 14–28 ms |
//! | cached, synced every 256 KiB | 0.5–0.6 s | 56–63 | 284–389 | 1–55 ms |
//! | direct, 128 KiB, pauses of 3 times the write | 1.2–1.4 s | 58–66 | 178–229 | 1–2 ms |
//! | direct, 64 KiB, pauses of 5 times the write | 2.2–2.4 s | 56–59 | 132–142 | 1–2 ms |

use super::compression::{Compression, Packer};
use super::seal::seal;
use crate::dirs::{TEMPORARY, snapshot_name};
use crate::disk::{DiskFile, OpenMode};
use crate::{DataDirs, SharedDisk, StorageError};
use proto::Zxid;
use proto::jute::{put_i32, put_i64, put_string};
use proto::snapshot::{END_OF_NODES, ZxidDigest};
use simd_adler32::Adler32;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Packed bytes written at once: what a log sync may have to wait for.
const WRITE_BYTES: usize = 64 << 10;
/// Pauses are this many times as long as the write before them.
const PAUSE: u32 = 5;
/// A pause is never longer, however slow the disk.
const PAUSE_MAX: Duration = Duration::from_millis(20);
/// Bytes that may be written without being durable, for disks that cache in spite of us.
const UNSYNCED_BYTES_MAX: u64 = 8 << 20;

/// Streams one snapshot into a temporary file that gets its name when it is complete and durable.
/// Dropped before [`SnapshotWriter::finish`], it removes the temporary file.
#[derive(Debug)]
pub struct SnapshotWriter {
    disk: SharedDisk,
    path: PathBuf,
    temporary: Option<PathBuf>,
    file: Box<dyn DiskFile>,
    packer: Packer,
    checksum: Adler32State,
    written: u64,
    unsynced: u64,
    /// Pauses are this many times as long as the write before them.
    pause: u32,
}

/// The running checksum; the library's type does not print itself.
struct Adler32State(Adler32);

impl std::fmt::Debug for Adler32State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x}", self.0.finish())
    }
}

impl SnapshotWriter {
    /// Begins the snapshot of a tree whose last transaction is `zxid`.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn create(
        disk: SharedDisk,
        dirs: &DataDirs,
        zxid: Zxid,
        compression: Compression,
    ) -> Result<Self, StorageError> {
        let name = snapshot_name(zxid, compression);
        let temporary = dirs.snap_dir().join(format!("{TEMPORARY}{name}"));
        let file = disk.open(&temporary, OpenMode::Stream).map_err(StorageError::io("create", &temporary))?;
        Ok(Self {
            disk,
            path: dirs.snap_dir().join(name),
            temporary: Some(temporary),
            file,
            packer: compression.packer(),
            checksum: Adler32State(Adler32::new()),
            written: 0,
            unsynced: 0,
            pause: PAUSE,
        })
    }

    /// Writes as fast as the disk takes it: nothing is served meanwhile.
    pub fn without_pauses(mut self) -> Self {
        self.pause = 0;
        self
    }

    /// Appends what [`proto::snapshot::encode_prologue`] (first) and
    /// [`proto::snapshot::SnapshotNode::encode`] produce, in pieces of any size; pieces of 64 KiB
    /// and more are cheapest. Blocks on the disk.
    ///
    /// # Errors
    /// [`StorageError::Io`]; the snapshot is then to be given up.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        // In steps, so that one huge piece does not become one huge burst.
        for step in bytes.chunks(WRITE_BYTES) {
            self.checksum.0.write(step);
            self.packer.push(step).map_err(self.failed("pack"))?;
            if self.packer.packed().len() >= WRITE_BYTES {
                self.flush(false)?;
            }
        }
        Ok(())
    }

    /// Ends the node list, seals the file and gives it its name. `digest` and `last_zxid` add the
    /// blocks of 3.6 and 3.9.
    ///
    /// # Errors
    /// [`StorageError::Io`]; no file is left behind then.
    pub fn finish(
        mut self,
        digest: Option<ZxidDigest>,
        last_zxid: Option<Zxid>,
    ) -> Result<PathBuf, StorageError> {
        self.seal_all(digest, last_zxid)?;
        self.publish()?;
        Ok(std::mem::take(&mut self.path))
    }

    /// As [`SnapshotWriter::finish`], but the file keeps its temporary name, which is returned with the
    /// one it is to get. The contents are durable, the name is not.
    pub(crate) fn complete(
        mut self,
        digest: Option<ZxidDigest>,
        last_zxid: Option<Zxid>,
    ) -> Result<(PathBuf, PathBuf), StorageError> {
        self.seal_all(digest, last_zxid)?;
        let temporary = self.temporary.take().expect("it has this name until it is finished");
        Ok((temporary, std::mem::take(&mut self.path)))
    }

    fn seal_all(&mut self, digest: Option<ZxidDigest>, last_zxid: Option<Zxid>) -> Result<(), StorageError> {
        let mut block = Vec::new();
        put_string(&mut block, Some(END_OF_NODES));
        self.sealed(&block)?;
        if let Some(digest) = digest {
            block.clear();
            put_i64(&mut block, digest.zxid.0);
            put_i32(&mut block, digest.version);
            put_i64(&mut block, digest.digest as i64);
            self.sealed(&block)?;
        }
        if let Some(zxid) = last_zxid {
            self.sealed(&zxid.0.to_be_bytes())?;
        }
        self.packer.end().map_err(self.failed("pack"))?;
        self.flush(true)?;
        self.file.sync_data().map_err(self.failed("sync"))
    }

    /// Bytes in the file so far.
    pub fn bytes(&self) -> u64 {
        self.written
    }

    fn sealed(&mut self, block: &[u8]) -> Result<(), StorageError> {
        self.write(block)?;
        let seal = seal(&self.checksum.0);
        self.write(&seal)
    }

    /// Writes what is packed: whole pieces, or at the end everything.
    fn flush(&mut self, all: bool) -> Result<(), StorageError> {
        let ready = self.packer.packed().len();
        let end = if all { ready } else { ready - ready % WRITE_BYTES };
        for start in (0..end).step_by(WRITE_BYTES) {
            let piece = &self.packer.packed()[start..end.min(start + WRITE_BYTES)];
            let begun = Instant::now();
            let outcome = self.file.write_all_at(self.written, piece);
            self.written += piece.len() as u64;
            self.unsynced += piece.len() as u64;
            outcome.map_err(self.failed("write"))?;
            if self.unsynced >= UNSYNCED_BYTES_MAX {
                self.unsynced = 0;
                self.file.sync_data().map_err(self.failed("sync"))?;
            }
            thread::sleep((begun.elapsed() * self.pause).min(PAUSE_MAX));
        }
        self.packer.packed().drain(..end);
        Ok(())
    }

    /// The durable temporary file becomes the snapshot, durably.
    fn publish(&mut self) -> Result<(), StorageError> {
        if let Some(temporary) = &self.temporary {
            self.disk.rename(temporary, &self.path).map_err(StorageError::io("rename", temporary))?;
            self.temporary = None;
        }
        let dir = self.path.parent().unwrap_or(Path::new("."));
        self.disk.sync_dir(dir).map_err(StorageError::io("sync", dir))
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> StorageError + use<> {
        let path = self.temporary.clone().unwrap_or_default();
        move |source| StorageError::Io { action, path, source }
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // What cannot be removed now is removed at the next start.
            let _ = self.disk.remove(temporary);
        }
    }
}

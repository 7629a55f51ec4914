//! A file written past the page cache.
//!
//! A snapshot in the page cache is written back by the kernel when it likes, and its blocks are
//! bound to a journal commit: a log sync that needs either waits for tens of milliseconds. Written
//! directly, each piece is only as long in the device's way as its own transfer.

use super::real::RealFile;
use super::{DIRECT_BYTES, DiskFile};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A file that is written directly for as long as offsets, lengths and the file system allow.
#[derive(Debug)]
pub(super) struct DirectFile {
    file: RealFile,
    /// Memory at an aligned address to write from; `None` once writes go through the cache.
    bounce: Mutex<Option<Vec<u8>>>,
}

impl DirectFile {
    pub(super) fn open(mut options: OpenOptions, path: &Path) -> io::Result<Self> {
        let direct = options.clone().custom_flags(OFlags::DIRECT.bits() as i32).open(path);
        let (file, bounce) = match direct {
            Ok(file) => (file, Some(Vec::new())),
            Err(e) if e.kind() == io::ErrorKind::InvalidInput => (options.custom_flags(0).open(path)?, None),
            Err(e) => return Err(e),
        };
        Ok(Self { file: RealFile(file), bounce: Mutex::new(bounce) })
    }

    fn leave_direct(&self, bounce: &mut Option<Vec<u8>>) -> io::Result<()> {
        if bounce.take().is_some() {
            let flags = fcntl_getfl(&self.file.0)?;
            fcntl_setfl(&self.file.0, flags - OFlags::DIRECT)?;
        }
        Ok(())
    }
}

impl DiskFile for DirectFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, into)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let mut bounce = self.bounce.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = offset.is_multiple_of(DIRECT_BYTES as u64) && bytes.len().is_multiple_of(DIRECT_BYTES);
        if let Some(buffer) = bounce.as_mut().filter(|_| whole) {
            buffer.resize(buffer.len().max(bytes.len() + DIRECT_BYTES), 0);
            let shift = buffer.as_ptr().align_offset(DIRECT_BYTES).min(DIRECT_BYTES);
            let aligned = &mut buffer[shift..shift + bytes.len()];
            aligned.copy_from_slice(bytes);
            match self.file.write_at(offset, aligned) {
                Err(e) if e.kind() == io::ErrorKind::InvalidInput => {}
                outcome => return outcome,
            }
        }
        self.leave_direct(&mut bounce)?;
        self.file.write_at(offset, bytes)
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn set_size(&self, bytes: u64) -> io::Result<()> {
        self.file.set_size(bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

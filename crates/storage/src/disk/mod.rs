//! The file system as storage sees it: a seam narrow enough that tests can break every part of it.
//!
//! Two disks exist: [`RealDisk`] over the operating system, and [`fault::SimDisk`] in memory, which
//! loses power, tears writes, fills up and rots on request.

mod direct;
pub mod fault;
mod medium;
mod real;

pub use real::RealDisk;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, to be read.
    Read,
    /// An existing file, to be read and changed in place.
    Write,
    /// A new file, to be read and written; an existing one is an error.
    CreateNew,
    /// A new file in the place of whatever was there.
    Replace,
    /// As [`OpenMode::Replace`], for a file written once from its start to its end in pieces of a
    /// multiple of [`DIRECT_BYTES`] (the last may be any): it goes past the page cache where the
    /// file system can do that.
    Stream,
}

/// Offsets and lengths of writes past the page cache are multiples of this.
pub const DIRECT_BYTES: usize = 4096;

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// File name without directory.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
}

/// What must be kept for a lock to stay held; dropping it lets go.
pub trait DiskLock: Debug + Send + Sync {}

/// A file system.
///
/// Nothing is durable before a sync: contents need [`DiskFile::sync_data`], names (creation, rename,
/// removal) need [`Disk::sync_dir`].
pub trait Disk: Debug + Send + Sync + 'static {
    /// Opens a file.
    ///
    /// # Errors
    /// What the operating system says.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name, replacing what had it.
    ///
    /// # Errors
    /// What the operating system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the operating system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The files of a directory, sorted by name; directories in it are left out.
    ///
    /// # Errors
    /// What the operating system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// What the operating system says.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Creates a directory and its missing parents; an existing one is fine.
    ///
    /// # Errors
    /// What the operating system says.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Whether a file or directory has this name.
    ///
    /// # Errors
    /// What the operating system says when it cannot tell.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// When a file was last changed.
    ///
    /// # Errors
    /// What the operating system says.
    fn modified(&self, path: &Path) -> io::Result<SystemTime>;

    /// Takes the exclusive lock on a file, creating it when missing; `None` when another process
    /// holds it.
    ///
    /// # Errors
    /// What the operating system says.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>>;
}

/// An open file. Positions are explicit, so that one handle serves several threads.
pub trait DiskFile: Debug + Send + Sync {
    /// Reads at most `into.len()` bytes; 0 at the end of the file.
    ///
    /// # Errors
    /// What the operating system says.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes some of the bytes and says how many.
    ///
    /// # Errors
    /// What the operating system says.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Length in bytes.
    ///
    /// # Errors
    /// What the operating system says.
    fn size(&self) -> io::Result<u64>;

    /// Cuts the file, or extends it with zeros that take no space.
    ///
    /// # Errors
    /// What the operating system says.
    fn set_size(&self, bytes: u64) -> io::Result<()>;

    /// Makes the contents durable, and as much metadata as is needed to find them again.
    ///
    /// # Errors
    /// What the operating system says. After an error nothing may be assumed about what was
    /// written since the last success, and trying again proves nothing.
    fn sync_data(&self) -> io::Result<()>;

    /// The first offset at or after `offset` that may hold something other than zeros; `None` when
    /// only a hole follows. A disk that does not know says `offset`.
    ///
    /// # Errors
    /// What the operating system says.
    fn next_data(&self, offset: u64) -> io::Result<Option<u64>> {
        Ok(Some(offset))
    }

    /// Writes all of the bytes.
    ///
    /// # Errors
    /// What the operating system says; a disk that takes nothing is `WriteZero`.
    fn write_all_at(&self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(offset, bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    offset += n as u64;
                    bytes = &bytes[n..];
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Fills the buffer as far as the file goes and says how many bytes that were.
    ///
    /// # Errors
    /// What the operating system says.
    fn read_full_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < into.len() {
            match self.read_at(offset + done as u64, &mut into[done..]) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(done)
    }
}

/// A disk shared by the log thread, the snapshot thread and the purge task.
pub type SharedDisk = Arc<dyn Disk>;

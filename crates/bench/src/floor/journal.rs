//! The file behind a durable echo: one write and one sync for everything a turn brought.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Room made ahead of the writes at a time.
const PREALLOC: u64 = 64 << 20;
/// The file starts over at this size, so that a long run does not fill the disk.
const WRAP: u64 = 1 << 30;

/// Appends batches and makes them durable.
pub(super) struct Journal {
    file: File,
    batch: Vec<u8>,
    end: u64,
    ready: u64,
}

impl Journal {
    /// A new file in `dir`, without a name: it goes with the process.
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let path = dir.join(format!("echo-{}.log", std::process::id()));
        let file = OpenOptions::new().create_new(true).write(true).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(Self { file, batch: Vec::new(), end: 0, ready: 0 })
    }

    /// Adds to the batch.
    pub(super) fn append(&mut self, record: &[u8]) {
        self.batch.extend_from_slice(record);
    }

    /// Makes the batch durable; without one nothing happens.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let len = self.batch.len() as u64;
        if self.end + len > WRAP {
            self.end = 0;
        }
        while self.end + len > self.ready {
            super::fsync::make_ready(&self.file, self.ready, PREALLOC, super::fsync::Ahead::Zeroed)?;
            self.ready += PREALLOC;
        }
        self.file.write_all_at(&self.batch, self.end)?;
        self.file.sync_data()?;
        self.end += len;
        self.batch.clear();
        Ok(())
    }
}

//! Reading one log file entry by entry.

use super::format::{END_OF_ENTRY, FRAME_BYTES, HEADER_BYTES, MAGIC};
use crate::disk::{DiskFile, OpenMode};
use crate::{SharedDisk, StorageError};
use proto::jute::Reader;
use simd_adler32::adler32;
use std::path::{Path, PathBuf};

/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;
/// What to do about a log that cannot be trusted.
pub(crate) const REMEDY: &str = "acknowledged changes may be missing, so nothing was changed: keep the \
     directory as evidence and restore a backup, or let an ensemble fill an empty directory";

/// One log file, read from its start.
#[derive(Debug)]
pub struct TxnLogReader {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    size: u64,
    /// Part of the file: `buffer[at..]` is unread and begins at file offset `offset`.
    buffer: Vec<u8>,
    at: usize,
    offset: u64,
}

/// What stands next in a log file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// An entry with a valid frame.
    Entry {
        /// Where its frame begins.
        offset: u64,
        /// The entry ([`proto::txn::decode_entry`]).
        bytes: &'a [u8],
    },
    /// The end of what can be read.
    End {
        /// Where it is.
        offset: u64,
        /// Why reading ends there.
        cause: EndCause,
    },
}

/// Why a log file ends where it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndCause {
    /// The file ends behind an entry.
    EndOfFile,
    /// An entry of length 0: padding.
    Padding,
    /// Something that is no entry: what is wrong with it.
    Invalid(&'static str),
}

/// A frame that was looked at.
enum Frame {
    Entry { len: usize },
    End(EndCause),
}

impl TxnLogReader {
    /// Opens a log file and checks its header.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] for a header that is short or not a log's, [`StorageError::Io`].
    pub fn open(disk: &SharedDisk, path: &Path) -> Result<Self, StorageError> {
        let file = disk.open(path, OpenMode::Read).map_err(StorageError::io("open", path))?;
        let size = file.size().map_err(StorageError::io("read", path))?;
        let mut reader = Self { path: path.to_path_buf(), file, size, buffer: Vec::new(), at: 0, offset: 0 };
        reader.fill(HEADER_BYTES)?;
        if Reader::new(&reader.buffer).i32() != Ok(MAGIC) || reader.buffer.len() < HEADER_BYTES {
            return Err(reader.corrupt(0, "this is not a transaction log".into()));
        }
        reader.at = HEADER_BYTES;
        reader.offset = HEADER_BYTES as u64;
        Ok(reader)
    }

    /// The next entry, or the end; after the end, the end again.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn step(&mut self) -> Result<Step<'_>, StorageError> {
        match self.frame()? {
            Frame::End(cause) => Ok(Step::End { offset: self.offset, cause }),
            Frame::Entry { len } => {
                let offset = self.offset;
                let start = self.at + FRAME_BYTES;
                let whole = FRAME_BYTES + len + 1;
                self.at += whole;
                self.offset += whole as u64;
                Ok(Step::Entry { offset, bytes: &self.buffer[start..start + len] })
            }
        }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn corrupt(&self, offset: u64, what: String) -> StorageError {
        StorageError::Corrupt { path: self.path.clone(), offset, what, remedy: REMEDY }
    }

    fn frame(&mut self) -> Result<Frame, StorageError> {
        self.fill(FRAME_BYTES)?;
        let mut from = Reader::new(&self.buffer[self.at..]);
        let (Ok(checksum), Ok(length)) = (from.i64(), from.i32()) else {
            let zeros = self.buffer[self.at..].iter().all(|b| *b == 0);
            return Ok(Frame::End(match self.buffer.len() == self.at {
                true => EndCause::EndOfFile,
                false if zeros => EndCause::Padding,
                false => EndCause::Invalid("the file ends inside a frame"),
            }));
        };
        let left = self.size - self.offset - FRAME_BYTES as u64;
        let len = match u64::try_from(length) {
            Ok(0) => return Ok(Frame::End(EndCause::Padding)),
            // The file itself is the limit, whatever a client may send today (HC-130).
            Ok(len) if len < left => len as usize,
            _ => return Ok(Frame::End(EndCause::Invalid("the entry is longer than the file"))),
        };
        self.fill(FRAME_BYTES + len + 1)?;
        let entry = &self.buffer[self.at + FRAME_BYTES..];
        Ok(match entry.get(..=len) {
            None => Frame::End(EndCause::Invalid("the file ends inside an entry")),
            Some(entry) if entry[len] != END_OF_ENTRY => {
                Frame::End(EndCause::Invalid("the entry's end mark is missing"))
            }
            Some(entry) if i64::from(adler32(&&entry[..len])) != checksum => {
                Frame::End(EndCause::Invalid("the entry's checksum is wrong"))
            }
            Some(_) => Frame::Entry { len },
        })
    }

    /// Makes `wanted` unread bytes available, or as many as the file has.
    fn fill(&mut self, wanted: usize) -> Result<(), StorageError> {
        let unread = self.buffer.len() - self.at;
        if unread >= wanted {
            return Ok(());
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        let begin = self.offset + unread as u64;
        let left = self.size.saturating_sub(begin);
        let more = ((wanted - unread).max(READ_BYTES) as u64).min(left) as usize;
        self.buffer.resize(unread + more, 0);
        let got = self
            .file
            .read_full_at(begin, &mut self.buffer[unread..])
            .map_err(StorageError::io("read", &self.path))?;
        self.buffer.truncate(unread + got);
        Ok(())
    }
}

//! Reading a snapshot file into a sink.

use super::Compression;
use super::chunks::{Chunk, Chunks};
use super::seal::{DIGEST_BYTES, LAST_ZXID_BYTES, SEAL_BYTES, resume, unwind};
use crate::disk::OpenMode;
use crate::{SharedDisk, StorageError};
use proto::jute::{DecodeError, Reader, Wire};
use proto::snapshot::{END_OF_NODES, MAGIC, SnapshotNode, SnapshotSink, VERSION, ZxidDigest};
use proto::{SessionId, Zxid};
use std::io;
use std::path::{Path, PathBuf};

const REMEDY: &str = "an older snapshot with its logs, a backup or another member can replace it";
/// What may follow the nodes is at most three seals and two blocks; anything longer is not ours.
const TAIL_BYTES_MAX: usize = 4096;
/// How much smaller packing makes a tree; only a buffer's size depends on it.
const TYPICAL_PACKING: u64 = 8;

/// One snapshot file, open for reading.
pub struct SnapshotReader {
    path: PathBuf,
    chunks: Chunks,
    chunk: Chunk,
    /// Next unread byte in `chunk`; in front of `chunk.start` when a record began earlier.
    at: usize,
    /// Stream offset of `chunk.start`.
    offset: u64,
    ended: bool,
}

impl std::fmt::Debug for SnapshotReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotReader").field("path", &self.path).finish_non_exhaustive()
    }
}

impl SnapshotReader {
    /// Opens a file; its name says how it is packed.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn open(disk: &SharedDisk, path: &Path) -> Result<Self, StorageError> {
        let file = disk.open(path, OpenMode::Read).map_err(StorageError::io("open", path))?;
        let packing = path.extension().and_then(|e| e.to_str()).and_then(Compression::from_extension);
        let expected = file.size().map_err(StorageError::io("read", path))?.saturating_mul(match packing {
            Some(Compression::Gzip | Compression::Snappy) => TYPICAL_PACKING,
            _ => 1,
        });
        let stream = packing.unwrap_or_default().reader(file);
        let chunks = Chunks::start(stream, expected).map_err(StorageError::io("read", path))?;
        let chunk = Chunk { bytes: Vec::new(), start: 0, checksum_before: resume(1).finish() };
        Ok(Self { path: path.to_path_buf(), chunks, chunk, at: 0, offset: 0, ended: false })
    }

    /// Hands the whole contents to `sink` and checks every seal. The zxid of the last block is
    /// returned when the file has one.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when the file is not a complete valid snapshot, or `sink` refused
    /// a node; [`StorageError::Io`].
    pub fn read_into(mut self, sink: &mut impl SnapshotSink) -> Result<Option<Zxid>, StorageError> {
        let (magic, version) = self.record(|from| {
            let words = (from.i32()?, from.i32()?);
            from.i64().map(|_| words)
        })?;
        if (magic, version) != (MAGIC, VERSION) {
            return Err(self.corrupt("not a snapshot of a known version".into()));
        }
        for _ in 0..self.record(|from| from.i32())? {
            let (id, timeout_ms) = self.record(|from| Ok((SessionId::decode(from)?, from.i32()?)))?;
            sink.session(id, timeout_ms);
        }
        for _ in 0..self.record(|from| from.i32())? {
            let (id, acl) = self.record(|from| Ok((from.i64()?, Wire::decode(from)?)))?;
            sink.acl(id, acl);
        }
        while self.node(sink)? {}
        self.seal()?;
        self.blocks(sink)
    }

    /// Passes one node on; `false` for the mark after the last one.
    fn node(&mut self, sink: &mut impl SnapshotSink) -> Result<bool, StorageError> {
        let outcome = self.record(|from| {
            let path = from.string()?.ok_or(DecodeError::UnexpectedNull { what: "node path" })?;
            if path == END_OF_NODES {
                return Ok(Ok(false));
            }
            let node = SnapshotNode {
                path: &path,
                data: from.buffer()?,
                acl: from.i64()?,
                stat: Wire::decode(from)?,
            };
            Ok(sink.node(&node).map(|()| true))
        })?;
        outcome.map_err(|what| self.corrupt(what))
    }

    /// What follows the first seal: a digest block since 3.6, the last zxid since 3.9, either or
    /// both absent. Blocks carry no tags, so the bytes left say which are there.
    fn blocks(&mut self, sink: &mut impl SnapshotSink) -> Result<Option<Zxid>, StorageError> {
        let mut left = self.tail()?;
        if left != LAST_ZXID_BYTES + SEAL_BYTES && left >= DIGEST_BYTES + SEAL_BYTES {
            let digest = self.record(decode_digest)?;
            self.seal()?;
            sink.digest(digest);
            left = self.tail()?;
        }
        if left < LAST_ZXID_BYTES + SEAL_BYTES {
            // A cut block is as good as none: the nodes themselves are sealed.
            return Ok(None);
        }
        let last = self.record(|from| from.i64())?;
        self.seal()?;
        Ok(Some(Zxid(last)))
    }

    /// Reads a seal and compares it with the bytes before it.
    fn seal(&mut self) -> Result<(), StorageError> {
        let Chunk { bytes, start, checksum_before } = &self.chunk;
        let expected = if self.at < *start {
            unwind(*checksum_before, &bytes[self.at..*start])
        } else {
            let mut checksum = resume(*checksum_before);
            checksum.write(&bytes[*start..self.at]);
            checksum.finish()
        };
        let found = self.record(|from| from.i64().and_then(|value| from.buffer().map(|_| value)))?;
        match found == i64::from(expected) {
            true => Ok(()),
            false => Err(self.corrupt(format!("the contents have checksum {expected:#x}, not {found:#x}"))),
        }
    }

    /// Decodes one record, fetching as much more of the stream as it turns out to need.
    fn record<T>(
        &mut self,
        mut decode: impl FnMut(&mut Reader<'_>) -> Result<T, DecodeError>,
    ) -> Result<T, StorageError> {
        loop {
            let mut from = Reader::new(&self.chunk.bytes[self.at..]);
            match decode(&mut from) {
                Ok(value) => {
                    self.at = self.chunk.bytes.len() - from.remaining();
                    return Ok(value);
                }
                Err(DecodeError::Truncated { missing, .. }) if !self.ended => self.fetch(missing)?,
                Err(e) => return Err(self.corrupt(e.to_string())),
            }
        }
    }

    /// Gets at least `missing` more bytes behind the unread ones, or all there are.
    fn fetch(&mut self, missing: u64) -> Result<(), StorageError> {
        let wanted = (self.chunk.bytes.len() - self.at) as u64 + missing;
        let mut next = self.pull()?;
        let unread = &self.chunk.bytes[self.at..];
        if unread.len() <= next.start {
            let at = next.start - unread.len();
            next.bytes[at..next.start].copy_from_slice(unread);
            self.chunks.recycle(std::mem::replace(&mut self.chunk, next).bytes);
            self.at = at;
        } else {
            let bytes = [unread, &next.bytes[next.start..]].concat();
            self.chunk = Chunk { bytes, start: unread.len(), checksum_before: next.checksum_before };
            self.at = 0;
        }
        // A record larger than a piece: the pieces are joined behind it.
        while !self.ended && ((self.chunk.bytes.len() - self.at) as u64) < wanted {
            let next = self.pull()?;
            self.chunk.bytes.extend_from_slice(&next.bytes[next.start..]);
            self.chunks.recycle(next.bytes);
        }
        Ok(())
    }

    fn pull(&mut self) -> Result<Chunk, StorageError> {
        self.offset += (self.chunk.bytes.len() - self.chunk.start) as u64;
        let next = self.chunks.next().map_err(|e| match e.kind() {
            // How an unpacking stream says that the file is cut or damaged.
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
                self.corrupt(format!("cannot be unpacked: {e}"))
            }
            _ => StorageError::io("read", &self.path)(e),
        })?;
        self.ended = next.bytes.len() == next.start;
        Ok(next)
    }

    /// How many bytes are left, when few enough to be the blocks after the nodes.
    fn tail(&mut self) -> Result<usize, StorageError> {
        while !self.ended && self.chunk.bytes.len() - self.at < TAIL_BYTES_MAX {
            self.fetch(TAIL_BYTES_MAX as u64)?;
        }
        Ok(self.chunk.bytes.len() - self.at)
    }

    fn corrupt(&self, what: String) -> StorageError {
        let into_chunk = self.at as i64 - self.chunk.start as i64;
        StorageError::Corrupt {
            path: self.path.clone(),
            offset: self.offset.saturating_add_signed(into_chunk),
            what,
            remedy: REMEDY,
        }
    }
}

/// The digest block; versions before 2 wrote the digest as hex text.
fn decode_digest(from: &mut Reader<'_>) -> Result<ZxidDigest, DecodeError> {
    let (zxid, version) = (Zxid(from.i64()?), from.i32()?);
    let digest = if version < 2 {
        let text = from.string()?.unwrap_or_default();
        u64::from_str_radix(&text, 16).unwrap_or(0)
    } else {
        from.i64()? as u64
    };
    Ok(ZxidDigest { zxid, version, digest })
}

/// Checks the last seal of a file, and with it every byte before, without looking at the contents.
///
/// # Errors
/// As [`SnapshotReader::read_into`].
pub(crate) fn verify(disk: &SharedDisk, path: &Path) -> Result<(), StorageError> {
    let mut reader = SnapshotReader::open(disk, path)?;
    while !reader.ended {
        // Keep what may be the seal, let go of the rest.
        reader.at = reader.chunk.bytes.len().saturating_sub(SEAL_BYTES).max(reader.at);
        reader.fetch(1)?;
    }
    let end = reader.chunk.bytes.len();
    let start = end.saturating_sub(SEAL_BYTES);
    if start < reader.at || !reader.chunk.bytes[start..].ends_with(&[0, 0, 0, 1, b'/']) {
        return Err(reader.corrupt("the file does not end in a seal".into()));
    }
    reader.at = start;
    reader.seal()
}

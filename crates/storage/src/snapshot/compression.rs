//! How a snapshot file is packed: which streams exist, how they are named and recognised.

use super::snappy;
use crate::disk::DiskFile;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::io::{self, BufRead, BufReader, Read, Write};

/// Bytes read from a packed file at once.
const PACKED_READ_BYTES: usize = 256 << 10;

/// How a snapshot file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// As it is.
    #[default]
    None,
    /// One gzip stream, name ending in `.gz`.
    Gzip,
    /// Snappy blocks in the framing Java's library uses, name ending in `.snappy`.
    Snappy,
}

impl Compression {
    /// What the file name ends in, without a dot; also the value of
    /// `snapshot.compression.method`.
    pub fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => "gz",
            Self::Snappy => "snappy",
        }
    }

    /// The inverse of [`Compression::extension`].
    pub fn from_extension(extension: &str) -> Option<Self> {
        [Self::None, Self::Gzip, Self::Snappy].into_iter().find(|c| c.extension() == extension)
    }

    /// The stream inside a file.
    pub(crate) fn reader(self, file: Box<dyn DiskFile>) -> Box<dyn Read + Send> {
        let raw = FileStream { file, at: 0 };
        match self {
            Self::None => Box::new(raw),
            Self::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(PACKED_READ_BYTES, raw))),
            Self::Snappy => Box::new(snappy::Reader::new(BufReader::with_capacity(PACKED_READ_BYTES, raw))),
        }
    }

    /// The packing side: bytes in, packed bytes appended to a buffer.
    pub(crate) fn packer(self) -> Packer {
        match self {
            Self::None => Packer::None(Vec::new()),
            // The snapshot thread competes with requests for two or three cores: speed over size.
            Self::Gzip => Packer::Gzip(Box::new(GzEncoder::new(Vec::new(), flate2::Compression::new(3)))),
            Self::Snappy => Packer::Snappy(Box::new(snappy::Writer::new())),
        }
    }
}

/// One of the packing streams.
#[derive(Debug)]
pub(crate) enum Packer {
    None(Vec<u8>),
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Snappy(Box<snappy::Writer>),
}

impl Packer {
    /// Takes bytes in.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::None(out) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Snappy(writer) => writer.push(bytes),
        }
    }

    /// What is ready for the file; the caller takes it out.
    pub(crate) fn packed(&mut self) -> &mut Vec<u8> {
        match self {
            Self::None(out) => out,
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Snappy(writer) => writer.packed(),
        }
    }

    /// Ends the stream; the rest is in [`Packer::packed`].
    pub(crate) fn end(&mut self) -> io::Result<()> {
        match self {
            Self::None(_) => Ok(()),
            Self::Gzip(encoder) => encoder.try_finish(),
            Self::Snappy(writer) => writer.end(),
        }
    }
}

/// A file as a stream.
struct FileStream {
    file: Box<dyn DiskFile>,
    at: u64,
}

impl Read for FileStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(self.at, into)?;
        self.at += n as u64;
        Ok(n)
    }
}

/// Fills a buffer exactly, or says that the stream ended before its first byte.
pub(crate) fn read_exact_or_end(from: &mut impl BufRead, into: &mut [u8]) -> io::Result<bool> {
    if from.fill_buf()?.is_empty() {
        return Ok(false);
    }
    from.read_exact(into).map(|()| true)
}

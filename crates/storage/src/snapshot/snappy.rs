//! The stream format of the snappy-java library: a header, then blocks with a length in front.
//!
//! It is not the framing the snappy project later standardised: no checksums, no chunk types.
//! Several streams may follow each other; each repeats the header.
//!
//! | bytes | meaning |
//! | --- | --- |
//! | 8 | `82 53 4E 41 50 50 59 00` |
//! | 4 | version, 1 |
//! | 4 | oldest version that can read it, 1 |
//! | 4 + n, repeated | length n, one raw snappy block of at most 32 KiB unpacked |

use super::compression::read_exact_or_end;
use std::io::{self, BufRead, Read};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const VERSION: u32 = 1;
/// Unpacked bytes of a full block.
const BLOCK_BYTES: usize = 32 << 10;
/// A packed byte never stands for more than this many: the longest copy is 64 bytes in 3.
const EXPANSION_MAX: usize = 24;

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Packs into a buffer.
#[derive(Debug)]
pub(crate) struct Writer {
    block: Vec<u8>,
    packed: Vec<u8>,
    encoder: snap::raw::Encoder,
}

impl Writer {
    pub(crate) fn new() -> Self {
        let mut packed = MAGIC.to_vec();
        packed.extend_from_slice(&VERSION.to_be_bytes());
        packed.extend_from_slice(&VERSION.to_be_bytes());
        Self { block: Vec::with_capacity(BLOCK_BYTES), packed, encoder: snap::raw::Encoder::new() }
    }

    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.block.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == BLOCK_BYTES {
                self.end()?;
            }
        }
        Ok(())
    }

    pub(crate) fn packed(&mut self) -> &mut Vec<u8> {
        &mut self.packed
    }

    /// Packs the block as it stands, full or not.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let start = self.packed.len() + 4;
        self.packed.resize(start + snap::raw::max_compress_len(self.block.len()), 0);
        let len = self.encoder.compress(&self.block, &mut self.packed[start..])?;
        self.packed.truncate(start + len);
        self.packed[start - 4..start].copy_from_slice(&(len as u32).to_be_bytes());
        self.block.clear();
        Ok(())
    }
}

/// Unpacks a stream.
pub(crate) struct Reader<R> {
    from: R,
    started: bool,
    packed: Vec<u8>,
    block: Vec<u8>,
    at: usize,
    decoder: snap::raw::Decoder,
}

impl<R: BufRead> Reader<R> {
    pub(crate) fn new(from: R) -> Self {
        Self {
            from,
            started: false,
            packed: Vec::new(),
            block: Vec::new(),
            at: 0,
            decoder: snap::raw::Decoder::new(),
        }
    }

    /// The rest of a header whose first four bytes were read.
    fn header(&mut self) -> io::Result<()> {
        let mut rest = [0; 12];
        self.from.read_exact(&mut rest)?;
        let oldest_reader = u32::from_be_bytes([rest[8], rest[9], rest[10], rest[11]]);
        match rest[..4] == MAGIC[4..] && oldest_reader <= VERSION {
            true => Ok(()),
            false => Err(bad("not a snappy stream this version can read")),
        }
    }

    /// Unpacks the next block; `false` at the end of the stream.
    fn next_block(&mut self) -> io::Result<bool> {
        loop {
            let mut word = [0; 4];
            if !read_exact_or_end(&mut self.from, &mut word)? {
                return if self.started { Ok(false) } else { Err(bad("an empty snappy stream")) };
            }
            if word == MAGIC[..4] {
                self.header()?;
                self.started = true;
                continue;
            }
            let len = i32::from_be_bytes(word);
            let len = usize::try_from(len).ok().filter(|_| self.started);
            let len = len.ok_or_else(|| bad("not a snappy stream"))?;
            self.packed.clear();
            // Grows with what is really there, not with what the length claims.
            (&mut self.from).take(len as u64).read_to_end(&mut self.packed)?;
            if self.packed.len() < len {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let unpacked = snap::raw::decompress_len(&self.packed)?;
            if unpacked > len.saturating_mul(EXPANSION_MAX) {
                return Err(bad("a snappy block claims more than it can hold"));
            }
            self.block.resize(unpacked, 0);
            self.at = 0;
            self.decoder.decompress(&self.packed, &mut self.block)?;
            return Ok(true);
        }
    }
}

impl<R: BufRead> Read for Reader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            if into.is_empty() || !self.next_block()? {
                return Ok(0);
            }
        }
        let n = into.len().min(self.block.len() - self.at);
        into[..n].copy_from_slice(&self.block[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.push(bytes).unwrap();
        writer.end().unwrap();
        std::mem::take(writer.packed())
    }

    fn unpack(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Reader::new(bytes).read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn streams_of_any_length_survive() {
        for len in [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 17] {
            let bytes: Vec<u8> = (0..len).map(|i| ((i * i) >> 5) as u8).collect();
            assert_eq!(unpack(&pack(&bytes)).unwrap(), bytes);
        }
    }

    #[test]
    fn streams_after_one_another_are_one() {
        let both = [pack(b"abc"), pack(b"def")].concat();
        assert_eq!(unpack(&both).unwrap(), b"abcdef");
    }

    #[test]
    fn cut_and_lying_streams_are_errors() {
        let whole = pack(&[7; 100]);
        for len in (0..16).chain(17..whole.len()) {
            assert!(unpack(&whole[..len]).is_err(), "cut to {len}");
        }
        let mut lying = whole[..16].to_vec();
        lying.extend_from_slice(&5u32.to_be_bytes());
        lying.extend_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF, 0x0F]);
        assert!(unpack(&lying).is_err(), "a block of 4 GiB in five bytes");
    }
}

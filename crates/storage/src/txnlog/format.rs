//! The bytes of a log file. `docs/file-formats.md` has the tables.
//!
//! Two things are ours and invisible to the reference, whose reader stops at the first entry of
//! length zero. Behind the last entry stands a *batch mark*: where the batch that ends here began.
//! It is written with the batch in one write and overwritten by the next, so it costs nothing, and
//! it tells a batch that was cut by a crash from acknowledged bytes that rotted (HC-114, HC-115).
//! And the last bytes of the padding carry a *maker's mark*: only where it stands may the absence of
//! a batch mark mean anything.

use proto::jute::{put_i32, put_i64};
use simd_adler32::adler32;

/// First four bytes: `ZKLG`.
pub(crate) const MAGIC: i32 = 0x5A4B_4C47;
/// The only version there is.
pub(crate) const VERSION: i32 = 2;
/// Bytes of the file header: magic, version, database id 0.
pub(crate) const HEADER_BYTES: usize = 16;
/// Bytes in front of an entry: checksum and length.
pub(crate) const FRAME_BYTES: usize = 12;
/// The byte behind an entry.
pub(crate) const END_OF_ENTRY: u8 = b'B';
/// An entry holds at least a transaction header.
pub(crate) const ENTRY_BYTES_MIN: usize = 32;
/// Bytes of a batch mark.
pub(crate) const MARK_BYTES: usize = FRAME_BYTES + 4 + 8 + 8 + 4;
/// The last bytes of a file padded by us.
pub(crate) const MAKER: [u8; 16] = *b"\0\0\0\0\0\0\0\0ZABRAlog";

const MARK_MAGIC: i32 = 0x5A42_504D;

/// The file header.
pub(crate) fn header() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    put_i32(&mut bytes, MAGIC);
    put_i32(&mut bytes, VERSION);
    put_i64(&mut bytes, 0);
    bytes
}

/// Appends an entry in its frame.
pub(crate) fn put_entry(out: &mut Vec<u8>, entry: &[u8]) {
    put_i64(out, i64::from(adler32(&entry)));
    proto::jute::put_len(out, entry.len());
    out.extend_from_slice(entry);
    out.push(END_OF_ENTRY);
}

/// What a batch mark says. Both are file offsets; equal ones mean that all before is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchMark {
    /// Where the batch began. Everything before it was durable when it was written.
    pub(crate) start: u64,
    /// Where the batch, and the entries of the file, end; also where the mark itself stands.
    pub(crate) end: u64,
}

impl BatchMark {
    /// Appends the mark. It begins like an entry of length 0, which every reader takes for the end.
    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0; FRAME_BYTES]);
        let body = out.len();
        put_i32(out, MARK_MAGIC);
        put_i64(out, self.start as i64);
        put_i64(out, self.end as i64);
        let checksum = adler32(&&out[body..]);
        out.extend_from_slice(&checksum.to_be_bytes());
    }

    /// Reads the mark that stands at file offset `at`, if `bytes` begin with one.
    pub(crate) fn decode(bytes: &[u8], at: u64) -> Option<Self> {
        let mut expected = Vec::with_capacity(MARK_BYTES);
        let start = bytes.get(FRAME_BYTES + 4..FRAME_BYTES + 12)?;
        let start = u64::from_be_bytes(start.try_into().ok()?);
        let mark = Self { start, end: at };
        mark.encode(&mut expected);
        (start <= at && bytes.starts_with(&expected)).then_some(mark)
    }

    /// Cheap test whether a mark may stand at the start of `bytes`.
    pub(crate) fn is_likely(bytes: &[u8]) -> bool {
        bytes.get(FRAME_BYTES..FRAME_BYTES + 4) == Some(&MARK_MAGIC.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_only_where_it_was_written() {
        let mut bytes = Vec::new();
        let mark = BatchMark { start: 16, end: 4711 };
        mark.encode(&mut bytes);
        assert_eq!(bytes.len(), MARK_BYTES);
        assert!(BatchMark::is_likely(&bytes));
        assert_eq!(BatchMark::decode(&bytes, 4711), Some(mark));
        assert_eq!(BatchMark::decode(&bytes, 4712), None);
        for bit in 0..MARK_BYTES * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(BatchMark::decode(&bytes, 4711), None, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

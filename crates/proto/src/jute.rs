//! The primitive encoding: one reader, a handful of writers, and the trait records implement.
//!
//! Lengths are checked against the bytes that are really there before anything is allocated, so a
//! hostile length costs nothing.
//!
//! //= java: org.apache.jute.BinaryInputArchive, BinaryOutputArchive

use std::borrow::Cow;
use std::fmt;

/// Why bytes could not be decoded. Always the sender's fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// The input ended `missing` bytes before the value did.
    Truncated {
        /// What was being read.
        what: &'static str,
        /// How many more bytes the value claims.
        missing: u64,
    },
    /// A length or count below -1.
    NegativeLength {
        /// What was being read.
        what: &'static str,
        /// The length found.
        length: i32,
    },
    /// A null where the protocol has no meaning for one.
    UnexpectedNull {
        /// What was being read.
        what: &'static str,
    },
    /// A tag (opcode, transaction type, flag word) nobody knows.
    UnknownTag {
        /// What was being read.
        what: &'static str,
        /// The tag found.
        tag: i32,
    },
    /// More bytes than are allowed in this place.
    TooLarge {
        /// What was being read.
        what: &'static str,
        /// Bytes it has, at least.
        size: u64,
        /// Bytes allowed.
        max: usize,
    },
    /// Text of a form the protocol does not know.
    BadText {
        /// What was being read.
        what: &'static str,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { what, missing } => write!(f, "{what} ends {missing} bytes early"),
            Self::NegativeLength { what, length } => write!(f, "{what} has the impossible length {length}"),
            Self::UnexpectedNull { what } => write!(f, "{what} may not be null"),
            Self::UnknownTag { what, tag } => write!(f, "unknown {what} {tag}"),
            Self::TooLarge { what, size, max } => write!(f, "{what} has {size} bytes; {max} are allowed"),
            Self::BadText { what } => write!(f, "{what} cannot be understood"),
        }
    }
}

impl std::error::Error for DecodeError {}

type Result<T> = std::result::Result<T, DecodeError>;

/// A cursor over bytes that hands out borrowed values.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The unread bytes themselves.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn take<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N]> {
        match self.rest.split_first_chunk::<N>() {
            Some((head, tail)) => {
                self.rest = tail;
                Ok(*head)
            }
            None => Err(DecodeError::Truncated { what, missing: (N - self.rest.len()) as u64 }),
        }
    }

    /// Takes `len` raw bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when fewer are left.
    pub fn bytes(&mut self, len: usize, what: &'static str) -> Result<&'a [u8]> {
        match self.rest.split_at_checked(len) {
            Some((head, tail)) => {
                self.rest = tail;
                Ok(head)
            }
            None => Err(DecodeError::Truncated { what, missing: (len - self.rest.len()) as u64 }),
        }
    }

    /// One byte.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] at the end of the input.
    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.take::<1>("byte")?[0])
    }

    /// A boolean: any byte but 0 is true.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] at the end of the input.
    pub fn bool(&mut self) -> Result<bool> {
        Ok(self.take::<1>("boolean")?[0] != 0)
    }

    /// A 32-bit integer.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when fewer than 4 bytes are left.
    pub fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.take("int")?))
    }

    /// A 64-bit integer.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when fewer than 8 bytes are left.
    pub fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.take("long")?))
    }

    /// A length-prefixed buffer; length -1 is null, which differs from empty.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] or [`DecodeError::NegativeLength`].
    pub fn buffer(&mut self) -> Result<Option<&'a [u8]>> {
        let length = self.i32()?;
        match usize::try_from(length) {
            Ok(len) => self.bytes(len, "buffer").map(Some),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(DecodeError::NegativeLength { what: "buffer", length }),
        }
    }

    /// A length-prefixed string; length -1 is null. Invalid UTF-8 becomes U+FFFD as in Java, but a
    /// CESU-8 surrogate pair, which Java's own writer produces, is read as the character it means.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] or [`DecodeError::NegativeLength`].
    pub fn string(&mut self) -> Result<Option<Cow<'a, str>>> {
        Ok(self.buffer()?.map(|bytes| match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(decode_cesu8(bytes)),
        }))
    }

    /// A vector's element count; `None` for null. Counts below -1 mean empty, as in Java.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn count(&mut self) -> Result<Option<usize>> {
        Ok(match self.i32()? {
            -1 => None,
            n => Some(usize::try_from(n).unwrap_or(0)),
        })
    }
}

/// Reads what is not plain UTF-8: surrogate pairs written as two 3-byte sequences are joined, all
/// else that is invalid becomes U+FFFD.
fn decode_cesu8(bytes: &[u8]) -> String {
    fn surrogate(b: &[u8]) -> Option<u32> {
        match b {
            [0xED, hi @ 0xA0..=0xBF, lo @ 0x80..=0xBF, ..] => {
                Some(0xD000 | (u32::from(hi & 0x3F) << 6) | u32::from(lo & 0x3F))
            }
            _ => None,
        }
    }
    let mut out = String::with_capacity(bytes.len());
    let mut plain = 0;
    let mut at = 0;
    while at + 6 <= bytes.len() {
        let pair = surrogate(&bytes[at..]).zip(surrogate(&bytes[at + 3..]));
        match pair {
            Some((high @ 0xD800..=0xDBFF, low @ 0xDC00..=0xDFFF)) => {
                out.push_str(&String::from_utf8_lossy(&bytes[plain..at]));
                let scalar = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                out.push(char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER));
                at += 6;
                plain = at;
            }
            _ => at += 1,
        }
    }
    out.push_str(&String::from_utf8_lossy(&bytes[plain..]));
    out
}

/// Appends a 32-bit integer.
pub fn put_i32(out: &mut Vec<u8>, value: i32) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends a 64-bit integer.
pub fn put_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends a boolean as 0 or 1.
pub fn put_bool(out: &mut Vec<u8>, value: bool) {
    out.push(u8::from(value));
}

/// Appends a buffer, null as length -1.
pub fn put_buffer(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        Some(bytes) => {
            put_len(out, bytes.len());
            out.extend_from_slice(bytes);
        }
        None => put_i32(out, -1),
    }
}

/// Appends a string, null as length -1. Characters beyond the basic plane are written as two
/// 3-byte surrogates, because that is what Java's writer does and what its clients were built on.
pub fn put_string(out: &mut Vec<u8>, value: Option<&str>) {
    let Some(text) = value else { return put_i32(out, -1) };
    // Only a 4-byte sequence (lead byte 0xF0 and up) differs between UTF-8 and CESU-8.
    if text.as_bytes().iter().all(|b| *b < 0xF0) {
        put_len(out, text.len());
        out.extend_from_slice(text.as_bytes());
        return;
    }
    put_len(out, text.chars().map(|c| if c.len_utf8() == 4 { 6 } else { c.len_utf8() }).sum());
    for c in text.chars() {
        let mut units = [0u16; 2];
        match c.encode_utf16(&mut units) {
            [_] => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            pair => {
                for unit in pair.iter().map(|u| u32::from(*u)) {
                    out.extend_from_slice(&[
                        0xED,
                        (0x80 | (unit >> 6 & 0x3F)) as u8,
                        (0x80 | (unit & 0x3F)) as u8,
                    ]);
                }
            }
        }
    }
}

/// Appends a vector's element count or a byte length.
///
/// # Panics
/// When a single value is larger than 2 GiB: no frame or file entry of ours can be.
pub fn put_len(out: &mut Vec<u8>, len: usize) {
    put_i32(out, i32::try_from(len).expect("a jute value is smaller than 2 GiB"));
}

/// A value with a place in ZooKeeper's encoding.
pub trait Wire<'a>: Sized {
    /// The fewest bytes an encoded value can take: bounds what a vector's count may allocate.
    const MIN_LEN: usize;

    /// Reads one value.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not such a value.
    fn decode(from: &mut Reader<'a>) -> Result<Self>;

    /// Appends the value.
    fn encode(&self, out: &mut Vec<u8>);
}

macro_rules! primitive {
    ($ty:ty, $len:literal, $get:ident, $put:ident) => {
        impl<'a> Wire<'a> for $ty {
            const MIN_LEN: usize = $len;
            fn decode(from: &mut Reader<'a>) -> Result<Self> {
                from.$get()
            }
            fn encode(&self, out: &mut Vec<u8>) {
                $put(out, *self);
            }
        }
    };
}

primitive!(i32, 4, i32, put_i32);
primitive!(i64, 8, i64, put_i64);
primitive!(bool, 1, bool, put_bool);
primitive!(Option<&'a [u8]>, 4, buffer, put_buffer);

impl<'a> Wire<'a> for Cow<'a, str> {
    const MIN_LEN: usize = 4;
    fn decode(from: &mut Reader<'a>) -> Result<Self> {
        from.string()?.ok_or(DecodeError::UnexpectedNull { what: "string" })
    }
    fn encode(&self, out: &mut Vec<u8>) {
        put_string(out, Some(self));
    }
}

impl<'a> Wire<'a> for Option<Cow<'a, str>> {
    const MIN_LEN: usize = 4;
    fn decode(from: &mut Reader<'a>) -> Result<Self> {
        from.string()
    }
    fn encode(&self, out: &mut Vec<u8>) {
        put_string(out, self.as_deref());
    }
}

impl<'a> Wire<'a> for String {
    const MIN_LEN: usize = 4;
    fn decode(from: &mut Reader<'a>) -> Result<Self> {
        Cow::decode(from).map(Cow::into_owned)
    }
    fn encode(&self, out: &mut Vec<u8>) {
        put_string(out, Some(self));
    }
}

impl<'a> Wire<'a> for Option<Vec<u8>> {
    const MIN_LEN: usize = 4;
    fn decode(from: &mut Reader<'a>) -> Result<Self> {
        Ok(from.buffer()?.map(<[u8]>::to_vec))
    }
    fn encode(&self, out: &mut Vec<u8>) {
        put_buffer(out, self.as_deref());
    }
}

impl<'a, T: Wire<'a>> Wire<'a> for Option<Vec<T>> {
    const MIN_LEN: usize = 4;
    fn decode(from: &mut Reader<'a>) -> Result<Self> {
        let Some(count) = from.count()? else { return Ok(None) };
        let mut items = Vec::with_capacity(count.min(from.remaining() / T::MIN_LEN.max(1)));
        for _ in 0..count {
            items.push(T::decode(from)?);
        }
        Ok(Some(items))
    }
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Some(items) => encode_slice(items, out),
            None => put_i32(out, -1),
        }
    }
}

/// A vector in which null and empty mean the same.
impl<'a, T: Wire<'a>> Wire<'a> for Vec<T> {
    const MIN_LEN: usize = 4;
    fn decode(from: &mut Reader<'a>) -> Result<Self> {
        Ok(Option::<Vec<T>>::decode(from)?.unwrap_or_default())
    }
    fn encode(&self, out: &mut Vec<u8>) {
        encode_slice(self, out);
    }
}

/// Appends a counted vector from a slice.
pub fn encode_slice<'a, T: Wire<'a>>(items: &[T], out: &mut Vec<u8>) {
    put_len(out, items.len());
    for item in items {
        item.encode(out);
    }
}

/// Declares a record: its fields in wire order, and both directions of its encoding.
macro_rules! record {
    ($(#[$meta:meta])* $name:ident $(<$lt:lifetime>)? { $($(#[$fmeta:meta])* $field:ident : $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name $(<$lt>)? {
            $($(#[$fmeta])* pub $field: $ty,)*
        }
        $crate::jute::record!(@wire $name $(<$lt>)?, $($field: $ty),*);
    };
    (@wire $name:ident <$lt:lifetime>, $($field:ident : $ty:ty),*) => {
        impl<$lt> $crate::jute::Wire<$lt> for $name<$lt> {
            $crate::jute::record!(@body $lt, $($field: $ty),*);
        }
    };
    (@wire $name:ident, $($field:ident : $ty:ty),*) => {
        impl<'a> $crate::jute::Wire<'a> for $name {
            $crate::jute::record!(@body 'a, $($field: $ty),*);
        }
    };
    (@body $lt:lifetime, $($field:ident : $ty:ty),*) => {
        const MIN_LEN: usize = 0 $(+ <$ty as $crate::jute::Wire<$lt>>::MIN_LEN)*;
        fn decode(from: &mut $crate::jute::Reader<$lt>) -> Result<Self, $crate::jute::DecodeError> {
            Ok(Self { $($field: $crate::jute::Wire::decode(from)?,)* })
        }
        fn encode(&self, out: &mut Vec<u8>) {
            $($crate::jute::Wire::encode(&self.$field, out);)*
        }
    };
}
pub(crate) use record;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_empty_buffers_stay_distinct() {
        let mut out = Vec::new();
        put_buffer(&mut out, None);
        put_buffer(&mut out, Some(b""));
        let mut r = Reader::new(&out);
        assert_eq!(r.buffer(), Ok(None));
        assert_eq!(r.buffer(), Ok(Some(&b""[..])));
    }

    #[test]
    fn supplementary_characters_travel_as_surrogate_pairs() {
        let mut out = Vec::new();
        put_string(&mut out, Some("a\u{1F600}b"));
        assert_eq!(out, [0, 0, 0, 8, b'a', 0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80, b'b']);
        assert_eq!(Reader::new(&out).string().unwrap().unwrap(), "a\u{1F600}b");
    }

    #[test]
    fn invalid_text_becomes_replacement_characters() {
        let bytes = [0, 0, 0, 3, b'a', 0xFF, b'b'];
        assert_eq!(Reader::new(&bytes).string().unwrap().unwrap(), "a\u{FFFD}b");
    }

    #[test]
    fn hc_164_a_huge_count_allocates_nothing_and_fails() {
        let mut bytes = Vec::new();
        put_i32(&mut bytes, i32::MAX);
        put_i32(&mut bytes, 1);
        let got = Option::<Vec<String>>::decode(&mut Reader::new(&bytes));
        assert!(matches!(got, Err(DecodeError::Truncated { .. })), "{got:?}");
    }

    #[test]
    fn hc_164_negative_counts_other_than_null_mean_empty() {
        let bytes = (-7i32).to_be_bytes();
        assert_eq!(Option::<Vec<i32>>::decode(&mut Reader::new(&bytes)), Ok(Some(vec![])));
    }

    #[test]
    fn hc_163_lengths_beyond_the_input_are_refused() {
        for length in [i32::MAX, 5, i32::MIN, -2] {
            let mut bytes = length.to_be_bytes().to_vec();
            bytes.extend_from_slice(b"abcd");
            assert!(Reader::new(&bytes).buffer().is_err(), "length {length}");
        }
    }
}

//! Identifiers that must not be mixed up: each its own type.

use crate::jute::{DecodeError, Reader, Wire};
use std::fmt;

/// A transaction id: the epoch of its leader in the upper 32 bits, a counter in the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Zxid(pub i64);

impl Zxid {
    /// Before the first transaction.
    pub const ZERO: Zxid = Zxid(0);

    /// Builds a zxid from its halves.
    pub fn new(epoch: u32, counter: u32) -> Self {
        Self(((u64::from(epoch) << 32) | u64::from(counter)) as i64)
    }

    /// The leader epoch.
    pub fn epoch(self) -> u32 {
        (self.0 as u64 >> 32) as u32
    }

    /// The position within the epoch.
    pub fn counter(self) -> u32 {
        self.0 as u32
    }

    /// The zxid after this one; `None` when the counter is used up, because a wrapped counter
    /// would sort before transactions already committed (HC-58).
    pub fn next(self) -> Option<Zxid> {
        (self.counter() != u32::MAX).then_some(Zxid(self.0 + 1))
    }
}

impl fmt::Display for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A session: the id of the server that created it in the top byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SessionId(pub i64);

impl SessionId {
    /// No session: the client asks for a new one, or the server acts for itself.
    pub const NONE: SessionId = SessionId(0);
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

macro_rules! long_newtype {
    ($($name:ident),*) => {$(
        impl<'a> Wire<'a> for $name {
            const MIN_LEN: usize = 8;
            fn decode(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
                from.i64().map($name)
            }
            fn encode(&self, out: &mut Vec<u8>) {
                self.0.encode(out);
            }
        }
    )*};
}
long_newtype!(Zxid, SessionId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hc_58_the_counter_never_wraps_into_a_used_zxid() {
        assert_eq!(Zxid::new(1, u32::MAX).next(), None);
        assert_eq!(Zxid::new(1, u32::MAX - 1).next(), Some(Zxid::new(1, u32::MAX)));
    }

    #[test]
    fn zxids_print_in_hex() {
        assert_eq!(Zxid::new(2, 0x1f).to_string(), "0x20000001f");
    }
}

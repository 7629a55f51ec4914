//! The first message on an election connection: who calls, and where it can be reached.
//!
//! //= java: QuorumCnxManager.InitialMessage

use crate::jute::{DecodeError, Reader, put_buffer, put_i64};

/// One address follows.
pub const VERSION_1: i64 = -65536;
/// Several addresses follow, separated by `|`.
pub const VERSION_2: i64 = -65535;
/// Longest address accepted, bytes.
pub const ADDRESS_MAX: usize = 2048;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Its id; 2^63-1 from an observer without one.
    pub server_id: i64,
    /// `host:port` of its election port, or several; empty from a server before 3.5.
    pub addresses: Vec<String>,
}

impl Hello {
    /// Its bytes: to be sent in one write, because the reference reads the address with a single read.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_i64(&mut out, if self.addresses.len() > 1 { VERSION_2 } else { VERSION_1 });
        put_i64(&mut out, self.server_id);
        put_buffer(&mut out, Some(self.addresses.join("|").as_bytes()));
        out
    }

    /// Takes the message off the front of `bytes`, with its length; `None` when more has to come.
    ///
    /// # Errors
    /// This is no election connection (HC-161).
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, DecodeError> {
        let mut from = Reader::new(bytes);
        let Ok(first) = from.i64() else { return Ok(None) };
        if first >= 0 {
            return Ok(Some((Self { server_id: first, addresses: Vec::new() }, 8)));
        }
        if first != VERSION_1 && first != VERSION_2 {
            return Err(DecodeError::UnknownTag { what: "election protocol version", tag: first as i32 });
        }
        let (Ok(server_id), Ok(length)) = (from.i64(), from.i32()) else { return Ok(None) };
        let size = usize::try_from(length).ok().filter(|n| (1..=ADDRESS_MAX).contains(n));
        let size = size.ok_or(DecodeError::NegativeLength { what: "election address", length })?;
        if from.remaining() < size {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(from.bytes(size, "election address")?).into_owned();
        let addresses = text.split('|').map(str::to_owned).collect();
        Ok(Some((Self { server_id, addresses }, 20 + size)))
    }
}

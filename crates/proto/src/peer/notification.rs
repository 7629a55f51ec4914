//! Votes on their way between servers.
//!
//! //= java: FastLeaderElection.buildMsg

use crate::Zxid;
use crate::jute::{DecodeError, Reader, put_i32, put_i64};
use std::sync::Arc;

/// What a server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum PeerState {
    /// Electing.
    Looking = 0,
    /// Following a leader.
    Following = 1,
    /// Leading.
    Leading = 2,
    /// Observing a leader.
    Observing = 3,
}

/// The layout written by everybody since 3.5: with the configuration at its end.
pub const VERSION: i32 = 2;

/// One vote and who stands behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// What the sender is doing.
    pub state: PeerState,
    /// The server voted for.
    pub leader: i64,
    /// Its last logged transaction.
    pub zxid: Zxid,
    /// The election round of the sender.
    pub round: i64,
    /// The epoch of the server voted for.
    pub epoch: i64,
    /// Layout of the message: 0 before there were versions, else [`VERSION`].
    pub version: i32,
    /// Text of the sender's committed configuration.
    pub config: Option<Arc<str>>,
}

impl Notification {
    /// Its bytes, without the length in front.
    pub fn to_bytes(&self) -> Vec<u8> {
        let config = self.config.as_deref().unwrap_or_default();
        let mut out = Vec::with_capacity(44 + config.len());
        put_i32(&mut out, self.state as i32);
        put_i64(&mut out, self.leader);
        put_i64(&mut out, self.zxid.0);
        put_i64(&mut out, self.round);
        put_i64(&mut out, self.epoch);
        put_i32(&mut out, VERSION);
        put_i32(&mut out, i32::try_from(config.len()).unwrap_or(0));
        out.extend_from_slice(config.as_bytes());
        out
    }

    /// Reads any layout there has been.
    ///
    /// # Errors
    /// The message is of no known layout, or the configuration in it is cut off (HC-162).
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        let state = match from.i32()? {
            0 => PeerState::Looking,
            1 => PeerState::Following,
            2 => PeerState::Leading,
            3 => PeerState::Observing,
            tag => return Err(DecodeError::UnknownTag { what: "server state", tag }),
        };
        let (leader, zxid, round) = (from.i64()?, Zxid(from.i64()?), from.i64()?);
        let mut read =
            Self { state, leader, zxid, round, epoch: i64::from(zxid.epoch()), version: 0, config: None };
        if from.remaining() == 0 {
            return Ok(read);
        }
        read.epoch = from.i64()?;
        let version = from.i32()?;
        if from.remaining() == 0 {
            return Ok(read);
        }
        read.version = version;
        if version > 1 {
            let text = from.buffer()?.unwrap_or_default();
            read.config = Some(String::from_utf8_lossy(text).into());
        }
        Ok(read)
    }
}

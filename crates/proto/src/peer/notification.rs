//! Votes on their way between servers: an int with the length, then the message.
//!
//! //= java: FastLeaderElection.buildMsg, FastLeaderElection.WorkerReceiver

use crate::Zxid;
use crate::jute::{DecodeError, Reader, put_buffer, put_i32, put_i64};
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
/// Longest message, bytes; a link that announces a longer one, or one of no bytes, is closed.
pub const LENGTH_MAX: usize = 512 << 10;

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
    /// Layout of a message that was read: 0 before there were versions, 1, or [`VERSION`], which is what
    /// is written whatever this says.
    pub version: i32,
    /// Text of the sender's committed configuration. Servers of the reference need one: without, their
    /// part in elections may end for good.
    pub config: Option<Arc<str>>,
}

impl Notification {
    /// Its bytes, without the length in front.
    pub fn to_bytes(&self) -> Vec<u8> {
        let config = self.config.as_deref().unwrap_or_default();
        let mut out = Vec::with_capacity(44 + config.len());
        self.encode(config, &mut out);
        out
    }

    /// Its bytes with the length in front: what goes over the connection.
    pub fn to_frame(&self) -> Vec<u8> {
        let config = self.config.as_deref().unwrap_or_default();
        let mut out = Vec::with_capacity(48 + config.len());
        put_i32(&mut out, 0);
        self.encode(config, &mut out);
        let length = out.len() as u32 - 4;
        out[..4].copy_from_slice(&length.to_be_bytes());
        out
    }

    fn encode(&self, config: &str, out: &mut Vec<u8>) {
        put_i32(out, self.state as i32);
        put_i64(out, self.leader);
        put_i64(out, self.zxid.0);
        put_i64(out, self.round);
        put_i64(out, self.epoch);
        put_i32(out, VERSION);
        put_buffer(out, Some(config.as_bytes()));
    }

    /// Reads any layout there has been.
    ///
    /// # Errors
    /// The message is of no known layout, or the configuration in it is cut off (HC-162). The link is
    /// none the worse: the message is to be passed over.
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
            let text = from.buffer()?.ok_or(DecodeError::UnexpectedNull { what: "configuration" })?;
            read.config = (!text.is_empty()).then(|| String::from_utf8_lossy(text).into());
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(config: Option<&str>) -> Notification {
        Notification {
            state: PeerState::Leading,
            leader: 3,
            zxid: Zxid::new(7, 9),
            round: 5,
            epoch: 8,
            version: VERSION,
            config: config.map(Into::into),
        }
    }

    #[test]
    fn hc_14_every_layout_there_has_been_is_read() {
        let text = "server.1=h\u{f6}st:2888:3888:participant\nversion=100000000";
        let full = vote(Some(text)).to_bytes();
        assert_eq!(full.len(), 44 + text.len());
        assert_eq!(Notification::decode(&full), Ok(vote(Some(text))));
        let old = |version, epoch| Ok(Notification { version, epoch, ..vote(None) });
        assert_eq!(Notification::decode(&full[..28]), old(0, 7), "the epoch is the zxid's");
        assert_eq!(Notification::decode(&full[..40]), old(0, 8), "the version's word says nothing yet");
        let mut first = full.clone();
        first[39] = 1;
        assert_eq!(Notification::decode(&first), old(1, 8), "no configuration before version 2");
        let mut newer = full.clone();
        newer[39] = 9;
        newer.extend_from_slice(b"something new");
        assert_eq!(Notification::decode(&newer), Ok(Notification { version: 9, ..vote(Some(text)) }));
    }

    #[test]
    fn every_state_comes_back_and_an_empty_configuration_is_none() {
        for state in [PeerState::Looking, PeerState::Following, PeerState::Leading, PeerState::Observing] {
            let vote = Notification { state, leader: i64::MIN, ..vote(None) };
            assert_eq!(Notification::decode(&vote.to_bytes()), Ok(vote.clone()));
            assert_eq!(vote.to_frame(), [&[0, 0, 0, 44][..], &vote.to_bytes()].concat());
        }
    }

    #[test]
    fn hc_162_a_cut_message_or_an_impossible_length_is_an_error() {
        let full = vote(Some("version=0")).to_bytes();
        for cut in 0..full.len() {
            let whole = matches!(cut, 28 | 40);
            assert_eq!(Notification::decode(&full[..cut]).is_ok(), whole, "{cut} bytes");
        }
        for length in [-1, i32::MIN, 10, i32::MAX] {
            let mut bytes = full.clone();
            bytes[40..44].copy_from_slice(&i32::to_be_bytes(length));
            assert!(Notification::decode(&bytes).is_err(), "{length}");
        }
        let mut bytes = full;
        bytes[3] = 4;
        assert!(Notification::decode(&bytes).is_err(), "no such state");
    }
}

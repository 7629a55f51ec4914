//! Packets between a learner and its leader.
//!
//! There is no length in front: a packet ends where its fields end.
//!
//! //= java: QuorumPacket, LearnerInfo

use super::Entry;
use crate::acl::Id;
use crate::jute::{DecodeError, Reader, Wire, put_buffer, put_i32, put_i64, put_len};
use crate::{SessionId, Zxid};

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum PacketKind {
    /// Learner to leader: a client's request.
    Request = 1,
    /// A transaction to log and acknowledge.
    Proposal = 2,
    /// Learner to leader: everything up to this zxid is durable.
    Ack = 3,
    /// To a follower: apply what was proposed.
    Commit = 4,
    /// Both ways: alive, and which sessions are.
    Ping = 5,
    /// Both ways: is this session alive?
    Revalidate = 6,
    /// To a learner: its oldest `sync` is done.
    Sync = 7,
    /// To an observer: proposal and commit in one.
    Inform = 8,
    /// To a follower: commit a new membership.
    CommitAndActivate = 9,
    /// Synchronization is complete up to here.
    NewLeader = 10,
    /// First packet of a follower.
    FollowerInfo = 11,
    /// The learner may serve clients.
    UpToDate = 12,
    /// Synchronization by the transactions that are missing.
    Diff = 13,
    /// Synchronization by cutting the log first.
    Trunc = 14,
    /// Synchronization by a whole snapshot, which follows.
    Snap = 15,
    /// First packet of an observer.
    ObserverInfo = 16,
    /// The leader's new epoch.
    LeaderInfo = 17,
    /// The learner's epoch and last zxid.
    AckEpoch = 18,
    /// To an observer: proposal and commit of a new membership.
    InformAndActivate = 19,
}

impl PacketKind {
    /// The kind with this number.
    pub fn from_code(code: i32) -> Option<Self> {
        use PacketKind::*;
        let all = [
            Request,
            Proposal,
            Ack,
            Commit,
            Ping,
            Revalidate,
            Sync,
            Inform,
            CommitAndActivate,
            NewLeader,
            FollowerInfo,
            UpToDate,
            Diff,
            Trunc,
            Snap,
            ObserverInfo,
            LeaderInfo,
            AckEpoch,
            InformAndActivate,
        ];
        all.into_iter().find(|kind| *kind as i32 == code)
    }
}

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// What it is.
    pub kind: PacketKind,
    /// A zxid or epoch, by kind.
    pub zxid: Zxid,
    /// Contents, by kind.
    pub data: Option<Entry>,
    /// Identities of the client whose request this is.
    pub auth: Option<Vec<Id>>,
}

impl Packet {
    /// A packet without contents.
    pub fn new(kind: PacketKind, zxid: Zxid) -> Self {
        Self { kind, zxid, data: None, auth: None }
    }

    /// A packet with contents.
    pub fn with(kind: PacketKind, zxid: Zxid, data: impl Into<Entry>) -> Self {
        Self { kind, zxid, data: Some(data.into()), auth: None }
    }

    /// Appends its bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_i32(out, self.kind as i32);
        put_i64(out, self.zxid.0);
        put_buffer(out, self.data.as_deref());
        match &self.auth {
            None => put_i32(out, -1),
            Some(ids) => {
                put_len(out, ids.len());
                for id in ids {
                    id.encode(out);
                }
            }
        }
    }
}

/// Bytes of a packet in front of its contents.
const FIXED: usize = 4 + 8 + 4;

impl Packet {
    /// Takes one packet off the front of `bytes`: the packet and its length, or `None` when its end has
    /// not come yet. `data_max` bounds the contents and the identities, each, in bytes.
    ///
    /// # Errors
    /// What stands there is no packet, or a larger one than allowed: the link is of no more use (HC-161).
    pub fn parse(bytes: &[u8], data_max: usize) -> Result<Option<(Self, usize)>, DecodeError> {
        let mut from = Reader::new(bytes);
        if bytes.len() < FIXED {
            // Strangers are turned away by their first word.
            return from.i32().map_or(Ok(None), |code| kind_of(code).map(|_| None));
        }
        let (kind, zxid) = (kind_of(from.i32()?)?, Zxid(from.i64()?));
        let what = "packet contents";
        let length = from.i32()?;
        let data = match usize::try_from(length) {
            Ok(size) if size > data_max => {
                return Err(DecodeError::TooLarge { what, size: size as u64, max: data_max });
            }
            Ok(size) if size > from.remaining() => return Ok(None),
            Ok(size) => Some(from.bytes(size, what)?),
            Err(_) if length == -1 => None,
            Err(_) => return Err(DecodeError::NegativeLength { what, length }),
        };
        let unread = from.remaining();
        let auth = match Wire::decode(&mut from) {
            Ok(auth) => auth,
            Err(DecodeError::Truncated { missing, .. }) => {
                let size = unread as u64 + missing;
                return match size > data_max as u64 {
                    true => Err(DecodeError::TooLarge { what: "packet identities", size, max: data_max }),
                    false => Ok(None),
                };
            }
            Err(error) => return Err(error),
        };
        let packet = Self { kind, zxid, data: data.map(Into::into), auth };
        Ok(Some((packet, bytes.len() - from.remaining())))
    }
}

fn kind_of(code: i32) -> Result<PacketKind, DecodeError> {
    PacketKind::from_code(code).ok_or(DecodeError::UnknownTag { what: "packet type", tag: code })
}

/// The only version of the protocol between learner and leader.
pub const PROTOCOL_VERSION: i32 = 0x10000;

/// Contents of the first packet of a learner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LearnerInfo {
    /// Who it is.
    pub server_id: i64,
    /// [`PROTOCOL_VERSION`], or less for a peer before 3.4.
    pub protocol: i32,
    /// Version of its configuration; 0 when it says none.
    pub config_version: i64,
}

impl LearnerInfo {
    /// Its bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(20);
        put_i64(&mut out, self.server_id);
        put_i32(&mut out, self.protocol);
        put_i64(&mut out, self.config_version);
        out
    }

    /// Reads any of the three lengths there have been.
    ///
    /// # Errors
    /// Too short.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        let server_id = from.i64()?;
        let protocol = if from.remaining() >= 4 { from.i32()? } else { 0 };
        let config_version = if from.remaining() >= 8 { from.i64()? } else { 0 };
        Ok(Self { server_id, protocol, config_version })
    }
}

/// Contents of a [`PacketKind::Request`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded<'a> {
    /// Whose request.
    pub session: SessionId,
    /// The client's number for it.
    pub cxid: i32,
    /// Operation, see [`crate::OpCode`].
    pub op: i32,
    /// The undecoded record.
    pub body: &'a [u8],
}

impl<'a> Forwarded<'a> {
    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.body.len());
        self.session.encode(&mut out);
        put_i32(&mut out, self.cxid);
        put_i32(&mut out, self.op);
        out.extend_from_slice(self.body);
        out
    }

    /// Reads it back.
    ///
    /// # Errors
    /// Too short.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes);
        let (session, cxid, op) = (SessionId(from.i64()?), from.i32()?, from.i32()?);
        Ok(Self { session, cxid, op, body: from.rest() })
    }
}

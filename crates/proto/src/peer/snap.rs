//! The body of a SNAP: a whole tree, streamed between a [`super::PacketKind::Snap`] packet and the next.
//!
//! It is a snapshot file without its header, its seals and its blocks: sessions, lists of permissions,
//! nodes, the mark `/`, and a signature.
//!
//! A sender writes what `encode_prologue` and [`SnapshotNode::encode`] produce, but for the first
//! [`crate::snapshot::HEADER_BYTES`], and then [`encode_end`]. A receiver keeps the bytes of the link in a
//! buffer and hands them to [`SnapStream::feed`]:
//!
//! ```
//! # use proto::peer::snap::{SnapStream, Fed, encode_end};
//! # use proto::snapshot::*;
//! # use proto::{SessionId, acl::Acl};
//! # #[derive(Default)] struct Tree(usize);
//! # impl SnapshotSink for Tree {
//! #     fn session(&mut self, _: SessionId, _: i32) {}
//! #     fn acl(&mut self, _: i64, _: Vec<Acl>) {}
//! #     fn node(&mut self, _: &SnapshotNode<'_>) -> Result<(), String> { self.0 += 1; Ok(()) }
//! #     fn digest(&mut self, _: ZxidDigest) {}
//! # }
//! # let mut sent = Vec::new();
//! # encode_tables(&[(SessionId(1), 4000)], &[], &mut sent);
//! # encode_end(&mut sent);
//! # sent.extend_from_slice(b"next packet");
//! # let mut tree = Tree::default();
//! let mut stream = SnapStream::new(1 << 20);
//! let mut buffer = Vec::new();
//! for piece in sent.chunks(7) {
//!     buffer.extend_from_slice(piece);
//!     let Fed { consumed, done } = stream.feed(&buffer, &mut tree)?;
//!     buffer.drain(..consumed);
//!     if done {
//!         break; // what is left in the buffer begins the next packet
//!     }
//! }
//! # assert!(b"next packet".starts_with(&buffer));
//! # Ok::<(), proto::peer::snap::SnapError>(())
//! ```
//!
//! //= java: LearnerHandler.run, Learner.syncWithLeader

use crate::ids::SessionId;
use crate::jute::{DecodeError, Reader, Wire, put_string};
use crate::snapshot::{END_OF_NODES, SnapshotNode, SnapshotSink};
use std::fmt;

/// What follows the last node's mark.
pub const SIGNATURE: &str = "BenWasHere";

/// Appends what comes after the nodes.
pub fn encode_end(out: &mut Vec<u8>) {
    put_string(out, Some(END_OF_NODES));
    put_string(out, Some(SIGNATURE));
}

/// Why a body cannot be used: the link is of no more use either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapError {
    /// The bytes are no snapshot.
    Decode(DecodeError),
    /// A record is larger than allowed.
    TooLarge {
        /// Bytes it claims, at least.
        bytes: u64,
        /// Bytes allowed.
        max: usize,
    },
    /// A node is impossible, for the reason given.
    Node(String),
    /// The nodes were not followed by the signature.
    Signature,
}

impl fmt::Display for SnapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => write!(f, "the leader's snapshot cannot be read: {error}"),
            Self::TooLarge { bytes, max } => {
                write!(
                    f,
                    "a record of the leader's snapshot has {bytes} bytes; {max} are allowed (jute.maxbuffer)"
                )
            }
            Self::Node(why) => write!(f, "the leader's snapshot is impossible: {why}"),
            Self::Signature => f.write_str("the leader's snapshot does not end in its signature"),
        }
    }
}

impl std::error::Error for SnapError {}

/// How far a [`SnapStream::feed`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fed {
    /// Bytes taken off the front; what is left is to be given again, with more behind it.
    pub consumed: usize,
    /// Whether the signature was read: what is left is no longer the snapshot's.
    pub done: bool,
}

/// Reads a body as it arrives.
#[derive(Debug)]
pub struct SnapStream {
    record_max: usize,
    at: Place,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    SessionCount,
    Sessions(i32),
    AclCount,
    Acls(i32),
    Nodes,
    Signature,
    End,
}

impl SnapStream {
    /// At the first byte behind the SNAP packet. `record_max` bounds one record, that is a node with its
    /// path and data or a list of permissions, in bytes; a receiver's buffer need never be larger.
    pub fn new(record_max: usize) -> Self {
        Self { record_max, at: Place::SessionCount }
    }

    /// Hands every record that is complete to `sink`, in order. Memory is `sink`'s business alone.
    ///
    /// # Errors
    /// The sender is at fault; see [`SnapError`].
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl SnapshotSink) -> Result<Fed, SnapError> {
        let mut from = Reader::new(bytes);
        while self.at != Place::End {
            let mut record = from.clone();
            match self.record(&mut record, sink) {
                Ok(next) => (self.at, from) = (next, record),
                Err(SnapError::Decode(DecodeError::Truncated { missing, .. })) => {
                    let claimed = from.remaining() as u64 + missing;
                    if claimed > self.record_max as u64 {
                        return Err(SnapError::TooLarge { bytes: claimed, max: self.record_max });
                    }
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Fed { consumed: bytes.len() - from.remaining(), done: self.at == Place::End })
    }

    /// Passes one record on, and says what comes after it.
    fn record(&self, from: &mut Reader<'_>, sink: &mut impl SnapshotSink) -> Result<Place, SnapError> {
        Ok(match self.at {
            Place::SessionCount => sessions(from.i32()?),
            Place::Sessions(left) => {
                let (id, timeout_ms) = (SessionId::decode(from)?, from.i32()?);
                sink.session(id, timeout_ms);
                sessions(left - 1)
            }
            Place::AclCount => acls(from.i32()?),
            Place::Acls(left) => {
                let (id, acl) = (from.i64()?, Wire::decode(from)?);
                sink.acl(id, acl);
                acls(left - 1)
            }
            Place::Nodes => node(from, sink)?,
            Place::Signature => match from.string()?.as_deref() {
                Some(SIGNATURE) => Place::End,
                _ => return Err(SnapError::Signature),
            },
            Place::End => Place::End,
        })
    }
}

fn sessions(left: i32) -> Place {
    if left > 0 { Place::Sessions(left) } else { Place::AclCount }
}

fn acls(left: i32) -> Place {
    if left > 0 { Place::Acls(left) } else { Place::Nodes }
}

fn node(from: &mut Reader<'_>, sink: &mut impl SnapshotSink) -> Result<Place, SnapError> {
    let path = from.string()?.ok_or(DecodeError::UnexpectedNull { what: "node path" })?;
    if path == END_OF_NODES {
        return Ok(Place::Signature);
    }
    let node =
        SnapshotNode { path: &path, data: from.buffer()?, acl: from.i64()?, stat: Wire::decode(from)? };
    sink.node(&node).map_err(SnapError::Node)?;
    Ok(Place::Nodes)
}

impl From<DecodeError> for SnapError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

//! What clients send after the handshake: a header, then one of these records.
//!
//! Strings and data borrow from the frame, so that decoding a read allocates nothing.

use crate::acl::Acl;
use crate::jute::{DecodeError, Reader, Wire, record};
use std::borrow::Cow;

/// Transaction ids with a meaning of their own; clients count their requests from 1.
pub mod xid {
    /// A watch event, server to client.
    pub const NOTIFICATION: i32 = -1;
    /// A heartbeat.
    pub const PING: i32 = -2;
    /// An auth packet.
    pub const AUTH: i32 = -4;
    /// Re-registration of watches.
    pub const SET_WATCHES: i32 = -8;
}

record! {
    /// In front of every request.
    #[derive(Copy)]
    RequestHeader {
        /// Chosen by the client, echoed in the reply; opaque but for [`xid`].
        xid: i32,
        /// The operation, see [`crate::OpCode`].
        kind: i32,
    }
}

record! {
    /// `create`, `create2`, `createContainer`.
    CreateRequest<'a> {
        /// Where; a prefix of the final name when sequential.
        path: Cow<'a, str>,
        /// Initial data.
        data: Option<&'a [u8]>,
        /// Its access control list; null and empty are refused.
        acl: Option<Vec<Acl>>,
        /// See [`CreateMode`].
        flags: i32,
    }
}

record! {
    /// `createTTL`.
    CreateTtlRequest<'a> {
        /// Where; a prefix of the final name when sequential.
        path: Cow<'a, str>,
        /// Initial data.
        data: Option<&'a [u8]>,
        /// Its access control list; null and empty are refused.
        acl: Option<Vec<Acl>>,
        /// See [`CreateMode`].
        flags: i32,
        /// Milliseconds after the last change at which an empty node is removed.
        ttl: i64,
    }
}

/// What kind of node a create makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum CreateMode {
    /// Stays until deleted.
    Persistent = 0,
    /// Goes with its session.
    Ephemeral = 1,
    /// Persistent, with a number appended to its name.
    PersistentSequential = 2,
    /// Ephemeral, with a number appended to its name.
    EphemeralSequential = 3,
    /// Removed some time after its last child.
    Container = 4,
    /// Removed when empty and unchanged for its TTL.
    PersistentWithTtl = 5,
    /// The same, with a number appended to its name.
    PersistentSequentialWithTtl = 6,
}

impl CreateMode {
    /// The mode with these flags.
    pub fn from_flags(flags: i32) -> Option<Self> {
        use CreateMode::*;
        [Persistent, Ephemeral, PersistentSequential, EphemeralSequential, Container]
            .into_iter()
            .chain([PersistentWithTtl, PersistentSequentialWithTtl])
            .find(|m| *m as i32 == flags)
    }

    /// Whether the server appends a number to the name.
    pub fn is_sequential(self) -> bool {
        matches!(
            self,
            Self::PersistentSequential | Self::EphemeralSequential | Self::PersistentSequentialWithTtl
        )
    }

    /// Whether the node goes with its session.
    pub fn is_ephemeral(self) -> bool {
        matches!(self, Self::Ephemeral | Self::EphemeralSequential)
    }

    /// Whether the node has a time to live.
    pub fn is_ttl(self) -> bool {
        matches!(self, Self::PersistentWithTtl | Self::PersistentSequentialWithTtl)
    }
}

record! {
    /// `delete`.
    DeleteRequest<'a> {
        /// Which node.
        path: Cow<'a, str>,
        /// Expected data version, -1 for any.
        version: i32,
    }
}

record! {
    /// `exists`, `getData`, `getChildren`, `getChildren2`.
    ReadRequest<'a> {
        /// Which node.
        path: Cow<'a, str>,
        /// Whether to leave a one-shot watch.
        watch: bool,
    }
}

record! {
    /// `setData`.
    SetDataRequest<'a> {
        /// Which node.
        path: Cow<'a, str>,
        /// The new data.
        data: Option<&'a [u8]>,
        /// Expected data version, -1 for any.
        version: i32,
    }
}

record! {
    /// `getACL`, `getAllChildrenNumber`: just a path.
    PathRequest<'a> {
        /// Which node.
        path: Cow<'a, str>,
    }
}

record! {
    /// `setACL`.
    SetAclRequest<'a> {
        /// Which node.
        path: Cow<'a, str>,
        /// The new list.
        acl: Option<Vec<Acl>>,
        /// Expected ACL version, -1 for any.
        version: i32,
    }
}

record! {
    /// `sync`: the path is echoed and means nothing else.
    SyncRequest<'a> {
        /// Any string, or null.
        path: Option<Cow<'a, str>>,
    }
}

record! {
    /// `check`, only inside a multi.
    CheckVersionRequest<'a> {
        /// Which node.
        path: Cow<'a, str>,
        /// Expected data version, -1 for any.
        version: i32,
    }
}

record! {
    /// `auth`.
    AuthPacket<'a> {
        /// 0.
        kind: i32,
        /// The scheme; null names none.
        scheme: Option<Cow<'a, str>>,
        /// What the scheme wants to see.
        auth: Option<&'a [u8]>,
    }
}

record! {
    /// `setWatches`: what a client watched before it lost its connection.
    SetWatches<'a> {
        /// The newest transaction the client has seen.
        relative_zxid: i64,
        /// Paths with a data watch.
        data: Vec<Cow<'a, str>>,
        /// Paths with an exists watch on a missing node.
        exist: Vec<Cow<'a, str>>,
        /// Paths with a child watch.
        child: Vec<Cow<'a, str>>,
    }
}

record! {
    /// `setWatches2`: the same with the lasting kinds.
    SetWatches2<'a> {
        /// The one-shot kinds.
        one_shot: SetWatches<'a>,
        /// Paths with a persistent watch.
        persistent: Vec<Cow<'a, str>>,
        /// Paths with a persistent recursive watch.
        persistent_recursive: Vec<Cow<'a, str>>,
    }
}

record! {
    /// `addWatch`.
    AddWatchRequest<'a> {
        /// Which node.
        path: Cow<'a, str>,
        /// 0 persistent, 1 persistent recursive.
        mode: i32,
    }
}

record! {
    /// `checkWatches` and `removeWatches`.
    WatchesRequest<'a> {
        /// Which node.
        path: Cow<'a, str>,
        /// See [`crate::watch::WatcherKind`].
        kind: i32,
    }
}

record! {
    /// `reconfig`.
    ReconfigRequest<'a> {
        /// Servers to add.
        joining: Option<Cow<'a, str>>,
        /// Servers to remove.
        leaving: Option<Cow<'a, str>>,
        /// The whole new membership.
        members: Option<Cow<'a, str>>,
        /// The configuration this builds on, -1 for any.
        config_id: i64,
    }
}

record! {
    /// `getEphemerals`.
    GetEphemeralsRequest<'a> {
        /// Only paths that start with this string; null or blank: all.
        prefix: Option<Cow<'a, str>>,
    }
}

/// `deleteContainer`. Since 3.9 one buffer holds the path; before, the rest of the frame did.
pub fn decode_delete_container<'a>(from: &mut Reader<'a>) -> Result<Cow<'a, str>, DecodeError> {
    let whole = from.rest();
    let path = match from.buffer() {
        Ok(Some(path)) if from.remaining() == 0 => path,
        _ => whole,
    };
    Ok(String::from_utf8_lossy(path))
}

/// Appends a whole request frame: length, header, body.
pub fn encode_frame<'a>(xid: i32, op: crate::OpCode, body: &impl Wire<'a>, out: &mut Vec<u8>) {
    frame(out, |out| {
        RequestHeader { xid, kind: op.code() }.encode(out);
        body.encode(out);
    });
}

/// Appends a length-prefixed frame whose payload `fill` writes.
pub fn frame(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    fill(out);
    let len = u32::try_from(out.len() - start - 4).expect("a frame is smaller than 4 GiB");
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_survive_the_round_trip() {
        let request = CreateTtlRequest {
            path: "/a".into(),
            data: Some(b"x"),
            acl: Some(vec![Acl::open()]),
            flags: 5,
            ttl: 1000,
        };
        let mut bytes = Vec::new();
        request.encode(&mut bytes);
        assert_eq!(CreateTtlRequest::decode(&mut Reader::new(&bytes)), Ok(request));
    }

    #[test]
    fn delete_container_reads_both_layouts() {
        let mut new = Vec::new();
        crate::jute::put_buffer(&mut new, Some(b"/c"));
        for bytes in [&b"/c"[..], &new] {
            assert_eq!(decode_delete_container(&mut Reader::new(bytes)).unwrap(), "/c");
        }
    }
}

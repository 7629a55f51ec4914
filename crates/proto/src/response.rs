//! What servers answer: a header, then (when there was no error) one of these records.

use crate::acl::Acl;
use crate::ids::Zxid;
use crate::jute::{Wire, record};
use crate::stat::Stat;

record! {
    /// In front of every reply and event.
    #[derive(Copy)]
    ReplyHeader {
        /// The request's.
        xid: i32,
        /// The last transaction applied when the reply was made; for a write, its own.
        zxid: Zxid,
        /// An [`crate::ErrorCode`]; when not 0, usually no body follows.
        err: i32,
    }
}

record! {
    /// To `create`.
    CreateResponse {
        /// The final name.
        path: String,
    }
}

record! {
    /// To `create2`, `createContainer`, `createTTL`.
    Create2Response {
        /// The final name.
        path: String,
        /// The new node's metadata.
        stat: Stat,
    }
}

record! {
    /// To `exists`, `setData`, `setACL`.
    StatResponse {
        /// The node's metadata.
        stat: Stat,
    }
}

record! {
    /// To `getData`.
    GetDataResponse<'a> {
        /// The data, null when the node has none.
        data: Option<&'a [u8]>,
        /// The node's metadata.
        stat: Stat,
    }
}

record! {
    /// To `getACL`.
    GetAclResponse {
        /// The list, digests masked for those without admin rights.
        acl: Vec<Acl>,
        /// The node's metadata.
        stat: Stat,
    }
}

record! {
    /// To `getChildren` and `getEphemerals`.
    StringsResponse {
        /// Names (children) or full paths (ephemerals), in no promised order.
        strings: Vec<String>,
    }
}

record! {
    /// To `getChildren2`.
    GetChildren2Response {
        /// Names of the direct children, in no promised order.
        children: Vec<String>,
        /// The parent's metadata.
        stat: Stat,
    }
}

record! {
    /// To `getAllChildrenNumber`.
    GetAllChildrenNumberResponse {
        /// All descendants.
        total: i32,
    }
}

record! {
    /// One identity of a connection.
    ClientInfo {
        /// Its scheme.
        scheme: String,
        /// Its name, without secrets.
        user: String,
    }
}

record! {
    /// To `whoAmI`.
    WhoAmIResponse {
        /// All identities, in the order they were added.
        clients: Vec<ClientInfo>,
    }
}

record! {
    /// To `addWatch`, and in a multi's error results.
    ErrorResponse {
        /// An [`crate::ErrorCode`].
        err: i32,
    }
}

/// Appends a whole reply frame: length, header, and what `body` writes.
pub fn encode_reply(header: ReplyHeader, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    crate::request::frame(out, |out| {
        header.encode(out);
        body(out);
    });
}

//! The records inside a snapshot, and the two ends they flow between.
//!
//! A snapshot is a header, the sessions, the ACL table, the nodes parent before child, an end
//! mark, and then a few sealed blocks. How that becomes a file (checksums, compression, names) is
//! the storage crate's business; what the records mean is the tree's.
//!
//! //= java: DataTree.serialize, FileSnap

use crate::acl::Acl;
use crate::ids::{SessionId, Zxid};
use crate::jute::{Wire, put_buffer, put_i32, put_i64, put_len, put_string};
use crate::stat::StatPersisted;

/// First four bytes of a snapshot: `ZKSN`.
pub const MAGIC: i32 = 0x5A4B_534E;
/// The only version there is.
pub const VERSION: i32 = 2;
/// The database id the reference writes.
pub const DB_ID: i64 = -1;
/// Path that ends the list of nodes, and that follows every checksum.
pub const END_OF_NODES: &str = "/";
/// ACL id of a node open to everyone.
pub const OPEN_ACL: i64 = -1;

/// One node of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotNode<'a> {
    /// Full path, the root as the empty string.
    pub path: &'a str,
    /// Its data.
    pub data: Option<&'a [u8]>,
    /// Index into the ACL table, or [`OPEN_ACL`].
    pub acl: i64,
    /// Its metadata.
    pub stat: StatPersisted,
}

impl SnapshotNode<'_> {
    /// Appends the node's record.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_string(out, Some(self.path));
        put_buffer(out, self.data);
        put_i64(out, self.acl);
        self.stat.encode(out);
    }
}

/// Digest of the tree as of a transaction, stored behind the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZxidDigest {
    /// The transaction after which the tree had this digest; 0 when nothing was applied yet.
    pub zxid: Zxid,
    /// How it was computed.
    pub version: i32,
    /// The sum over all nodes.
    pub digest: u64,
}

/// Bytes of the file header, at the front of what [`encode_prologue`] appends.
pub const HEADER_BYTES: usize = 4 + 4 + 8;

/// Appends the file header and both tables: everything in front of the nodes.
pub fn encode_prologue(sessions: &[(SessionId, i32)], acls: &[(i64, Vec<Acl>)], out: &mut Vec<u8>) {
    put_i32(out, MAGIC);
    put_i32(out, VERSION);
    put_i64(out, DB_ID);
    encode_tables(sessions, acls, out);
}

/// Appends both tables without the file header, as a peer is sent them.
pub fn encode_tables(sessions: &[(SessionId, i32)], acls: &[(i64, Vec<Acl>)], out: &mut Vec<u8>) {
    put_len(out, sessions.len());
    for (id, timeout_ms) in sessions {
        id.encode(out);
        timeout_ms.encode(out);
    }
    put_len(out, acls.len());
    for (id, acl) in acls {
        id.encode(out);
        acl.encode(out);
    }
}

/// Receives a snapshot's contents in file order while it is read.
pub trait SnapshotSink {
    /// A session and its timeout in milliseconds.
    fn session(&mut self, id: SessionId, timeout_ms: i32);

    /// One row of the ACL table.
    fn acl(&mut self, id: i64, acl: Vec<Acl>);

    /// One node; its parent came before it.
    ///
    /// # Errors
    /// A sentence saying what about the node is impossible; the snapshot is then invalid.
    fn node(&mut self, node: &SnapshotNode<'_>) -> Result<(), String>;

    /// The digest block, when the file has one. Comes after all nodes.
    fn digest(&mut self, digest: ZxidDigest);
}

//! Reads: answered from the tree, straight into the output.

use super::request::ReadOp;
use super::{
    add_watch, exists, get_acl, get_all_children_number, get_children, get_data, get_ephemerals, multi_read,
    remove_watches, set_watches, who_am_i,
};
use crate::tree::Tree;
use crate::watches::{Fired, WatcherId, Watches};
use crate::znode::NodeId;
use proto::acl::Id;
use proto::{ErrorCode, SessionId};

/// Who reads.
#[derive(Debug, Clone, Copy)]
pub struct ReadContext<'a> {
    /// The connection, for its watches.
    pub watcher: WatcherId,
    /// Its session.
    pub session: SessionId,
    /// Its identities.
    pub auth: &'a [Id],
}

/// Answers a read: appends the body of the reply, and in the same step leaves the watch it asks for.
/// Re-registered watches may fire at once, into `fired`.
///
/// # Errors
/// The code for the reply's header; nothing was appended.
///
/// # Panics
/// When [`ReadOp::touches_watches`] and `watches` is `None`.
pub fn read(
    tree: &Tree,
    watches: Option<&mut Watches>,
    fired: &mut Vec<Fired>,
    who: &ReadContext<'_>,
    op: &ReadOp<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let on = Reading { tree, who };
    match op {
        ReadOp::Exists(request) => exists::answer(&on, request, watches, out),
        ReadOp::GetData(request) => get_data::answer(&on, request, watches, out),
        ReadOp::GetChildren(request) => get_children::answer(&on, request, watches, out),
        ReadOp::GetChildren2(request) => get_children::answer_with_stat(&on, request, watches, out),
        ReadOp::GetAcl(request) => get_acl::answer(&on, request, out),
        ReadOp::GetEphemerals(request) => get_ephemerals::answer(&on, request, out),
        ReadOp::GetAllChildrenNumber(request) => get_all_children_number::answer(&on, request, out),
        ReadOp::MultiRead(ops) => multi_read::answer(&on, ops, out),
        ReadOp::WhoAmI => who_am_i::answer(&on, out),
        ReadOp::SetWatches(request) => set_watches::answer(&on, request, held(watches), fired),
        ReadOp::SetWatches2(request) => set_watches::answer_lasting(&on, request, held(watches), fired),
        ReadOp::AddWatch(request) => add_watch::answer(&on, request, held(watches), out),
        ReadOp::CheckWatches(request) => remove_watches::check(&on, request, held(watches)),
        ReadOp::RemoveWatches(request) => remove_watches::answer(&on, request, held(watches)),
    }
}

/// The watches, which the caller holds whenever the operation touches them.
pub(super) fn held(watches: Option<&mut Watches>) -> &mut Watches {
    watches.expect("the caller passes the watches to operations that touch them")
}

/// A read under way.
pub(super) struct Reading<'a> {
    pub(super) tree: &'a Tree,
    pub(super) who: &'a ReadContext<'a>,
}

impl Reading<'_> {
    /// The node at a path, if it exists and the reader has one of the permissions. Paths are not
    /// validated: one that is not valid finds nothing.
    pub(super) fn node(&self, path: &str, perms: i32) -> Result<NodeId, ErrorCode> {
        let id = self.tree.nodes.find(path).ok_or(ErrorCode::NoNode)?;
        self.require(id, perms)?;
        Ok(id)
    }

    /// The reader must have one of the permissions on a node.
    pub(super) fn require(&self, id: NodeId, perms: i32) -> Result<(), ErrorCode> {
        if self.tree.may(id, perms, self.who.auth) { Ok(()) } else { Err(ErrorCode::NoAuth) }
    }
}

//! `getChildren` and `getChildren2`.

use super::read::{Reading, held};
use crate::watches::Watches;
use crate::znode::NodeId;
use proto::acl::perms;
use proto::jute::{put_buffer, put_len};
use proto::request::ReadRequest;
use proto::{ErrorCode, Wire};

/// Answers `getChildren`: names in no promised order.
pub(super) fn answer(
    on: &Reading<'_>,
    request: &ReadRequest<'_>,
    watches: Option<&mut Watches>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    list(on, request, watches, out).map(drop)
}

/// Answers `getChildren2`: the same, and the parent's metadata.
pub(super) fn answer_with_stat(
    on: &Reading<'_>,
    request: &ReadRequest<'_>,
    watches: Option<&mut Watches>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let id = list(on, request, watches, out)?;
    on.tree.stat_of(id).encode(out);
    Ok(())
}

fn list(
    on: &Reading<'_>,
    request: &ReadRequest<'_>,
    watches: Option<&mut Watches>,
    out: &mut Vec<u8>,
) -> Result<NodeId, ErrorCode> {
    let id = on.node(&request.path, perms::READ)?;
    if request.watch {
        held(watches).watch_children(&request.path, on.who.watcher);
    }
    put_len(out, on.tree.nodes.children(id) as usize);
    for child in on.tree.nodes.children_of(id) {
        // Names hold no character beyond the basic plane, so their bytes are what the wire wants.
        put_buffer(out, Some(on.tree.nodes.get(child).name()));
    }
    Ok(id)
}

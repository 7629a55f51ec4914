//! `exists`.

use super::read::{Reading, held};
use crate::watches::Watches;
use proto::acl::perms;
use proto::request::ReadRequest;
use proto::{ErrorCode, Wire};

/// Answers it. A watch is left on a missing node too: it fires when the node is created.
pub(super) fn answer(
    on: &Reading<'_>,
    request: &ReadRequest<'_>,
    watches: Option<&mut Watches>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    if request.path.contains('\0') {
        return Err(ErrorCode::BadArguments);
    }
    let node = on.tree.nodes.find(&request.path);
    if let Some(id) = node {
        on.require(id, perms::READ)?;
    }
    if request.watch {
        held(watches).watch_data(&request.path, on.who.watcher);
    }
    let id = node.ok_or(ErrorCode::NoNode)?;
    on.tree.stat_of(id).encode(out);
    Ok(())
}

//! `getData`.

use super::read::{Reading, held};
use crate::watches::Watches;
use proto::acl::perms;
use proto::jute::put_buffer;
use proto::request::ReadRequest;
use proto::{ErrorCode, Wire};

/// Answers it.
pub(super) fn answer(
    on: &Reading<'_>,
    request: &ReadRequest<'_>,
    watches: Option<&mut Watches>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let id = on.node(&request.path, perms::READ)?;
    if request.watch {
        held(watches).watch_data(&request.path, on.who.watcher);
    }
    put_buffer(out, on.tree.nodes.get(id).data());
    on.tree.stat_of(id).encode(out);
    Ok(())
}

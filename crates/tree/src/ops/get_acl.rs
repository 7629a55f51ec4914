//! `getACL`.

use super::read::Reading;
use crate::auth::masked;
use proto::acl::perms;
use proto::jute::{put_i32, put_len, put_string};
use proto::request::PathRequest;
use proto::{ErrorCode, Wire};

/// Answers it: to those who may read the node or change its list, hashes only to the latter (HC-176).
pub(super) fn answer(
    on: &Reading<'_>,
    request: &PathRequest<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let id = on.node(&request.path, perms::READ | perms::ADMIN)?;
    let is_admin = on.tree.may(id, perms::ADMIN, on.who.auth);
    let acl = on.tree.acl_of(id);
    put_len(out, acl.len());
    for entry in acl.iter() {
        put_i32(out, entry.perms);
        put_string(out, Some(&entry.id.scheme));
        if is_admin {
            put_string(out, Some(&entry.id.id));
        } else {
            put_string(out, Some(&masked(&entry.id)));
        }
    }
    on.tree.stat_of(id).encode(out);
    Ok(())
}

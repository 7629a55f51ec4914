//! `setACL`.
//!
//! //= java: PrepRequestProcessor.pRequest2Txn, DataTree.setACL

use super::decider::{Decider, next_version, valid};
use super::outcome::Outcome;
use crate::auth::fixup_acl;
use crate::tree::Tree;
use proto::ErrorCode;
use proto::acl::perms;
use proto::request::SetAclRequest;
use proto::txn::{SetAclTxn, Txn};

/// Decides it.
pub(super) fn prepare(on: &mut Decider<'_>, request: &SetAclRequest<'_>) -> Result<Txn, ErrorCode> {
    on.require_session()?;
    let path = &*request.path;
    valid(path)?;
    let acl = fixup_acl(on.settings(), request.acl.as_deref(), on.ctx.auth)?;
    let node = on.existing(path)?;
    on.require(&node, perms::ADMIN)?;
    let version = next_version(node.stat.aversion, request.version)?;
    let mut after = node.clone();
    after.stat.aversion = version;
    after.acl = acl.as_slice().into();
    on.put(path, Some(&node), Some(after));
    Ok(Txn::SetAcl(SetAclTxn { path: path.to_owned(), acl, version }))
}

/// Performs it. Nobody is told.
pub(super) fn apply(tree: &mut Tree, txn: &SetAclTxn) -> Outcome {
    let Some(id) = tree.nodes.find(&txn.path) else { return Outcome::Error(ErrorCode::NoNode) };
    let acl = tree.acls.acquire(&txn.acl);
    let before = std::mem::replace(&mut tree.nodes.get_mut(id).acl, acl);
    tree.acls.release(before);
    tree.restat(id, &txn.path, |stat| stat.aversion = txn.version);
    Outcome::Changed(tree.stat_of(id))
}

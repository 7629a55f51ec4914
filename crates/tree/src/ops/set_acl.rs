//! `setACL`.
//!
//! //= java: PrepRequestProcessor.pRequest2Txn, DataTree.setACL

use super::decider::{Decider, next_version, valid};
use super::outcome::Outcome;
use crate::tree::Tree;
use proto::acl::perms;
use proto::request::SetAclRequest;
use proto::txn::{SetAclTxn, Txn};
use proto::{ErrorCode, Zxid};

/// Decides it.
pub(super) fn prepare(on: &mut Decider<'_>, request: &SetAclRequest<'_>) -> Result<Txn, ErrorCode> {
    on.require_session()?;
    let path = &*request.path;
    valid(path)?;
    let acl = on.fixup_acl(request.acl.as_deref())?;
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
pub(super) fn apply(tree: &mut Tree, zxid: Zxid, txn: &SetAclTxn) -> Outcome {
    let Some(id) = tree.meant(&txn.path, zxid) else { return Outcome::Error(ErrorCode::NoNode) };
    let acl = tree.acls.acquire(&txn.acl);
    let before = std::mem::replace(&mut tree.nodes.get_mut(id).acl, acl);
    tree.acls.release(before);
    tree.restat(id, &txn.path, |stat| stat.aversion = txn.version);
    Outcome::Changed(tree.stat_of(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;

    use proto::acl::{Acl, Id};

    fn only(perms: i32) -> Vec<Acl> {
        vec![Acl { perms, id: Id::anyone() }]
    }

    #[test]
    fn only_the_acl_version_changes() {
        let mut w = World::new();
        w.ok(&create("/a"));
        let before = w.stat("/a").unwrap();
        let Outcome::Changed(after) = w.ok(&set_acl("/a", only(perms::ALL))) else { panic!() };
        assert_eq!(after, proto::stat::Stat { aversion: 1, ..before });
    }

    #[test]
    fn what_is_outstanding_is_already_in_force() {
        let mut w = World::new();
        w.ok(&create("/a"));
        w.submit(SESSION, &set_acl("/a", only(perms::READ)));
        assert_eq!(w.err(&set_acl("/a", only(perms::ALL))), ErrorCode::NoAuth);
        assert_eq!(w.err(&set_data("/a", b"", -1)), ErrorCode::NoAuth);
        assert_eq!(w.err(&create("/a/b")), ErrorCode::NoAuth);
        check_derived(&w.tree);
    }

    #[test]
    fn hc_109_lists_are_counted_through_creates_changes_and_deletes() {
        let mut w = World::new();
        let lists = w.tree.acls.len();
        for n in 0..10 {
            w.ok(&create(&format!("/{n}")));
            w.ok(&set_acl(&format!("/{n}"), only(perms::ADMIN + n)));
        }
        check_derived(&w.tree);
        for n in 0..10 {
            w.ok(&delete(&format!("/{n}")));
        }
        assert_eq!(w.tree.acls.len(), lists);
    }

    #[test]
    fn hc_104_a_bad_list_is_refused_before_the_node_is_looked_for() {
        let mut w = World::new();
        assert_eq!(w.err(&set_acl("/none", vec![])), ErrorCode::InvalidAcl);
        assert_eq!(w.err(&set_acl("/none", only(1))), ErrorCode::NoNode);
    }
}

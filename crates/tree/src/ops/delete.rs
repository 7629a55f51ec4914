//! `delete` and `deleteContainer`.
//!
//! //= java: PrepRequestProcessor.pRequest2Txn, DataTree.deleteNode

use super::decider::{Decider, deletable, next_version};
use super::outcome::Outcome;
use crate::owner::{self, Owner};
use crate::quota::{self, quota_path};
use crate::tree::Tree;
use crate::watches::Effects;
use proto::acl::perms;
use proto::request::DeleteRequest;
use proto::txn::Txn;
use proto::{ErrorCode, OpCode, Zxid};
use std::sync::Arc;

/// Decides a `delete`. Permission comes from the parent alone.
pub(super) fn prepare(on: &mut Decider<'_>, request: &DeleteRequest<'_>) -> Result<Txn, ErrorCode> {
    on.require_session()?;
    let path = &*request.path;
    let parent_path = deletable(path)?;
    let parent = on.existing(parent_path)?;
    on.require(&parent, perms::DELETE)?;
    let node = on.existing(path)?;
    next_version(node.stat.version, request.version)?;
    if node.children > 0 {
        return Err(ErrorCode::NotEmpty);
    }
    on.put_deleted(path, &node, parent_path, &parent);
    Ok(Txn::Delete(OpCode::Delete, path.to_owned()))
}

/// Decides a `deleteContainer`, which the server asks of itself. It loses to a child that was created
/// in the meantime (HC-82).
pub(super) fn prepare_container(on: &mut Decider<'_>, path: &str) -> Result<Txn, ErrorCode> {
    let parent_path = deletable(path)?;
    let node = on.existing(path)?;
    if node.children > 0 {
        return Err(ErrorCode::NotEmpty);
    }
    match owner::classify(on.settings(), node.stat.ephemeral_owner) {
        Owner::Container | Owner::Ttl(_) => {}
        _ => return Err(ErrorCode::BadVersion),
    }
    let parent = on.existing(parent_path)?;
    on.put_deleted(path, &node, parent_path, &parent);
    Ok(Txn::Delete(OpCode::DeleteContainer, path.to_owned()))
}

/// Performs either. The parent is told even when the node is gone already, so that its metadata ends
/// as on every other member (HC-72).
pub(super) fn apply(tree: &mut Tree, zxid: Zxid, path: &str, effects: &mut Effects<'_>) -> Outcome {
    let Some((parent, parent_path)) = tree.parent_meant(path, zxid) else {
        return Outcome::Error(ErrorCode::NoNode);
    };
    tree.raise_pzxid(parent, parent_path, zxid);
    let Some(id) = tree.meant(path, zxid) else { return Outcome::Error(ErrorCode::NoNode) };
    if tree.nodes.children(id) > 0 {
        // Never on an exact state: the children's own deletions come first.
        return Outcome::Error(ErrorCode::NotEmpty);
    }
    let acls =
        effects.anyone_listens().then(|| (Arc::clone(tree.acl_of(id)), Arc::clone(tree.acl_of(parent))));
    let bytes = tree.nodes.get(id).data_len() as i64;
    tree.detach(id, path);
    if let Some(covered) = quota_path(path, quota::LIMITS) {
        tree.quotas.remove(covered);
    }
    tree.charge(path, -1, -bytes);
    if let Some((acl, parent_acl)) = acls {
        effects.deleted(path, &acl, parent_path, &parent_acl);
    }
    Outcome::None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::WriteOp;
    use crate::testkit::*;

    #[test]
    fn a_delete_leaves_the_count_of_creations_and_raises_pzxid() {
        let mut w = World::new();
        w.ok(&create("/a"));
        w.ok(&create("/a/b"));
        let size = w.tree.approximate_data_size();
        w.ok(&delete("/a/b"));
        let stat = w.stat("/a").unwrap();
        assert_eq!((stat.cversion, stat.num_children, stat.pzxid), (2, 0, 4));
        assert_eq!(w.tree.approximate_data_size(), size - 8);
    }

    #[test]
    fn refusals_come_in_the_references_order() {
        let mut w = World::new();
        for path in ["/a", "/a/b", "/locked", "/locked/x"] {
            w.ok(&create(path));
        }
        w.ok(&set_acl("/locked", vec![proto::acl::Acl { perms: perms::READ, id: proto::acl::Id::anyone() }]));
        let versioned = |path: &'static str| WriteOp::Delete(DeleteRequest { path: path.into(), version: 5 });
        for (op, code) in [
            (delete("/zookeeper"), ErrorCode::BadArguments),
            (delete("/"), ErrorCode::BadArguments),
            (delete(""), ErrorCode::BadArguments),
            (delete("/none/x"), ErrorCode::NoNode),
            (delete("/locked/none"), ErrorCode::NoAuth),
            (delete("/locked/x"), ErrorCode::NoAuth),
            (delete("/none"), ErrorCode::NoNode),
            (versioned("/a"), ErrorCode::BadVersion),
            (delete("/a"), ErrorCode::NotEmpty),
        ] {
            assert_eq!(w.err(&op), code, "{op:?}");
        }
        check_derived(&w.tree);
    }

    #[test]
    fn hc_82_a_container_with_a_child_on_the_way_stays() {
        let mut w = World::new();
        w.ok(&create_container("/c"));
        w.ok(&create("/plain"));
        w.submit(SESSION, &create("/c/x"));
        assert_eq!(w.err(&WriteOp::DeleteContainer("/c".into())), ErrorCode::NotEmpty);
        assert_eq!(w.err(&WriteOp::DeleteContainer("/plain".into())), ErrorCode::BadVersion);
        w.ok(&delete("/c/x"));
        w.ok(&WriteOp::DeleteContainer("/c".into()));
        assert_eq!(w.stat("/c"), None);
    }

    #[test]
    fn hc_98_a_replayed_delete_of_a_missing_node_still_tells_the_parent() {
        let mut w = World::new();
        w.ok(&create("/a"));
        let header = proto::txn::TxnHeader {
            client_id: SESSION,
            cxid: 1,
            zxid: Zxid(90),
            time: 1,
            kind: OpCode::Delete.code(),
        };
        let gone = Txn::Delete(OpCode::Delete, "/a/gone".into());
        assert_eq!(w.tree.replay(&header, &gone), Outcome::Error(ErrorCode::NoNode));
        assert_eq!(w.stat("/a").unwrap().pzxid, 90);
        assert_eq!(w.tree.last_zxid(), Zxid(90));
    }
}

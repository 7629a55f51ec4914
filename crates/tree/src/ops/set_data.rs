//! `setData`.
//!
//! //= java: PrepRequestProcessor.pRequest2Txn, DataTree.setData

use super::decider::{Decider, next_version, valid};
use super::outcome::Outcome;
use crate::outstanding::Use;
use crate::tree::Tree;
use crate::watches::Effects;
use proto::acl::perms;
use proto::request::SetDataRequest;
use proto::txn::{SetDataTxn, Txn, TxnHeader};
use proto::{ErrorCode, OpCode};

/// Decides it.
pub(super) fn prepare(on: &mut Decider<'_>, request: &SetDataRequest<'_>) -> Result<Txn, ErrorCode> {
    on.require_session()?;
    let path = &*request.path;
    valid(path)?;
    let node = on.existing(path)?;
    on.require(&node, perms::WRITE)?;
    let data_len = request.data.map_or(0, <[u8]>::len);
    let usage = Use { count: 0, bytes: data_len as i64 - node.data_len as i64 };
    on.check_quota(path, usage)?;
    let version = next_version(node.stat.version, request.version)?;
    let mut after = node.clone();
    after.stat.version = version;
    after.stat.mzxid = on.ctx.zxid.0;
    after.stat.mtime = on.ctx.time_ms;
    after.data_len = data_len;
    after.prefix = on.prefix(path, request.data);
    on.put(path, Some(&node), Some(after));
    on.charge(path, usage);
    let data = request.data.map(<[u8]>::to_vec);
    Ok(Txn::SetData(OpCode::SetData, SetDataTxn { path: path.to_owned(), data, version }))
}

/// Performs it.
pub(super) fn apply(
    tree: &mut Tree,
    header: &TxnHeader,
    txn: &SetDataTxn,
    effects: &mut Effects<'_>,
) -> Outcome {
    let Some(id) = tree.meant(&txn.path, header.zxid) else { return Outcome::Error(ErrorCode::NoNode) };
    let before = tree.nodes.get(id).data_len() as i64;
    tree.rewrite(id, &txn.path, txn.data.as_deref(), |stat| {
        stat.version = txn.version;
        stat.mzxid = header.zxid.0;
        stat.mtime = header.time;
    });
    let stat = tree.stat_of(id);
    tree.charge(&txn.path, 0, i64::from(stat.data_length) - before);
    if effects.anyone_listens() {
        effects.data_changed(&txn.path, tree.acl_of(id));
    }
    Outcome::Changed(stat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;

    #[test]
    fn versions_have_to_match_and_outstanding_ones_count() {
        let mut w = World::new();
        w.ok(&create("/a"));
        w.submit(SESSION, &set_data("/a", b"1", 0));
        w.submit(SESSION, &set_data("/a", b"2", 1));
        assert_eq!(w.err(&set_data("/a", b"3", 1)), ErrorCode::BadVersion);
        let stat = w.stat("/a").unwrap();
        assert_eq!((stat.version, stat.mzxid, stat.pzxid, stat.data_length), (2, 4, 2, 1));
        assert_eq!(w.err(&set_data("/b", b"", -1)), ErrorCode::NoNode);
    }

    #[test]
    fn hc_103_a_bad_path_is_refused_and_never_logged() {
        let mut w = World::new();
        for path in ["", "a", "/a/", "//", "/a/../b", "/a\0"] {
            assert_eq!(w.err(&set_data(path, b"", -1)), ErrorCode::BadArguments, "{path:?}");
        }
        assert!(w.log.iter().all(|p| !matches!(p.txn, Txn::SetData(..))));
    }

    #[test]
    fn hc_105_the_root_and_the_systems_nodes_can_be_set() {
        let mut w = World::new();
        for path in ["/", "/zookeeper", "/zookeeper/quota"] {
            assert!(matches!(w.ok(&set_data(path, b"x", 0)), Outcome::Changed(stat) if stat.version == 1));
        }
        assert_eq!(w.err(&set_data("/zookeeper/config", b"x", -1)), ErrorCode::NoAuth);
        check_derived(&w.tree);
    }

    #[test]
    fn null_data_is_kept_apart_from_empty() {
        let mut w = World::new();
        w.ok(&create("/a"));
        let null =
            crate::ops::WriteOp::SetData(SetDataRequest { path: "/a".into(), data: None, version: -1 });
        w.ok(&null);
        assert_eq!(w.tree.nodes.get(w.tree.nodes.find("/a").unwrap()).data(), None);
    }
}

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
    let Some(id) = tree.nodes.find(&txn.path) else { return Outcome::Error(ErrorCode::NoNode) };
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

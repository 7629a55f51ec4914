//! `createSession` and `closeSession`: sessions are replicated by the same transactions as nodes
//! (HC-70).
//!
//! //= java: PrepRequestProcessor.pRequest2Txn, DataTree.killSession

use super::decider::Decider;
use super::delete;
use super::outcome::Outcome;
use crate::edit::parent_path;
use crate::tree::Tree;
use crate::watches::Effects;
use proto::ErrorCode;
use proto::txn::{Txn, TxnHeader};

/// Decides a `createSession`.
pub(super) fn prepare_create(on: &mut Decider<'_>, timeout_ms: i32) -> Result<Txn, ErrorCode> {
    on.pending.open_session(on.ctx.zxid, on.ctx.session);
    Ok(Txn::CreateSession(timeout_ms))
}

/// Decides a `closeSession`, which nobody can refuse. From here on the session can do nothing more, so
/// the list of its nodes, outstanding ones included, is complete (HC-68).
pub(super) fn prepare_close(on: &mut Decider<'_>) -> Result<Txn, ErrorCode> {
    let session = on.ctx.session;
    let mut paths = on.tree.ephemerals_of(session);
    paths.extend(on.pending.created(session).map(str::to_owned));
    paths.sort_unstable();
    paths.dedup();
    paths.retain(|path| {
        let Some(node) = on.lookup(path).filter(|node| node.stat.ephemeral_owner == session.0) else {
            return false;
        };
        let Some((parent_path, parent)) = parent_path(path).and_then(|p| Some((p, on.lookup(p)?))) else {
            return false;
        };
        on.put_deleted(path, &node, parent_path, &parent);
        true
    });
    on.pending.close_session(on.ctx.zxid, session);
    let listed = on.settings().close_session_lists_ephemerals;
    Ok(Txn::CloseSession(listed.then_some(paths)))
}

/// Performs a `createSession`.
pub(super) fn apply_create(tree: &mut Tree, header: &TxnHeader, timeout_ms: i32) -> Outcome {
    tree.sessions.insert(header.client_id, timeout_ms);
    Outcome::None
}

/// Performs a `closeSession`: the listed nodes go, whoever owns them, then whatever the session still
/// owns.
pub(super) fn apply_close(
    tree: &mut Tree,
    header: &TxnHeader,
    paths: Option<&[String]>,
    effects: &mut Effects<'_>,
) -> Outcome {
    let session = header.client_id;
    for path in paths.unwrap_or_default() {
        delete::apply(tree, header.zxid, path, effects);
    }
    for path in tree.ephemerals_of(session) {
        delete::apply(tree, header.zxid, &path, effects);
    }
    tree.owners.remove_session(session);
    tree.sessions.remove(&session);
    Outcome::None
}

impl Tree {
    /// Removes ephemeral nodes whose session is unknown, as is done after loading and before serving.
    /// Returns their paths, sorted.
    pub fn prune_orphans(&mut self) -> Vec<String> {
        let unknown: Vec<_> =
            self.owners.sessions().map(|(id, _)| id).filter(|id| !self.has_session(*id)).collect();
        let mut pruned = Vec::new();
        for session in unknown {
            let paths = self.ephemerals_of(session);
            for path in &paths {
                delete::apply(self, self.last_zxid, path, &mut Effects::silent(self.last_zxid));
            }
            self.owners.remove_session(session);
            pruned.extend(paths);
        }
        pruned.sort_unstable();
        pruned
    }
}

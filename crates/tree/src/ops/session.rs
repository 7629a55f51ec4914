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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;

    use crate::ops::WriteOp;
    use proto::SessionId;

    const OTHER: SessionId = SessionId(0x200);

    #[test]
    fn hc_70_the_session_table_comes_from_transactions() {
        let mut w = World::new();
        w.run_as(OTHER, &WriteOp::CreateSession { timeout_ms: 9000 });
        assert_eq!(w.tree.sessions().collect::<Vec<_>>(), [(SESSION, 4000), (OTHER, 9000)]);
        w.run_as(OTHER, &WriteOp::CloseSession);
        assert!(!w.tree.has_session(OTHER));
        assert_eq!(w.run_as(OTHER, &create("/x")), Outcome::Error(ErrorCode::SessionExpired));
    }

    #[test]
    fn hc_68_a_closing_session_creates_nothing_more_and_loses_what_is_outstanding() {
        let mut w = World::new();
        w.run_as(OTHER, &WriteOp::CreateSession { timeout_ms: 1 });
        w.run_as(OTHER, &create_with("/old", 1));
        w.run_as(OTHER, &create_with("/moved", 1));
        w.submit(OTHER, &create_with("/pending", 1));
        w.submit(SESSION, &delete("/moved"));
        w.submit(SESSION, &create("/moved"));
        let close = w.submit(OTHER, &WriteOp::CloseSession);
        assert_eq!(close.txn, Txn::CloseSession(Some(vec!["/old".into(), "/pending".into()])));
        let late = w.submit(OTHER, &create_with("/late", 1));
        assert_eq!(late.txn, Txn::Error(ErrorCode::SessionExpired.code()));
        while !w.queue.is_empty() {
            w.apply_next();
        }
        assert_eq!(w.tree.ephemerals_count(), 0);
        assert!(w.stat("/moved").is_some() && w.stat("/old").is_none());
        assert!(w.pending.len() <= 20);
        check_derived(&w.tree);
    }

    #[test]
    fn a_session_is_there_from_its_proposal_on() {
        let mut w = World::new();
        w.submit(OTHER, &WriteOp::CreateSession { timeout_ms: 1 });
        assert!(matches!(w.submit(OTHER, &create_with("/e", 1)).txn, Txn::Create(..)));
    }

    #[test]
    fn hc_72_replaying_a_close_twice_changes_nothing_more() {
        let mut w = World::new();
        w.ok(&create("/p"));
        w.run(&create_with("/p/e", 1));
        w.run(&WriteOp::CloseSession);
        let once = dump(&w.tree);
        let close = w.log.last().unwrap().clone();
        w.tree.replay(&close.header, &close.txn);
        assert_eq!(dump(&w.tree), once);
    }

    #[test]
    fn a_close_without_list_removes_what_the_session_owns() {
        let quiet = crate::Settings { close_session_lists_ephemerals: false, ..crate::Settings::default() };
        let mut w = World::with(quiet);
        w.run(&create_with("/e", 1));
        let close = w.submit(SESSION, &WriteOp::CloseSession);
        assert_eq!((close.txn, close.digest), (Txn::CloseSession(None), None));
        w.apply_next();
        assert_eq!(w.stat("/e"), None);
        check_derived(&w.tree);
    }

    #[test]
    fn hc_69_nodes_of_unknown_sessions_go_before_serving() {
        let mut w = World::new();
        w.run(&create_with("/e", 1));
        w.tree.sessions.clear();
        assert_eq!(w.tree.prune_orphans(), ["/e"]);
        assert_eq!(w.tree.ephemerals_count(), 0);
        check_derived(&w.tree);
    }
}

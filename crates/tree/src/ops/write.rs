//! Writes: from a request to its transaction, and from a transaction to the tree.

use super::decider::Decider;
use super::outcome::Outcome;
use super::prepared::{Context, Prepared, prepare_error};
use super::request::WriteOp;
use super::{create, delete, multi, reconfig, session, set_acl, set_data};
use crate::outstanding::Outstanding;
use crate::tree::Tree;
use crate::watches::{Effects, Fired, Watches};
use proto::txn::{DIGEST_VERSION, Txn, TxnDigest, TxnHeader};
use proto::{ErrorCode, OpCode};

/// Decides what a write becomes and remembers it as outstanding. A refusal is a transaction too: it
/// takes its place in the order and changes nothing.
pub fn prepare(tree: &Tree, outstanding: &mut Outstanding, ctx: &Context<'_>, op: &WriteOp<'_>) -> Prepared {
    outstanding.applied(tree.last_zxid());
    let mut decider = Decider { tree, pending: outstanding, ctx, warnings: Vec::new(), grown: 0 };
    let decided = decide(&mut decider, op);
    let digest = decider.digest();
    let warnings = decider.warnings;
    match decided {
        Ok(txn) => {
            // A close without its list is told from one with it by the bytes that follow, so it can
            // have no digest.
            let has_digest = tree.settings.digest && txn != Txn::CloseSession(None);
            let digest = has_digest.then_some(TxnDigest { version: DIGEST_VERSION, digest });
            Prepared { header: ctx.header(&txn), txn, digest, warnings }
        }
        Err(code) => Prepared { warnings, ..prepare_error(ctx, code) },
    }
}

fn decide(on: &mut Decider<'_>, op: &WriteOp<'_>) -> Result<Txn, ErrorCode> {
    match op {
        WriteOp::Create(op, request) => create::prepare(on, *op, request, None),
        WriteOp::CreateTtl(request) => create::prepare_ttl(on, request),
        WriteOp::Delete(request) => delete::prepare(on, request),
        WriteOp::DeleteContainer(path) => delete::prepare_container(on, path),
        WriteOp::SetData(request) => set_data::prepare(on, request),
        WriteOp::SetAcl(request) => set_acl::prepare(on, request),
        WriteOp::Multi(ops) => multi::prepare(on, ops),
        WriteOp::CreateSession { timeout_ms } => session::prepare_create(on, *timeout_ms),
        WriteOp::CloseSession => session::prepare_close(on),
        WriteOp::Reconfig(_) => reconfig::prepare(on, None),
        WriteOp::SetMembership(asked) => reconfig::prepare(on, Some(asked)),
    }
}

/// Performs a transaction, or a part of a multi.
pub(super) fn perform(tree: &mut Tree, header: &TxnHeader, txn: &Txn, effects: &mut Effects<'_>) -> Outcome {
    match txn {
        Txn::Create(op, txn) => create::apply(tree, header, *op, txn, effects),
        Txn::CreateContainer(txn) => create::apply_container(tree, header, txn, effects),
        Txn::CreateTtl(txn) => create::apply_ttl(tree, header, txn, effects),
        Txn::Delete(_, path) => delete::apply(tree, header.zxid, path, effects),
        Txn::SetData(OpCode::Reconfig, txn) => reconfig::apply(tree, header, txn, effects),
        Txn::SetData(_, txn) => set_data::apply(tree, header, txn, effects),
        Txn::SetAcl(txn) => set_acl::apply(tree, header.zxid, txn),
        // Alone it was once logged by mistake (HC-64); in a multi it was checked when prepared.
        Txn::Check(_) => Outcome::None,
        Txn::Multi(parts) => multi::apply(tree, header, parts, effects),
        Txn::CreateSession(timeout_ms) => session::apply_create(tree, header, *timeout_ms),
        Txn::CloseSession(paths) => session::apply_close(tree, header, paths.as_deref(), effects),
        Txn::Error(code) => Outcome::Error(ErrorCode::from_code(*code).unwrap_or(ErrorCode::SystemError)),
    }
}

impl Tree {
    /// Performs a transaction, live: sessions, nodes and digest change, watches fire into `fired`, and
    /// last of all [`Tree::last_zxid`] advances (HC-96, HC-97).
    pub fn apply(
        &mut self,
        header: &TxnHeader,
        txn: &Txn,
        watches: &mut Watches,
        fired: &mut Vec<Fired>,
    ) -> Outcome {
        let mut effects = Effects::live(watches, header.zxid);
        let outcome = perform(self, header, txn, &mut effects);
        fired.append(&mut effects.into_fired());
        self.advance(header);
        outcome
    }

    /// Performs a transaction from the log at start-up. Over a fuzzy snapshot a transaction may find
    /// its effect already there or undone later: that is tolerated, and parents' metadata still ends as
    /// in the live run (HC-98, HC-99).
    pub fn replay(&mut self, header: &TxnHeader, txn: &Txn) -> Outcome {
        let outcome = perform(self, header, txn, &mut Effects::silent(header.zxid));
        self.advance(header);
        outcome
    }

    fn advance(&mut self, header: &TxnHeader) {
        self.last_zxid = self.last_zxid.max(header.zxid);
        self.digests.record(header.zxid, self.digest);
    }
}

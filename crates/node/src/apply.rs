//! From committed transactions to the tree, to events, to replies.

use crate::attached::{Attached, Pending};
use crate::delivery::{ConnId, Delivery, Outbox, What};
use crate::member::{Node, Proposal};
use crate::reply;
use crate::roles::Duty;
use crate::store::{Serving, Store};
use proto::acl::perms;
use proto::multi::MultiResult;
use proto::mutant::{Mutant, is_on};
use proto::txn::{Txn, TxnHeader};
use proto::{ErrorCode, SessionId, Zxid};
use std::sync::Arc;
use tree::{Outcome, Tree};

/// Transactions applied while the tree is held once: bounds how long a reader can wait.
const APPLY_SLICE: usize = 128;

impl Node {
    /// Everything up to here is committed, as far as this member knows.
    pub(crate) fn commit_point(&self) -> Zxid {
        match &self.duty {
            Duty::Alone(broadcast) => broadcast.committed(),
            // What a new leader finds in its log counts as committed.
            Duty::Leading(leader) if !leader.is_established() => self.ledger.last_logged(),
            Duty::Leading(leader) => leader.committed(),
            Duty::Learning(_) | Duty::Leaving { .. } | Duty::Looking { .. } => self.applicable,
        }
    }

    /// Applies what is committed and durable here: a tree never has what its log lacks (HC-57).
    pub(crate) fn apply_committed(&mut self, out: &mut impl Outbox) {
        if self.tail.is_empty() || self.ledger.is_reloading() {
            self.finish_syncs(out);
            return self.serve_when_caught_up(out);
        }
        let own = if is_on(Mutant::ApplyBeforeLog) { Zxid(i64::MAX) } else { self.ledger.durable() };
        let limit = self.commit_point().min(own);
        let due = |p: &Proposal| p.header.zxid <= limit;
        while self.tail.front().is_some_and(due) {
            let store = Arc::clone(&self.store);
            let mut tree = store.write();
            for _ in 0..APPLY_SLICE {
                let Some(proposal) = self.tail.pop_front_if(|p| due(p)) else { break };
                // A `sync` in front of this one's request has its turn first: its answer is due already.
                self.answer_syncs(Zxid(proposal.header.zxid.0 - 1), &store, &tree, out);
                self.apply(proposal, &store, &mut tree, out);
            }
            let last = tree.last_zxid();
            if let Duty::Leading(leader) = &mut self.duty {
                leader.on_applied(last);
            }
            out.publish();
        }
        self.finish_syncs(out);
        self.serve_when_caught_up(out);
    }

    fn apply(&mut self, proposal: Proposal, store: &Store, tree: &mut Tree, out: &mut impl Outbox) {
        let Proposal { header, txn, digest, origin } = proposal;
        let outcome = tree.apply(&header, &txn, &mut store.watches(), &mut self.fired);
        self.outstanding.applied(header.zxid);
        // Before a learner serves, a snapshot it came from may still be ahead of its zxid.
        if let (Duty::Learning(_), Serving::Yes) = (&self.duty, self.store.serving())
            && digest.is_some_and(|digest| !tree.agrees_with(digest))
        {
            self.diverged += 1;
            out.diverged(header.zxid);
        }
        if !is_on(Mutant::ReplyBeforeEvent) {
            self.send_events(tree, out);
        }
        match txn {
            Txn::CloseSession(_) => self.end_session(&header, &outcome, origin, out),
            Txn::CreateSession(timeout_ms) => self.begin_session(&header, timeout_ms, out),
            Txn::Error(_) if self.clients.opening.contains_key(&header.client_id) => {
                self.refuse_session(header.client_id, out);
            }
            _ if self.clients.take_orphan(&header) => {}
            _ => {
                let from = origin.or_else(|| self.sessions.conn(header.client_id));
                if let Some(conn) = from {
                    self.answer(&header, &outcome, conn, tree, store, out);
                }
            }
        }
        self.send_events(tree, out);
    }

    /// Events leave before any reply of the same transaction, and only to those who may read the
    /// node at this moment (HC-93, HC-179).
    fn send_events(&mut self, tree: &Tree, out: &mut impl Outbox) {
        for fired in self.fired.drain(..) {
            let conn = ConnId(fired.watcher.0);
            let Some(attached) = self.conns.get(&conn) else { continue };
            if is_on(Mutant::DropWatch) && fired.zxid.counter() % 16 == 5 {
                continue;
            }
            let acl = fired.acl.as_deref();
            if acl.is_none_or(|acl| tree::auth::may(tree.settings(), acl, perms::READ, &attached.auth)) {
                out.deliver(Delivery { conn, what: What::Event(reply::event(&fired)) });
            }
        }
    }

    fn answer(
        &mut self,
        header: &TxnHeader,
        outcome: &Outcome,
        conn: ConnId,
        tree: &Tree,
        store: &Store,
        out: &mut impl Outbox,
    ) {
        let Some(attached) = self.conns.get_mut(&conn) else { return };
        let Some((op, started_ms)) = attached.take_answered(header) else {
            if attached.is_out_of_step(header) {
                out.deliver(Delivery { conn, what: What::Close });
            }
            return;
        };
        // Another server has this session now: its client must not take this for the answer (HC-74).
        if is_moved(outcome) {
            return out.deliver(Delivery { conn, what: What::Close });
        }
        let off = i64::from(is_on(Mutant::ReplyZxidOff));
        let frame = reply::write(header.cxid, Zxid(header.zxid.0 - off), op, outcome);
        out.deliver(Delivery { conn, what: What::Reply { frame, started_ms, last: false } });
        drain_reads(attached, conn, tree, store.watches_lock(), out);
    }

    /// A session exists for everybody; the connection that asked for it may go on.
    fn begin_session(&mut self, header: &TxnHeader, timeout_ms: i32, out: &mut impl Outbox) {
        let session = header.client_id;
        if let Some(conn) = self.clients.opening.remove(&session) {
            self.deliver_opened(conn, session, timeout_ms, out);
        }
    }

    /// The leader does not let this session be.
    fn refuse_session(&mut self, session: SessionId, out: &mut impl Outbox) {
        self.sessions.remove(session);
        if let Some(conn) = self.clients.opening.remove(&session) {
            self.conns.remove(&conn);
            out.deliver(Delivery { conn, what: What::Refused });
        }
    }

    /// The session is gone for everybody; its connection gets its reply, if it asked, and closes.
    fn end_session(
        &mut self,
        header: &TxnHeader,
        outcome: &Outcome,
        origin: Option<ConnId>,
        out: &mut impl Outbox,
    ) {
        let session = header.client_id;
        let attached = self.sessions.remove(session);
        self.clients.forget(session);
        let opening = self.clients.opening.remove(&session);
        let Some(conn) = origin.or(attached).or(opening) else { return };
        let asked = self.conns.get_mut(&conn).and_then(|attached| attached.take_answered(header));
        let what = match asked {
            Some((op, started_ms)) => {
                let frame = reply::write(header.cxid, header.zxid, op, outcome);
                What::Reply { frame, started_ms, last: true }
            }
            None => What::Close,
        };
        out.deliver(Delivery { conn, what });
    }

    /// Answers `sync` requests whose point is reached.
    fn finish_syncs(&mut self, out: &mut impl Outbox) {
        if self.clients.synced.is_empty() {
            return;
        }
        let store = Arc::clone(&self.store);
        let view = store.view();
        // Until the first transaction of an epoch, its beginning is reached by everything before it.
        let reached = if self.tail.is_empty() { Zxid(i64::MAX) } else { view.tree.last_zxid() };
        self.answer_syncs(reached, &store, &view.tree, out);
    }

    fn answer_syncs(&mut self, reached: Zxid, store: &Store, tree: &Tree, out: &mut impl Outbox) {
        while let Some((_, conn, xid)) = self.clients.synced.pop_front_if(|(need, ..)| *need <= reached) {
            if let Some(granted) = self.clients.granted.remove(&conn) {
                self.renewed_in_order(conn, granted, out);
            } else if let Some(attached) = self.conns.get_mut(&conn) {
                attached.finish_sync(xid);
                drain_reads(attached, conn, tree, store.watches_lock(), out);
            }
        }
    }
}

/// Whether the leader found the session in another server's hands; of a multi its parts say so.
fn is_moved(outcome: &Outcome) -> bool {
    let moved = ErrorCode::SessionMoved;
    match outcome {
        Outcome::Error(code) => *code == moved,
        Outcome::Multi(results) => results.contains(&MultiResult::Error(moved.code())),
        _ => false,
    }
}

/// Answers everything at the head of the queue that need not wait.
pub(crate) fn drain_reads(
    attached: &mut Attached,
    conn: ConnId,
    tree: &Tree,
    watches: &parking_lot::Mutex<tree::Watches>,
    out: &mut impl Outbox,
) {
    while let Some(pending) = attached.pending.pop_front_if(|pending| !pending.waits()) {
        let mut frame = Vec::new();
        let (started_ms, last) = match pending {
            Pending::Read(request) | Pending::Sync { request, .. } => {
                let asker = reply::Asker { conn, session: attached.session, auth: &attached.auth };
                reply::read(tree, watches, &asker, request.xid, request.op, &request.body, &mut frame);
                (request.started_ms, false)
            }
            Pending::Refusal { xid, zxid, code, started_ms, last } => {
                reply::header_only(&mut frame, xid, zxid.unwrap_or(tree.last_zxid()), code);
                (started_ms, last)
            }
            Pending::Write { .. } => continue,
        };
        out.deliver(Delivery { conn, what: What::Reply { frame, started_ms, last } });
    }
}

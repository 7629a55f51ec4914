//! What clients ask: sessions, writes, reads behind writes, `sync`.

use crate::apply::drain_reads;
use crate::attached::{Attached, Pending};
use crate::connection::SubmissionKind;
use crate::delivery::{ConnId, Delivery, Outbox, What};
use crate::member::{Node, Proposal, Request};
use crate::roles::Duty;
use crate::sessions::Owner;
use crate::store::Serving;
use proto::acl::Id;
use proto::mutant::{Mutant, is_on};
use proto::peer::Forwarded;
use proto::txn::encode_entry;
use proto::{ErrorCode, OpCode, Reader, SessionId, Zxid, session};
use std::sync::Arc;
use tree::{Context, WriteOp};

/// Sessions expired in one step: a mass expiry must not hold up everything else (HC-79).
const EXPIRE_SLICE: usize = 256;
/// What an entry usually has beyond the request it comes from: header, digest, a longer name.
const ENTRY_OVERHEAD: usize = 96;

impl Node {
    pub(crate) fn on_submission(&mut self, conn: ConnId, kind: SubmissionKind, out: &mut impl Outbox) {
        let serving = self.store.serving();
        if serving == Serving::No {
            return out.deliver(Delivery { conn, what: What::Close });
        }
        match kind {
            SubmissionKind::Open { read_only, .. } | SubmissionKind::Renew { read_only, .. }
                if serving == Serving::ReadOnly && !read_only =>
            {
                out.deliver(Delivery { conn, what: What::Close });
            }
            SubmissionKind::Open { timeout_ms, auth, .. } => self.open(conn, timeout_ms, auth, out),
            SubmissionKind::Renew { session, password, timeout_ms, auth, .. } => {
                let asked = (session, password.as_slice());
                self.renew(conn, asked, timeout_ms, auth, out);
            }
            SubmissionKind::Write(request) | SubmissionKind::Sync(request)
                if serving == Serving::ReadOnly =>
            {
                self.refuse_read_only(conn, request, out);
            }
            SubmissionKind::Auth(auth) => {
                if let Some(attached) = self.conns.get_mut(&conn) {
                    attached.auth = auth;
                }
            }
            SubmissionKind::Write(request) => self.write(conn, request, out),
            SubmissionKind::Sync(request) => self.sync(conn, request, out),
            SubmissionKind::Read(request) => self.defer(conn, Pending::Read(request), out),
            SubmissionKind::Refuse { xid, zxid, code, started_ms, last } => {
                self.defer(conn, Pending::Refusal { xid, zxid, code, started_ms, last }, out);
            }
        }
    }

    /// A new session exists once its transaction is committed; its client hears of it then.
    fn open(&mut self, conn: ConnId, wanted_ms: i32, auth: Arc<[Id]>, out: &mut impl Outbox) {
        let timeout_ms = self.settings.negotiate(wanted_ms);
        if self.opens_local() {
            return self.open_local(conn, timeout_ms, auth, out);
        }
        let session = self.fresh_session();
        self.sessions.track(session, timeout_ms, Some(Owner::Conn(conn)), self.now.monotonic_ms);
        self.conns.insert(conn, Attached::new(session, auth, self.ledger.last_logged()));
        self.clients.opening.insert(session, conn);
        if let Duty::Learning(learner) = &self.duty {
            let (op, body) = (OpCode::CreateSession.code(), timeout_ms.to_be_bytes());
            learner.request(&Forwarded { session, cxid: 0, op, body: &body }, &[], out);
        } else {
            self.propose(session, 0, &WriteOp::CreateSession { timeout_ms }, Some(conn), &[], 0, out);
        }
    }

    /// Takes a session up again on another connection. A wrong password and a session that is gone
    /// get the same answer (HC-83).
    fn renew(
        &mut self,
        conn: ConnId,
        (session, password): (SessionId, &[u8]),
        wanted_ms: i32,
        auth: Arc<[Id]>,
        out: &mut impl Outbox,
    ) {
        let timeout_ms = self.settings.negotiate(wanted_ms);
        if self.store.serving() == Serving::ReadOnly {
            return self.renew_read_only(conn, (session, password), timeout_ms, auth, out);
        }
        let is_owner = password == session::password(session);
        if let Duty::Learning(learner) = &self.duty
            && is_owner
            && !self.sessions.is_local(session)
        {
            learner.revalidate(session, timeout_ms, out);
            self.clients.renewing.entry(session).or_default().push_back((conn, timeout_ms));
            self.conns.insert(conn, Attached::new(SessionId::NONE, auth, Zxid::ZERO));
            return;
        }
        let valid = is_owner && self.sessions.is_live(session);
        self.renewed(conn, session, timeout_ms, auth, valid, out);
    }

    /// Attaches a session to a connection, or refuses.
    pub(crate) fn renewed(
        &mut self,
        conn: ConnId,
        session: SessionId,
        timeout_ms: i32,
        auth: Arc<[Id]>,
        valid: bool,
        out: &mut impl Outbox,
    ) {
        if !valid {
            return out.deliver(Delivery { conn, what: What::Refused });
        }
        let (owner, now_ms) = (Owner::Conn(conn), self.now.monotonic_ms);
        if !self.sessions.is_known(session) {
            self.sessions.track(session, timeout_ms, None, now_ms);
        }
        if let Some(Owner::Conn(old)) = self.sessions.attach(session, owner, timeout_ms, now_ms) {
            out.deliver(Delivery { conn: old, what: What::Close });
            if let Some(left) = self.conns.remove(&old) {
                self.clients.orphan(left);
            }
        }
        self.conns.insert(conn, Attached::new(session, auth, self.ledger.last_logged()));
        self.deliver_opened(conn, session, timeout_ms, out);
    }

    /// Attaches a session once nothing from before its renewal can come any more. The client may have gone
    /// meanwhile: then nobody has the session here (HC-90).
    pub(crate) fn renewed_in_order(
        &mut self,
        conn: ConnId,
        (session, timeout_ms): (SessionId, i32),
        out: &mut impl Outbox,
    ) {
        if let Some(asker) = self.conns.remove(&conn) {
            self.renewed(conn, session, timeout_ms, asker.auth, true, out);
        }
    }

    /// Tells a connection that it has its session.
    pub(crate) fn deliver_opened(
        &self,
        conn: ConnId,
        session: SessionId,
        timeout_ms: i32,
        out: &mut impl Outbox,
    ) {
        let read_only = self.store.serving() == Serving::ReadOnly;
        out.deliver(Delivery { conn, what: What::Opened { session, timeout_ms, read_only } });
    }

    /// An id that no session has, here or in the tree.
    pub(crate) fn fresh_session(&mut self) -> SessionId {
        loop {
            let id = self.sessions.fresh_id();
            if !self.store.view().tree.has_session(id) {
                return id;
            }
        }
    }

    fn write(&mut self, conn: ConnId, request: Request, out: &mut impl Outbox) {
        let Some(attached) = self.conns.get(&conn) else { return };
        let session = attached.session;
        let Request { xid, op, started_ms, .. } = request;
        if op == OpCode::CloseSession && self.sessions.is_local(session) {
            return self.close_local(conn, xid, started_ms, out);
        }
        if let Duty::Learning(_) = &self.duty {
            return self.forward(conn, &request, out);
        }
        let (auth, body) = (Arc::clone(&attached.auth), &request.body);
        let refusal = |code| Pending::Refusal { xid, zxid: None, code, started_ms, last: false };
        if !self.sessions.is_live(session) {
            return self.defer(conn, refusal(ErrorCode::SessionExpired), out);
        }
        let origin = Some(conn);
        let zxid = match WriteOp::decode(op, &mut Reader::new(body)) {
            Ok(_) if !self.sessions.owns(session, Owner::Conn(conn)) => {
                return out.deliver(Delivery { conn, what: What::Close });
            }
            Ok(write) => {
                if let Err(code) = self.upgrade_for(session, &write, out) {
                    return self.defer(conn, refusal(code), out);
                }
                if op == OpCode::CloseSession {
                    self.sessions.set_closing(session);
                }
                self.propose(session, xid, &write, origin, &auth, body.len(), out)
            }
            // The reference numbers and logs an undecodable multi, other requests not.
            Err(_) if op == OpCode::Multi => {
                self.propose_error(session, xid, ErrorCode::MarshallingError, origin, out)
            }
            Err(_) => return self.defer(conn, refusal(ErrorCode::MarshallingError), out),
        };
        if let (Some(zxid), Some(attached)) = (zxid, self.conns.get_mut(&conn)) {
            attached.pending.push_back(Pending::Write { xid, op, started_ms, zxid: Some(zxid) });
        }
    }

    /// Hands a write to the leader. One that cannot be read stays here: a leader of the reference would give
    /// its refusal a zxid twice.
    fn forward(&mut self, conn: ConnId, request: &Request, out: &mut impl Outbox) {
        let Some(session) = self.conns.get(&conn).map(|attached| attached.session) else { return };
        let Request { xid, op, started_ms, ref body } = *request;
        let readable = match WriteOp::decode(op, &mut Reader::new(body)) {
            Ok(write) => self.upgrade_for(session, &write, out),
            Err(_) => Err(ErrorCode::MarshallingError),
        };
        if let Err(code) = readable {
            let refusal = Pending::Refusal { xid, zxid: None, code, started_ms, last: false };
            return self.defer(conn, refusal, out);
        }
        let (Some(attached), Duty::Learning(learner)) = (self.conns.get_mut(&conn), &self.duty) else {
            return;
        };
        attached.pending.push_back(Pending::Write { xid, op, started_ms, zxid: None });
        let forwarded = Forwarded { session, cxid: xid, op: op.code(), body };
        learner.request(&forwarded, &attached.auth, out);
    }

    /// `sync` is answered once everything proposed before it is applied here (HC-54).
    fn sync(&mut self, conn: ConnId, request: Request, out: &mut impl Outbox) {
        self.confirm_sync(out);
        let Some(attached) = self.conns.get_mut(&conn) else { return };
        let xid = request.xid;
        match &self.duty {
            Duty::Learning(learner) => {
                let (session, op) = (attached.session, request.op.code());
                let forwarded = Forwarded { session, cxid: xid, op, body: &request.body };
                learner.request(&forwarded, &attached.auth, out);
                self.clients.syncing.push_back((conn, xid));
            }
            Duty::Leading(leader) => self.clients.synced.push_back((leader.last_proposed(), conn, xid)),
            _ => self.clients.synced.push_back((self.ledger.last_logged(), conn, xid)),
        }
        attached.pending.push_back(Pending::Sync { request, done: false });
        self.apply_committed(out);
    }

    /// Where `sync` is to be confirmed by a quorum and nothing that needs one is on its way, an empty
    /// transaction is.
    pub(crate) fn confirm_sync(&mut self, out: &mut impl Outbox) {
        let Duty::Leading(leader) = &self.duty else { return };
        let wanted = self.ensemble.as_ref().is_some_and(|ensemble| ensemble.settings.quorum_sync);
        if wanted && leader.last_proposed() == leader.committed() {
            self.propose_error(SessionId::NONE, 0, ErrorCode::Ok, None, out);
        }
    }

    /// Decides a write, numbers it, logs it and sends it to the learners.
    #[allow(clippy::too_many_arguments, reason = "each is a different thing about one request")]
    pub(crate) fn propose(
        &mut self,
        session: SessionId,
        cxid: i32,
        op: &WriteOp<'_>,
        origin: Option<ConnId>,
        auth: &[Id],
        body_bytes: usize,
        out: &mut impl Outbox,
    ) -> Option<Zxid> {
        let zxid = self.next_zxid(out)?;
        let unreplicated = self.unreplicated(session);
        let context = Context { zxid, time_ms: self.now.wall_ms, session, cxid, auth, unreplicated };
        let (resolved, membership) = self.resolve(zxid, op).unzip();
        let op = resolved.as_ref().unwrap_or(op);
        let prepared = tree::prepare(&self.store.view().tree, &mut self.outstanding, &context, op);
        if let Some(next) = membership.flatten() {
            self.stage_proposed(&prepared.txn, next, out);
        }
        self.log(prepared, body_bytes, origin, out);
        Some(zxid)
    }

    /// Gives a refusal its place in the order.
    pub(crate) fn propose_error(
        &mut self,
        session: SessionId,
        cxid: i32,
        code: ErrorCode,
        origin: Option<ConnId>,
        out: &mut impl Outbox,
    ) -> Option<Zxid> {
        let zxid = self.next_zxid(out)?;
        let context =
            Context { zxid, time_ms: self.now.wall_ms, session, cxid, auth: &[], unreplicated: None };
        self.log(tree::prepare_error(&context, code), 0, origin, out);
        Some(zxid)
    }

    fn log(
        &mut self,
        prepared: tree::Prepared,
        body_bytes: usize,
        origin: Option<ConnId>,
        out: &mut impl Outbox,
    ) {
        let mut bytes = Vec::with_capacity(ENTRY_OVERHEAD + body_bytes);
        encode_entry(&prepared.header, &prepared.txn, prepared.digest, &mut bytes);
        for warning in prepared.warnings {
            out.quota_exceeded(warning);
        }
        let (zxid, entry) = (prepared.header.zxid, proto::peer::Entry::from(bytes));
        self.ledger.append(zxid, Arc::clone(&entry), out);
        if let Duty::Leading(leader) = &mut self.duty {
            leader.propose(zxid, &entry, out);
        }
        let (header, txn) = (prepared.header, prepared.txn);
        self.tail.push_back(Proposal { header, txn, digest: None, origin });
        if is_on(Mutant::LeaderAckBeforeSync) {
            self.lead(out, |leader, events, out| leader.on_stored(zxid, events, out));
        }
    }

    fn next_zxid(&mut self, out: &mut impl Outbox) -> Option<Zxid> {
        match &mut self.duty {
            Duty::Alone(broadcast) => {
                let numbered = broadcast.propose().or_else(|_| {
                    broadcast.next_epoch()?;
                    broadcast.propose()
                });
                if let Err(exhausted) = numbered {
                    self.stopped = Some(exhausted);
                }
                numbered.ok()
            }
            Duty::Leading(leader) => match leader.next_zxid() {
                Ok(zxid) => Some(zxid),
                Err(exhausted) => {
                    self.leave(&exhausted.to_string(), out);
                    None
                }
            },
            _ => None,
        }
    }

    /// Queues behind the connection's outstanding writes, or answers at once when there are none.
    pub(crate) fn defer(&mut self, conn: ConnId, pending: Pending, out: &mut impl Outbox) {
        let Some(attached) = self.conns.get_mut(&conn) else { return };
        attached.pending.push_back(pending);
        if attached.pending.len() == 1 {
            let store = Arc::clone(&self.store);
            let view = store.view();
            drain_reads(attached, conn, &view.tree, view.watches, out);
        }
    }

    pub(crate) fn on_touched(&mut self, session: SessionId) {
        self.sessions.touch(session, self.now.monotonic_ms);
        if let Duty::Learning(_) = self.duty
            && !self.sessions.is_local(session)
            && let Some(timeout_ms) = self.sessions.timeout_ms(session)
        {
            self.clients.touched.insert(session, timeout_ms);
        }
    }

    pub(crate) fn on_disconnected(&mut self, conn: ConnId) {
        self.store.watches().remove_watcher(conn.into());
        if let Some(attached) = self.conns.remove(&conn) {
            let session = attached.session;
            self.sessions.detach(session, conn);
            let forgotten = match self.sessions.is_local(session) {
                true => self.sessions.is_closing(session),
                false => matches!(self.duty, Duty::Learning(_)),
            };
            if forgotten && self.sessions.conn(session).is_none() {
                self.sessions.remove(session);
            }
            self.clients.orphan(attached);
        }
    }

    /// Closes sessions whose time is up: the leader's decision, and a transaction; for local sessions that of
    /// their server.
    pub(crate) fn expire_sessions(&mut self, out: &mut impl Outbox) {
        let due = self.sessions.expired(self.now.monotonic_ms);
        for session in due.into_iter().take(EXPIRE_SLICE) {
            if self.sessions.is_local(session) {
                self.end_local(session, out);
                continue;
            }
            self.sessions.set_closing(session);
            self.propose(session, 0, &WriteOp::CloseSession, None, &[], 0, out);
        }
    }

    pub(crate) fn delete_container(&mut self, path: String, out: &mut impl Outbox) {
        self.propose(SessionId::NONE, 0, &WriteOp::DeleteContainer(path.into()), None, &[], 0, out);
    }
}

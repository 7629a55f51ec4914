//! Sessions that only this server knows: local ones, and those of read-only service.
//!
//! They are in no log, the leader never hears of them, and this server alone lets them expire. The first
//! ephemeral node a local session creates makes it global first, where that is allowed.
//!
//! //= java: UpgradeableSessionTracker, QuorumZooKeeperServer.checkUpgradeSession, ReadOnlyRequestProcessor

use crate::attached::{Attached, Pending};
use crate::delivery::{ConnId, Delivery, Outbox, What};
use crate::member::{Node, Request};
use crate::roles::Duty;
use crate::sessions::{Owner, Reach};
use crate::store::Serving;
use proto::acl::Id;
use proto::multi::MultiOp;
use proto::peer::Forwarded;
use proto::request::CreateMode;
use proto::{ErrorCode, OpCode, SessionId, session};
use std::sync::Arc;
use tree::WriteOp;

impl Node {
    /// Whether new sessions stay with this server.
    pub(crate) fn opens_local(&self) -> bool {
        let local = self.ensemble.as_ref().is_some_and(|ensemble| ensemble.settings.local_sessions);
        local || self.store.serving() == Serving::ReadOnly
    }

    /// A session that exists at once, here.
    pub(crate) fn open_local(
        &mut self,
        conn: ConnId,
        timeout_ms: i32,
        auth: Arc<[Id]>,
        out: &mut impl Outbox,
    ) {
        let session = self.fresh_session();
        let owner = Some(Owner::Conn(conn));
        self.sessions.track_as(Reach::Local, session, timeout_ms, owner, self.now.monotonic_ms);
        self.conns.insert(conn, Attached::new(session, auth, self.ledger.last_logged()));
        self.deliver_opened(conn, session, timeout_ms, out);
    }

    /// Takes up a session while there is no leader. Sessions of the ensemble are not to be had here: the
    /// client looks for another server (HC-80).
    pub(crate) fn renew_read_only(
        &mut self,
        conn: ConnId,
        (id, password): (SessionId, &[u8]),
        timeout_ms: i32,
        auth: Arc<[Id]>,
        out: &mut impl Outbox,
    ) {
        if self.store.view().tree.has_session(id) {
            return out.deliver(Delivery { conn, what: What::Close });
        }
        let valid = password == session::password(id) && self.sessions.is_live(id);
        self.renewed(conn, id, timeout_ms, auth, valid, out);
    }

    /// Refuses what a server without a leader cannot do; a session may still be closed.
    pub(crate) fn refuse_read_only(&mut self, conn: ConnId, request: Request, out: &mut impl Outbox) {
        let Request { xid, op, started_ms, .. } = request;
        if op == OpCode::CloseSession {
            return self.close_local(conn, xid, started_ms, out);
        }
        let code = ErrorCode::NotReadOnly;
        self.defer(conn, Pending::Refusal { xid, zxid: None, code, started_ms, last: false }, out);
    }

    /// Closes a local session, after what its client has outstanding. It is forgotten with its connection.
    pub(crate) fn close_local(&mut self, conn: ConnId, xid: i32, started_ms: u64, out: &mut impl Outbox) {
        let Some(attached) = self.conns.get(&conn) else { return };
        self.sessions.set_closing(attached.session);
        let code = ErrorCode::Ok;
        self.defer(conn, Pending::Refusal { xid, zxid: None, code, started_ms, last: true }, out);
    }

    /// Makes a local session global before it creates its first ephemeral node, so that the node has an
    /// owner that everybody knows (HC-73). An error is what the client is answered instead.
    pub(crate) fn upgrade_for(
        &mut self,
        session: SessionId,
        op: &WriteOp<'_>,
        out: &mut impl Outbox,
    ) -> Result<(), ErrorCode> {
        if !creates_ephemeral(op) || !self.sessions.is_local(session) {
            return Ok(());
        }
        if !self.ensemble.as_ref().is_some_and(|ensemble| ensemble.settings.upgrade_local_sessions) {
            // The leader refuses the one part of a multi.
            let is_multi = matches!(op, WriteOp::Multi(_));
            return if is_multi { Ok(()) } else { Err(ErrorCode::EphemeralOnLocalSession) };
        }
        let Some(timeout_ms) = self.sessions.upgrade(session, self.now.monotonic_ms) else { return Ok(()) };
        if let Duty::Learning(learner) = &self.duty {
            let (op, body) = (OpCode::CreateSession.code(), timeout_ms.to_be_bytes());
            learner.request(&Forwarded { session, cxid: 0, op, body: &body }, &[], out);
            self.clients.touched.insert(session, timeout_ms);
        } else {
            self.propose(session, 0, &WriteOp::CreateSession { timeout_ms }, None, &[], 0, out);
        }
        Ok(())
    }

    /// What an ephemeral create of a session gets that has no transaction; `None` for those that must have
    /// one. The leader takes the word of a learner for a session that may be local there.
    pub(crate) fn unreplicated(&self, session: SessionId) -> Option<ErrorCode> {
        if !self.ensemble.as_ref().is_some_and(|ensemble| ensemble.settings.local_sessions) {
            return None;
        }
        if self.sessions.is_known(session) {
            let local = self.sessions.is_local(session) && self.sessions.is_live(session);
            return local.then_some(ErrorCode::EphemeralOnLocalSession);
        }
        let made_here = session::server_of(session) == self.settings.server_id;
        (!made_here).then_some(ErrorCode::SessionExpired)
    }

    /// A local session's time is up, or its client has closed it.
    pub(crate) fn end_local(&mut self, session: SessionId, out: &mut impl Outbox) {
        if let Some(conn) = self.sessions.remove(session) {
            out.deliver(Delivery { conn, what: What::Close });
        }
    }
}

fn creates_ephemeral(op: &WriteOp<'_>) -> bool {
    let is_ephemeral = |flags| CreateMode::from_flags(flags).is_some_and(CreateMode::is_ephemeral);
    match op {
        WriteOp::Create(_, request) => is_ephemeral(request.flags),
        WriteOp::Multi(parts) => parts.iter().any(|part| match part {
            MultiOp::Create(_, request) => is_ephemeral(request.flags),
            MultiOp::CreateTtl(request) => is_ephemeral(request.flags),
            _ => false,
        }),
        _ => false,
    }
}

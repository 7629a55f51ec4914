//! The member itself: requests in, log entries, replies and events out.
//!
//! A write is prepared against the tree and everything still outstanding, gets its zxid, goes to
//! the log, and is applied once a quorum has it. Standalone is a quorum of one on that same path.
//!
//! Per connection the node keeps what it has submitted and not been answered, so that replies leave
//! in request order and a read behind a write sees that write and none after it.

use crate::connection::{Submission, SubmissionKind};
use crate::containers::Sweep;
use crate::delivery::{ConnId, Delivery, Outbox, What};
use crate::peer::PeerInput;
use crate::reply;
use crate::sessions::{SessionInfo, Sessions};
use crate::settings::{Now, Settings};
use crate::store::Store;
use proto::acl::{Id, perms};
use proto::txn::{Txn, TxnHeader, encode_entry};
use proto::{ErrorCode, OpCode, Reader, SessionId, Zxid, session};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tree::{Context, Fired, Outcome, Outstanding, Tree, WriteOp};
use zab::{Broadcast, Quorum, ServerId};

pub use zab::Exhausted;

/// Transactions applied while the tree is held once: bounds how long a reader can wait.
const APPLY_SLICE: usize = 128;
/// Sessions expired in one step: a mass expiry must not hold up everything else (HC-79).
const EXPIRE_SLICE: usize = 256;

/// What an entry usually has beyond the request it comes from: header, digest, a longer name.
const ENTRY_OVERHEAD: usize = 96;

/// What can happen to a node.
#[derive(Debug)]
pub enum Input {
    /// A connection hands over what it cannot answer itself.
    Submit(Submission),
    /// A client was heard from.
    Touched(SessionId),
    /// A connection is gone; nothing will be delivered to it any more.
    Disconnected(ConnId),
    /// So many of the things handed to the log since the start are durable: entries, records,
    /// truncations and installed snapshots, counted together, in the order they were put out.
    Stored(u64),
    /// A truncation was performed (it counts for [`Input::Stored`], which comes after): the tree read
    /// back from the disk, if that was asked for.
    Truncated(Option<Box<Tree>>),
    /// A snapshot was installed (it counts for [`Input::Stored`], which comes after); here it is back.
    Installed(Box<Tree>),
    /// Something came from another member.
    Peer(PeerInput),
    /// Time has passed; due at [`Node::next_deadline`], harmless at any time.
    Tick,
}

/// A request on its way through the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The client's number for it.
    pub xid: i32,
    /// Which operation.
    pub op: OpCode,
    /// The undecoded record.
    pub body: Vec<u8>,
    /// When it was received, on the monotonic clock, milliseconds.
    pub started_ms: u64,
}

/// A transaction that is in the log but not yet applied.
struct Proposal {
    header: TxnHeader,
    txn: Txn,
    origin: Option<Origin>,
}

struct Origin {
    conn: ConnId,
    op: OpCode,
    started_ms: u64,
    body_bytes: usize,
}

/// Something a connection submitted and has no answer to.
enum Pending {
    Write(Zxid),
    Read(Request),
    Refusal { xid: i32, zxid: Option<Zxid>, code: ErrorCode, started_ms: u64, last: bool },
}

struct Attached {
    session: SessionId,
    auth: Arc<[Id]>,
    pending: VecDeque<Pending>,
}

/// One member of the service.
pub struct Node {
    settings: Settings,
    me: ServerId,
    store: Arc<Store>,
    broadcast: Broadcast,
    outstanding: Outstanding,
    proposals: VecDeque<Proposal>,
    /// Entries not yet durable: their place in the order of things stored, and their zxid.
    unstored: VecDeque<(u64, Zxid)>,
    tickets: u64,
    sessions: Sessions,
    conns: BTreeMap<ConnId, Attached>,
    sweep: Sweep,
    now: Now,
    fired: Vec<Fired>,
    stopped: Option<Exhausted>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("me", &self.me)
            .field("broadcast", &self.broadcast)
            .finish_non_exhaustive()
    }
}

impl Node {
    /// A member that serves alone, from the state recovered into `store`. All sessions found there
    /// get their whole timeout from `now` on.
    pub fn standalone(settings: Settings, store: Arc<Store>, now: Now) -> Self {
        let me = ServerId(i64::from(settings.server_id));
        let seed_ms = now.wall_ms.unsigned_abs();
        let mut sessions = Sessions::new(settings.tick_time_ms, settings.server_id, seed_ms);
        let last = {
            let view = store.view();
            for (id, timeout_ms) in view.tree.sessions() {
                sessions.track(id, timeout_ms, None, now.monotonic_ms);
            }
            view.tree.last_zxid()
        };
        Self {
            me,
            broadcast: Broadcast::new(Quorum::majority([me]), last),
            outstanding: Outstanding::new(),
            proposals: VecDeque::new(),
            unstored: VecDeque::new(),
            tickets: 0,
            sessions,
            conns: BTreeMap::new(),
            sweep: Sweep::new(&settings, now.monotonic_ms),
            now,
            fired: Vec::new(),
            stopped: None,
            settings,
            store,
        }
    }

    /// Takes one input and puts out what follows from it.
    pub fn step(&mut self, now: Now, input: Input, out: &mut impl Outbox) {
        self.now = now;
        match input {
            Input::Submit(Submission { conn, kind }) => self.on_submission(conn, kind, out),
            Input::Touched(session) => self.sessions.touch(session, now.monotonic_ms),
            Input::Disconnected(conn) => self.on_disconnected(conn),
            Input::Stored(count) => {
                while let Some((ticket, zxid)) = self.unstored.pop_front_if(|(t, _)| *t <= count) {
                    let _ = ticket;
                    self.broadcast.ack(self.me, zxid);
                }
                self.apply_committed(out);
            }
            Input::Truncated(_) | Input::Installed(_) | Input::Peer(_) => {}
            Input::Tick => self.on_tick(out),
        }
    }

    /// When a [`Input::Tick`] is next needed, on the monotonic clock, milliseconds.
    pub fn next_deadline(&self) -> u64 {
        let sweep = self.sweep.next_deadline();
        self.sessions.next_deadline().map_or(sweep, |session| session.min(sweep))
    }

    /// Transactions prepared and not yet applied.
    pub fn outstanding(&self) -> usize {
        self.proposals.len()
    }

    /// Every session, in id order.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.sessions.list()
    }

    /// Number of sessions.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Set when no further transaction can be numbered: the process must end and say so.
    pub fn stopped(&self) -> Option<Exhausted> {
        self.stopped
    }

    fn on_submission(&mut self, conn: ConnId, kind: SubmissionKind, out: &mut impl Outbox) {
        match kind {
            SubmissionKind::Open { timeout_ms, auth } => self.open(conn, timeout_ms, auth, out),
            SubmissionKind::Renew { session, password, timeout_ms, auth } => {
                self.renew(conn, session, &password, timeout_ms, auth, out);
            }
            SubmissionKind::Auth(auth) => {
                if let Some(attached) = self.conns.get_mut(&conn) {
                    attached.auth = auth;
                }
            }
            SubmissionKind::Write(request) => self.write(conn, request, out),
            SubmissionKind::Read(request) => self.defer(conn, Pending::Read(request), out),
            SubmissionKind::Refuse { xid, zxid, code, started_ms, last } => {
                self.defer(conn, Pending::Refusal { xid, zxid, code, started_ms, last }, out);
            }
        }
    }

    /// A new session exists once its transaction is committed; its client hears of it then.
    fn open(&mut self, conn: ConnId, wanted_ms: i32, auth: Arc<[Id]>, out: &mut impl Outbox) {
        let timeout_ms = self.settings.negotiate(wanted_ms);
        let session = self.sessions.fresh_id();
        self.sessions.track(session, timeout_ms, Some(conn), self.now.monotonic_ms);
        self.conns.insert(conn, Attached { session, auth, pending: VecDeque::new() });
        let started_ms = self.now.monotonic_ms;
        let origin = Origin { conn, op: OpCode::CreateSession, started_ms, body_bytes: 0 };
        self.propose(session, 0, &WriteOp::CreateSession { timeout_ms }, Some(origin), out);
    }

    /// Takes a session up again on another connection. A wrong password and a session that is gone
    /// get the same answer (HC-83).
    fn renew(
        &mut self,
        conn: ConnId,
        session: SessionId,
        password: &[u8],
        wanted_ms: i32,
        auth: Arc<[Id]>,
        out: &mut impl Outbox,
    ) {
        let close = |conn, what, out: &mut dyn FnMut(Delivery)| out(Delivery { conn, what });
        if password != session::password(session) || !self.sessions.is_live(session) {
            return close(conn, What::Refused, &mut |d| out.deliver(d));
        }
        let timeout_ms = self.settings.negotiate(wanted_ms);
        if let Some(old) = self.sessions.attach(session, conn, timeout_ms, self.now.monotonic_ms) {
            close(old, What::Close, &mut |d| out.deliver(d));
        }
        self.conns.insert(conn, Attached { session, auth, pending: VecDeque::new() });
        out.deliver(Delivery { conn, what: What::Opened { session, timeout_ms } });
    }

    fn write(&mut self, conn: ConnId, request: Request, out: &mut impl Outbox) {
        let Some(session) = self.conns.get(&conn).map(|a| a.session) else { return };
        let Request { xid, op, body, started_ms } = request;
        let refusal = |code| Pending::Refusal { xid, zxid: None, code, started_ms, last: false };
        let decoded = WriteOp::decode(op, &mut Reader::new(&body));
        let origin = Some(Origin { conn, op, started_ms, body_bytes: body.len() });
        let zxid = match decoded {
            Ok(write) if self.sessions.is_live(session) => {
                if op == OpCode::CloseSession {
                    self.sessions.set_closing(session);
                }
                self.propose(session, xid, &write, origin, out)
            }
            Ok(_) => return self.defer(conn, refusal(ErrorCode::SessionExpired), out),
            // The reference numbers and logs an undecodable multi, other requests not.
            Err(_) if op == OpCode::Multi => self.propose_error(session, xid, origin, out),
            Err(_) => return self.defer(conn, refusal(ErrorCode::MarshallingError), out),
        };
        if let (Some(zxid), Some(attached)) = (zxid, self.conns.get_mut(&conn)) {
            attached.pending.push_back(Pending::Write(zxid));
        }
    }

    fn propose(
        &mut self,
        session: SessionId,
        cxid: i32,
        op: &WriteOp<'_>,
        origin: Option<Origin>,
        out: &mut impl Outbox,
    ) -> Option<Zxid> {
        let zxid = self.next_zxid()?;
        let auth = origin.as_ref().and_then(|o| self.conns.get(&o.conn)).map(|a| a.auth.clone());
        let auth = auth.as_deref().unwrap_or_default();
        let context = Context { zxid, time_ms: self.now.wall_ms, session, cxid, auth };
        let body_bytes = origin.as_ref().map_or(0, |o| o.body_bytes);
        let prepared = tree::prepare(&self.store.view().tree, &mut self.outstanding, &context, op);
        self.log(prepared, body_bytes, origin, out);
        Some(zxid)
    }

    fn propose_error(
        &mut self,
        session: SessionId,
        cxid: i32,
        origin: Option<Origin>,
        out: &mut impl Outbox,
    ) -> Option<Zxid> {
        let zxid = self.next_zxid()?;
        let context = Context { zxid, time_ms: self.now.wall_ms, session, cxid, auth: &[] };
        self.log(tree::prepare_error(&context, ErrorCode::MarshallingError), 0, origin, out);
        Some(zxid)
    }

    fn log(
        &mut self,
        prepared: tree::Prepared,
        body_bytes: usize,
        origin: Option<Origin>,
        out: &mut impl Outbox,
    ) {
        let mut entry = Vec::with_capacity(ENTRY_OVERHEAD + body_bytes);
        encode_entry(&prepared.header, &prepared.txn, prepared.digest, &mut entry);
        for warning in prepared.warnings {
            out.quota_exceeded(warning);
        }
        self.tickets += 1;
        self.unstored.push_back((self.tickets, prepared.header.zxid));
        out.append(prepared.header.zxid, entry.into());
        self.proposals.push_back(Proposal { header: prepared.header, txn: prepared.txn, origin });
    }

    fn next_zxid(&mut self) -> Option<Zxid> {
        let numbered = self.broadcast.propose().or_else(|_| {
            self.broadcast.next_epoch()?;
            self.broadcast.propose()
        });
        match numbered {
            Ok(zxid) => Some(zxid),
            Err(exhausted) => {
                self.stopped = Some(exhausted);
                None
            }
        }
    }

    /// Queues behind the connection's outstanding writes, or answers at once when there are none.
    fn defer(&mut self, conn: ConnId, pending: Pending, out: &mut impl Outbox) {
        let Some(attached) = self.conns.get_mut(&conn) else { return };
        attached.pending.push_back(pending);
        if attached.pending.len() == 1 {
            let store = Arc::clone(&self.store);
            let view = store.view();
            drain_reads(attached, conn, &view.tree, view.watches, out);
        }
    }

    fn apply_committed(&mut self, out: &mut impl Outbox) {
        let committed = self.broadcast.committed();
        let due = |p: &Proposal| p.header.zxid <= committed;
        while self.proposals.front().is_some_and(due) {
            let store = Arc::clone(&self.store);
            let mut tree = store.write();
            for _ in 0..APPLY_SLICE {
                let Some(proposal) = self.proposals.pop_front_if(|p| due(p)) else { break };
                self.apply(proposal, &store, &mut tree, out);
            }
            out.publish();
        }
    }

    fn apply(&mut self, proposal: Proposal, store: &Store, tree: &mut Tree, out: &mut impl Outbox) {
        let Proposal { header, txn, origin } = proposal;
        let outcome = tree.apply(&header, &txn, &mut store.watches(), &mut self.fired);
        self.outstanding.applied(header.zxid);
        self.send_events(tree, out);
        match txn {
            Txn::CloseSession(_) => self.end_session(&header, &outcome, origin, out),
            Txn::CreateSession(timeout_ms) => {
                if let Some(Origin { conn, .. }) = origin {
                    let what = What::Opened { session: header.client_id, timeout_ms };
                    out.deliver(Delivery { conn, what });
                }
            }
            _ => {
                if let Some(origin) = origin {
                    self.answer(&header, &outcome, origin, tree, store, out);
                }
            }
        }
    }

    /// Events leave before any reply of the same transaction, and only to those who may read the
    /// node at this moment (HC-93, HC-179).
    fn send_events(&mut self, tree: &Tree, out: &mut impl Outbox) {
        for fired in self.fired.drain(..) {
            let conn = ConnId(fired.watcher.0);
            let Some(attached) = self.conns.get(&conn) else { continue };
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
        origin: Origin,
        tree: &Tree,
        store: &Store,
        out: &mut impl Outbox,
    ) {
        let Origin { conn, op, started_ms, .. } = origin;
        let Some(attached) = self.conns.get_mut(&conn) else { return };
        if !matches!(attached.pending.front(), Some(Pending::Write(zxid)) if *zxid == header.zxid) {
            return;
        }
        attached.pending.pop_front();
        let frame = reply::write(header.cxid, header.zxid, op, outcome);
        out.deliver(Delivery { conn, what: What::Reply { frame, started_ms, last: false } });
        let watches = store.watches_lock();
        drain_reads(attached, conn, tree, watches, out);
    }

    /// The session is gone for everybody; its connection gets its reply, if it asked, and closes.
    fn end_session(
        &mut self,
        header: &TxnHeader,
        outcome: &Outcome,
        origin: Option<Origin>,
        out: &mut impl Outbox,
    ) {
        let attached = self.sessions.remove(header.client_id);
        match origin {
            Some(Origin { conn, op, started_ms, .. }) => {
                let frame = reply::write(header.cxid, header.zxid, op, outcome);
                out.deliver(Delivery { conn, what: What::Reply { frame, started_ms, last: true } });
            }
            None => {
                if let Some(conn) = attached {
                    out.deliver(Delivery { conn, what: What::Close });
                }
            }
        }
    }

    fn on_disconnected(&mut self, conn: ConnId) {
        if let Some(attached) = self.conns.remove(&conn) {
            self.sessions.detach(attached.session, conn);
            self.store.watches().remove_watcher(conn.into());
        }
    }

    fn on_tick(&mut self, out: &mut impl Outbox) {
        let now = self.now;
        for session in self.sessions.expired(now.monotonic_ms).into_iter().take(EXPIRE_SLICE) {
            self.sessions.set_closing(session);
            self.propose(session, 0, &WriteOp::CloseSession, None, out);
        }
        let never_used_ms = self.settings.container_max_never_used_ms;
        let store = &self.store;
        self.sweep
            .check(now.monotonic_ms, || store.view().tree.expired_containers(now.wall_ms, never_used_ms));
        while let Some(path) = self.sweep.due(now.monotonic_ms) {
            self.propose(SessionId::NONE, 0, &WriteOp::DeleteContainer(path.into()), None, out);
        }
    }
}

/// Answers everything at the head of the queue that is not a write.
fn drain_reads(
    attached: &mut Attached,
    conn: ConnId,
    tree: &Tree,
    watches: &parking_lot::Mutex<tree::Watches>,
    out: &mut impl Outbox,
) {
    while let Some(pending) = attached.pending.pop_front_if(|p| !matches!(p, Pending::Write(_))) {
        let mut frame = Vec::new();
        let (started_ms, last) = match pending {
            Pending::Read(request) => {
                let asker = reply::Asker { conn, session: attached.session, auth: &attached.auth };
                reply::read(tree, watches, &asker, request.xid, request.op, &request.body, &mut frame);
                (request.started_ms, false)
            }
            Pending::Refusal { xid, zxid, code, started_ms, last } => {
                reply::header_only(&mut frame, xid, zxid.unwrap_or(tree.last_zxid()), code);
                (started_ms, last)
            }
            Pending::Write(_) => continue,
        };
        out.deliver(Delivery { conn, what: What::Reply { frame, started_ms, last } });
    }
}

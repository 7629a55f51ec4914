//! One client's connection: handshake, session, and what to do with each request.
//!
//! It answers reads from the tree at once while nothing of its own is outstanding; writes, and
//! reads behind them, it submits to the node, whose deliveries it turns into bytes. Reading stops
//! while the session is being decided, so that pipelined requests wait their turn.
//!
//! //= java: ZooKeeperServer.processConnectRequest, processPacket

use crate::delivery::{ConnId, What};
use crate::member::Request;
use crate::reply::{self, Asker};
use crate::settings::Now;
use crate::store::{Serving, View};
use proto::acl::Id;
use proto::connect::{ConnectRequest, ConnectResponse};
use proto::mutant::{Mutant, is_on};
use proto::request::{AuthPacket, RequestHeader, frame};
use proto::{ErrorCode, OpCode, Reader, SessionId, Wire, Zxid, jute, session};
use std::net::IpAddr;
use std::sync::Arc;

/// What the driver does with the connection next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Feed the next frame.
    Continue,
    /// Feed no frame before the next delivery.
    Pause,
    /// Send what there is, then close.
    Close,
}

/// Something only the node can decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// From whom.
    pub conn: ConnId,
    /// What.
    pub kind: SubmissionKind,
}

/// The kinds of [`Submission`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmissionKind {
    /// Create a session.
    Open {
        /// Wanted timeout, milliseconds.
        timeout_ms: i32,
        /// The connection's identities.
        auth: Arc<[Id]>,
        /// Whether read-only service will do.
        read_only: bool,
    },
    /// Take up a session.
    Renew {
        /// Which.
        session: SessionId,
        /// Its password, as the client knows it.
        password: Vec<u8>,
        /// Wanted timeout, milliseconds.
        timeout_ms: i32,
        /// The connection's identities.
        auth: Arc<[Id]>,
        /// Whether read-only service will do.
        read_only: bool,
    },
    /// The connection's identities are now these.
    Auth(Arc<[Id]>),
    /// A write.
    Write(Request),
    /// `sync`: answered once everything proposed before it is applied here.
    Sync(Request),
    /// A read that has to wait for this connection's writes.
    Read(Request),
    /// An error reply that has to wait for this connection's writes.
    Refuse {
        /// The request's.
        xid: i32,
        /// The zxid to show; `None`: the last one applied.
        zxid: Option<Zxid>,
        /// The error.
        code: ErrorCode,
        /// When the request was received, monotonic milliseconds.
        started_ms: u64,
        /// Whether the connection ends with this reply.
        last: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Handshake,
    Opening,
    Open,
    Closing,
}

/// What operators ask about a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionStats {
    /// Requests received, heartbeats included.
    pub received: u64,
    /// Replies and events sent.
    pub sent: u64,
    /// The session, [`SessionId::NONE`] before there is one.
    pub session: SessionId,
    /// Its timeout, milliseconds.
    pub timeout_ms: i32,
    /// The last operation.
    pub last_op: Option<OpCode>,
    /// The client's number for it.
    pub last_cxid: Option<i32>,
    /// The zxid in the last reply; `None` before the first.
    pub last_zxid: Option<Zxid>,
    /// When the last reply was made, monotonic milliseconds.
    pub last_response_ms: u64,
    /// Latency of the last reply, milliseconds.
    pub last_latency_ms: u64,
    /// Smallest latency so far, milliseconds.
    pub min_latency_ms: u64,
    /// Sum of all latencies, milliseconds.
    pub total_latency_ms: u64,
    /// Largest latency so far, milliseconds.
    pub max_latency_ms: u64,
    /// Replies that were measured.
    pub measured: u64,
    /// Bytes of the last reply, frame included; 0 before the first.
    pub last_reply_bytes: u64,
    /// Bytes of the smallest reply.
    pub min_reply_bytes: u64,
    /// Bytes of the largest reply.
    pub max_reply_bytes: u64,
}

impl ConnectionStats {
    /// The same session with everything counted forgotten.
    pub fn cleared(&self) -> Self {
        Self { session: self.session, timeout_ms: self.timeout_ms, ..Self::default() }
    }

    fn answered(&mut self, now_ms: u64, started_ms: u64, zxid: Option<Zxid>, bytes: usize) {
        let bytes = bytes as u64;
        self.last_reply_bytes = bytes;
        self.min_reply_bytes = if self.measured == 0 { bytes } else { self.min_reply_bytes.min(bytes) };
        self.max_reply_bytes = self.max_reply_bytes.max(bytes);
        let latency_ms = now_ms.saturating_sub(started_ms);
        self.sent += 1;
        self.last_zxid = zxid.or(self.last_zxid);
        self.last_response_ms = now_ms;
        self.last_latency_ms = latency_ms;
        self.min_latency_ms =
            if self.measured == 0 { latency_ms } else { self.min_latency_ms.min(latency_ms) };
        self.max_latency_ms = self.max_latency_ms.max(latency_ms);
        self.total_latency_ms += latency_ms;
        self.measured += 1;
    }
}

/// What a connection works with while it takes frames.
pub struct Turn<'a> {
    /// The time.
    pub now: Now,
    /// The tree, still.
    pub view: &'a View<'a>,
    /// Replies that can be made now are appended here.
    pub out: &'a mut Vec<u8>,
    /// What only the node can decide is left here.
    pub submit: &'a mut Vec<Submission>,
}

/// One client's connection.
#[derive(Debug)]
pub struct Connection {
    id: ConnId,
    phase: Phase,
    auth: Arc<[Id]>,
    session: SessionId,
    timeout_ms: i32,
    sends_read_only: Option<bool>,
    outstanding: u32,
    touched_until_ms: u64,
    stats: ConnectionStats,
}

impl Connection {
    /// A connection just accepted. Its first identity is its address.
    pub fn new(id: ConnId, peer: IpAddr) -> Self {
        Self {
            id,
            phase: Phase::Handshake,
            auth: Arc::new([Id::new("ip", peer.to_canonical().to_string())]),
            session: SessionId::NONE,
            timeout_ms: 0,
            sends_read_only: None,
            outstanding: 0,
            touched_until_ms: 0,
            stats: ConnectionStats::default(),
        }
    }

    /// Its number.
    pub fn id(&self) -> ConnId {
        self.id
    }

    /// Submissions not answered yet.
    pub fn outstanding(&self) -> u32 {
        self.outstanding
    }

    /// Whether a session is attached.
    pub fn has_session(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Statistics for operators.
    pub fn stats(&self) -> &ConnectionStats {
        &self.stats
    }

    /// Starts the statistics over.
    pub fn clear_stats(&mut self) {
        self.stats = self.stats.cleared();
    }

    /// The session to report as heard from, when that would move its deadline: at most once per
    /// tick, so that reads do not each have to reach the node.
    pub fn touch(&mut self, now: Now, tick_ms: u64) -> Option<SessionId> {
        let until_ms = (now.monotonic_ms + u64::from(self.timeout_ms.unsigned_abs())) / tick_ms.max(1);
        if self.phase != Phase::Open || until_ms <= self.touched_until_ms {
            return None;
        }
        self.touched_until_ms = until_ms;
        Some(self.session)
    }

    /// Takes one frame's payload. What follows goes into `turn`.
    pub fn on_frame(&mut self, payload: &[u8], turn: &mut Turn<'_>) -> Flow {
        self.stats.received += 1;
        match self.phase {
            Phase::Handshake => self.on_connect(payload, turn),
            Phase::Open => self.on_request(payload, turn),
            Phase::Opening => Flow::Pause,
            Phase::Closing => Flow::Continue,
        }
    }

    fn on_connect(&mut self, payload: &[u8], turn: &mut Turn<'_>) -> Flow {
        let Ok(request) = ConnectRequest::decode(&mut Reader::new(payload)) else { return Flow::Close };
        let read_only = request.read_only == Some(true);
        let served = match turn.view.serving {
            Serving::Yes => true,
            Serving::ReadOnly => read_only,
            Serving::No => false,
        };
        if !served {
            return Flow::Close;
        }
        // A client that has seen more than this server must look for another one (HC-149).
        if request.last_zxid_seen > turn.view.tree.last_zxid() && !is_on(Mutant::StaleServer) {
            return Flow::Close;
        }
        self.sends_read_only = request.read_only;
        self.phase = Phase::Opening;
        let (timeout_ms, auth) = (request.timeout_ms, self.auth.clone());
        let kind = if request.session_id == SessionId::NONE {
            SubmissionKind::Open { timeout_ms, auth, read_only }
        } else {
            let password = request.password.unwrap_or_default().to_vec();
            SubmissionKind::Renew { session: request.session_id, password, timeout_ms, auth, read_only }
        };
        turn.submit.push(Submission { conn: self.id, kind });
        Flow::Pause
    }

    fn on_request(&mut self, payload: &[u8], turn: &mut Turn<'_>) -> Flow {
        let mut from = Reader::new(payload);
        let Ok(header) = RequestHeader::decode(&mut from) else { return Flow::Close };
        let body = from.rest();
        let xid = header.xid;
        let op = OpCode::from_code(header.kind).filter(|op| is_servable(*op));
        if xid >= 0 {
            self.stats.last_cxid = Some(xid);
        }
        self.stats.last_op = op.or(self.stats.last_op);
        let started_ms = turn.now.monotonic_ms;
        match op {
            // Heartbeats never queue behind writes (HC-79).
            Some(OpCode::Ping) => {
                let (zxid, start) = (turn.view.tree.last_zxid(), turn.out.len());
                reply::header_only(turn.out, proto::request::xid::PING, zxid, ErrorCode::Ok);
                self.stats.answered(started_ms, started_ms, Some(zxid), turn.out.len() - start);
                Flow::Continue
            }
            Some(OpCode::Auth) => self.on_auth(xid, body, turn),
            Some(OpCode::Sasl) => {
                reply::append(turn.out, xid, Zxid::ZERO, |_| Err(ErrorCode::AuthFailed));
                Flow::Close
            }
            Some(op) if is_write(op) => {
                if op == OpCode::CloseSession {
                    self.phase = Phase::Closing;
                }
                let request = Request { xid, op, body: body.to_vec(), started_ms };
                self.submit(SubmissionKind::Write(request), turn.submit)
            }
            Some(OpCode::Sync) => {
                let request = Request { xid, op: OpCode::Sync, body: body.to_vec(), started_ms };
                self.submit(SubmissionKind::Sync(request), turn.submit)
            }
            Some(op) if self.outstanding > 0 && !is_on(Mutant::ReadOvertakes) => {
                let request = Request { xid, op, body: body.to_vec(), started_ms };
                self.submit(SubmissionKind::Read(request), turn.submit)
            }
            Some(op) => {
                let asker = Asker { conn: self.id, session: self.session, auth: &self.auth };
                let start = turn.out.len();
                turn.view.read(&asker, xid, op, body, turn.out);
                self.stats.answered(
                    started_ms,
                    started_ms,
                    Some(turn.view.tree.last_zxid()),
                    turn.out.len() - start,
                );
                Flow::Continue
            }
            // Nobody knows this operation: say so in turn, then end the connection (HC-155).
            None => {
                self.phase = Phase::Closing;
                let (zxid, code) = (Some(Zxid(-1)), ErrorCode::Unimplemented);
                self.submit(SubmissionKind::Refuse { xid, zxid, code, started_ms, last: true }, turn.submit)
            }
        }
    }

    /// Answers a request with THROTTLEDOP instead of serving it; heartbeats and closing are exempt
    /// and served all the same.
    pub fn refuse_throttled(&mut self, payload: &[u8], turn: &mut Turn<'_>) {
        let header = RequestHeader::decode(&mut Reader::new(payload));
        let op = header.as_ref().ok().and_then(|h| OpCode::from_code(h.kind));
        match (header, op) {
            (Ok(header), Some(op)) if !matches!(op, OpCode::Ping | OpCode::CloseSession | OpCode::Auth) => {
                self.stats.received += 1;
                let (xid, code, started_ms) = (header.xid, ErrorCode::ThrottledOp, turn.now.monotonic_ms);
                self.submit(
                    SubmissionKind::Refuse { xid, zxid: None, code, started_ms, last: false },
                    turn.submit,
                );
            }
            _ => {
                self.on_frame(payload, turn);
            }
        }
    }

    fn submit(&mut self, kind: SubmissionKind, submit: &mut Vec<Submission>) -> Flow {
        self.outstanding += 1;
        submit.push(Submission { conn: self.id, kind });
        Flow::Continue
    }

    fn on_auth(&mut self, xid: i32, body: &[u8], turn: &mut Turn<'_>) -> Flow {
        let Ok(packet) = AuthPacket::decode(&mut Reader::new(body)) else { return Flow::Close };
        let settings = turn.view.tree.settings();
        match tree::auth::authenticate(
            settings,
            packet.scheme.as_deref().unwrap_or_default(),
            packet.auth.unwrap_or_default(),
        ) {
            Ok(ids) => {
                let mut auth = self.auth.to_vec();
                auth.extend(ids.into_iter().filter(|id| !self.auth.contains(id)));
                self.auth = auth.into();
                turn.submit.push(Submission { conn: self.id, kind: SubmissionKind::Auth(self.auth.clone()) });
                let start = turn.out.len();
                reply::header_only(turn.out, xid, Zxid::ZERO, ErrorCode::Ok);
                self.stats.answered(
                    turn.now.monotonic_ms,
                    turn.now.monotonic_ms,
                    None,
                    turn.out.len() - start,
                );
                Flow::Continue
            }
            Err(code) => {
                reply::header_only(turn.out, xid, Zxid::ZERO, code);
                Flow::Close
            }
        }
    }

    /// Takes what the node delivered and appends the bytes it means.
    pub fn on_delivery(&mut self, now: Now, what: What, out: &mut Vec<u8>) -> Flow {
        match what {
            What::Reply { frame, started_ms, last } => {
                self.outstanding = self.outstanding.saturating_sub(1);
                let zxid = frame.get(8..16).and_then(|b| Reader::new(b).i64().ok()).map(Zxid);
                self.stats.answered(now.monotonic_ms, started_ms, zxid, frame.len());
                out.extend_from_slice(&frame);
                if last { Flow::Close } else { Flow::Continue }
            }
            What::Event(frame) => {
                self.stats.sent += 1;
                out.extend_from_slice(&frame);
                Flow::Continue
            }
            What::Opened { session, timeout_ms, read_only } => {
                self.on_opened(now, (session, timeout_ms, read_only), out)
            }
            What::Refused => {
                let refusal = ConnectResponse::refused(self.sends_read_only.map(|_| false));
                frame(out, |out| refusal.encode(out));
                Flow::Close
            }
            What::Close => Flow::Close,
        }
    }

    fn on_opened(
        &mut self,
        now: Now,
        (session, timeout_ms, read_only): (SessionId, i32, bool),
        out: &mut Vec<u8>,
    ) -> Flow {
        self.phase = Phase::Open;
        self.session = session;
        self.timeout_ms = timeout_ms;
        self.stats.session = session;
        self.stats.timeout_ms = timeout_ms;
        self.stats.last_op = Some(OpCode::CreateSession);
        self.stats.sent += 1;
        self.stats.last_response_ms = now.monotonic_ms;
        frame(out, |out| {
            jute::put_i32(out, 0);
            jute::put_i32(out, timeout_ms);
            session.encode(out);
            jute::put_buffer(out, Some(&session::password(session)));
            if self.sends_read_only.is_some() {
                jute::put_bool(out, read_only);
            }
        });
        Flow::Continue
    }
}

/// Operations that go through the log.
fn is_write(op: OpCode) -> bool {
    use OpCode::*;
    matches!(
        op,
        Create | Create2 | CreateContainer | CreateTtl | Delete | DeleteContainer | SetData | SetAcl | Multi
    ) || matches!(op, Reconfig | CloseSession)
}

/// Operations a client may ask for; the others exist only between servers or in the log. A check
/// outside a multi is among those since it once got into logs that could not be read (HC-64).
fn is_servable(op: OpCode) -> bool {
    use OpCode::*;
    !matches!(op, Notification | Check | CreateSession | Error)
}

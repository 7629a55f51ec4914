//! Clients of a cluster: real connections, whose frames take a millisecond each way.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use super::{Cluster, Event, TICK_MS};
use node::{ConnId, Connection, Flow, Input, Submission, Turn, What};
use proto::acl::Acl;
use proto::connect::{ConnectRequest, ConnectResponse};
use proto::request::{
    CreateRequest, DeleteRequest, ReadRequest, ReconfigRequest, RequestHeader, SetDataRequest, SyncRequest,
};
use proto::response::ReplyHeader;
use proto::{OpCode, Reader, SessionId, Wire, Zxid, session};

/// What a client heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Opened(SessionId),
    Refused,
    Reply { err: i32 },
    Event,
    Closed,
}

/// A reply, or the answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub xid: i32,
    pub zxid: i64,
    pub err: i32,
    pub body: Vec<u8>,
}

pub struct Client {
    pub(super) at: i64,
    conn: Connection,
    ready: bool,
    waiting: Vec<Vec<u8>>,
    pub(super) open: bool,
    session: SessionId,
    timeout_ms: u64,
    read_only: bool,
    heard: Vec<Heard>,
    replies: Vec<Reply>,
    xid: i32,
    /// When to send the next heartbeat, for those who send any.
    ping_at: Option<u64>,
}

impl Client {
    fn take(&mut self, bytes: &[u8], flow: Flow) {
        let mut from = Reader::new(bytes);
        while from.remaining() > 0 {
            let payload = from.buffer().unwrap().unwrap();
            self.decode(payload);
        }
        match flow {
            Flow::Continue => self.ready = true,
            Flow::Pause => self.ready = false,
            Flow::Close => self.end(),
        }
    }

    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.open) {
            self.heard.push(Heard::Closed);
        }
    }

    fn decode(&mut self, payload: &[u8]) {
        if self.session == SessionId::NONE && !self.heard.contains(&Heard::Refused) {
            let response = ConnectResponse::decode(&mut Reader::new(payload)).unwrap();
            self.session = response.session_id;
            self.timeout_ms = u64::from(response.timeout_ms.unsigned_abs());
            self.read_only = response.read_only == Some(true);
            let opened = response.timeout_ms > 0;
            return self.heard.push(if opened { Heard::Opened(self.session) } else { Heard::Refused });
        }
        let mut from = Reader::new(payload);
        let header = ReplyHeader::decode(&mut from).unwrap();
        match header.xid {
            -1 => self.heard.push(Heard::Event),
            -2 => {}
            _ => self.heard.push(Heard::Reply { err: header.err }),
        }
        let (xid, zxid, err) = (header.xid, header.zxid.0, header.err);
        self.replies.push(Reply { xid, zxid, err, body: from.rest().to_vec() });
    }
}

impl Cluster {
    /// A client that asks server `id` for a session; it sends no heartbeats.
    pub fn connect(&mut self, id: i64) -> ConnId {
        self.connect_with(id, 4000, Some(false))
    }

    pub fn connect_with(&mut self, id: i64, timeout_ms: i32, read_only: Option<bool>) -> ConnId {
        self.handshake(id, SessionId::NONE, [0; 16], timeout_ms, read_only)
    }

    pub fn reconnect(&mut self, id: i64, session: SessionId) -> ConnId {
        self.handshake(id, session, session::password(session), 4000, Some(false))
    }

    pub fn handshake(
        &mut self,
        id: i64,
        session: SessionId,
        password: [u8; 16],
        timeout_ms: i32,
        read_only: Option<bool>,
    ) -> ConnId {
        self.next += 1;
        let conn = ConnId(self.next);
        let client = Client {
            at: id,
            conn: Connection::new(conn, "10.1.2.3".parse().unwrap()),
            ready: true,
            waiting: Vec::new(),
            open: true,
            session: SessionId::NONE,
            timeout_ms: 0,
            read_only: false,
            heard: Vec::new(),
            replies: Vec::new(),
            xid: 0,
            ping_at: None,
        };
        self.clients.insert(conn, client);
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: Zxid(0),
            timeout_ms,
            session_id: session,
            password: Some(&password),
            read_only,
        };
        let mut payload = Vec::new();
        request.encode(&mut payload);
        self.post_event(id, Event::Frame(conn, payload));
        conn
    }

    /// From now on this client sends heartbeats, three in its timeout.
    pub fn keep_alive(&mut self, conn: ConnId) {
        let now_ms = self.now_ms;
        self.clients.get_mut(&conn).unwrap().ping_at = Some(now_ms);
    }

    pub(super) fn send_pings(&mut self) {
        let now_ms = self.now_ms;
        let due: Vec<(ConnId, u64)> = self
            .clients
            .iter()
            .filter(|(_, c)| {
                c.open && c.session != SessionId::NONE && c.ping_at.is_some_and(|at| at <= now_ms)
            })
            .map(|(conn, c)| (*conn, now_ms + c.timeout_ms / 3))
            .collect();
        for (conn, next) in due {
            self.clients.get_mut(&conn).unwrap().ping_at = Some(next);
            self.send(conn, -2, OpCode::Ping, &[]);
        }
    }

    /// The client's end is gone; its server notices at once.
    pub fn disconnect(&mut self, conn: ConnId) {
        let client = self.clients.get_mut(&conn).unwrap();
        client.end();
        let at = client.at;
        self.post(at, Input::Disconnected(conn));
    }

    pub(super) fn frame(&mut self, id: i64, conn: ConnId, payload: Vec<u8>) {
        let now = self.now();
        let Some(client) = self.clients.get_mut(&conn).filter(|client| client.open) else { return };
        if !client.ready {
            return client.waiting.push(payload);
        }
        let Some(running) = self.nodes.get(&id) else { return };
        let (mut submissions, mut bytes): (Vec<Submission>, _) = (Vec::new(), Vec::new());
        let flow = {
            let view = running.store.view();
            let mut turn = Turn { now, view: &view, out: &mut bytes, submit: &mut submissions };
            client.conn.on_frame(&payload, &mut turn)
        };
        client.take(&bytes, flow);
        let (touched, open) = (client.conn.touch(now, TICK_MS), client.open);
        for submission in submissions {
            self.step(id, Input::Submit(submission));
        }
        if let Some(session) = touched {
            self.step(id, Input::Touched(session));
        }
        if !open {
            self.step(id, Input::Disconnected(conn));
        }
    }

    pub(super) fn deliver(&mut self, conn: ConnId, what: What) {
        let now = self.now();
        let Some(client) = self.clients.get_mut(&conn).filter(|client| client.open) else { return };
        let mut bytes = Vec::new();
        let flow = client.conn.on_delivery(now, what, &mut bytes);
        client.take(&bytes, flow);
        let id = client.at;
        if !client.open {
            return self.post(id, Input::Disconnected(conn));
        }
        if client.ready {
            for payload in std::mem::take(&mut client.waiting) {
                self.post_event(id, Event::Frame(conn, payload));
            }
        }
    }

    fn send(&mut self, conn: ConnId, xid: i32, op: OpCode, body: &[u8]) {
        let mut payload = Vec::new();
        RequestHeader { xid, kind: op.code() }.encode(&mut payload);
        payload.extend_from_slice(body);
        let at = self.clients[&conn].at;
        self.post_event(at, Event::Frame(conn, payload));
    }

    /// Sends a request with the client's next number; returns that.
    pub fn ask<'a>(&mut self, conn: ConnId, op: OpCode, request: &impl Wire<'a>) -> i32 {
        let mut body = Vec::new();
        request.encode(&mut body);
        self.ask_raw(conn, op, &body)
    }

    pub fn ask_raw(&mut self, conn: ConnId, op: OpCode, body: &[u8]) -> i32 {
        let client = self.clients.get_mut(&conn).unwrap();
        client.xid += 1;
        let xid = client.xid;
        self.send(conn, xid, op, body);
        xid
    }

    pub fn create_with(&mut self, conn: ConnId, path: &str, flags: i32) -> i32 {
        let acl = Some(vec![Acl::open()]);
        self.ask(conn, OpCode::Create, &CreateRequest { path: path.into(), data: Some(b"x"), acl, flags })
    }

    pub fn create(&mut self, conn: ConnId, path: &str) -> i32 {
        self.create_with(conn, path, 0)
    }

    pub fn create_ephemeral(&mut self, conn: ConnId, path: &str) -> i32 {
        self.create_with(conn, path, 1)
    }

    pub fn set(&mut self, conn: ConnId, path: &str, data: &[u8]) -> i32 {
        self.ask(conn, OpCode::SetData, &SetDataRequest { path: path.into(), data: Some(data), version: -1 })
    }

    pub fn delete(&mut self, conn: ConnId, path: &str) -> i32 {
        self.ask(conn, OpCode::Delete, &DeleteRequest { path: path.into(), version: -1 })
    }

    pub fn get(&mut self, conn: ConnId, path: &str, watch: bool) -> i32 {
        self.ask(conn, OpCode::GetData, &ReadRequest { path: path.into(), watch })
    }

    pub fn sync(&mut self, conn: ConnId) -> i32 {
        self.ask(conn, OpCode::Sync, &SyncRequest { path: Some("/".into()) })
    }

    /// Asks for another membership: who joins, who leaves, or all of it.
    pub fn reconfig(&mut self, conn: ConnId, change: &zab::Change<'_>) -> i32 {
        let request = ReconfigRequest {
            joining: change.joining.map(Into::into),
            leaving: change.leaving.map(Into::into),
            members: change.members.map(Into::into),
            config_id: change.base,
        };
        self.ask(conn, OpCode::Reconfig, &request)
    }

    pub fn close_session(&mut self, conn: ConnId) -> i32 {
        self.ask_raw(conn, OpCode::CloseSession, &[])
    }

    pub fn heard(&self, conn: ConnId) -> &[Heard] {
        &self.clients[&conn].heard
    }

    /// Replies, events and heartbeats so far, in order.
    pub fn replies(&self, conn: ConnId) -> &[Reply] {
        &self.clients[&conn].replies
    }

    /// The error code of the reply to a request; `None` before there is one.
    pub fn err(&self, conn: ConnId, xid: i32) -> Option<i32> {
        self.replies(conn).iter().find(|reply| reply.xid == xid).map(|reply| reply.err)
    }

    pub fn session(&self, conn: ConnId) -> SessionId {
        self.clients[&conn].session
    }

    pub fn is_open(&self, conn: ConnId) -> bool {
        self.clients[&conn].open
    }

    /// Whether this client was told that its server is read-only.
    pub fn is_read_only(&self, conn: ConnId) -> bool {
        self.clients[&conn].read_only
    }
}

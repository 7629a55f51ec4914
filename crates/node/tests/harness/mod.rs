//! A member and its clients in one thread: the driver the tests need, and nothing more.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

use node::{ConnId, Connection, Flow, Input, Node, Now, Output, Outputs, Settings, Store, Submission, Turn};
use proto::connect::{ConnectRequest, ConnectResponse};
use proto::request::{CreateRequest, DeleteRequest, ReadRequest, RequestHeader, SetDataRequest};
use proto::response::ReplyHeader;
use proto::watch::WatcherEvent;
use proto::{OpCode, Reader, SessionId, Wire, Zxid};
use std::collections::BTreeMap;
use std::sync::Arc;
use tree::Tree;

/// What a client got, decoded as far as a test needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Got {
    Reply { xid: i32, zxid: i64, err: i32, body: Vec<u8> },
    Event { kind: i32, path: String, zxid: i64 },
    Connected(ConnectResponse),
    Closed,
}

impl Got {
    pub fn xid(&self) -> i32 {
        match self {
            Self::Reply { xid, .. } => *xid,
            other => panic!("{other:?} is no reply"),
        }
    }

    pub fn err(&self) -> i32 {
        match self {
            Self::Reply { err, .. } => *err,
            other => panic!("{other:?} is no reply"),
        }
    }
}

pub struct Client {
    conn: Connection,
    ready: bool,
    waiting: Vec<Vec<u8>>,
    got: Vec<Got>,
    open: bool,
}

/// A member whose log becomes durable when the test says so.
pub struct Member {
    pub node: Node,
    pub store: Arc<Store>,
    pub now: Now,
    unsynced: u64,
    stored: u64,
    clients: BTreeMap<ConnId, Client>,
    /// Connections with frames that wait for their session.
    held: Vec<ConnId>,
    next: u64,
}

pub const TICK_MS: u64 = 2000;

impl Member {
    pub fn new() -> Self {
        Self::with(Settings::default(), tree::Settings::default())
    }

    pub fn with(settings: Settings, tree: tree::Settings) -> Self {
        Self::from_tree(settings, Tree::new(tree))
    }

    pub fn from_tree(settings: Settings, tree: Tree) -> Self {
        let store = Arc::new(Store::new(tree));
        let now = Now { monotonic_ms: 10_000, wall_ms: 1_700_000_000_000 };
        let node = Node::standalone(settings, Arc::clone(&store), now);
        Self { node, store, now, unsynced: 0, stored: 0, clients: BTreeMap::new(), held: Vec::new(), next: 1 }
    }

    pub fn step(&mut self, input: Input) {
        let mut out = Outputs::default();
        self.node.step(self.now, input, &mut out);
        for output in out.0 {
            match output {
                Output::Append { .. } => self.unsynced += 1,
                Output::Deliver(delivery) => {
                    let Some(client) = self.clients.get_mut(&delivery.conn) else { continue };
                    let mut bytes = Vec::new();
                    let flow = client.conn.on_delivery(self.now, delivery.what, &mut bytes);
                    client.take(&bytes, flow);
                }
                other => panic!("a standalone member put out {other:?}"),
            }
        }
        self.resume();
    }

    /// Frames that waited for a session go on once it is there.
    fn resume(&mut self) {
        let (ready, held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition::<Vec<_>, _>(|id| self.clients.get(id).is_some_and(|c| c.ready));
        self.held = held;
        for id in ready {
            let waiting = std::mem::take(&mut self.clients.get_mut(&id).unwrap().waiting);
            for payload in waiting {
                self.feed(id, payload);
            }
        }
    }

    /// Everything appended so far is on disk.
    pub fn sync(&mut self) {
        if self.unsynced > 0 {
            self.stored += std::mem::take(&mut self.unsynced);
            self.step(Input::Stored(self.stored));
        }
    }

    pub fn has_unsynced(&self) -> bool {
        self.unsynced > 0
    }

    /// Time passes on both clocks.
    pub fn pass(&mut self, ms: u64) {
        self.now.monotonic_ms += ms;
        self.now.wall_ms += ms as i64;
        self.step(Input::Tick);
        self.sync();
    }

    pub fn accept(&mut self) -> ConnId {
        let id = ConnId(self.next);
        self.next += 1;
        let conn = Connection::new(id, "10.1.2.3".parse().unwrap());
        let client = Client { conn, ready: true, waiting: Vec::new(), got: Vec::new(), open: true };
        self.clients.insert(id, client);
        id
    }

    /// Feeds one payload, as the driver would: not before the connection is ready for it.
    pub fn feed(&mut self, id: ConnId, payload: Vec<u8>) {
        let client = self.clients.get_mut(&id).unwrap();
        if !client.ready {
            client.waiting.push(payload);
            return self.held.push(id);
        }
        let mut submissions: Vec<Submission> = Vec::new();
        let mut bytes = Vec::new();
        let flow = {
            let view = self.store.view();
            {
                let (now, out, submit) = (self.now, &mut bytes, &mut submissions);
                client.conn.on_frame(&payload, &mut Turn { now, view: &view, out, submit })
            }
        };
        client.take(&bytes, flow);
        let touched = client.conn.touch(self.now, TICK_MS);
        for submission in submissions {
            self.step(Input::Submit(submission));
        }
        if let Some(session) = touched {
            self.step(Input::Touched(session));
        }
    }

    pub fn handshake(&mut self, id: ConnId, request: &ConnectRequest<'_>) {
        let mut payload = Vec::new();
        request.encode(&mut payload);
        self.feed(id, payload);
    }

    /// A connected client with a session of `timeout_ms`.
    pub fn client(&mut self, timeout_ms: i32) -> (ConnId, SessionId) {
        let id = self.accept();
        self.handshake(id, &fresh(timeout_ms));
        self.sync();
        match self.got(id).as_slice() {
            [Got::Connected(response)] => (id, response.session_id),
            other => panic!("no session: {other:?}"),
        }
    }

    pub fn send<'a>(&mut self, id: ConnId, xid: i32, op: OpCode, body: &impl Wire<'a>) {
        let mut payload = Vec::new();
        RequestHeader { xid, kind: op.code() }.encode(&mut payload);
        body.encode(&mut payload);
        self.feed(id, payload);
    }

    pub fn send_raw(&mut self, id: ConnId, xid: i32, kind: i32, body: &[u8]) {
        let mut payload = Vec::new();
        RequestHeader { xid, kind }.encode(&mut payload);
        payload.extend_from_slice(body);
        self.feed(id, payload);
    }

    pub fn create(&mut self, id: ConnId, xid: i32, path: &str, flags: i32) {
        let acl = Some(vec![proto::acl::Acl::open()]);
        self.send(
            id,
            xid,
            OpCode::Create,
            &CreateRequest { path: path.into(), data: Some(b"x"), acl, flags },
        );
    }

    pub fn set(&mut self, id: ConnId, xid: i32, path: &str, data: &[u8]) {
        let request = SetDataRequest { path: path.into(), data: Some(data), version: -1 };
        self.send(id, xid, OpCode::SetData, &request);
    }

    pub fn delete(&mut self, id: ConnId, xid: i32, path: &str) {
        self.send(id, xid, OpCode::Delete, &DeleteRequest { path: path.into(), version: -1 });
    }

    pub fn get(&mut self, id: ConnId, xid: i32, path: &str, watch: bool) {
        self.send(id, xid, OpCode::GetData, &ReadRequest { path: path.into(), watch });
    }

    pub fn exists(&mut self, id: ConnId, xid: i32, path: &str, watch: bool) {
        self.send(id, xid, OpCode::Exists, &ReadRequest { path: path.into(), watch });
    }

    /// What the client got since the last look.
    pub fn got(&mut self, id: ConnId) -> Vec<Got> {
        std::mem::take(&mut self.clients.get_mut(&id).unwrap().got)
    }

    pub fn disconnect(&mut self, id: ConnId) {
        self.clients.remove(&id);
        self.step(Input::Disconnected(id));
    }

    pub fn exists_now(&self, path: &str) -> bool {
        let mut out = Vec::new();
        let who = tree::ReadContext { watcher: tree::WatcherId(0), session: SessionId::NONE, auth: &[] };
        let op = tree::ReadOp::Exists(ReadRequest { path: path.into(), watch: false });
        tree::read(&self.store.view().tree, None, &mut Vec::new(), &who, &op, &mut out).is_ok()
    }
}

impl Client {
    fn take(&mut self, bytes: &[u8], flow: Flow) {
        let mut from = Reader::new(bytes);
        while from.remaining() > 0 {
            let payload = from.buffer().unwrap().unwrap();
            self.got.push(self.decode(payload));
        }
        match flow {
            Flow::Continue => self.ready = true,
            Flow::Pause => self.ready = false,
            Flow::Close => {
                self.open = false;
                self.got.push(Got::Closed);
            }
        }
    }

    fn decode(&self, payload: &[u8]) -> Got {
        let connected = self.got.iter().any(|g| matches!(g, Got::Connected(_)));
        if !connected && self.conn.stats().sent <= 1 && (payload.len() == 36 || payload.len() == 37) {
            return Got::Connected(ConnectResponse::decode(&mut Reader::new(payload)).unwrap());
        }
        let mut from = Reader::new(payload);
        let header = ReplyHeader::decode(&mut from).unwrap();
        if header.xid == -1 {
            let event = WatcherEvent::decode(&mut from).unwrap();
            return Got::Event { kind: event.kind, path: event.path, zxid: header.zxid.0 };
        }
        Got::Reply { xid: header.xid, zxid: header.zxid.0, err: header.err, body: from.rest().to_vec() }
    }
}

pub fn fresh(timeout_ms: i32) -> ConnectRequest<'static> {
    ConnectRequest {
        protocol_version: 0,
        last_zxid_seen: Zxid(0),
        timeout_ms,
        session_id: SessionId::NONE,
        password: Some(&[0; 16]),
        read_only: Some(false),
    }
}

pub fn xids(got: &[Got]) -> Vec<i32> {
    got.iter().map(Got::xid).collect()
}

//! A blocking client that sends exactly the bytes it is told to, and a small comfortable one on top.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::request::{AccessList, Request};
use crate::wire::{Acl, Reader, Stat, Writer, op};

/// How long a read waits before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Transaction ids with a meaning of their own.
pub mod xid {
    /// A watch event.
    pub const EVENT: i32 = -1;
    /// A heartbeat.
    pub const PING: i32 = -2;
    /// An authentication packet.
    pub const AUTH: i32 = -4;
    /// Watches set again after a reconnect.
    pub const SET_WATCHES: i32 = -8;
}

/// What a client sends first.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the protocol's own field names")]
pub struct ConnectRequest {
    pub protocol_version: i32,
    pub last_zxid_seen: i64,
    pub timeout_ms: i32,
    pub session: i64,
    pub password: Option<Vec<u8>>,
    /// `None` is a client from before read-only mode, which does not send the byte.
    pub read_only: Option<bool>,
}

impl Default for ConnectRequest {
    fn default() -> Self {
        Self {
            protocol_version: 0,
            last_zxid_seen: 0,
            timeout_ms: 30_000,
            session: 0,
            password: Some(vec![0; 16]),
            read_only: Some(false),
        }
    }
}

impl ConnectRequest {
    /// The payload of the first frame.
    pub fn bytes(&self) -> Vec<u8> {
        let writer = Writer::new()
            .int(self.protocol_version)
            .long(self.last_zxid_seen)
            .int(self.timeout_ms)
            .long(self.session)
            .buffer(self.password.as_deref());
        match self.read_only {
            None => writer.done(),
            Some(flag) => writer.bool(flag).done(),
        }
    }
}

/// What the server answers first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the protocol's own field names")]
pub struct ConnectResponse {
    pub protocol_version: i32,
    /// 0 refuses the session.
    pub timeout_ms: i32,
    pub session: i64,
    pub password: Vec<u8>,
    pub read_only: Option<bool>,
}

impl ConnectResponse {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        Some(Self {
            protocol_version: reader.int()?,
            timeout_ms: reader.int()?,
            session: reader.long()?,
            password: reader.buffer()?.unwrap_or_default().to_vec(),
            read_only: reader.byte().map(|byte| byte != 0),
        })
    }
}

/// A connection that carries frames.
#[derive(Debug)]
pub struct Connection(TcpStream);

impl Connection {
    /// Connects the socket and sends nothing.
    ///
    /// # Errors
    /// The connection was refused.
    pub fn open(addr: SocketAddr) -> io::Result<Self> {
        Self::open_within(addr, PATIENCE)
    }

    /// As [`open`](Self::open); no wait on this connection is ever longer than `patience`.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_within(addr: SocketAddr, patience: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&addr, patience)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Self(stream))
    }

    /// The socket, for tests that write less or more than a frame.
    pub fn socket(&mut self) -> &mut TcpStream {
        &mut self.0
    }

    /// Sends `payload` with its length in front.
    ///
    /// # Errors
    /// The socket is closed or full for longer than [`PATIENCE`].
    pub fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(payload.len() + 4);
        frame.extend_from_slice(&(payload.len() as i32).to_be_bytes());
        frame.extend_from_slice(payload);
        self.0.write_all(&frame)
    }

    /// Sends a request header and `body`.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub fn request(&mut self, xid: i32, operation: i32, body: &[u8]) -> io::Result<()> {
        self.send(&Writer::new().int(xid).int(operation).raw(body).done())
    }

    /// The next frame's payload, or `None` when the server closed the connection.
    ///
    /// # Errors
    /// Nothing came within [`PATIENCE`].
    pub fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut length = [0; 4];
        match self.0.read_exact(&mut length).and_then(|()| {
            let mut payload = vec![0; i32::from_be_bytes(length).max(0) as usize];
            self.0.read_exact(&mut payload).map(|()| payload)
        }) {
            Ok(payload) => Ok(Some(payload)),
            Err(error) if is_close(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Connects and establishes or resumes a session; `None` when the server closed without an answer.
    ///
    /// # Errors
    /// No connection, or no answer within [`PATIENCE`].
    pub fn handshake(
        addr: SocketAddr,
        request: &ConnectRequest,
    ) -> io::Result<Option<(Self, ConnectResponse)>> {
        Self::handshake_within(addr, request, PATIENCE)
    }

    /// As [`handshake`](Self::handshake); no wait on this connection is ever longer than `patience`.
    ///
    /// # Errors
    /// As for [`handshake`](Self::handshake).
    pub fn handshake_within(
        addr: SocketAddr,
        request: &ConnectRequest,
        patience: Duration,
    ) -> io::Result<Option<(Self, ConnectResponse)>> {
        let mut connection = Self::open_within(addr, patience)?;
        if let Err(error) = connection.send(&request.bytes()) {
            return if is_close(&error) { Ok(None) } else { Err(error) };
        }
        let Some(payload) = connection.receive()? else { return Ok(None) };
        let response = ConnectResponse::read(&payload).ok_or_else(|| bad_reply("connect", &payload))?;
        Ok(Some((connection, response)))
    }
}

/// Whether an error means that the other side hung up, however abruptly.
pub fn is_close(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
    )
}

fn bad_reply(what: &str, payload: &[u8]) -> io::Error {
    io::Error::other(format!("undecodable {what} reply {payload:02x?}"))
}

/// A watch event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the protocol's own field names")]
pub struct Event {
    pub zxid: i64,
    pub kind: i32,
    pub state: i32,
    pub path: String,
}

/// A reply's header and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the protocol's own field names")]
pub struct Reply {
    pub xid: i32,
    pub zxid: i64,
    pub error: i32,
    pub body: Vec<u8>,
}

impl Reply {
    /// Splits a frame's payload; `None` when it is shorter than a header.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        Some(Self {
            xid: reader.int()?,
            zxid: reader.long()?,
            error: reader.int()?,
            body: reader.rest().to_vec(),
        })
    }

    /// The watch event this frame carries, if it is one.
    pub fn event(&self) -> Option<Event> {
        if self.xid != xid::EVENT {
            return None;
        }
        let mut reader = Reader::new(&self.body);
        Some(Event { zxid: self.zxid, kind: reader.int()?, state: reader.int()?, path: reader.string()? })
    }
}

/// A session with one request outstanding at a time; watch events are queued on the side.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    /// What the server granted.
    pub session: ConnectResponse,
    /// Events that arrived so far and have not been taken.
    pub events: VecDeque<Event>,
    next_xid: i32,
}

/// Outcome of an operation: the body of a success or the server's error code.
pub type Outcome = Result<Vec<u8>, i32>;

impl Client {
    /// Opens a new session of `timeout_ms`.
    ///
    /// # Errors
    /// No connection, or the server refused the session.
    pub fn connect(addr: SocketAddr, timeout_ms: i32) -> io::Result<Self> {
        Self::connect_with(addr, &ConnectRequest { timeout_ms, ..ConnectRequest::default() })
    }

    /// Opens or resumes a session.
    ///
    /// # Errors
    /// No connection, or the server refused the session.
    pub fn connect_with(addr: SocketAddr, request: &ConnectRequest) -> io::Result<Self> {
        Self::connect_within(addr, request, PATIENCE)
    }

    /// As [`connect_with`](Self::connect_with); no wait of this client is ever longer than `patience`.
    ///
    /// # Errors
    /// As for [`connect_with`](Self::connect_with); an expired session is a denied permission.
    pub fn connect_within(
        addr: SocketAddr,
        request: &ConnectRequest,
        patience: Duration,
    ) -> io::Result<Self> {
        let (connection, session) =
            Connection::handshake_within(addr, request, patience)?.ok_or_else(|| {
                io::Error::new(io::ErrorKind::ConnectionReset, "closed instead of a connect response")
            })?;
        if session.timeout_ms == 0 {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "session expired or refused"));
        }
        Ok(Self { connection, session, events: VecDeque::new(), next_xid: 1 })
    }

    /// A session that may do everything.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect), or the server did not take the authentication.
    pub fn connect_super(addr: SocketAddr) -> io::Result<Self> {
        let mut client = Self::connect(addr, 30_000)?;
        client.auth("digest", crate::server::SUPER_AUTH.as_bytes())?;
        Ok(client)
    }

    /// What a client sends to resume this session on a new connection.
    pub fn resume_request(&self) -> ConnectRequest {
        ConnectRequest {
            timeout_ms: self.session.timeout_ms,
            session: self.session.session,
            password: Some(self.session.password.clone()),
            ..ConnectRequest::default()
        }
    }

    /// The connection below.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Adds an identity to the connection.
    ///
    /// # Errors
    /// The server refused it or closed.
    pub fn auth(&mut self, scheme: &str, payload: &[u8]) -> io::Result<()> {
        let body = Writer::new().int(0).string(scheme).buffer(Some(payload)).done();
        self.connection.request(xid::AUTH, op::AUTH, &body)?;
        match self.reply(xid::AUTH)?.error {
            0 => Ok(()),
            code => Err(io::Error::other(format!("authentication refused with {code}"))),
        }
    }

    /// Sends `request` without waiting; the answer is taken with [`reply`](Self::reply).
    ///
    /// # Errors
    /// The connection is gone.
    pub fn send(&mut self, request: &Request) -> io::Result<i32> {
        let xid = self.next_xid;
        self.next_xid += 1;
        let (operation, body) = request.encode();
        self.connection.request(xid, operation, &body)?;
        Ok(xid)
    }

    /// Waits for the answer to `xid`, queueing watch events before it.
    ///
    /// # Errors
    /// The connection is gone, or answers came out of order.
    pub fn reply(&mut self, xid: i32) -> io::Result<Reply> {
        loop {
            let payload = self.connection.receive()?.ok_or(io::ErrorKind::ConnectionReset)?;
            let reply = Reply::read(&payload).ok_or_else(|| bad_reply("short", &payload))?;
            if let Some(event) = reply.event() {
                self.events.push_back(event);
            } else if reply.xid == xid {
                return Ok(reply);
            } else {
                return Err(io::Error::other(format!("expected xid {xid}, got {reply:?}")));
            }
        }
    }

    /// Sends `request` and waits for its outcome.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn call(&mut self, request: &Request) -> io::Result<Outcome> {
        let xid = self.send(request)?;
        let reply = self.reply(xid)?;
        Ok(if reply.error == 0 { Ok(reply.body) } else { Err(reply.error) })
    }

    /// As [`call`](Self::call), with an error code as an error.
    ///
    /// # Errors
    /// The connection is gone or the server answered an error.
    pub fn must(&mut self, request: &Request) -> io::Result<Vec<u8>> {
        self.call(request)?.map_err(|code| io::Error::other(format!("{request:?} failed with {code}")))
    }

    /// Creates a persistent node open to everyone.
    ///
    /// # Errors
    /// As for [`must`](Self::must).
    pub fn create(&mut self, path: &str, data: &[u8]) -> io::Result<String> {
        self.create_with(path, Some(data), &Acl::open(), 0)
    }

    /// Creates a node; returns its name.
    ///
    /// # Errors
    /// As for [`must`](Self::must).
    pub fn create_with(
        &mut self,
        path: &str,
        data: Option<&[u8]>,
        acl: &[Acl],
        flags: i32,
    ) -> io::Result<String> {
        let body = self.must(&Request::create(path, data, AccessList::Entries(acl.to_vec()), flags))?;
        Reader::new(&body).string().ok_or_else(|| bad_reply("create", &body))
    }

    /// A node's data and stat, `None` when there is no such node.
    ///
    /// # Errors
    /// The connection is gone or the server answered another error.
    pub fn get(&mut self, path: &str) -> io::Result<Option<(Option<Vec<u8>>, Stat)>> {
        let request = Request::get_data(path, false);
        match self.call(&request)? {
            Err(-101) => Ok(None),
            Err(code) => Err(io::Error::other(format!("{request:?} failed with {code}"))),
            Ok(body) => {
                let mut reader = Reader::new(&body);
                let data = reader.buffer().ok_or_else(|| bad_reply("data", &body))?.map(<[u8]>::to_vec);
                Ok(Some((data, reader.stat().ok_or_else(|| bad_reply("data", &body))?)))
            }
        }
    }

    /// A node's children in name order.
    ///
    /// # Errors
    /// As for [`must`](Self::must).
    pub fn children(&mut self, path: &str) -> io::Result<Vec<String>> {
        let body = self.must(&Request::get_children(path, false))?;
        let mut names = Reader::new(&body).strings().ok_or_else(|| bad_reply("children", &body))?;
        names.sort();
        Ok(names)
    }

    /// Deletes a node of any version.
    ///
    /// # Errors
    /// As for [`must`](Self::must).
    pub fn delete(&mut self, path: &str) -> io::Result<()> {
        self.must(&Request::delete(path, -1)).map(drop)
    }

    /// A heartbeat; every event caused by an answered request arrives before its answer.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn ping(&mut self) -> io::Result<Reply> {
        self.connection.request(xid::PING, op::PING, &[])?;
        self.reply(xid::PING)
    }

    /// Ends the session.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn close(mut self) -> io::Result<()> {
        let xid = self.next_xid;
        self.connection.request(xid, op::CLOSE_SESSION, &[])?;
        self.reply(xid).map(drop)
    }
}

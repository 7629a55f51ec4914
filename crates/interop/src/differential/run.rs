//! Performs a sequence on one server, one step at a time, and writes down what came back.

use std::io;
use std::net::SocketAddr;

use crate::client::{Client, ConnectRequest, Connection, Reply, xid};
use crate::dump::{Node, SYSTEM_NODES, Tree, dump};
use crate::request::{Request, Text};
use crate::wire::{Acl, Reader, Writer, op};

use super::render::Context;
use super::{Action, SESSIONS, Step};

/// Long enough that nothing expires while two servers are compared.
const TIMEOUT_MS: i32 = 300_000;

#[derive(Debug)]
struct Session {
    id: i64,
    password: Vec<u8>,
    connection: Option<Connection>,
    next_xid: i32,
}

/// One server in the middle of a sequence.
#[derive(Debug)]
pub struct Runner {
    addr: SocketAddr,
    sessions: Vec<Session>,
    context: Context,
    opened: usize,
}

/// What stands for a reply that did not come; a server that said so is not used further.
pub const NO_ANSWER: &str = "no answer";

/// Access lists of the nodes that outlive a sequence, taken before the first one.
pub type SystemAcls = Vec<(&'static str, Vec<Acl>)>;

/// Reads the access lists that [`Runner::finish`] restores.
///
/// # Errors
/// The server cannot be talked to.
pub fn system_acls(addr: SocketAddr) -> io::Result<SystemAcls> {
    let mut client = Client::connect_super(addr)?;
    let acls = SYSTEM_NODES.iter().map(|path| Ok((*path, read_acl(&mut client, path)?))).collect();
    client.close()?;
    acls
}

fn read_acl(client: &mut Client, path: &str) -> io::Result<Vec<Acl>> {
    let body = client.must(&Request::get_acl(path))?;
    Reader::new(&body).acls().ok_or_else(|| io::Error::other("undecodable access list"))
}

impl Runner {
    /// Opens the sessions of a new sequence.
    ///
    /// # Errors
    /// The server cannot be talked to.
    pub fn begin(addr: SocketAddr, hide_event_zxid: bool) -> io::Result<Self> {
        let mut probe = Client::connect_super(addr)?;
        let mut context = Context { hide_event_zxid, ..Context::default() };
        for path in SYSTEM_NODES {
            if let Some((_, stat)) = probe.get(path)? {
                context.system.insert(path.to_owned(), stat);
            }
        }
        context.base_zxid = probe.ping()?.zxid;
        probe.close()?;
        let mut runner = Self { addr, sessions: Vec::new(), context, opened: 0 };
        for _ in 0..SESSIONS {
            let session = runner.open_session()?;
            runner.sessions.push(session);
        }
        Ok(runner)
    }

    fn open_session(&mut self) -> io::Result<Session> {
        let request = ConnectRequest { timeout_ms: TIMEOUT_MS, ..ConnectRequest::default() };
        let (connection, response) = Connection::handshake(self.addr, &request)?
            .ok_or_else(|| io::Error::other("closed instead of granting a session"))?;
        self.context.sessions.insert(response.session, format!("session{}", self.opened));
        self.opened += 1;
        Ok(Session {
            id: response.session,
            password: response.password,
            connection: Some(connection),
            next_xid: 1,
        })
    }

    /// Performs one step; the lines say what every session received because of it.
    ///
    /// # Errors
    /// The server stopped answering.
    pub fn step(&mut self, step: &Step) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        self.ensure_connected(step.session, &mut lines)?;
        match &step.action {
            Action::One(request) => self.requests(step.session, std::slice::from_ref(request), &mut lines)?,
            Action::Batch(requests) => self.requests(step.session, requests, &mut lines)?,
            Action::Auth { scheme, payload } => self.auth(step.session, scheme, payload, &mut lines)?,
            Action::Drop => self.sessions[step.session].connection = None,
            Action::Resume { wrong_password, ahead, modern } => {
                self.resume(step.session, *wrong_password, *ahead, *modern, &mut lines)?;
            }
        }
        for index in 0..self.sessions.len() {
            self.barrier(index, &mut lines)?;
        }
        Ok(lines)
    }

    /// A connection the server closed is resumed, a session that ended is replaced.
    fn ensure_connected(&mut self, index: usize, lines: &mut Vec<String>) -> io::Result<()> {
        if self.sessions[index].connection.is_none() {
            self.resume(index, false, false, true, lines)?;
        }
        if self.sessions[index].connection.is_none() {
            lines.push(format!("S{index} opens a new session"));
            self.sessions[index] = self.open_session()?;
        }
        Ok(())
    }

    fn resume(
        &mut self,
        index: usize,
        wrong: bool,
        ahead: bool,
        modern: bool,
        lines: &mut Vec<String>,
    ) -> io::Result<()> {
        let session = &mut self.sessions[index];
        let mut password = session.password.clone();
        if wrong {
            password[0] ^= 1;
            // Java hangs up on the rightful owner before it looks at the password; Zabra does not.
            session.connection = None;
        }
        let request = ConnectRequest {
            timeout_ms: TIMEOUT_MS,
            session: session.id,
            password: Some(password),
            last_zxid_seen: if ahead { 1 << 40 } else { 0 },
            read_only: modern.then_some(false),
            ..ConnectRequest::default()
        };
        match Connection::handshake(self.addr, &request)? {
            None => lines.push(format!("S{index} resume: closed")),
            Some((_, response)) if response.timeout_ms == 0 => {
                lines.push(format!(
                    "S{index} resume: refused session={} password={:?} read_only={:?}",
                    response.session, response.password, response.read_only
                ));
            }
            Some((connection, response)) => {
                lines.push(format!(
                    "S{index} resume: timeout={} same_session={} same_password={} read_only={:?}",
                    response.timeout_ms,
                    response.session == session.id,
                    response.password == session.password,
                    response.read_only
                ));
                if let Some(mut old) = session.connection.replace(connection) {
                    lines.push(format!("S{index} old connection closed={}", drained(&mut old)?));
                }
            }
        }
        Ok(())
    }

    fn requests(&mut self, index: usize, requests: &[Request], lines: &mut Vec<String>) -> io::Result<()> {
        let session = &mut self.sessions[index];
        let Some(connection) = session.connection.as_mut() else { return Ok(()) };
        let mut expected = Vec::new();
        for request in requests {
            let (operation, body) = request.encode_at(self.context.base_zxid);
            let reserved = matches!(operation, op::SET_WATCHES | op::SET_WATCHES2);
            let xid = if reserved { xid::SET_WATCHES } else { session.next_xid };
            session.next_xid += 1;
            expected.push(xid);
            connection.request(xid, operation, &body)?;
        }
        for (request, xid) in requests.iter().zip(expected) {
            if !receive_reply(connection, &self.context, index, request, xid, lines)? {
                session.connection = None;
                break;
            }
        }
        Ok(())
    }

    fn auth(
        &mut self,
        index: usize,
        scheme: &Text,
        payload: &Text,
        lines: &mut Vec<String>,
    ) -> io::Result<()> {
        let body = Writer::new().int(0).buffer(scheme.0.as_deref()).buffer(payload.0.as_deref()).done();
        let session = &mut self.sessions[index];
        let Some(connection) = session.connection.as_mut() else { return Ok(()) };
        connection.request(xid::AUTH, op::AUTH, &body)?;
        let request = Request::Empty { op: op::AUTH };
        if !receive_reply(connection, &self.context, index, &request, xid::AUTH, lines)? {
            session.connection = None;
        }
        Ok(())
    }

    /// Events caused by what was answered before arrive before the answer to this ping.
    fn barrier(&mut self, index: usize, lines: &mut Vec<String>) -> io::Result<()> {
        let session = &mut self.sessions[index];
        let Some(connection) = session.connection.as_mut() else { return Ok(()) };
        let request = Request::Empty { op: op::PING };
        let sent = connection.request(xid::PING, op::PING, &[]);
        let first = lines.len();
        if sent.is_err() || !receive_reply(connection, &self.context, index, &request, xid::PING, lines)? {
            session.connection = None;
            if !lines[first..].iter().any(|line| line.ends_with(NO_ANSWER)) {
                lines.truncate(first);
                lines.push(format!("S{index} connection closed"));
            }
        }
        Ok(())
    }

    /// The tree as this server shows it, rendered node by node.
    ///
    /// # Errors
    /// The server cannot be talked to.
    pub fn tree(&self) -> io::Result<Vec<String>> {
        let mut client = Client::connect_super(self.addr)?;
        let tree = dump(&mut client)?;
        client.close()?;
        Ok(tree.iter().map(|(path, node)| self.node(path, node)).collect())
    }

    fn node(&self, path: &str, node: &Node) -> String {
        let data = node.data.as_ref().map(|bytes| bytes.escape_ascii().to_string());
        format!(
            "{path:?} {data:?} {} {}",
            super::render::acls(&node.acl),
            self.context.stat(path, &node.stat)
        )
    }

    /// Ends every session and deletes everything but the system nodes.
    ///
    /// # Errors
    /// The server cannot be talked to.
    pub fn finish(mut self, acls: &SystemAcls) -> io::Result<()> {
        for session in &mut self.sessions {
            if session.connection.is_none() {
                let request = ConnectRequest {
                    timeout_ms: TIMEOUT_MS,
                    session: session.id,
                    password: Some(session.password.clone()),
                    ..ConnectRequest::default()
                };
                session.connection = Connection::handshake(self.addr, &request)?
                    .filter(|(_, response)| response.timeout_ms != 0)
                    .map(|(connection, _)| connection);
            }
            if let Some(mut connection) = session.connection.take()
                && connection.request(1, op::CLOSE_SESSION, &[]).is_ok()
            {
                drained(&mut connection)?;
            }
        }
        clean(self.addr, acls)
    }
}

fn clean(addr: SocketAddr, acls: &SystemAcls) -> io::Result<()> {
    let mut client = Client::connect_super(addr)?;
    let tree: Tree = dump(&mut client)?;
    for path in tree.keys().rev().filter(|path| !SYSTEM_NODES.contains(&path.as_str())) {
        client.delete(path)?;
    }
    for (path, acl) in acls {
        if read_acl(&mut client, path)? != *acl {
            client.must(&Request::set_acl(path, acl, -1))?;
        }
    }
    client.close()
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Reads events and one reply; false when the connection was closed first.
fn receive_reply(
    connection: &mut Connection,
    context: &Context,
    index: usize,
    request: &Request,
    xid: i32,
    lines: &mut Vec<String>,
) -> io::Result<bool> {
    loop {
        let payload = match connection.receive() {
            Ok(Some(payload)) => payload,
            Ok(None) => {
                lines.push(format!("S{index} connection closed"));
                return Ok(false);
            }
            Err(error) if is_timeout(&error) => {
                lines.push(format!("S{index} {NO_ANSWER}"));
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let reply =
            Reply::read(&payload).ok_or_else(|| io::Error::other(format!("short frame {payload:02x?}")))?;
        lines.push(format!("S{index} {}", context.reply(request, &reply)));
        if reply.event().is_none() {
            if reply.xid != xid {
                lines.push(format!("S{index} to xid {xid}: {NO_ANSWER}"));
            }
            if reply.xid == xid && closes(request, &reply) {
                // The reply may be read before the close is under way: a ping sent now could still be answered.
                lines.push(format!("S{index} closed={}", drained(connection)?));
                return Ok(false);
            }
            return Ok(reply.xid == xid);
        }
    }
}

/// Whether a server hangs up after this reply.
fn closes(request: &Request, reply: &Reply) -> bool {
    const UNIMPLEMENTED: i32 = -6;
    const AUTH_FAILED: i32 = -115;
    reply.error == AUTH_FAILED
        || request.operation() == op::CLOSE_SESSION
        || (reply.error == UNIMPLEMENTED && reply.zxid == -1)
}

/// Reads until the server closes; false when it goes on sending nothing instead.
fn drained(connection: &mut Connection) -> io::Result<bool> {
    loop {
        match connection.receive() {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(true),
            Err(error) if is_timeout(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

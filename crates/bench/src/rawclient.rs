//! The smallest possible client: one blocking connection, one request at a time.
//!
//! For probing a server: does it answer, since when, what does it say of itself.

use proto::acl::Acl;
use proto::connect::{ConnectRequest, ConnectResponse};
use proto::jute::Wire;
use proto::request::{CreateRequest, ReadRequest, SetDataRequest, encode_frame, frame};
use proto::response::ReplyHeader;
use proto::{OpCode, Reader, SessionId, Zxid};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Larger replies are not what a probe asks for.
const MAX_REPLY: usize = 16 << 20;

/// One session on one blocking connection.
#[derive(Debug)]
pub struct RawClient {
    socket: TcpStream,
    xid: i32,
    session: SessionId,
    password: Vec<u8>,
}

impl RawClient {
    /// Connects and opens a session; every wait is at most `patience`.
    ///
    /// # Errors
    /// The server is not there, hangs up, refuses the session or speaks something else.
    pub fn connect(server: SocketAddr, patience: Duration) -> io::Result<Self> {
        Self::open(server, patience, SessionId(0), &[0; 16])
    }

    /// Goes on with the session of another connection, which may have failed.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    pub fn resume(&self, server: SocketAddr, patience: Duration) -> io::Result<Self> {
        Self::open(server, patience, self.session, &self.password)
    }

    fn open(
        server: SocketAddr,
        patience: Duration,
        session_id: SessionId,
        password: &[u8],
    ) -> io::Result<Self> {
        let mut socket = TcpStream::connect_timeout(&server, patience)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(patience))?;
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: Zxid(0),
            timeout_ms: 30_000,
            session_id,
            password: Some(password),
            read_only: Some(false),
        };
        let mut bytes = Vec::new();
        frame(&mut bytes, |out| request.encode(out));
        socket.write_all(&bytes)?;
        let reply = read_frame(&mut socket)?;
        let response = ConnectResponse::decode(&mut Reader::new(&reply)).map_err(invalid)?;
        if response.timeout_ms <= 0 {
            return Err(invalid("the server refused the session"));
        }
        let password = response.password;
        Ok(Self { socket, xid: 0, session: response.session_id, password })
    }

    /// Changes how long every further wait may last.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn set_patience(&mut self, patience: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(Some(patience))
    }

    /// Asks for the data of `path`; the reply's error code.
    ///
    /// # Errors
    /// The connection failed.
    pub fn get_data(&mut self, path: &str) -> io::Result<i32> {
        self.call(OpCode::GetData, &ReadRequest { path: path.into(), watch: false })
    }

    /// Sets the data of `path`, whatever its version; the reply's error code.
    ///
    /// # Errors
    /// The connection failed.
    pub fn set_data(&mut self, path: &str, data: &[u8]) -> io::Result<i32> {
        let body = SetDataRequest { path: path.into(), data: Some(data), version: -1 };
        self.call(OpCode::SetData, &body)
    }

    /// Creates a node open to everybody; the reply's error code.
    ///
    /// # Errors
    /// The connection failed.
    pub fn create(&mut self, path: &str, data: &[u8]) -> io::Result<i32> {
        let acl = Some(vec![Acl::open()]);
        self.call(OpCode::Create, &CreateRequest { path: path.into(), data: Some(data), acl, flags: 0 })
    }

    fn call<'a>(&mut self, op: OpCode, body: &impl Wire<'a>) -> io::Result<i32> {
        self.xid += 1;
        let mut bytes = Vec::new();
        encode_frame(self.xid, op, body, &mut bytes);
        self.socket.write_all(&bytes)?;
        let reply = read_frame(&mut self.socket)?;
        let header = ReplyHeader::decode(&mut Reader::new(&reply)).map_err(invalid)?;
        if header.xid != self.xid {
            return Err(invalid("the reply belongs to another request"));
        }
        Ok(header.err)
    }
}

/// What the server at `server` says to a four-letter word.
///
/// # Errors
/// The server is not there or the connection failed.
pub fn four_letter_word(server: SocketAddr, word: &str, patience: Duration) -> io::Result<String> {
    let mut socket = TcpStream::connect_timeout(&server, patience)?;
    socket.set_read_timeout(Some(patience))?;
    socket.write_all(word.as_bytes())?;
    let mut answer = Vec::new();
    socket.take(MAX_REPLY as u64).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn read_frame(socket: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut len = [0; 4];
    socket.read_exact(&mut len)?;
    let len = u32::from_be_bytes(len) as usize;
    if len > MAX_REPLY {
        return Err(invalid("the server sent a frame too large for a probe"));
    }
    let mut bytes = Vec::new();
    socket.take(len as u64).read_to_end(&mut bytes)?;
    if bytes.len() < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

fn invalid(reason: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_string())
}

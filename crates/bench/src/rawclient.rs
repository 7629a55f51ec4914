//! The smallest possible client: one blocking connection, one request at a time.
//!
//! For probing a server: does it answer, since when, what does it say of itself.

use proto::connect::{ConnectRequest, ConnectResponse};
use proto::jute::Wire;
use proto::request::{ReadRequest, encode_frame, frame};
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
}

impl RawClient {
    /// Connects and opens a session; every wait is at most `patience`.
    ///
    /// # Errors
    /// The server is not there, hangs up, refuses the session or speaks something else.
    pub fn connect(server: SocketAddr, patience: Duration) -> io::Result<Self> {
        let mut socket = TcpStream::connect_timeout(&server, patience)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(patience))?;
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: Zxid(0),
            timeout_ms: 30_000,
            session_id: SessionId(0),
            password: Some(&[0; 16]),
            read_only: Some(false),
        };
        let mut bytes = Vec::new();
        frame(&mut bytes, |out| request.encode(out));
        socket.write_all(&bytes)?;
        let reply = read_frame(&mut socket)?;
        let response = ConnectResponse::decode(&mut Reader::new(&reply)).map_err(invalid)?;
        if response.timeout_ms <= 0 {
            return Err(invalid("the server refused a new session"));
        }
        Ok(Self { socket, xid: 0 })
    }

    /// Asks for the data of `path`; the reply's error code.
    ///
    /// # Errors
    /// The connection failed.
    pub fn get_data(&mut self, path: &str) -> io::Result<i32> {
        self.xid += 1;
        let mut bytes = Vec::new();
        encode_frame(self.xid, OpCode::GetData, &ReadRequest { path: path.into(), watch: false }, &mut bytes);
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

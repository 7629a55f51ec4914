//! A blocking client of a few operations.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

use proto::acl::Acl;
use proto::connect::{ConnectRequest, ConnectResponse};
use proto::request::{CreateRequest, ReadRequest, encode_frame, frame};
use proto::response::ReplyHeader;
use proto::{OpCode, Reader, SessionId, Wire, Zxid};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub struct Client {
    pub stream: TcpStream,
    next_xid: i32,
    pub session: SessionId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub xid: i32,
    pub zxid: i64,
    pub err: i32,
    pub body: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream, next_xid: 1, session: SessionId::NONE };
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: Zxid(0),
            timeout_ms: 20_000,
            session_id: SessionId::NONE,
            password: Some(&[0; 16]),
            read_only: Some(false),
        };
        let mut bytes = Vec::new();
        frame(&mut bytes, |out| request.encode(out));
        client.stream.write_all(&bytes)?;
        let answer = client.read_frame()?;
        client.session = ConnectResponse::decode(&mut Reader::new(&answer)).unwrap().session_id;
        Ok(client)
    }

    pub fn read_frame(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut payload = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut payload)?;
        Ok(payload)
    }

    pub fn send<'a>(&mut self, op: OpCode, body: &impl Wire<'a>) -> io::Result<i32> {
        let xid = self.next_xid;
        self.next_xid += 1;
        let mut bytes = Vec::new();
        encode_frame(xid, op, body, &mut bytes);
        self.stream.write_all(&bytes)?;
        Ok(xid)
    }

    pub fn reply(&mut self) -> io::Result<Reply> {
        let payload = self.read_frame()?;
        let mut from = Reader::new(&payload);
        let header = ReplyHeader::decode(&mut from).unwrap();
        Ok(Reply { xid: header.xid, zxid: header.zxid.0, err: header.err, body: from.rest().to_vec() })
    }

    pub fn send_create(&mut self, path: &str, data: &[u8]) -> io::Result<i32> {
        let acl = Some(vec![Acl::open()]);
        self.send(OpCode::Create, &CreateRequest { path: path.into(), data: Some(data), acl, flags: 0 })
    }

    pub fn create(&mut self, path: &str) -> io::Result<Reply> {
        self.send_create(path, b"x")?;
        self.reply()
    }

    pub fn exists(&mut self, path: &str) -> io::Result<bool> {
        self.send(OpCode::Exists, &ReadRequest { path: path.into(), watch: false })?;
        Ok(self.reply()?.err == 0)
    }
}

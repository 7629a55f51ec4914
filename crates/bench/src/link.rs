//! One client connection: its socket, what waits to be sent and what awaits a reply.

use crate::scan::{FrameScanner, Head};
use crate::template::Template;
use mio::net::TcpStream;
use proto::connect::ConnectRequest;
use proto::jute::Wire;
use proto::request::{RequestHeader, frame, xid};
use proto::{OpCode, SessionId, Zxid};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

/// A request that awaits its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    /// When it was handed to the socket's buffer, nanoseconds of the run's clock.
    pub(crate) at: u64,
    /// What the driver wanted to remember.
    pub(crate) tag: u32,
}

/// The sending half, which drivers see.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    flushed: usize,
    last_xid: i32,
    inflight: VecDeque<Sent>,
}

impl Outbox {
    /// Queues one request.
    pub(crate) fn send(&mut self, template: &Template, numbers: &[u32], tag: u32, now: u64) {
        self.last_xid = if self.last_xid == i32::MAX { 1 } else { self.last_xid + 1 };
        template.append(&mut self.bytes, self.last_xid, numbers);
        self.inflight.push_back(Sent { at: now, tag });
    }

    /// Queues a heartbeat; its reply is not reported.
    pub(crate) fn ping(&mut self) {
        let header = RequestHeader { xid: xid::PING, kind: OpCode::Ping.code() };
        frame(&mut self.bytes, |out| header.encode(out));
    }

    fn close_session(&mut self) {
        let header = RequestHeader { xid: 0, kind: OpCode::CloseSession.code() };
        frame(&mut self.bytes, |out| header.encode(out));
    }

    /// Requests sent or queued whose reply has not come.
    pub(crate) fn outstanding(&self) -> usize {
        self.inflight.len()
    }
}

/// What arrived on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The session stands; its negotiated timeout in milliseconds.
    Opened { timeout_ms: u32 },
    /// The reply to `sent` with its error code.
    Reply { sent: Sent, err: i32 },
    /// A watch event.
    Event,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Opening,
    Open,
    Closing,
    Closed,
}

/// One connection and its session.
#[derive(Debug)]
pub(crate) struct Link {
    socket: TcpStream,
    scanner: FrameScanner,
    stage: Stage,
    pub(crate) outbox: Outbox,
}

impl Link {
    /// Starts to connect and queues the session request.
    pub(crate) fn open(server: SocketAddr, timeout_ms: i32) -> io::Result<Self> {
        let socket = TcpStream::connect(server)?;
        let mut outbox = Outbox::default();
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: Zxid(0),
            timeout_ms,
            session_id: SessionId(0),
            password: Some(&[0; 16]),
            read_only: Some(false),
        };
        frame(&mut outbox.bytes, |out| request.encode(out));
        Ok(Self { socket, scanner: FrameScanner::default(), stage: Stage::Opening, outbox })
    }

    pub(crate) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }

    /// Ends the session politely; the server closes the socket.
    pub(crate) fn close(&mut self) {
        if self.stage == Stage::Open {
            self.outbox.close_session();
            self.stage = Stage::Closing;
        }
    }

    /// Writes what waits, as far as the socket takes it.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let outbox = &mut self.outbox;
        while outbox.flushed < outbox.bytes.len() {
            match self.socket.write(&outbox.bytes[outbox.flushed..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => outbox.flushed += n,
                // Not yet connected, or the buffer is full: the next writable event resumes.
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) => {
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        outbox.bytes.clear();
        outbox.flushed = 0;
        Ok(())
    }

    /// Reads until the socket is dry and reports what arrived.
    ///
    /// A read that does not fill `buffer` proves the socket dry: with edge-triggered readiness the
    /// next byte raises a new event, so the usual extra read that only returns "would block" is
    /// saved. An end of stream that was already there raises none: `hung_up` says that it was.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
        hung_up: bool,
        mut on: impl FnMut(&mut Outbox, Arrival),
    ) -> Result<(), LinkError> {
        loop {
            let n = match self.socket.read(buffer) {
                Ok(0) if matches!(self.stage, Stage::Closing | Stage::Closed) => {
                    self.stage = Stage::Closed;
                    return Ok(());
                }
                Ok(0) => return Err(LinkError::Dropped { opening: self.stage == Stage::Opening }),
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                // A server may reset a connection whose session was just closed.
                Err(_) if self.stage == Stage::Closing => {
                    self.stage = Stage::Closed;
                    return Ok(());
                }
                Err(e) => return Err(LinkError::Io(e, self.stage)),
            };
            self.scan(&buffer[..n], &mut on)?;
            if n < buffer.len() && !hung_up {
                return Ok(());
            }
        }
    }

    fn scan(&mut self, bytes: &[u8], on: &mut impl FnMut(&mut Outbox, Arrival)) -> Result<(), LinkError> {
        let (stage, outbox) = (&mut self.stage, &mut self.outbox);
        let mut failure = None;
        let scanned = self.scanner.feed(bytes, |head| match arrival(stage, outbox, head) {
            Ok(Some(arrival)) => on(outbox, arrival),
            Ok(None) => {}
            Err(error) => failure = Some(error),
        });
        scanned.map_err(|bad| LinkError::Protocol(bad.to_string()))?;
        failure.map_or(Ok(()), Err)
    }
}

fn arrival(stage: &mut Stage, outbox: &mut Outbox, head: Head) -> Result<Option<Arrival>, LinkError> {
    if *stage == Stage::Opening {
        let timeout_ms = u32::try_from(head.timeout_ms()).unwrap_or(0);
        if timeout_ms == 0 {
            return Err(LinkError::Protocol("the server refused a new session".into()));
        }
        *stage = Stage::Open;
        return Ok(Some(Arrival::Opened { timeout_ms }));
    }
    match head.xid() {
        xid::NOTIFICATION => Ok(Some(Arrival::Event)),
        xid::PING => Ok(None),
        _ if outbox.inflight.is_empty() && *stage != Stage::Open => Ok(None),
        _ => match outbox.inflight.pop_front() {
            Some(sent) => Ok(Some(Arrival::Reply { sent, err: head.err() })),
            None => Err(LinkError::Protocol("the server sent a reply nobody waits for".into())),
        },
    }
}

/// Why a connection ended a run.
#[derive(Debug)]
pub(crate) enum LinkError {
    /// The server hung up.
    Dropped {
        /// Before it answered the session request.
        opening: bool,
    },
    /// The socket failed.
    Io(io::Error, Stage),
    /// The server sent something that is not the protocol.
    Protocol(String),
}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        Self::Io(error, Stage::Closed)
    }
}

impl std::fmt::Display for LinkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dropped { opening: true } => {
                f.write_str("the server hung up before a session stood: is maxClientCnxns too low?")
            }
            Self::Dropped { opening: false } => f.write_str("the server hung up in the middle of the run"),
            Self::Io(error, stage) => write!(f, "connection failed ({stage:?}): {error}"),
            Self::Protocol(what) => f.write_str(what),
        }
    }
}

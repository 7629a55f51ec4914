//! One client's socket: bytes in, bytes out, and what keeps either from moving.

use crate::driver::registry::Shown;
use mio::net::TcpStream;
use node::{Connection, Flow};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

/// Unsent bytes from which on no further request of this client is read.
const OUTPUT_PAUSE: usize = 1 << 20;
/// Bytes of events and replies to writes that may wait for a client to read; one that lets more pile
/// up is cut off (HC-171). Replies to reads do not count: no further one is made while they wait.
const BACKLOG_MAX: usize = 16 << 20;

/// What a read found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// The client is gone.
    End,
}

/// One client's socket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) conn: Connection,
    pub(crate) shown: Arc<Shown>,
    /// Received and not yet consumed: part of a frame, or frames that have to wait.
    pub(crate) input: Vec<u8>,
    /// Made and not yet sent.
    pub(crate) output: Vec<u8>,
    /// Bytes among them that were delivered rather than asked for just now.
    pub(crate) backlog: usize,
    /// Whether the first bytes were looked at: before that they may be a four-letter word.
    pub(crate) greeted: bool,
    /// The connection waits for a delivery.
    pub(crate) paused: bool,
    /// The system may have more bytes to read.
    pub(crate) readable: bool,
    /// The client sends no more: the end of its stream is there to be read.
    pub(crate) ended: bool,
    /// To be closed once the output is sent.
    pub(crate) closing: bool,
    /// To be closed at once.
    pub(crate) broken: bool,
    /// Bytes of large requests in flight, given back when nothing is outstanding.
    pub(crate) large_bytes: u64,
    /// When the request throttle began to hold this socket back, monotonic milliseconds.
    pub(crate) stalled_since_ms: Option<u64>,
    /// Already in the list of sockets with fresh output.
    pub(crate) dirty: bool,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, peer: SocketAddr, conn: Connection, shown: Arc<Shown>) -> Self {
        Self {
            stream,
            peer,
            conn,
            shown,
            input: Vec::new(),
            output: Vec::new(),
            backlog: 0,
            greeted: false,
            paused: false,
            readable: true,
            ended: false,
            closing: false,
            broken: false,
            large_bytes: 0,
            stalled_since_ms: None,
            dirty: false,
        }
    }

    /// Whether requests must wait: for the session, for the client to read, or for ever.
    pub(crate) fn is_blocked(&self) -> bool {
        self.paused || self.closing || self.broken || self.output.len() >= OUTPUT_PAUSE
    }

    /// Does what the connection wants done.
    pub(crate) fn follow(&mut self, flow: Flow) {
        match flow {
            Flow::Continue => {}
            Flow::Pause => self.paused = true,
            Flow::Close => self.closing = true,
        }
    }

    /// Reads once into `buffer`.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Incoming {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Incoming::End,
                Ok(n) => {
                    // A short read has emptied the socket and the next bytes bring a new event; but
                    // the end of the stream may have come with these, and is announced only once.
                    self.readable = n == buffer.len() || self.ended;
                    return Incoming::Bytes(n);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Incoming::Nothing;
                }
                Err(_) => return Incoming::End,
            }
        }
    }

    /// Sends `bytes`, or as much as the system takes; the rest is kept for later.
    pub(crate) fn send(&mut self, bytes: &mut Vec<u8>) {
        let mut sent = 0;
        while sent < bytes.len() {
            match self.stream.write(&bytes[sent..]) {
                Ok(0) => {
                    self.broken = true;
                    break;
                }
                Ok(n) => sent += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.broken = true;
                    break;
                }
            }
        }
        if self.broken || sent == bytes.len() {
            bytes.clear();
        } else {
            bytes.drain(..sent);
        }
    }

    /// Sends what is waiting. An idle connection keeps no buffer.
    pub(crate) fn flush(&mut self) {
        if !self.output.is_empty() {
            let mut output = std::mem::take(&mut self.output);
            self.send(&mut output);
            if !output.is_empty() {
                self.output = output;
            }
        }
        if self.output.is_empty() {
            self.backlog = 0;
        } else if self.backlog > BACKLOG_MAX {
            tracing::warn!(peer = %self.peer, bytes = self.backlog, "client does not read; closing its connection");
            self.broken = true;
        }
    }

    /// Whether it is over.
    pub(crate) fn is_done(&self) -> bool {
        self.broken || (self.closing && self.output.is_empty())
    }
}

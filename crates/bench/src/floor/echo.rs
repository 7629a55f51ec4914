//! A server that knows nothing: it answers every frame with ready bytes of the right size.
//!
//! What it costs is what sockets, frames and copying a reply cost; a real server can only come
//! near. All requests of one read are answered by one write. It runs in a process of its own, so
//! that its CPU time can be told from the generator's.
//!
//! With a journal it also appends what it is sent to a file and makes that durable before it
//! answers: sockets and disk together, with nothing in between.

use super::journal::Journal;
use crate::error::Error;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use proto::connect::ConnectResponse;
use proto::jute::Wire;
use proto::request::frame;
use proto::response::{GetDataResponse, ReplyHeader, StatResponse, encode_reply};
use proto::stat::Stat;
use proto::{OpCode, SessionId, Zxid};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

const READ_BUFFER: usize = 256 * 1024;
const WAKE: Token = Token(usize::MAX);

/// As many threads as the server takes by default: one per core, at most eight.
pub(crate) fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(8))
}

/// A listening echo floor.
pub struct Echo {
    listener: TcpListener,
    workers: Vec<Worker>,
    address: SocketAddr,
}

impl Echo {
    /// Listens, with `threads` threads that answer reads with `size` bytes of data.
    ///
    /// # Errors
    /// An address that cannot be listened on.
    pub fn bind(listen: SocketAddr, threads: usize, size: usize) -> Result<Self, Error> {
        let failed = |e: io::Error| Error::Connection { server: listen.to_string(), reason: e.to_string() };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let replies = Arc::new(Replies::new(size));
        let workers = (0..threads.max(1)).map(|_| Worker::start(&replies, None)).collect::<io::Result<_>>();
        Ok(Self { listener, workers: workers.map_err(failed)?, address })
    }

    /// Listens, with one thread that makes every request durable in a file in `dir` before it
    /// answers any of the same turn.
    ///
    /// # Errors
    /// An address that cannot be listened on, a directory that cannot be written to.
    pub fn bind_durable(listen: SocketAddr, dir: &Path, size: usize) -> Result<Self, Error> {
        let failed = |e: io::Error| Error::Connection { server: listen.to_string(), reason: e.to_string() };
        let journal = Journal::create(dir).map_err(Error::file(dir))?;
        let listener = TcpListener::bind(listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let worker = Worker::start(&Arc::new(Replies::new(size)), Some(journal)).map_err(failed)?;
        Ok(Self { listener, workers: vec![worker], address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    /// The system no longer lets it wait for connections.
    pub fn serve(mut self) -> Result<(), Error> {
        let address = self.address.to_string();
        self.accept().map_err(|e| Error::Connection { server: address, reason: e.to_string() })
    }

    fn accept(&mut self) -> io::Result<()> {
        let mut poll = Poll::new()?;
        poll.registry().register(&mut self.listener, Token(0), Interest::READABLE)?;
        let mut events = Events::with_capacity(4);
        let mut turn = 0;
        loop {
            poll.poll(&mut events, None)?;
            while let Ok((socket, _)) = self.listener.accept() {
                let worker = &self.workers[turn % self.workers.len()];
                turn += 1;
                if worker.sockets.send(socket).is_ok() {
                    worker.waker.wake()?;
                }
            }
        }
    }
}

/// The accepting thread's handle to a serving thread.
struct Worker {
    sockets: Sender<TcpStream>,
    waker: mio::Waker,
}

impl Worker {
    fn start(replies: &Arc<Replies>, journal: Option<Journal>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKE)?;
        let (sockets, inbox) = channel();
        let replies = Arc::clone(replies);
        std::thread::spawn(move || serve_thread(poll, &inbox, &replies, journal));
        Ok(Self { sockets, waker })
    }
}

fn serve_thread(
    mut poll: Poll,
    inbox: &Receiver<TcpStream>,
    replies: &Replies,
    mut journal: Option<Journal>,
) {
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; READ_BUFFER];
    let mut peers: Vec<Option<Peer>> = Vec::new();
    let mut answered = Vec::new();
    loop {
        if poll.poll(&mut events, None).is_err() {
            continue;
        }
        for event in &events {
            if event.token() == WAKE {
                inbox.try_iter().for_each(|socket| admit(&poll, &mut peers, socket));
                continue;
            }
            let slot = &mut peers[event.token().0];
            let Some(peer) = slot else { continue };
            let received = peer.receive(&mut buffer, replies, journal.as_mut());
            if received.is_err() || event.is_read_closed() {
                *slot = None;
            } else if journal.is_some() {
                answered.push(event.token().0);
            } else if peer.flush().is_err() {
                *slot = None;
            }
        }
        if journal.as_mut().is_some_and(|journal| journal.sync().is_err()) {
            // Nothing may be answered that is not durable.
            return;
        }
        for at in answered.drain(..) {
            if peers[at].as_mut().is_some_and(|peer| peer.flush().is_err()) {
                peers[at] = None;
            }
        }
    }
}

fn admit(poll: &Poll, peers: &mut Vec<Option<Peer>>, mut socket: TcpStream) {
    let at = peers.iter().position(Option::is_none).unwrap_or(peers.len());
    let _ = socket.set_nodelay(true);
    if poll.registry().register(&mut socket, Token(at), Interest::READABLE | Interest::WRITABLE).is_err() {
        return;
    }
    if at == peers.len() {
        peers.push(None);
    }
    peers[at] = Some(Peer {
        socket,
        partial: Vec::new(),
        pending: Vec::new(),
        sent: 0,
        greeted: false,
        closing: false,
    });
}

/// One connection.
struct Peer {
    socket: TcpStream,
    partial: Vec<u8>,
    pending: Vec<u8>,
    sent: usize,
    greeted: bool,
    closing: bool,
}

impl Peer {
    /// Reads and queues the answers.
    fn receive(
        &mut self,
        buffer: &mut [u8],
        replies: &Replies,
        mut journal: Option<&mut Journal>,
    ) -> io::Result<()> {
        loop {
            // What came in pieces waits in front of what comes now.
            let kept = self.partial.len();
            buffer[..kept].copy_from_slice(&self.partial);
            let n = match self.socket.read(&mut buffer[kept..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            };
            let filled = kept + n;
            let used = self.answer(&buffer[..filled], replies)?;
            if let Some(journal) = &mut journal {
                journal.append(&buffer[..used]);
            }
            self.partial.clear();
            self.partial.extend_from_slice(&buffer[used..filled]);
            if filled < buffer.len() {
                return Ok(());
            }
        }
    }

    /// Queues the answers to all whole frames; returns how many bytes those took.
    fn answer(&mut self, bytes: &[u8], replies: &Replies) -> io::Result<usize> {
        let mut at = 0;
        while let Some((len, rest)) = bytes[at..].split_first_chunk::<4>() {
            let len = u32::from_be_bytes(*len) as usize;
            if len > READ_BUFFER - 4 {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let Some(frame) = rest.get(..len) else { break };
            at += 4 + len;
            if !self.greeted {
                self.greeted = true;
                self.pending.extend_from_slice(&replies.connect);
                continue;
            }
            let Some((head, _)) = frame.split_first_chunk::<8>() else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            replies.append(head, &mut self.pending);
            self.closing |= head[4..] == OpCode::CloseSession.code().to_be_bytes();
        }
        Ok(at)
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.sent < self.pending.len() {
            match self.socket.write(&self.pending[self.sent..]) {
                Ok(n) => self.sent += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            }
        }
        self.pending.clear();
        self.sent = 0;
        if self.closing { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

/// The ready answers.
struct Replies {
    connect: Vec<u8>,
    data: Vec<u8>,
    stat: Vec<u8>,
    empty: Vec<u8>,
}

impl Replies {
    fn new(size: usize) -> Self {
        let header = ReplyHeader { xid: 0, zxid: Zxid(1), err: 0 };
        let stat = Stat { data_length: size as i32, ..Stat::default() };
        let data = vec![b'x'; size];
        let mut replies = Self { connect: Vec::new(), data: Vec::new(), stat: Vec::new(), empty: Vec::new() };
        let connect = ConnectResponse {
            protocol_version: 0,
            timeout_ms: 30_000,
            session_id: SessionId(1),
            password: vec![0; 16],
            read_only: Some(false),
        };
        frame(&mut replies.connect, |out| connect.encode(out));
        encode_reply(header, &mut replies.data, |out| {
            GetDataResponse { data: Some(&data), stat }.encode(out);
        });
        encode_reply(header, &mut replies.stat, |out| StatResponse { stat }.encode(out));
        encode_reply(header, &mut replies.empty, |_| ());
        replies
    }

    fn append(&self, request_head: &[u8; 8], out: &mut Vec<u8>) {
        let kind = i32::from_be_bytes(request_head[4..].try_into().expect("four bytes"));
        let ready = match OpCode::from_code(kind) {
            Some(OpCode::GetData) => &self.data,
            Some(OpCode::Exists | OpCode::SetData) => &self.stat,
            _ => &self.empty,
        };
        let start = out.len();
        out.extend_from_slice(ready);
        out[start + 4..start + 8].copy_from_slice(&request_head[..4]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::Reader;

    #[test]
    fn a_reply_carries_the_xid_and_the_size_of_a_real_one() {
        let replies = Replies::new(1024);
        let mut head = [0; 8];
        head[..4].copy_from_slice(&77i32.to_be_bytes());
        head[4..].copy_from_slice(&OpCode::GetData.code().to_be_bytes());
        let mut out = Vec::new();
        replies.append(&head, &mut out);
        let mut reader = Reader::new(&out[4..]);
        assert_eq!(ReplyHeader::decode(&mut reader).unwrap().xid, 77);
        assert_eq!(GetDataResponse::decode(&mut reader).unwrap().data.unwrap().len(), 1024);
        assert_eq!(reader.remaining(), 0);
    }
}

//! One thread's share of the connections: wait, read, answer, hand over, write.
//!
//! A turn goes: take what became readable, feed frames to the connections (which answer reads into
//! the output at once), submit what only the node can decide in one batch, pass on what the node
//! delivered, send. Replies of everything that arrived in one read leave in one write.

use crate::driver::entrance::Entrance;
use crate::driver::feed::Batch;
use crate::driver::limits::Refusal;
use crate::driver::linger::Linger;
use crate::driver::log::LATENCY_BOUND;
use crate::driver::outbox::Courier;
use crate::driver::shared::Shared;
use crate::driver::slab::Slab;
use crate::driver::socket::{Incoming, Socket};
use crate::driver::words::Question;
use crate::fourletter;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use node::{ConnId, Connection, Delivery, Input, Now, Submission, Turn};
use proto::SessionId;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Wakes a loop for its mailbox.
pub(crate) const WAKER: Token = Token(usize::MAX);
pub(crate) const LISTENER: Token = Token(usize::MAX - 1);

/// Bytes one read may bring: enough for a deep pipeline of 1 KiB requests.
const READ_BYTES: usize = 128 * 1024;
/// Reads in a row from one client before the others get their turn.
const READS_PER_TURN: usize = 4;
/// Submissions gathered before they go to the node even within a turn.
const SUBMIT_AT: usize = 512;
/// How long a loop looks for the log's answer before it sleeps: a little more than a fast disk takes.
const LINGER: Duration = Duration::from_micros(150);
/// Longest wait, so that deadlines computed elsewhere are never missed by much.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// One event loop.
pub(crate) struct EventLoop<'a> {
    index: usize,
    shared: &'a Shared,
    poll: Poll,
    entrance: Option<Entrance>,
    next_loop: usize,
    sockets: Slab<Socket>,
    now: Now,
    read_buffer: Vec<u8>,
    /// Reused for the replies of one batch.
    spare_output: Vec<u8>,
    courier: Courier<'a>,
    submissions: Vec<Submission>,
    linger: Linger,
    touched: Vec<SessionId>,
    gone: Vec<ConnId>,
    /// Sockets with something to do that no event announces.
    runnable: VecDeque<usize>,
    dirty: Vec<usize>,
    mail: Vec<Delivery>,
    accepted: Vec<(TcpStream, SocketAddr)>,
    /// Sockets held back by the request throttle, and when to look at them again.
    stalled: Vec<usize>,
    stall_until_ms: u64,
    /// Connections without a session, by the time their patience ends.
    handshakes: VecDeque<(u64, ConnId)>,
    next_tick_ms: u64,
}

impl<'a> EventLoop<'a> {
    /// A loop around `poll`, whose waker is already registered. The first loop gets the listener
    /// and the node's clock.
    pub(crate) fn new(index: usize, shared: &'a Shared, poll: Poll, entrance: Option<Entrance>) -> Self {
        Self {
            index,
            shared,
            poll,
            entrance,
            next_loop: 0,
            sockets: Slab::new(index),
            now: shared.clock.now(),
            read_buffer: vec![0; READ_BYTES],
            spare_output: Vec::new(),
            courier: Courier::new(shared, index),
            submissions: Vec::new(),
            linger: Linger::new(LINGER),
            touched: Vec::new(),
            gone: Vec::new(),
            runnable: VecDeque::new(),
            dirty: Vec::new(),
            mail: Vec::new(),
            accepted: Vec::new(),
            stalled: Vec::new(),
            stall_until_ms: 0,
            handshakes: VecDeque::new(),
            next_tick_ms: 0,
        }
    }

    /// Runs until the server stops.
    ///
    /// # Errors
    /// When the system no longer lets it wait for events.
    pub(crate) fn run(&mut self) -> std::io::Result<()> {
        let mut events = Events::with_capacity(512);
        if let Some(entrance) = &mut self.entrance {
            entrance.watch(self.poll.registry())?;
        }
        while !self.shared.is_stopping() {
            let lingers = self.lingers();
            let wait = if lingers { Duration::ZERO } else { self.wait() };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(e) if e.kind() != std::io::ErrorKind::Interrupted => return Err(e),
                _ => {}
            }
            if lingers && events.is_empty() && !self.has_work() {
                continue;
            }
            self.now = self.shared.clock.now();
            for event in &events {
                match event.token() {
                    WAKER => {}
                    LISTENER => self.accept(),
                    Token(slot) => self.on_ready(slot, event),
                }
            }
            self.finish_turn();
        }
        self.close_all();
        Ok(())
    }

    /// Whether to look for the log's answer rather than sleep until it wakes this loop: only while so
    /// little is outstanding that somebody waits for just that.
    fn lingers(&mut self) -> bool {
        let outstanding = self.shared.outstanding.load(Ordering::Relaxed);
        (1..=LATENCY_BOUND).contains(&outstanding) && self.linger.goes_on(Instant::now())
    }

    fn has_work(&self) -> bool {
        let shared = self.shared;
        !self.runnable.is_empty() || shared.mailboxes[self.index].has_mail() || shared.log.has_stored()
    }

    fn wait(&self) -> Duration {
        if self.has_work() {
            return Duration::ZERO;
        }
        let mut wait = WAIT_MAX;
        let now_ms = self.shared.clock.now().monotonic_ms;
        if self.index == 0 && self.shared.peers.is_none() {
            wait = wait.min(Duration::from_millis(self.next_tick_ms.saturating_sub(now_ms)));
        }
        if !self.stalled.is_empty() {
            wait = wait.min(Duration::from_millis(self.stall_until_ms.saturating_sub(now_ms).max(1)));
        }
        if let Some((until_ms, _)) = self.handshakes.front() {
            wait = wait.min(Duration::from_millis(until_ms.saturating_sub(now_ms)));
        }
        self.entrance.as_ref().and_then(Entrance::rest).map_or(wait, |rest| wait.min(rest))
    }

    fn finish_turn(&mut self) {
        if self.entrance.as_mut().is_some_and(Entrance::rested) {
            self.accept();
        }
        if !self.stalled.is_empty() && self.now.monotonic_ms >= self.stall_until_ms {
            self.runnable.extend(self.stalled.drain(..));
        }
        for _ in 0..self.runnable.len() {
            if let Some(slot) = self.runnable.pop_front() {
                self.serve(slot);
            }
        }
        self.tick();
        self.submit();
        self.take_mail();
        self.adopt();
        self.move_entrance();
        self.flush_dirty();
        self.drop_sessionless();
        // Closing sockets leaves the node something to forget.
        self.submit();
    }

    fn on_ready(&mut self, slot: usize, event: &Event) {
        let Some(socket) = self.sockets.get_mut(slot) else { return };
        if event.is_writable() && !socket.output.is_empty() {
            socket.flush();
        }
        socket.ended |= event.is_read_closed();
        socket.readable |= event.is_readable() || socket.ended;
        self.serve(slot);
    }

    /// Lets one client have its turn: frames that waited, then fresh bytes.
    fn serve(&mut self, slot: usize) {
        self.consume_input(slot);
        for _ in 0..READS_PER_TURN {
            let Some(socket) = self.sockets.get_mut(slot) else { return };
            if socket.is_blocked() || !socket.readable {
                break;
            }
            let mut buffer = std::mem::take(&mut self.read_buffer);
            match socket.read(&mut buffer) {
                Incoming::Bytes(n) if socket.input.is_empty() => {
                    let used = self.feed(slot, &buffer[..n]);
                    if let Some(socket) = self.sockets.get_mut(slot) {
                        socket.input.extend_from_slice(&buffer[used..n]);
                    }
                }
                Incoming::Bytes(n) => {
                    socket.input.extend_from_slice(&buffer[..n]);
                    self.consume_input(slot);
                }
                Incoming::Nothing => {}
                Incoming::End => socket.broken = true,
            }
            self.read_buffer = buffer;
        }
        let Some(socket) = self.sockets.get_mut(slot) else { return };
        if socket.is_done() {
            return self.close(slot);
        }
        if socket.readable && !socket.is_blocked() {
            self.runnable.push_back(slot);
        }
        if self.submissions.len() >= SUBMIT_AT {
            self.submit();
        }
    }

    fn consume_input(&mut self, slot: usize) {
        let Some(socket) = self.sockets.get_mut(slot) else { return };
        if socket.input.is_empty() || socket.is_blocked() {
            return;
        }
        let mut input = std::mem::take(&mut socket.input);
        let used = self.feed(slot, &input);
        if let Some(socket) = self.sockets.get_mut(slot)
            && used < input.len()
        {
            input.drain(..used);
            socket.input = input;
        }
    }

    /// Feeds complete frames to the connection and sends its replies. Returns the bytes consumed.
    fn feed(&mut self, slot: usize, bytes: &[u8]) -> usize {
        let Some(socket) = self.sockets.get_mut(slot) else { return bytes.len() };
        if !socket.greeted {
            let Some(first) = bytes.first_chunk::<4>() else { return 0 };
            socket.greeted = true;
            if let Some(word) = fourletter::parse(*first) {
                self.ask(slot, word, &bytes[4..]);
                return bytes.len();
            }
        }
        let shared = self.shared;
        let view = shared.store.view();
        // Events of everything this view shows are in the mailbox by now, and go first (HC-93).
        self.take_mail();
        let Some(socket) = self.sockets.get_mut(slot) else { return bytes.len() };
        let mut output = match socket.output.is_empty() {
            true => std::mem::take(&mut self.spare_output),
            false => std::mem::take(&mut socket.output),
        };
        let before = *socket.conn.stats();
        let (now, out, submit) = (self.now, &mut output, &mut self.submissions);
        let mut batch = Batch { shared, turn: Turn { now, view: &view, out, submit } };
        let fed = batch.feed(socket, bytes);
        drop(view);
        if fed.stalled {
            self.stall_until_ms =
                self.now.monotonic_ms + shared.config.request_throttle.stall_time.as_millis() as u64;
            self.stalled.push(slot);
        }
        if let Some(session) = socket.conn.touch(self.now, shared.config.tick_time.as_millis() as u64) {
            self.touched.push(session);
        }
        shared.counters[self.index].add(&before, socket.conn.stats());
        socket.shown.update(&mut socket.conn);
        socket.send(&mut output);
        match output.is_empty() {
            true => self.spare_output = output,
            false => socket.output = output,
        }
        fed.used
    }

    /// Gives a socket to the desk that answers four-letter words.
    fn ask(&mut self, slot: usize, word: fourletter::Word, rest: &[u8]) {
        let rest = rest.to_vec();
        if let Some(mut socket) = self.remove(slot) {
            let _ = self.poll.registry().deregister(&mut socket.stream);
            let stream = std::net::TcpStream::from(OwnedFd::from(socket.stream));
            self.shared.counters[self.index].count_word();
            self.shared.words.ask(Question { word, rest, stream });
        }
    }

    /// Steps the node with what has become durable and with everything gathered.
    fn submit(&mut self) {
        let stored = self.shared.log.has_stored();
        let gathered = !(self.submissions.is_empty() && self.touched.is_empty() && self.gone.is_empty());
        if !stored && !gathered {
            return;
        }
        if stored {
            self.linger.end(true);
        }
        if !self.submissions.is_empty() {
            self.linger.begin(Instant::now());
        }
        let mut node = self.shared.node.lock();
        self.shared.log.tell(|input| node.step(self.now, input, &mut self.courier));
        for submission in self.submissions.drain(..) {
            node.step(self.now, Input::Submit(submission), &mut self.courier);
        }
        for session in self.touched.drain(..) {
            node.step(self.now, Input::Touched(session), &mut self.courier);
        }
        for conn in self.gone.drain(..) {
            node.step(self.now, Input::Disconnected(conn), &mut self.courier);
        }
        self.shared.release(node, &mut self.courier, self.now);
    }

    /// The first loop keeps the node's time, where there is no peer thread to do it.
    fn tick(&mut self) {
        if self.index != 0 || self.shared.peers.is_some() || self.now.monotonic_ms < self.next_tick_ms {
            return;
        }
        // Whoever was heard from must not expire for want of passing it on.
        self.submit();
        let tick_ms = (self.shared.config.tick_time.as_millis() as u64).max(1);
        let mut node = self.shared.node.lock();
        node.step(self.now, Input::Tick, &mut self.courier);
        let next_ms = (self.now.monotonic_ms / tick_ms + 1) * tick_ms;
        self.next_tick_ms = next_ms.min(node.next_deadline().max(self.now.monotonic_ms + 1));
        self.shared.release(node, &mut self.courier, self.now);
    }

    /// Passes on what the node delivered.
    fn take_mail(&mut self) {
        if !self.shared.mailboxes[self.index].has_mail() {
            return;
        }
        let mut mail = std::mem::take(&mut self.mail);
        self.shared.mailboxes[self.index].take(&mut mail, &mut self.accepted);
        for Delivery { conn, what } in mail.drain(..) {
            let Some(slot) = self.sockets.find(conn) else { continue };
            let Some(socket) = self.sockets.get_mut(slot) else { continue };
            let before = *socket.conn.stats();
            let waiting = socket.output.len();
            let flow = socket.conn.on_delivery(self.now, what, &mut socket.output);
            socket.backlog += socket.output.len() - waiting;
            self.shared.counters[self.index].add(&before, socket.conn.stats());
            if socket.conn.outstanding() == 0 {
                self.shared.large_requests.release(&mut socket.large_bytes);
            }
            socket.paused = false;
            socket.follow(flow);
            if !std::mem::replace(&mut socket.dirty, true) {
                self.dirty.push(slot);
            }
        }
        self.mail = mail;
    }

    /// Sends what deliveries left, and lets their connections go on.
    fn flush_dirty(&mut self) {
        while let Some(slot) = self.dirty.pop() {
            let Some(socket) = self.sockets.get_mut(slot) else { continue };
            socket.dirty = false;
            socket.shown.update(&mut socket.conn);
            socket.flush();
            if socket.is_done() {
                self.close(slot);
            } else if !socket.is_blocked() && (socket.readable || !socket.input.is_empty()) {
                self.runnable.push_back(slot);
            }
        }
    }

    fn accept(&mut self) {
        while let Some((stream, peer)) = self.entrance.as_mut().and_then(Entrance::accept) {
            let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            if let Err(refusal) = self.shared.admission.enter(peer.ip()) {
                let limit = match refusal {
                    Refusal::PerAddress => "maxClientCnxns",
                    Refusal::Total => "maxCnxns",
                    Refusal::Descriptors => "open files (ulimit -n)",
                };
                tracing::warn!(%peer, limit, "connection refused: too many");
                continue;
            }
            let target = self.next_loop;
            self.next_loop = (self.next_loop + 1) % self.shared.mailboxes.len();
            if target == self.index {
                self.add(stream, peer);
            } else {
                self.shared.mailboxes[target].hand_over(stream, peer);
            }
        }
    }

    /// Opens the client port anew where the membership says.
    fn move_entrance(&mut self) {
        let Some(entrance) = &mut self.entrance else { return };
        if let Some(port) = self.shared.client_port.lock().take() {
            entrance.move_to(port);
        }
        if let Some(address) = entrance.open(self.poll.registry()) {
            tracing::info!(%address, "serving clients on another port");
            *self.shared.address.lock() = address;
            self.accept();
        }
    }

    /// Takes in the connections another loop accepted. Serving one may bring more.
    fn adopt(&mut self) {
        while let Some((stream, peer)) = self.accepted.pop() {
            self.add(stream, peer);
        }
    }

    fn add(&mut self, mut stream: TcpStream, peer: SocketAddr) {
        let shared = self.shared;
        // A client that is gone already shows up as an error here; reading will find out.
        let _ = stream.set_nodelay(true);
        if shared.config.network.tcp_keep_alive {
            let _ = socket2::SockRef::from(&stream).set_keepalive(true);
        }
        let (registry, wall_ms) = (self.poll.registry(), self.now.wall_ms);
        let mut registered = Ok(());
        let slot = self.sockets.insert(|id, slot| {
            registered = registry.register(&mut stream, Token(slot), Interest::READABLE | Interest::WRITABLE);
            let shown = shared.registry.insert(id, peer, wall_ms);
            Socket::new(stream, peer, Connection::new(id, peer.ip()), shown)
        });
        match (slot, registered) {
            (Some(slot), Ok(())) => {
                let patience = shared.config.network.sessionless_timeout.as_millis() as u64;
                let Some(socket) = self.sockets.get_mut(slot) else { return };
                self.handshakes.push_back((self.now.monotonic_ms + patience, socket.conn.id()));
                self.serve(slot);
            }
            (Some(slot), Err(error)) => {
                tracing::warn!(%peer, %error, "connection could not be watched; closing it");
                self.close(slot);
            }
            (None, _) => {
                tracing::warn!(%peer, "connection refused: no slot left");
                shared.admission.leave(peer.ip());
            }
        }
    }

    /// Closes connections that never became sessions (HC-163).
    fn drop_sessionless(&mut self) {
        while let Some((until_ms, conn)) = self.handshakes.front().copied() {
            if until_ms > self.now.monotonic_ms {
                break;
            }
            self.handshakes.pop_front();
            if let Some(slot) = self.sockets.find(conn)
                && let Some(socket) = self.sockets.get_mut(slot)
                && !socket.conn.has_session()
            {
                tracing::debug!(peer = %socket.peer, "no session within the time allowed; closing");
                self.close(slot);
            }
        }
    }

    fn remove(&mut self, slot: usize) -> Option<Socket> {
        let mut socket = self.sockets.remove(slot)?;
        self.shared.large_requests.release(&mut socket.large_bytes);
        self.shared.admission.leave(socket.peer.ip());
        self.shared.registry.remove(socket.conn.id());
        Some(socket)
    }

    fn close(&mut self, slot: usize) {
        if let Some(mut socket) = self.remove(slot) {
            let _ = self.poll.registry().deregister(&mut socket.stream);
            self.gone.push(socket.conn.id());
        }
    }

    fn close_all(&mut self) {
        let slots: Vec<usize> = self.sockets.slots().collect();
        for slot in slots {
            self.close(slot);
        }
    }
}

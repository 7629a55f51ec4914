//! Election connections: who calls, and votes both ways.
//!
//! //= java: QuorumCnxManager

use super::Ground;
use super::noise::Noise;
use super::settings::PeerSettings;
use super::voters::{Verdict, Voters};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Token};
use node::PeerInput;
use proto::peer::{Hello, Notification};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use zab::ServerId;

/// Longest message accepted.
const MESSAGE_MAX: usize = 512 << 10;
/// Callers that have not said who they are; one more drops the oldest.
const CALLERS_MAX: usize = 64;
/// Bytes of a caller before it has said who it is.
const HELLO_MAX: usize = 20 + proto::peer::hello::ADDRESS_MAX;
/// How long the other end's system may leave bytes unacknowledged.
#[cfg(target_os = "linux")]
const UNANSWERED_MAX: std::time::Duration = std::time::Duration::from_secs(5);
/// Bytes of the first message of servers before 3.5.
const OLD_HELLO: usize = 8;
/// Bytes one read brings.
const READ_BYTES: usize = 16 << 10;
/// Reads in a row from one connection before the others get their turn.
const READS_PER_TURN: usize = 8;

/// One election connection.
#[derive(Debug)]
struct Line {
    stream: TcpStream,
    peer: SocketAddr,
    input: Vec<u8>,
    output: Vec<u8>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Accepted; it has to say who it is by then.
    Caller { until_ms: u64 },
    /// This server says who it is and hangs up: the other one calls back.
    Hello { until_ms: u64 },
    /// The line to this server.
    Line(ServerId),
}

/// Why a connection ends.
type Ended = Result<(), String>;

/// All election connections.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) voters: Voters,
    lines: BTreeMap<usize, Line>,
    /// Connections that may have more to be read.
    runnable: Vec<usize>,
    hello: Vec<u8>,
    hello_ms: u64,
    keep_alive: bool,
    me: ServerId,
    noise: Noise,
}

impl Lines {
    pub(super) fn new(settings: &PeerSettings) -> Self {
        let addresses = settings.own_election_addresses();
        Self {
            voters: Voters::new(settings.me, &settings.others),
            lines: BTreeMap::new(),
            runnable: Vec::new(),
            hello: Hello { server_id: settings.me.0, addresses }.to_bytes(),
            hello_ms: settings.hello_ms,
            keep_alive: settings.keep_alive,
            me: settings.me,
            noise: Noise::default(),
        }
    }

    /// The membership has changed: whom to look for, and where, and what to say of this server.
    pub(super) fn set_members(&mut self, settings: &PeerSettings) {
        self.voters.set_members(&settings.others);
        let addresses = settings.own_election_addresses();
        self.hello = Hello { server_id: settings.me.0, addresses }.to_bytes();
    }

    /// Somebody has connected to the election port.
    pub(super) fn accept(&mut self, mut stream: TcpStream, peer: SocketAddr, ground: &mut Ground<'_>) {
        let callers = self.lines.iter().filter(|(_, l)| matches!(l.stage, Stage::Caller { .. }));
        if callers.clone().count() >= CALLERS_MAX
            && let Some(oldest) = callers.map(|(token, _)| *token).next()
        {
            self.end(oldest, Err("too many callers that do not say who they are".into()), ground);
        }
        let token = ground.fresh_token();
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = ground.registry.register(&mut stream, Token(token), interest) {
            tracing::warn!(%peer, %error, "election connection could not be watched; closing it");
            return;
        }
        self.set_options(&stream);
        let stage = Stage::Caller { until_ms: ground.now_ms + self.hello_ms };
        self.lines.insert(token, Line { stream, peer, input: Vec::new(), output: Vec::new(), stage });
        self.serve(token, ground);
    }

    /// A call to a server got through.
    pub(super) fn dialed(
        &mut self,
        to: ServerId,
        token: usize,
        stream: TcpStream,
        peer: SocketAddr,
        ground: &mut Ground<'_>,
    ) {
        if !self.voters.on_dialed(to, ground.now_ms) {
            return;
        }
        self.set_options(&stream);
        let stage = match to > self.me {
            true => Stage::Hello { until_ms: ground.now_ms + self.hello_ms },
            false => Stage::Line(to),
        };
        let output = self.hello.clone();
        self.lines.insert(token, Line { stream, peer, input: Vec::new(), output, stage });
        if stage == Stage::Line(to) {
            self.keep(to, token, ground);
        }
        self.send(token, ground);
        self.serve(token, ground);
    }

    /// A vote for a server, this one perhaps.
    pub(super) fn vote(&mut self, to: ServerId, vote: Notification, ground: &mut Ground<'_>) {
        if to == self.me {
            ground.inputs.push(PeerInput::Vote { from: to, vote });
        } else if let Some(token) = self.voters.queue(to, &vote, ground.now_ms) {
            self.send(token, ground);
        }
    }

    /// Something happened on a socket; `false` when it is none of these.
    pub(super) fn on_ready(&mut self, token: usize, event: &Event, ground: &mut Ground<'_>) -> bool {
        if !self.lines.contains_key(&token) {
            return false;
        }
        if event.is_writable() {
            self.send(token, ground);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.serve(token, ground);
        }
        true
    }

    /// Ends callers that do not say who they are.
    pub(super) fn expire(&mut self, ground: &mut Ground<'_>) {
        let late = |line: &Line| line.stage.until_ms().is_some_and(|until_ms| until_ms <= ground.now_ms);
        let late: Vec<usize> =
            self.lines.iter().filter(|(_, line)| late(line)).map(|(token, _)| *token).collect();
        for token in late {
            self.end(token, Err("it did not say who it is in time".into()), ground);
        }
    }

    /// When [`Lines::expire`] is next due.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.lines.values().filter_map(|line| line.stage.until_ms()).min()
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lines.len()
    }

    fn set_options(&self, stream: &TcpStream) {
        // One that is gone already shows up when it is read.
        let _ = stream.set_nodelay(true);
        let socket = socket2::SockRef::from(stream);
        if self.keep_alive {
            let _ = socket.set_keepalive(true);
        }
        // A network that was away for a while is back long before the system tries again by itself:
        // better to call anew (HC-16).
        #[cfg(target_os = "linux")]
        let _ = socket.set_tcp_user_timeout(Some(UNANSWERED_MAX));
    }

    /// This connection is the line to a server from now on.
    fn keep(&mut self, with: ServerId, token: usize, ground: &mut Ground<'_>) {
        tracing::debug!(server = %with, "election connection is up");
        if self.voters.on_line(with, token, ground.now_ms) {
            ground.inputs.push(PeerInput::VoterLink { peer: with, up: true });
        }
        self.send(token, ground);
    }

    /// Sends what waits, as far as the socket takes it.
    fn send(&mut self, token: usize, ground: &mut Ground<'_>) {
        let Some(line) = self.lines.get_mut(&token) else { return };
        let done = loop {
            if line.output.is_empty()
                && let Stage::Line(with) = line.stage
                && let Some(message) = self.voters.take(with)
            {
                line.output = message;
            }
            if line.output.is_empty() {
                break match line.stage {
                    Stage::Hello { .. } => Some(Ok(())),
                    _ => None,
                };
            }
            match line.stream.write(&line.output) {
                Ok(n) if n > 0 => {
                    line.output.drain(..n);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break None,
                Ok(_) => break Some(Ok(())),
                Err(_) => break Some(Ok(())),
            }
        };
        if let Some(done) = done {
            self.end(token, done, ground);
        }
    }

    /// Whether there is something to read that no event announces.
    pub(super) fn has_work(&self) -> bool {
        !self.runnable.is_empty()
    }

    /// Goes on with those that had more to say than fits into a turn.
    pub(super) fn serve_rest(&mut self, ground: &mut Ground<'_>) {
        for token in std::mem::take(&mut self.runnable) {
            self.serve(token, ground);
        }
    }

    /// Reads what there is, as much as fits into a turn.
    fn serve(&mut self, token: usize, ground: &mut Ground<'_>) {
        let mut buffer = [0; READ_BYTES];
        for _ in 0..READS_PER_TURN {
            let Some(line) = self.lines.get_mut(&token) else { return };
            let ended = match line.stream.read(&mut buffer) {
                Ok(0) => Some(Ok(())),
                Ok(n) => {
                    line.input.extend_from_slice(&buffer[..n]);
                    self.consume(token, ground).err().map(Err)
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => None,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => Some(Ok(())),
            };
            if let Some(ended) = ended {
                return self.end(token, ended, ground);
            }
        }
        if !self.runnable.contains(&token) {
            self.runnable.push(token);
        }
    }

    /// Takes whole messages off the input.
    fn consume(&mut self, token: usize, ground: &mut Ground<'_>) -> Ended {
        if let Some(Line { stage: Stage::Caller { .. }, .. }) = self.lines.get(&token) {
            self.greet(token, ground)?;
        }
        let Some(line) = self.lines.get_mut(&token) else { return Ok(()) };
        let from = match line.stage {
            Stage::Line(from) => from,
            Stage::Caller { .. } => return Ok(()),
            Stage::Hello { .. } => return Err("it answers instead of calling back".into()),
        };
        let mut used = 0;
        while let Some((length, rest)) = line.input[used..].split_first_chunk::<4>() {
            let length = i32::from_be_bytes(*length);
            let size = usize::try_from(length).ok().filter(|n| (1..=MESSAGE_MAX).contains(n));
            let size = size.ok_or_else(|| format!("a message of {length} bytes"))?;
            let Some(message) = rest.get(..size) else { break };
            match Notification::decode(message) {
                Ok(vote) => ground.inputs.push(PeerInput::Vote { from, vote }),
                // Not understood, but where the next one begins is known (HC-162).
                Err(error) => tracing::debug!(server = %from, %error, "vote not understood"),
            }
            used += 4 + size;
        }
        line.input.drain(..used);
        Ok(())
    }

    /// Reads who calls.
    fn greet(&mut self, token: usize, ground: &mut Ground<'_>) -> Ended {
        let Some(line) = self.lines.get_mut(&token) else { return Ok(()) };
        let (hello, used) = match Hello::parse(&line.input).map_err(|error| error.to_string())? {
            Some(parsed) => parsed,
            None if line.input.len() >= HELLO_MAX => return Err("no first message".into()),
            None => return Ok(()),
        };
        line.input.drain(..used);
        let from = ServerId(hello.server_id);
        // The form of old servers is just a number, and nearly anything begins with one: it is believed
        // of members only. Whoever joins is younger than that form.
        if used == OLD_HELLO && !self.voters.is_member(from) {
            return Err("no first message".into());
        }
        match self.voters.on_hello(from, hello.addresses, ground.now_ms) {
            Verdict::Keep(older) => {
                line.stage = Stage::Line(from);
                self.keep(from, token, ground);
                if let Some(older) = older {
                    self.end(older, Ok(()), ground);
                }
                Ok(())
            }
            Verdict::Replace(older) => {
                self.end(older, Ok(()), ground);
                self.end(token, Ok(()), ground);
                Ok(())
            }
            Verdict::CallBack => {
                self.end(token, Ok(()), ground);
                Ok(())
            }
            Verdict::Refuse if from == self.me => Err("it has this server's own id".into()),
            Verdict::Refuse => {
                self.end(token, Ok(()), ground);
                Ok(())
            }
        }
    }

    /// Closes a connection; with a complaint when it was the other end's fault.
    fn end(&mut self, token: usize, ended: Ended, ground: &mut Ground<'_>) {
        let Some(line) = self.lines.remove(&token) else { return };
        if let Err(what) = ended
            && let Some(held_back) = self.noise.admits(ground.now_ms)
        {
            tracing::warn!(peer = %line.peer, what, held_back, "election connection closed");
        }
        if let Stage::Line(with) = line.stage {
            tracing::debug!(server = %with, "election connection is down");
            if self.voters.on_line_lost(with, token, ground.now_ms) {
                ground.inputs.push(PeerInput::VoterLink { peer: with, up: false });
            }
        }
    }
}

impl Stage {
    fn until_ms(self) -> Option<u64> {
        match self {
            Self::Caller { until_ms } | Self::Hello { until_ms } => Some(until_ms),
            Self::Line(_) => None,
        }
    }
}

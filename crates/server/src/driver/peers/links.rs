//! Quorum links: what comes in on them.

use super::incoming::{Incoming, Progress};
use super::noise::Noise;
use super::settings::PeerSettings;
use super::wire::Wire;
use super::{Ground, PROGRESS_MS, Peers};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Token};
use node::PeerInput;
use proto::peer::{Packet, PacketKind};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use tree::Settings as TreeSettings;
use zab::{LinkId, ServerId, supersedes};

/// Bytes one read may bring.
const READ_BYTES: usize = 128 * 1024;
/// Reads in a row from one link before the others get their turn.
const READS_PER_TURN: usize = 4;
/// Connections that have not said what they are; one more drops the oldest.
const STRANGERS_MAX: usize = 64;
/// Contents of a first packet, bytes: far more than any learner sends.
const FIRST_PACKET_MAX: usize = 1024;
/// How long a link the node has closed may take to send what was sent on it before.
const CLOSING_MS: u64 = 5_000;

/// One link's receiving half.
struct Link {
    wire: Arc<Wire>,
    input: Vec<u8>,
    stage: Stage,
    /// Whether this server connected: only then may a snapshot come.
    dialed: bool,
    /// The other end sends no more: the end of its stream is there to be read.
    ended: bool,
}

enum Stage {
    /// Accepted, and nothing of a learner has come: it must until then.
    Stranger { until_ms: u64 },
    /// The node knows it.
    Open,
    /// A snapshot is coming; the node was last told so then.
    Snapshot { incoming: Box<Incoming>, told_ms: u64 },
    /// The node has closed it; what is still to be sent has time until then.
    Closing { until_ms: u64 },
}

/// All quorum links.
pub(super) struct Links {
    peers: Arc<Peers>,
    links: BTreeMap<LinkId, Link>,
    /// Links with bytes to read that no event announces.
    runnable: VecDeque<LinkId>,
    /// Links with bytes to write that no event announces.
    unfinished: Vec<LinkId>,
    buffer: Vec<u8>,
    packet_max: usize,
    first_packet_ms: u64,
    no_delay: (bool, bool),
    tree: TreeSettings,
    noise: Noise,
}

impl Links {
    pub(super) fn new(peers: Arc<Peers>, settings: &PeerSettings, tree: TreeSettings) -> Self {
        Self {
            peers,
            links: BTreeMap::new(),
            runnable: VecDeque::new(),
            unfinished: Vec::new(),
            buffer: vec![0; READ_BYTES],
            packet_max: settings.packet_max,
            first_packet_ms: settings.first_packet_ms,
            no_delay: settings.no_delay,
            tree,
            noise: Noise::default(),
        }
    }

    /// Somebody has connected to the quorum port. The node hears of it with the first packet.
    pub(super) fn accept(&mut self, mut stream: TcpStream, peer: SocketAddr, ground: &mut Ground<'_>) {
        let stranger = |link: &Link| matches!(link.stage, Stage::Stranger { .. });
        let strangers = self.links.iter().filter(|(_, link)| stranger(link));
        if strangers.clone().count() >= STRANGERS_MAX
            && let Some(oldest) = strangers.map(|(id, _)| *id).next()
        {
            self.complain(oldest, "too many connections that send no packet", ground);
            self.end(oldest, ground);
        }
        let token = ground.fresh_token();
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = ground.registry.register(&mut stream, Token(token), interest) {
            tracing::warn!(%peer, %error, "quorum link could not be watched; closing it");
            return;
        }
        let stage = Stage::Stranger { until_ms: ground.now_ms + self.first_packet_ms };
        let id = self.add(token, stream, peer, stage, self.no_delay.0);
        self.runnable.push_back(id);
    }

    /// A call to a leader got through.
    pub(super) fn dialed(
        &mut self,
        leader: ServerId,
        token: usize,
        stream: TcpStream,
        peer: SocketAddr,
        ground: &mut Ground<'_>,
    ) {
        let id = self.add(token, stream, peer, Stage::Open, self.no_delay.1);
        ground.inputs.push(PeerInput::Dialed { leader, link: Some(id) });
        self.runnable.push_back(id);
    }

    fn add(
        &mut self,
        token: usize,
        stream: TcpStream,
        peer: SocketAddr,
        stage: Stage,
        no_delay: bool,
    ) -> LinkId {
        if no_delay {
            // One that is gone already shows up when it is read.
            let _ = stream.set_nodelay(true);
        }
        let id = LinkId(token as u64);
        let wire = Arc::new(Wire::new(id, stream, peer));
        self.peers.add_wire(&wire);
        let dialed = matches!(stage, Stage::Open);
        self.links.insert(id, Link { wire, input: Vec::new(), stage, dialed, ended: false });
        id
    }

    /// The node has closed a link.
    pub(super) fn closed(&mut self, id: LinkId, now_ms: u64) {
        if let Some(link) = self.links.get_mut(&id) {
            link.stage = Stage::Closing { until_ms: now_ms + CLOSING_MS };
            link.input = Vec::new();
        }
    }

    /// Something happened on a socket; `false` when it is none of these.
    pub(super) fn on_ready(&mut self, token: usize, event: &Event) -> bool {
        let id = LinkId(token as u64);
        let Some(link) = self.links.get_mut(&id) else { return false };
        if event.is_writable() && link.wire.flush() {
            self.unfinished.push(id);
        }
        link.ended |= event.is_read_closed() || event.is_error();
        if (event.is_readable() || link.ended) && !self.runnable.contains(&id) {
            self.runnable.push_back(id);
        }
        true
    }

    /// Whether there is something to read that no event announces.
    pub(super) fn has_work(&self) -> bool {
        !self.runnable.is_empty() || !self.unfinished.is_empty()
    }

    /// There is more to be written to a link than fit into somebody's turn.
    pub(super) fn flush_later(&mut self, id: LinkId) {
        self.unfinished.push(id);
    }

    /// Writes to and reads from every link that may have something, each its share.
    pub(super) fn serve(&mut self, ground: &mut Ground<'_>) {
        let links = &self.links;
        self.unfinished.retain(|id| links.get(id).is_some_and(|link| link.wire.flush()));
        for _ in 0..self.runnable.len() {
            let Some(id) = self.runnable.pop_front() else { break };
            if self.read(id, ground) {
                self.runnable.push_back(id);
            }
        }
    }

    /// Ends strangers that stay silent, and closed links that do not drain.
    pub(super) fn expire(&mut self, ground: &mut Ground<'_>) {
        let late = |link: &Link| link.until_ms().is_some_and(|until_ms| until_ms <= ground.now_ms);
        let late: Vec<LinkId> = self.links.iter().filter(|(_, link)| late(link)).map(|(id, _)| *id).collect();
        for id in late {
            self.complain(id, "it sent no packet, or did not read, in time", ground);
            self.end(id, ground);
        }
    }

    /// When [`Links::expire`] is next due.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.links.values().filter_map(Link::until_ms).min()
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.links.len()
    }

    /// Reads one link's share; whether there may be more.
    fn read(&mut self, id: LinkId, ground: &mut Ground<'_>) -> bool {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut more = true;
        for _ in 0..READS_PER_TURN {
            let Some(link) = self.links.get_mut(&id) else {
                more = false;
                break;
            };
            match (&link.wire.stream).read(&mut buffer) {
                Ok(0) => {
                    self.end(id, ground);
                    more = false;
                }
                Ok(n) => {
                    // A short read has emptied the socket and the next bytes bring a new event; but the
                    // end of the stream is announced only once.
                    more = n == buffer.len() || link.ended;
                    if let Err(what) = self.take_in(id, &buffer[..n], ground) {
                        self.complain(id, &what, ground);
                        self.end(id, ground);
                        more = false;
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => more = false,
                Err(_) => {
                    self.end(id, ground);
                    more = false;
                }
            }
            if !more {
                break;
            }
        }
        self.buffer = buffer;
        more
    }

    /// Cuts packets out of fresh bytes, behind those left from before.
    fn take_in(&mut self, id: LinkId, bytes: &[u8], ground: &mut Ground<'_>) -> Result<(), String> {
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        if link.input.is_empty() {
            let used = link.consume(bytes, self.packet_max, &self.tree, ground)?;
            link.input.extend_from_slice(&bytes[used..]);
        } else {
            let mut input = std::mem::take(&mut link.input);
            input.extend_from_slice(bytes);
            let used = link.consume(&input, self.packet_max, &self.tree, ground)?;
            if used < input.len() {
                input.drain(..used);
                link.input = input;
            }
        }
        Ok(())
    }

    fn complain(&mut self, id: LinkId, what: &str, ground: &Ground<'_>) {
        let Some(link) = self.links.get(&id) else { return };
        if !matches!(link.stage, Stage::Closing { .. })
            && let Some(held_back) = self.noise.admits(ground.now_ms)
        {
            tracing::warn!(peer = %link.wire.peer, what, held_back, "quorum link closed");
        }
    }

    /// A link is gone. The node is told, if it knew it and did not close it itself.
    fn end(&mut self, id: LinkId, ground: &mut Ground<'_>) {
        let Some(link) = self.links.remove(&id) else { return };
        // Other threads may still hold the wire.
        link.wire.abort();
        match link.stage {
            // It is forgotten when the node hears of its end.
            Stage::Open | Stage::Snapshot { .. } => ground.inputs.push(PeerInput::Closed(id)),
            Stage::Stranger { .. } => drop(self.peers.remove_wire(id)),
            Stage::Closing { .. } => {}
        }
    }
}

impl Link {
    fn until_ms(&self) -> Option<u64> {
        match self.stage {
            Stage::Stranger { until_ms } | Stage::Closing { until_ms } => Some(until_ms),
            Stage::Open | Stage::Snapshot { .. } => None,
        }
    }

    /// Takes whole packets off the front of `bytes` and returns how much that was.
    fn consume(
        &mut self,
        bytes: &[u8],
        packet_max: usize,
        tree: &TreeSettings,
        ground: &mut Ground<'_>,
    ) -> Result<usize, String> {
        let link = self.wire.id;
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            match &mut self.stage {
                Stage::Closing { .. } => return Ok(bytes.len()),
                Stage::Snapshot { incoming, told_ms } => {
                    let (taken, progress) = incoming.take_in(rest)?;
                    used += taken;
                    if taken > 0 && ground.now_ms >= *told_ms + PROGRESS_MS {
                        *told_ms = ground.now_ms;
                        ground.inputs.push(PeerInput::Progress(link));
                    }
                    match progress {
                        Progress::More => return Ok(used),
                        Progress::Complete(tree) => {
                            ground.inputs.push(PeerInput::Snapshot { link, tree });
                            self.stage = Stage::Open;
                        }
                    }
                }
                Stage::Stranger { .. } => {
                    let Some((packet, length)) = parse(rest, FIRST_PACKET_MAX)? else { return Ok(used) };
                    if !matches!(packet.kind, PacketKind::FollowerInfo | PacketKind::ObserverInfo) {
                        return Err(format!("its first packet is {:?}", packet.kind));
                    }
                    ground.inputs.push(PeerInput::Accepted(link));
                    ground.inputs.push(PeerInput::Packet { link, packet });
                    self.stage = Stage::Open;
                    used += length;
                }
                Stage::Open => {
                    let Some((packet, length)) = parse(rest, packet_max)? else { return Ok(used) };
                    used += length;
                    if packet.kind == PacketKind::Snap && self.dialed {
                        let incoming = Box::new(Incoming::new(packet.zxid, tree.clone(), packet_max));
                        self.stage = Stage::Snapshot { incoming, told_ms: ground.now_ms };
                    }
                    put(ground.inputs, link, packet);
                }
            }
        }
    }
}

/// Leaves a packet for the node, in place of one directly before it that says nothing more: a busy peer
/// acknowledges or commits many transactions at once, each by itself.
fn put(inputs: &mut Vec<PeerInput>, link: LinkId, packet: Packet) {
    match inputs.last_mut() {
        Some(PeerInput::Packet { link: of, packet: last }) if *of == link && supersedes(&packet, last) => {
            *last = packet;
        }
        _ => inputs.push(PeerInput::Packet { link, packet }),
    }
}

fn parse(bytes: &[u8], max: usize) -> Result<Option<(Packet, usize)>, String> {
    Packet::parse(bytes, max).map_err(|error| error.to_string())
}

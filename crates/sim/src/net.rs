//! The network: connections that keep order, take time, get stuck and break.
//!
//! Who talks is an [`EndId`]: members first, then clients. A cut direction holds messages back, as TCP
//! does; only a reset loses them, and then the connection with them.

use crate::queue::{MS, Time};
use crate::rng::Rng;
use proto::peer::{Notification, Packet};
use std::collections::VecDeque;

/// A member or client, as the network knows it.
pub(crate) type EndId = usize;
/// A connection, ever: numbers are not used again.
pub(crate) type TcpId = u32;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Learner (end 0) to leader (end 1).
    Quorum,
    /// Between two voters.
    Election,
    /// Client (end 0) to member (end 1).
    Client,
}

/// What travels.
#[derive(Debug)]
pub(crate) enum Message {
    Packet(Packet),
    /// The contents of a snapshot, behind its packet.
    Snapshot(Vec<u8>),
    Vote(Notification),
    /// Whole frames.
    Frames(Vec<u8>),
    /// Nothing more comes.
    Fin,
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    pub(crate) queue: VecDeque<(Time, Message)>,
    /// Whether an event for the first message is on its way.
    armed: bool,
    last_at: Time,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Tcp {
    pub(crate) purpose: Purpose,
    pub(crate) ends: [EndId; 2],
    /// The process at each end, by its number of starts.
    pub(crate) boots: [u32; 2],
    /// Whether the end still listens.
    pub(crate) open: [bool; 2],
    /// `pipes[n]` leads away from end n.
    pub(crate) pipes: [Pipe; 2],
    /// No message passes before this moment.
    pub(crate) clogged_until: Time,
}

/// What becomes of a message whose time has come.
pub(crate) enum Arrival {
    /// Here it is.
    Take(Message),
    /// Try again at this moment.
    Later(Time),
    /// Held back until the way is free.
    Stuck,
    Nothing,
}

pub(crate) struct Net {
    pub(crate) tcps: Vec<Tcp>,
    ends: usize,
    /// Cut directions, counted: faults overlap.
    cut: Vec<u16>,
    /// Extra delay of directions.
    slow: Vec<Time>,
    delay: Time,
    jitter: Time,
    rng: Rng,
}

impl Net {
    pub(crate) fn new(ends: usize, delay: Time, jitter: Time, rng: Rng) -> Self {
        let pairs = ends * ends;
        Self { tcps: Vec::new(), ends, cut: vec![0; pairs], slow: vec![0; pairs], delay, jitter, rng }
    }

    pub(crate) fn connect(&mut self, purpose: Purpose, ends: [EndId; 2], boots: [u32; 2]) -> TcpId {
        let pipes = [Pipe::default(), Pipe::default()];
        self.tcps.push(Tcp { purpose, ends, boots, open: [true; 2], pipes, clogged_until: 0 });
        self.tcps.len() as TcpId - 1
    }

    /// How long a message takes.
    pub(crate) fn delay(&mut self, from: EndId, to: EndId) -> Time {
        self.delay + self.rng.exponential(self.jitter) + self.slow[from * self.ends + to]
    }

    /// Whether nothing passes in this direction.
    pub(crate) fn is_cut(&self, from: EndId, to: EndId) -> bool {
        self.cut[from * self.ends + to] > 0
    }

    pub(crate) fn cut(&mut self, from: EndId, to: EndId) {
        self.cut[from * self.ends + to] += 1;
    }

    pub(crate) fn mend(&mut self, from: EndId, to: EndId) {
        let cut = &mut self.cut[from * self.ends + to];
        *cut = cut.saturating_sub(1);
    }

    pub(crate) fn mend_all(&mut self) {
        self.cut.fill(0);
        self.slow.fill(0);
    }

    pub(crate) fn slow_down(&mut self, from: EndId, to: EndId, by: Time) {
        self.slow[from * self.ends + to] = by;
    }

    /// Sends; the moment to look at the connection, when nobody does yet.
    pub(crate) fn send(&mut self, now: Time, tcp: TcpId, from: usize, message: Message) -> Option<Time> {
        let [a, b] = self.tcps[tcp as usize].ends;
        let (source, target) = if from == 0 { (a, b) } else { (b, a) };
        let delay = self.delay(source, target);
        let pipe = &mut self.tcps[tcp as usize].pipes[from];
        let at = (now + delay).max(pipe.last_at);
        pipe.last_at = at;
        pipe.queue.push_back((at, message));
        (!std::mem::replace(&mut pipe.armed, true)).then_some(at)
    }

    /// The time for the first message of a direction may have come.
    pub(crate) fn arrive(&mut self, now: Time, tcp: TcpId, from: usize) -> Arrival {
        let connection = &mut self.tcps[tcp as usize];
        let (source, target) = (connection.ends[from], connection.ends[1 - from]);
        let clogged_until = connection.clogged_until;
        let pipe = &mut connection.pipes[from];
        pipe.armed = false;
        let Some((at, _)) = pipe.queue.front() else { return Arrival::Nothing };
        let due = (*at).max(clogged_until);
        if due > now {
            pipe.armed = true;
            return Arrival::Later(due);
        }
        if self.cut[source * self.ends + target] > 0 {
            return Arrival::Stuck;
        }
        match pipe.queue.pop_front() {
            Some((_, message)) => Arrival::Take(message),
            None => Arrival::Nothing,
        }
    }

    /// When the next message of a direction is due, if nobody waits for it yet.
    pub(crate) fn arm(&mut self, tcp: TcpId, from: usize) -> Option<Time> {
        let pipe = &mut self.tcps[tcp as usize].pipes[from];
        let (at, _) = pipe.queue.front()?;
        (!std::mem::replace(&mut pipe.armed, true)).then_some(*at)
    }

    /// Connections with anything left to happen.
    pub(crate) fn live(&self) -> impl Iterator<Item = (TcpId, &Tcp)> {
        let live = |tcp: &&Tcp| tcp.open[0] || tcp.open[1];
        self.tcps.iter().enumerate().map(|(id, tcp)| (id as TcpId, tcp)).filter(move |(_, tcp)| live(tcp))
    }

    /// How much slower a slow link is.
    pub(crate) fn slowness(&mut self) -> Time {
        self.rng.within(20, 3000) * MS
    }
}

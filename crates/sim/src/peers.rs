//! Members among each other: links to a leader, and election connections between voters.

use crate::describe;
use crate::drive::{end_of, link_at};
use crate::net::{Arrival, Message, Purpose, TcpId};
use crate::queue::{MS, SECOND};
use crate::trace::say;
use crate::world::{Event, World};
use node::{Input, PeerInput};
use proto::Zxid;
use proto::peer::{Notification, PacketKind};
use zab::{Address, LinkId, ServerId};

/// How long a connection attempt into the void lasts.
const CONNECT_TIMEOUT: u64 = 5 * SECOND;
/// Longest wait between attempts to reach a voter.
const REDIAL_MAX: u64 = SECOND;

impl World {
    fn peer(&mut self, host: usize, input: PeerInput) {
        self.inbox.push_back((host, Input::Peer(input)));
    }

    /// The first message of a direction is due: it arrives, waits, or meets nobody.
    pub(crate) fn arrive(&mut self, tcp: TcpId, from: usize) {
        let to = 1 - from;
        let target = self.net.tcps[tcp as usize].ends[to];
        if target < self.hosts.len() && self.hosts[target].paused {
            // Looked at again when the process goes on.
            self.hosts[target].deferred.push(Event::Arrive { tcp, from: from as u8 });
            return;
        }
        let message = match self.net.arrive(self.queue.now(), tcp, from) {
            Arrival::Take(message) => message,
            Arrival::Later(at) => return self.queue.at(at, Event::Arrive { tcp, from: from as u8 }),
            Arrival::Stuck | Arrival::Nothing => return,
        };
        if let Some(at) = self.net.arm(tcp, from) {
            self.queue.at(at, Event::Arrive { tcp, from: from as u8 });
        }
        if !self.net.tcps[tcp as usize].open[to] {
            // Nobody is there any more. A machine with power says so.
            let answers = target >= self.hosts.len() || self.hosts[target].powered;
            if answers && !matches!(message, Message::Fin) {
                self.transmit(tcp, to, Message::Fin);
            }
            return;
        }
        match self.net.tcps[tcp as usize].purpose {
            Purpose::Quorum => self.on_quorum_message(tcp, to, target, message),
            Purpose::Election => self.on_election_message(tcp, from, to, target, message),
            Purpose::Client if to == 1 => self.on_request_bytes(tcp, target, message),
            Purpose::Client => self.on_reply_bytes(tcp, target - self.hosts.len(), message),
        }
    }

    fn on_quorum_message(&mut self, tcp: TcpId, to: usize, host: usize, message: Message) {
        let link = link_at(tcp, to);
        match message {
            Message::Packet(packet) => {
                say!(self, self.hosts[host].name, "gets {}", describe::packet(&packet, link));
                self.checks.on_receive(host, &packet, &mut self.hosts, self.queue.now());
                if packet.kind == PacketKind::Snap
                    && let Some(process) = &mut self.hosts[host].process
                {
                    process.announced.insert(link, packet.zxid);
                }
                self.peer(host, PeerInput::Packet { link, packet });
            }
            Message::Snapshot(bytes) => {
                let Some(process) = &mut self.hosts[host].process else { return };
                let Some(zxid) = process.announced.remove(&link) else { return };
                let tree = crate::snapshot::decode(&bytes, zxid, None, &self.tree_settings);
                match tree {
                    Ok(tree) => self.peer(host, PeerInput::Snapshot { link, tree: Box::new(tree) }),
                    Err(what) => self.verdict.fail(self.queue.now(), "Snapshot", what),
                }
            }
            Message::Fin => {
                self.net.tcps[tcp as usize].open[to] = false;
                say!(self, self.hosts[host].name, "loses link {tcp}");
                self.link_lost(host, link);
            }
            Message::Vote(_) | Message::Frames(_) => {}
        }
    }

    /// A link is gone without the node's doing.
    fn link_lost(&mut self, host: usize, link: LinkId) {
        if let Some(process) = &mut self.hosts[host].process {
            process.sending.remove(&link);
            process.announced.remove(&link);
        }
        self.peer(host, PeerInput::Closed(link));
    }

    /// The node closes a link, after what it sent.
    pub(crate) fn close_link(&mut self, host: usize, link: LinkId) {
        let (tcp, end) = end_of(link);
        if let Some(process) = &mut self.hosts[host].process {
            process.announced.remove(&link);
            if let Some(sending) = process.sending.get_mut(&link) {
                sending.closes = true;
                return;
            }
        }
        if std::mem::replace(&mut self.net.tcps[tcp as usize].open[end], false) {
            self.transmit(tcp, end, Message::Fin);
        }
    }

    /// The node wants a link to a leader: name lookup and connection take a moment, or fail.
    pub(crate) fn dial(&mut self, host: usize, leader: ServerId, addresses: &[Address]) {
        let named = addresses.first().and_then(|a| a.host.strip_prefix('n')?.parse::<usize>().ok());
        let target = named.unwrap_or(leader.0.unsigned_abs() as usize).saturating_sub(1);
        if target >= self.hosts.len() {
            return self.peer(host, PeerInput::Dialed { leader, link: None });
        }
        let delay = match self.is_reachable(host, target) {
            Some(_) => 2 * self.net.delay(host, target),
            None => CONNECT_TIMEOUT,
        };
        let boot = self.hosts[host].boots;
        self.queue.after(delay, Event::Dial { host: host as u8, boot, leader: target as u8 });
    }

    /// Whether packets pass between two machines; then, whether a process listens there.
    fn is_reachable(&self, host: usize, target: usize) -> Option<bool> {
        let passes = !self.net.is_cut(host, target) && !self.net.is_cut(target, host);
        let machine = &self.hosts[target];
        (passes && machine.powered && !machine.paused).then_some(machine.is_up())
    }

    pub(crate) fn on_dial(&mut self, host: usize, leader: usize) {
        let id = self.hosts[leader].id;
        if self.is_reachable(host, leader) != Some(true) {
            return self.peer(host, PeerInput::Dialed { leader: id, link: None });
        }
        let boots = [self.hosts[host].boots, self.hosts[leader].boots];
        let tcp = self.net.connect(Purpose::Quorum, [host, leader], boots);
        say!(self, self.hosts[host].name, "has link {tcp} to {}", self.hosts[leader].name);
        self.peer(leader, PeerInput::Accepted(link_at(tcp, 1)));
        self.peer(host, PeerInput::Dialed { leader: id, link: Some(link_at(tcp, 0)) });
    }

    /// Log entries were read for a learner.
    pub(crate) fn on_history(&mut self, host: usize, link: LinkId, after: Zxid) {
        let entries = self.hosts[host].disk.durable.history(after, self.plan.history_bytes);
        say!(self, self.hosts[host].name, "has read {:?} entries", entries.as_ref().map(Vec::len));
        self.peer(host, PeerInput::History { link, entries });
    }

    /// A vote leaves, as soon as there is a connection; a newer one replaces it until then.
    pub(crate) fn send_vote(&mut self, host: usize, to: ServerId, vote: Notification) {
        let peer = to.0.unsigned_abs() as usize - 1;
        if peer >= self.hosts.len() || peer == host {
            return;
        }
        say!(self, self.hosts[host].name, "votes to n{to}: {}", describe::vote(&vote));
        self.checks.on_vote(host, &vote, &mut self.hosts, &mut self.verdict, self.queue.now());
        let Some(process) = &mut self.hosts[host].process else { return };
        let voter = process.voters.entry(peer).or_default();
        voter.last = Some(vote.clone());
        match voter.tcp {
            Some(tcp) => {
                let end = usize::from(self.net.tcps[tcp as usize].ends[1] == host);
                self.transmit(tcp, end, Message::Vote(vote));
            }
            None => {
                voter.next = Some(vote);
                self.dial_voter(host, peer, 0);
            }
        }
    }

    fn dial_voter(&mut self, host: usize, peer: usize, wait: u64) {
        let Some(process) = &mut self.hosts[host].process else { return };
        let voter = process.voters.entry(peer).or_default();
        if !std::mem::replace(&mut voter.dialing, true) {
            let delay = wait
                + match self.is_reachable(host, peer) {
                    Some(_) => 2 * self.net.delay(host, peer),
                    None => CONNECT_TIMEOUT,
                };
            let boot = self.hosts[host].boots;
            self.queue.after(delay, Event::DialVoter { host: host as u8, boot, peer: peer as u8 });
        }
    }

    pub(crate) fn on_dial_voter(&mut self, host: usize, peer: usize) {
        let reachable = self.is_reachable(host, peer) == Some(true);
        let Some(process) = &mut self.hosts[host].process else { return };
        let voter = process.voters.entry(peer).or_default();
        voter.dialing = false;
        if voter.tcp.is_some() {
            return;
        }
        if !reachable {
            voter.failures += 1;
            let wait = ((100 * MS) << voter.failures.min(6)).min(REDIAL_MAX);
            let id = self.hosts[peer].id;
            self.peer(host, PeerInput::VoterLink { peer: id, up: false });
            return self.dial_voter(host, peer, wait);
        }
        let boots = [self.hosts[host].boots, self.hosts[peer].boots];
        let tcp = self.net.connect(Purpose::Election, [host, peer], boots);
        for (end, (at, other)) in [(host, peer), (peer, host)].into_iter().enumerate() {
            let Some(process) = &mut self.hosts[at].process else { continue };
            let voter = process.voters.entry(other).or_default();
            let old = voter.tcp.replace(tcp);
            voter.failures = 0;
            // What was sent last goes again: it may have been lost with the old connection.
            let vote = voter.next.take().or(voter.last.clone());
            if let Some(old) = old {
                let end = usize::from(self.net.tcps[old as usize].ends[1] == at);
                self.net.tcps[old as usize].open[end] = false;
            }
            let id = self.hosts[other].id;
            self.peer(at, PeerInput::VoterLink { peer: id, up: true });
            if let Some(vote) = vote {
                self.transmit(tcp, end, Message::Vote(vote));
            }
        }
    }

    fn on_election_message(&mut self, tcp: TcpId, from: usize, to: usize, host: usize, message: Message) {
        let peer = self.net.tcps[tcp as usize].ends[from];
        let id = self.hosts[peer].id;
        match message {
            Message::Vote(vote) => {
                say!(self, self.hosts[host].name, "hears from n{id}: {}", describe::vote(&vote));
                self.peer(host, PeerInput::Vote { from: id, vote });
            }
            _ => {
                self.net.tcps[tcp as usize].open[to] = false;
                self.voter_lost(tcp, host, peer);
            }
        }
    }

    fn voter_lost(&mut self, tcp: TcpId, host: usize, peer: usize) {
        let Some(process) = &mut self.hosts[host].process else { return };
        if let Some(voter) = process.voters.get_mut(&peer).filter(|voter| voter.tcp == Some(tcp)) {
            voter.tcp = None;
            let id = self.hosts[peer].id;
            self.peer(host, PeerInput::VoterLink { peer: id, up: false });
        }
    }

    /// A connection breaks: what was on its way is lost, and the ends hear of it, or only one of them.
    pub(crate) fn reset(&mut self, tcp: TcpId, tells: [bool; 2]) {
        for end in [0, 1] {
            let connection = &mut self.net.tcps[tcp as usize];
            connection.pipes[end].queue.clear();
            let at = connection.ends[end];
            if !tells[end] || !std::mem::replace(&mut connection.open[end], false) {
                continue;
            }
            let (purpose, other) = (connection.purpose, connection.ends[1 - end]);
            match purpose {
                Purpose::Quorum => self.link_lost(at, link_at(tcp, end)),
                Purpose::Election => self.voter_lost(tcp, at, other),
                Purpose::Client if end == 1 => self.client_gone(at, tcp),
                Purpose::Client => self.disconnect(at - self.hosts.len(), "reset"),
            }
        }
    }
}

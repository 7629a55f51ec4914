//! A network of electing servers in one thread: messages with delays, links that fail, and just enough
//! of a member around each election to notice a leader that does not lead.

use proto::Zxid;
use proto::peer::{Notification, PeerState};
use std::collections::{BTreeMap, BTreeSet};
use zab::{Config, Decision, Election, ElectionSettings, ServerId};

/// How long a follower tries to reach its leader, and how long a leader waits for a quorum.
const PATIENCE_MS: u64 = 700;
const POLL_MS: u64 = 50;

/// Xorshift: the same seed makes the same run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// What a member does with its decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Down,
    Looking,
    Following { leader: i64, is_joined: bool },
    Leading { is_established: bool },
}

struct Member {
    election: Election,
    role: Role,
    since_ms: u64,
    epoch: u32,
    zxid: i64,
    lives: u32,
}

#[derive(Debug)]
enum Event {
    Arrives { from: i64, to: i64, connection: u32, vote: Notification },
    Link { at: i64, peer: i64, up: bool },
    Poll,
}

/// How a pair of servers is connected, in one direction.
#[derive(Debug, Clone, Copy, Default)]
struct Direction {
    /// Messages vanish, and nobody is told.
    is_mute: bool,
    /// When the last one arrives: they do not overtake each other.
    busy_until_ms: u64,
}

/// The world.
pub(crate) struct Network {
    pub(crate) now_ms: u64,
    pub(crate) random: Random,
    pub(crate) delay_max_ms: u64,
    /// Messages lost of a thousand.
    pub(crate) loss: u64,
    config: Config,
    members: BTreeMap<i64, Member>,
    queue: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    directions: BTreeMap<(i64, i64), Direction>,
    /// Broken pairs, the lower id first.
    cut: BTreeSet<(i64, i64)>,
    /// The connection of a pair: what was sent over an earlier one is lost.
    connections: BTreeMap<(i64, i64), u32>,
    /// Votes cast: voter, round, leader.
    cast: BTreeSet<(i64, i64, i64)>,
    /// The latest vote of each life of a server in its round.
    last_vote: BTreeMap<(i64, u32), (i64, i64, i64, i64)>,
    /// Decisions to lead: when, round, who.
    pub(crate) leads: Vec<(u64, i64, i64)>,
    /// All decisions: when, who.
    pub(crate) decisions: Vec<(u64, i64)>,
}

impl Network {
    /// Servers that are down, all connected.
    pub(crate) fn new(config: Config, random: Random, settings: &ElectionSettings) -> Self {
        let member = |id: &ServerId| {
            let election = Election::new(*id, config.clone(), settings.clone());
            (id.0, Member { election, role: Role::Down, since_ms: 0, epoch: 0, zxid: 0, lives: 0 })
        };
        let members = config.members.keys().map(member).collect();
        let mut network = Self {
            now_ms: 1000,
            random,
            delay_max_ms: 20,
            loss: 0,
            config,
            members,
            queue: BTreeMap::new(),
            sequence: 0,
            directions: BTreeMap::new(),
            cut: BTreeSet::new(),
            connections: BTreeMap::new(),
            cast: BTreeSet::new(),
            last_vote: BTreeMap::new(),
            leads: Vec::new(),
            decisions: Vec::new(),
        };
        network.schedule(POLL_MS, Event::Poll);
        network
    }

    pub(crate) fn ids(&self) -> Vec<i64> {
        self.members.keys().copied().collect()
    }

    pub(crate) fn role(&self, id: i64) -> Role {
        self.members[&id].role
    }

    /// Gives a server a history.
    pub(crate) fn set_history(&mut self, id: i64, epoch: u32, zxid: i64) {
        let member = self.member(id);
        (member.epoch, member.zxid) = (epoch, zxid);
    }

    /// Starts a server that is down.
    pub(crate) fn start(&mut self, id: i64, settings: &ElectionSettings) {
        let election = Election::new(ServerId(id), self.config.clone(), settings.clone());
        let member = self.member(id);
        assert_eq!(member.role, Role::Down);
        member.election = election;
        member.lives += 1;
        self.look(id);
        for peer in self.ids() {
            if self.is_linked(id, peer) {
                self.connect(id, peer, true);
            }
        }
    }

    /// Ends a server; its peers notice.
    pub(crate) fn crash(&mut self, id: i64) {
        for peer in self.ids() {
            if self.is_linked(id, peer) {
                self.connect(id, peer, false);
            }
        }
        self.member(id).role = Role::Down;
    }

    /// Breaks or mends a link, and both ends notice.
    pub(crate) fn set_link(&mut self, a: i64, b: i64, up: bool) {
        let was_linked = self.is_linked(a, b);
        match up {
            true => self.cut.remove(&pair(a, b)),
            false => self.cut.insert(pair(a, b)),
        };
        if self.is_linked(a, b) != was_linked {
            self.connect(a, b, up);
        }
    }

    /// Lets messages in one direction vanish, or arrive again, without anybody noticing.
    pub(crate) fn set_mute(&mut self, from: i64, to: i64, is_mute: bool) {
        self.directions.entry((from, to)).or_default().is_mute = is_mute;
    }

    /// Mends all links.
    pub(crate) fn heal(&mut self) {
        self.loss = 0;
        self.directions.values_mut().for_each(|direction| direction.is_mute = false);
        for (a, b) in std::mem::take(&mut self.cut) {
            self.cut.insert((a, b));
            self.set_link(a, b, true);
        }
    }

    /// Lets time pass.
    pub(crate) fn run_until(&mut self, until_ms: u64) {
        while self.now_ms < until_ms {
            let due = |id: &i64| match self.members[id].role {
                Role::Down => None,
                _ => self.members[id].election.next_deadline(),
            };
            let tick = self.ids().iter().filter_map(due).min().unwrap_or(u64::MAX);
            let next = self.queue.first_key_value().map_or(u64::MAX, |((at, _), _)| *at);
            self.now_ms = self.now_ms.max(tick.min(next)).min(until_ms);
            if next <= self.now_ms {
                let (_, event) = self.queue.pop_first().expect("just seen");
                self.on_event(event);
            } else {
                for id in self.ids() {
                    if self.members[&id].role != Role::Down {
                        self.step(id, |election, now_ms, out| election.on_tick(now_ms, out));
                    }
                }
            }
        }
    }

    /// The leader of all who run, if there is one and it has a quorum.
    pub(crate) fn leader_of_all(&self) -> Option<i64> {
        let is_leader = |id: &i64| self.role(*id) == Role::Leading { is_established: true };
        let leader = self.ids().into_iter().find(is_leader)?;
        let follows = |id: i64| {
            id == leader
                || self.role(id) == Role::Down
                || self.role(id) == Role::Following { leader, is_joined: true }
        };
        self.ids().into_iter().all(follows).then_some(leader)
    }

    /// Whether two servers run and can talk.
    fn is_linked(&self, a: i64, b: i64) -> bool {
        a != b && self.role(a) != Role::Down && self.role(b) != Role::Down && !self.cut.contains(&pair(a, b))
    }

    fn reaches_both_ways(&self, a: i64, b: i64) -> bool {
        let is_mute = |from, to| self.directions.get(&(from, to)).is_some_and(|direction| direction.is_mute);
        self.is_linked(a, b) && !is_mute(a, b) && !is_mute(b, a)
    }

    fn member(&mut self, id: i64) -> &mut Member {
        self.members.get_mut(&id).expect("a member")
    }

    fn schedule(&mut self, in_ms: u64, event: Event) {
        self.sequence += 1;
        self.queue.insert((self.now_ms + in_ms, self.sequence), event);
    }

    fn connect(&mut self, a: i64, b: i64, up: bool) {
        *self.connections.entry(pair(a, b)).or_default() += 1;
        for (at, peer) in [(a, b), (b, a)] {
            let in_ms = self.random.below(self.delay_max_ms) + 1;
            self.schedule(in_ms, Event::Link { at, peer, up });
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Poll => {
                self.ids().into_iter().for_each(|id| self.poll(id));
                self.schedule(POLL_MS, Event::Poll);
            }
            // Delays differ, so news of a link may be out of date when it comes.
            Event::Link { at, peer, up } => {
                if self.role(at) != Role::Down && self.is_linked(at, peer) == up {
                    self.step(at, |election, now_ms, out| election.on_link(now_ms, ServerId(peer), up, out));
                }
            }
            Event::Arrives { from, to, connection, vote } => {
                let is_same = self.connections.get(&pair(from, to)).copied().unwrap_or(0) == connection;
                if is_same && self.is_linked(from, to) {
                    let from = ServerId(from);
                    self.step(to, |election, now_ms, out| election.on_notification(now_ms, from, &vote, out));
                }
            }
        }
    }

    fn look(&mut self, id: i64) {
        let member = self.member(id);
        member.role = Role::Looking;
        let (zxid, epoch) = (Zxid(member.zxid), member.epoch);
        self.step(id, |election, now_ms, out| election.start(now_ms, zxid, epoch, out));
    }

    fn step(&mut self, id: i64, call: impl FnOnce(&mut Election, u64, &mut Vec<(ServerId, Notification)>)) {
        let (now_ms, mut out) = (self.now_ms, Vec::new());
        call(&mut self.member(id).election, now_ms, &mut out);
        for (to, vote) in out {
            self.send(id, to.0, vote);
        }
        let Some(decision) = self.member(id).election.take_decision() else { return };
        self.decisions.push((now_ms, id));
        let role = match decision {
            Decision::Follow(leader) => Role::Following { leader: leader.0, is_joined: false },
            Decision::Lead => {
                self.check_lead(id);
                Role::Leading { is_established: false }
            }
        };
        let member = self.member(id);
        (member.role, member.since_ms) = (role, now_ms);
    }

    fn send(&mut self, from: i64, to: i64, vote: Notification) {
        self.check_vote(from, &vote);
        if !self.is_linked(from, to) || self.random.below(1000) < self.loss {
            return;
        }
        let delay_ms = self.random.below(self.delay_max_ms) + 1;
        let direction = self.directions.entry((from, to)).or_default();
        if direction.is_mute {
            return;
        }
        direction.busy_until_ms = direction.busy_until_ms.max(self.now_ms + delay_ms);
        let in_ms = direction.busy_until_ms - self.now_ms;
        let connection = self.connections.get(&pair(from, to)).copied().unwrap_or(0);
        self.schedule(in_ms, Event::Arrives { from, to, connection, vote });
    }

    /// In one round a vote only becomes better.
    fn check_vote(&mut self, from: i64, vote: &Notification) {
        self.cast.insert((from, vote.round, vote.leader));
        let life = (from, self.members[&from].lives);
        let now = (vote.round, vote.epoch, vote.zxid.0, vote.leader);
        if vote.state == PeerState::Looking {
            let before = self.last_vote.insert(life, now);
            assert!(
                before.is_none_or(|before| before.0 != now.0 || before <= now),
                "{from}: {before:?} {now:?}"
            );
        }
    }

    /// Whoever leads was voted for by a quorum in its round.
    fn check_lead(&mut self, id: i64) {
        let round = self.members[&id].election.round();
        let voters: BTreeSet<ServerId> = self
            .cast
            .iter()
            .filter(|cast| (cast.1, cast.2) == (round, id))
            .map(|cast| ServerId(cast.0))
            .collect();
        assert!(self.config.quorum().contains(&voters), "{id} leads in round {round} with {voters:?}");
        self.leads.push((self.now_ms, round, id));
    }

    /// What the member around an election does: join the leader, or give up.
    fn poll(&mut self, id: i64) {
        let is_patient = self.now_ms < self.members[&id].since_ms + PATIENCE_MS;
        match self.role(id) {
            Role::Down | Role::Looking => {}
            Role::Following { leader, is_joined } => {
                let leads = matches!(self.role(leader), Role::Leading { .. });
                match leads && self.reaches_both_ways(id, leader) {
                    true => self.follow(id, leader),
                    false if is_patient && !is_joined => {}
                    false => self.look(id),
                }
            }
            Role::Leading { is_established } => {
                let supports = |from: &i64| {
                    *from == id
                        || self.reaches_both_ways(*from, id)
                            && self.role(*from) == (Role::Following { leader: id, is_joined: true })
                };
                let supporters = self.ids().into_iter().filter(supports).map(ServerId).collect();
                match self.config.quorum().contains(&supporters) {
                    true => self.lead(id, is_established),
                    false if is_patient && !is_established => {}
                    false => self.look(id),
                }
            }
        }
    }

    fn lead(&mut self, id: i64, is_established: bool) {
        if is_established {
            return;
        }
        let epoch = self.members.values().map(|member| member.epoch).max().unwrap_or(0) + 1;
        let member = self.member(id);
        member.role = Role::Leading { is_established: true };
        member.epoch = epoch;
        member.election.established(epoch);
    }

    fn follow(&mut self, id: i64, leader: i64) {
        let is_established = self.role(leader) == Role::Leading { is_established: true };
        let (epoch, zxid) = (self.members[&leader].epoch, self.members[&leader].zxid);
        let member = self.member(id);
        member.role = Role::Following { leader, is_joined: true };
        if is_established {
            (member.epoch, member.zxid) = (epoch, zxid);
            member.election.established(epoch);
        }
    }
}

fn pair(a: i64, b: i64) -> (i64, i64) {
    (a.min(b), a.max(b))
}

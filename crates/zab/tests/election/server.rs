//! One server in an election, driven by hand.

use proto::Zxid;
use proto::peer::{Notification, PeerState};
use zab::{Config, Decision, Election, ElectionSettings, ServerId};

pub(crate) const OF_THREE: [i64; 3] = [1, 2, 3];
pub(crate) const OF_FIVE: [i64; 5] = [1, 2, 3, 4, 5];

/// The text of a membership.
pub(crate) fn text(voters: &[i64], observers: &[i64], version: i64) -> String {
    let line = |id: &i64, role: &str| format!("server.{id}=host{id}:2888:3888:{role}\n");
    let voters = voters.iter().map(|id| line(id, "participant"));
    let observers = observers.iter().map(|id| line(id, "observer"));
    voters.chain(observers).collect::<String>() + &format!("version={version:x}")
}

pub(crate) fn config(text: &str) -> Config {
    Config::parse(text).expect("a membership")
}

/// A vote as it arrives: round, epoch, zxid, leader.
pub(crate) fn vote(state: PeerState, round: i64, epoch: i64, zxid: i64, leader: i64) -> Notification {
    Notification { state, leader, zxid: Zxid(zxid), round, epoch, version: 2, config: None }
}

pub(crate) fn looking(round: i64, epoch: i64, zxid: i64, leader: i64) -> Notification {
    vote(PeerState::Looking, round, epoch, zxid, leader)
}

pub(crate) fn following(round: i64, epoch: i64, zxid: i64, leader: i64) -> Notification {
    vote(PeerState::Following, round, epoch, zxid, leader)
}

pub(crate) fn leading(round: i64, epoch: i64, zxid: i64, leader: i64) -> Notification {
    vote(PeerState::Leading, round, epoch, zxid, leader)
}

/// What a notification says, without the configuration: state, round, epoch, zxid, leader.
pub(crate) type Said = (PeerState, i64, i64, i64, i64);

pub(crate) fn said(vote: &Notification) -> Said {
    (vote.state, vote.round, vote.epoch, vote.zxid.0, vote.leader)
}

/// A server in an election.
pub(crate) struct Server {
    pub(crate) election: Election,
    pub(crate) now_ms: u64,
    pub(crate) out: Vec<(ServerId, Notification)>,
}

impl Server {
    pub(crate) fn new(me: i64, membership: &str) -> Self {
        let election = Election::new(ServerId(me), config(membership), ElectionSettings::default());
        Self { election, now_ms: 1000, out: Vec::new() }
    }

    /// One of these voters that looks, with this epoch and zxid.
    pub(crate) fn looking(me: i64, voters: &[i64], epoch: u32, zxid: i64) -> Self {
        let mut server = Self::new(me, &text(voters, &[], 0));
        server.start(epoch, zxid);
        server
    }

    pub(crate) fn start(&mut self, epoch: u32, zxid: i64) {
        self.election.start(self.now_ms, Zxid(zxid), epoch, &mut self.out);
    }

    pub(crate) fn hear(&mut self, from: i64, vote: Notification) -> Option<Decision> {
        self.out.clear();
        self.election.on_notification(self.now_ms, ServerId(from), &vote, &mut self.out);
        self.election.take_decision()
    }

    pub(crate) fn link(&mut self, peer: i64, up: bool) -> Option<Decision> {
        self.out.clear();
        self.election.on_link(self.now_ms, ServerId(peer), up, &mut self.out);
        self.election.take_decision()
    }

    /// The link to a server that was up breaks.
    pub(crate) fn lose(&mut self, peer: i64) -> Option<Decision> {
        self.link(peer, true).or(self.link(peer, false))
    }

    pub(crate) fn wait(&mut self, ms: u64) -> Option<Decision> {
        self.out.clear();
        let until = self.now_ms + ms;
        while let Some(due) = self.election.next_deadline().filter(|due| *due <= until) {
            self.now_ms = self.now_ms.max(due);
            self.election.on_tick(self.now_ms, &mut self.out);
        }
        self.now_ms = until;
        self.election.take_decision()
    }

    /// Who was told what by the last call.
    pub(crate) fn told(&self) -> Vec<(i64, Said)> {
        self.out.iter().map(|(to, vote)| (to.0, said(vote))).collect()
    }

    pub(crate) fn looking_voters(&self) -> Vec<i64> {
        self.election.looking_voters().map(|id| id.0).collect()
    }
}

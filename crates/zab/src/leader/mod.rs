//! The leader's side of ZAB: discovery, synchronization of each learner, broadcast.
//!
//! One value for one term of leadership. Learners are known by their links; what a link says is a packet,
//! and what follows for the member around it is a [`LeaderEvent`].
//!
//! //= java: Leader, LearnerHandler

mod learners;
mod membership;
mod terms;

use crate::broadcast::{Broadcast, Exhausted};
use crate::config::Config;
use crate::history::History;
use crate::link::{LinkId, Record, Transport};
use crate::quorum::{Quorum, ServerId};
use learners::Learner;
use proto::mutant::{Mutant, is_on};
use proto::peer::{Entry, Packet, PacketKind};
use proto::{SessionId, Zxid};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
pub use terms::LearnerStatus;

/// What a term is run by.
#[derive(Debug, Clone)]
pub struct LeaderSettings {
    /// A tick, milliseconds.
    pub tick_ms: u64,
    /// Ticks to get a quorum, and for a learner to synchronize.
    pub init_limit: u32,
    /// Ticks a learner may be silent or behind.
    pub sync_limit: u32,
    /// Committed transactions kept in memory, at least.
    pub history_count: usize,
    /// Always synchronize by snapshot.
    pub force_snapshot: bool,
    /// Learners synchronized by snapshots at the same time from which on observers are sent away.
    pub snap_syncs_max: u32,
    /// As many by differences.
    pub diff_syncs_max: u32,
    /// How long voters may look elsewhere before a leader that is not established gives up, milliseconds.
    pub patience_ms: u64,
    /// Whether memberships can change.
    pub reconfig: bool,
    /// Whether a membership needs two voters, because a single server would be no ensemble.
    pub standalone_enabled: bool,
}

/// What follows from a learner's packet for the member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaderEvent {
    /// Make this durable, and report it with [`Leader::on_recorded`].
    Record(Record),
    /// A quorum has this history: clients may be served, transactions proposed.
    Established,
    /// This membership is what all have to agree on before this term begins.
    Staged(Config),
    /// A membership is in force.
    Activated {
        /// Which.
        config: Config,
        /// Who leads under it, when that is known and not this server, which is to follow it then.
        successor: Option<ServerId>,
    },
    /// [`Leader::committed`] has moved.
    Committed,
    /// A client's request, forwarded.
    Request {
        /// By whom.
        link: LinkId,
        /// The packet as it came.
        packet: Packet,
    },
    /// Sessions heard from.
    Touched(Vec<(SessionId, i32)>),
    /// A learner asks whether a session lives; answer with [`Leader::answer_revalidation`].
    Revalidate {
        /// Who asks.
        link: LinkId,
        /// Which session.
        session: SessionId,
        /// Its timeout, milliseconds.
        timeout_ms: i32,
    },
    /// A learner is gone.
    Gone(LinkId),
    /// This term is over.
    StepDown(String),
}

/// How far a term has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Collecting accepted epochs.
    Discovery,
    /// The new epoch is on its way to the disk.
    AcceptingEpoch,
    /// Collecting what learners have, as answers to the new epoch.
    Acknowledging,
    /// This history is the one; the epoch is on its way to the disk.
    StoringEpoch,
    /// Learners are being synchronized.
    Synchronization,
    /// Established.
    Broadcast,
}

/// A server during its term as leader.
#[derive(Debug)]
pub struct Leader {
    me: ServerId,
    config: Config,
    /// A membership proposed and not committed.
    staged: Option<Config>,
    /// Whether somebody else is to lead: nothing more is committed here.
    outgoing: bool,
    /// Since when, as far as that was noticed.
    outgoing_since_ms: Option<u64>,
    settings: LeaderSettings,
    started_ms: u64,
    phase: Phase,
    /// The epoch of this term, once decided; before, the highest seen plus one.
    epoch: u32,
    /// This server's own history: current epoch before this term, and last transaction.
    summary: (u32, Zxid),
    learners: BTreeMap<LinkId, Learner>,
    connected: BTreeSet<ServerId>,
    epoch_acks: BTreeSet<ServerId>,
    new_leader_acks: BTreeSet<ServerId>,
    broadcast: Broadcast,
    history: History,
    /// What the member has applied.
    applied: Zxid,
    next_check_ms: u64,
    /// A transaction that was the newest at some time: too long until it is in the log here is too slow.
    mark: (Zxid, u64),
    /// `sync` requests that wait for a commit.
    syncs: VecDeque<(Zxid, LinkId)>,
}

impl Leader {
    /// Begins a term. Everything up to `last` is in this server's log, durable, and applied.
    pub fn new(
        me: ServerId,
        config: Config,
        staged: Option<Config>,
        settings: LeaderSettings,
        (accepted_epoch, current_epoch, last): (u32, u32, Zxid),
        now_ms: u64,
    ) -> Self {
        let mut broadcast = Broadcast::new(config.quorum(), last);
        if let Some(staged) = &staged {
            broadcast.stage(staged.quorum());
        }
        Self {
            me,
            broadcast,
            config,
            staged,
            outgoing: false,
            outgoing_since_ms: None,
            started_ms: now_ms,
            phase: Phase::Discovery,
            epoch: accepted_epoch.max(current_epoch).max(last.epoch()) + 1,
            summary: (current_epoch, last),
            learners: BTreeMap::new(),
            connected: BTreeSet::from([me]),
            epoch_acks: BTreeSet::from([me]),
            new_leader_acks: BTreeSet::new(),
            history: History::after_log(last),
            applied: last,
            next_check_ms: now_ms + settings.tick_ms / 2,
            mark: (Zxid::ZERO, now_ms),
            settings,
            syncs: VecDeque::new(),
        }
    }

    /// To be called once after [`Leader::new`]: a sole voter is a quorum already.
    pub fn start(&mut self, events: &mut Vec<LeaderEvent>) {
        self.decide_epoch(events);
    }

    /// The epoch of this term, as far as known.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether transactions may be proposed.
    pub fn is_established(&self) -> bool {
        self.phase == Phase::Broadcast
    }

    /// Everything up to here may be applied.
    pub fn committed(&self) -> Zxid {
        self.broadcast.committed()
    }

    /// The zxid given out last.
    pub fn last_proposed(&self) -> Zxid {
        self.broadcast.last_proposed()
    }

    /// The links to all learners.
    pub fn links(&self) -> impl Iterator<Item = LinkId> {
        self.learners.keys().copied()
    }

    /// `sync` requests of learners that wait.
    pub fn pending_syncs(&self) -> usize {
        self.syncs.len()
    }

    /// A quorum verifier of every membership in force.
    fn quorums(&self) -> impl Iterator<Item = Quorum> {
        std::iter::once(self.config.quorum()).chain(self.staged.as_ref().map(Config::quorum))
    }

    fn is_quorum(&self, servers: &BTreeSet<ServerId>) -> bool {
        let observers_count = is_on(Mutant::ObserversCount) && self.phase <= Phase::Acknowledging;
        self.quorums()
            .all(|quorum| quorum.contains(servers) || observers_count && servers.len() > quorum.len() / 2)
    }

    fn votes(&self, id: ServerId) -> bool {
        self.config.is_voter(id) || self.staged.as_ref().is_some_and(|c| c.is_voter(id))
    }

    /// Whether a server counts in a quorum of what it has accepted or stored. Who votes only in the staged
    /// membership may still come as an observer, and stores as much as a follower before it says so.
    fn counts(&self, id: ServerId, follows: bool) -> bool {
        (follows && self.config.is_voter(id)) || self.staged.as_ref().is_some_and(|c| c.is_voter(id))
    }

    /// Gives out the next zxid.
    ///
    /// # Errors
    /// [`Exhausted`]: the term has to end, because its counter would wrap (HC-58).
    pub fn next_zxid(&mut self) -> Result<Zxid, Exhausted> {
        self.broadcast.propose()
    }

    /// Sends the transaction that just got `zxid` to every learner that is being forwarded to.
    pub fn propose(&mut self, zxid: Zxid, entry: &Entry, out: &mut impl Transport) {
        self.history.push(zxid, entry.clone());
        for (link, learner) in &mut self.learners {
            if learner.forwards && learner.follows {
                learner.sent = zxid;
                out.send(*link, proposal(zxid, entry));
            }
        }
    }

    /// This server has stored everything up to `zxid` itself.
    pub fn on_stored(&mut self, zxid: Zxid, events: &mut Vec<LeaderEvent>, out: &mut impl Transport) {
        self.ack(self.me, zxid, events, out);
    }

    fn ack(&mut self, from: ServerId, zxid: Zxid, events: &mut Vec<LeaderEvent>, out: &mut impl Transport) {
        let before = self.broadcast.committed();
        if self.phase != Phase::Broadcast || self.broadcast.ack(from, zxid) == before {
            return;
        }
        let committed = self.broadcast.committed();
        let change = self.staged.as_ref().filter(|staged| Zxid(staged.version) <= committed);
        let change = change.map(|staged| (Zxid(staged.version), self.designated(staged)));
        for (zxid, entry) in self.history.after(before).take_while(|(zxid, _)| *zxid <= committed) {
            let leader = change.filter(|(at, _)| at == zxid).map(|(_, leader)| leader);
            for (link, learner) in self.learners.iter().filter(|(_, l)| l.forwards) {
                out.send(*link, commit(learner.follows, *zxid, entry, leader));
            }
            // Before the next commit: the learner answers its clients in the order of what it gets.
            let due = if is_on(Mutant::LateSync) { Zxid(i64::MIN) } else { *zxid };
            while let Some((_, link)) = self.syncs.pop_front_if(|(need, _)| *need <= due) {
                out.send(link, Packet::new(PacketKind::Sync, Zxid::ZERO));
            }
        }
        if let Some((_, leader)) = change {
            self.activate(Some(leader), events);
        }
        for learner in self.learners.values_mut().filter(|l| l.forwards && !l.follows) {
            learner.sent = committed;
        }
        while let Some((_, link)) = self.syncs.pop_front_if(|(zxid, _)| *zxid <= committed) {
            out.send(link, Packet::new(PacketKind::Sync, Zxid::ZERO));
        }
        events.push(LeaderEvent::Committed);
    }

    /// The member has applied everything up to `zxid`: older transactions may be forgotten.
    pub fn on_applied(&mut self, zxid: Zxid) {
        self.applied = zxid;
        self.history.trim(self.settings.history_count, zxid);
    }

    /// A learner's client asks for `sync`.
    pub fn sync(&mut self, link: LinkId, out: &mut impl Transport) {
        let last = self.broadcast.last_proposed();
        if self.broadcast.committed() >= last || is_on(Mutant::SyncAtOnce) {
            out.send(link, Packet::new(PacketKind::Sync, Zxid::ZERO));
        } else {
            self.syncs.push_back((last, link));
        }
    }

    /// Tells a learner whether a session lives.
    pub fn answer_revalidation(
        &self,
        link: LinkId,
        session: SessionId,
        valid: bool,
        out: &mut impl Transport,
    ) {
        let mut data = session.0.to_be_bytes().to_vec();
        data.push(u8::from(valid));
        out.send(link, Packet::with(PacketKind::Revalidate, Zxid(-1), data));
    }
}

/// Tells a learner of a commit; `activates` is who leads from then on, when it brings a membership. Who does
/// not follow has not seen the proposal.
fn commit(follows: bool, zxid: Zxid, entry: &Entry, activates: Option<ServerId>) -> Packet {
    let (kind, mut data) = match (follows, activates) {
        (true, None) => return Packet::new(PacketKind::Commit, zxid),
        (false, None) => return Packet { kind: PacketKind::Inform, ..proposal(zxid, entry) },
        (true, Some(leader)) => (PacketKind::CommitAndActivate, leader.0.to_be_bytes().to_vec()),
        (false, Some(leader)) => (PacketKind::InformAndActivate, leader.0.to_be_bytes().to_vec()),
    };
    if !follows {
        data.extend_from_slice(entry);
    }
    Packet::with(kind, zxid, data)
}

fn proposal(zxid: Zxid, entry: &Entry) -> Packet {
    Packet { kind: PacketKind::Proposal, zxid, data: Some(entry.clone()), auth: None }
}

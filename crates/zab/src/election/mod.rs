//! Fast leader election, as a value.
//!
//! It lives as long as its member: while electing it looks for a leader, and afterwards it answers
//! those who still look.
//!
//! * `votes`: the order of votes, and which say the same.
//! * `electorate`: who votes, and how many are enough.
//! * `looking`: the search.
//! * `settled`: after it.
//!
//! //= java: FastLeaderElection

mod electorate;
mod looking;
mod settled;
mod votes;

use crate::config::Config;
use crate::quorum::ServerId;
use electorate::Electorate;
use looking::{Elected, Looking, Outcome, Surroundings};
use proto::Zxid;
use proto::mutant::{Mutant, is_on};
use proto::peer::notification::VERSION;
use proto::peer::{Notification, PeerState};
use settled::Settled;
use std::collections::BTreeSet;
use votes::{Ballot, Candidate};

/// Servers without a vote that are told at once when a search is over; others ask again.
const ASKERS_MAX: usize = 256;

/// How patient an election is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElectionSettings {
    /// Silence after which a quorum of votes decides although somebody might still outbid it,
    /// milliseconds. The reference's 200.
    pub finalize_wait_ms: u64,
    /// First wait for notifications before they are sent again, milliseconds
    /// (`fastleader.minNotificationInterval`).
    pub min_notification_interval_ms: u64,
    /// Longest such wait, milliseconds (`fastleader.maxNotificationInterval`).
    pub max_notification_interval_ms: u64,
}

impl Default for ElectionSettings {
    fn default() -> Self {
        Self {
            finalize_wait_ms: 200,
            min_notification_interval_ms: 200,
            max_notification_interval_ms: 60_000,
        }
    }
}

/// How an election ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// This server leads.
    Lead,
    /// Another one does; this one follows, or observes if it has no vote.
    Follow(ServerId),
}

/// Takes the votes an election sends.
pub trait Ballots {
    /// Sends a vote; a newer one may replace it while it has not left.
    fn notify(&mut self, to: ServerId, vote: Notification);
}

impl Ballots for Vec<(ServerId, Notification)> {
    fn notify(&mut self, to: ServerId, vote: Notification) {
        self.push((to, vote));
    }
}

/// One server's part in elections.
#[derive(Debug)]
pub struct Election {
    around: Surroundings,
    phase: Phase,
    /// The highest round it ever voted in: joining an ensemble can take it back to an older one, and its
    /// votes in one round must only become better.
    highest_round: i64,
    /// Servers without a vote that asked during this search.
    askers: BTreeSet<ServerId>,
    decision: Option<Decision>,
    newer_config: Option<Config>,
    /// Version of the newest configuration ever offered: each is offered once, so that a member that
    /// does not want it can still elect.
    offered: i64,
}

/// What this server is doing.
#[derive(Debug)]
enum Phase {
    /// Neither: it has nothing to say.
    Silent {
        /// The last round it knew.
        round: i64,
    },
    Looking(Looking),
    Settled(Settled),
}

impl Election {
    /// A server that does not look for a leader yet.
    pub fn new(me: ServerId, committed: Config, settings: ElectionSettings) -> Self {
        let electorate = Electorate::new(committed, None);
        let (unreachable, reached) = (BTreeSet::new(), BTreeSet::new());
        Self {
            around: Surroundings { me, electorate, unreachable, reached, settings },
            phase: Phase::Silent { round: 0 },
            highest_round: 0,
            askers: BTreeSet::new(),
            decision: None,
            newer_config: None,
            offered: 0,
        }
    }

    /// Begins to look: a new round, its own vote sent to all voters. `last` is the last transaction in
    /// its log (-1 when its data may be missing, HC-13), `epoch` its current epoch.
    pub fn start(&mut self, now_ms: u64, last: Zxid, epoch: u32, out: &mut impl Ballots) {
        let me = self.around.me;
        let own = match self.around.electorate.is_committed_voter(me) {
            true => Candidate { epoch: i64::from(epoch), zxid: last, leader: me },
            false => Candidate::NOBODY,
        };
        self.decision = None;
        self.askers.clear();
        let round = self.highest_round.max(self.round()).saturating_add(1);
        let mut looking = Looking::new(&self.around, now_ms, round, own);
        let elected = looking.judge(&self.around, now_ms, false);
        self.phase = Phase::Looking(looking);
        self.perform(Outcome { announce: true, elected }, out);
    }

    /// Takes a leader that was appointed instead of elected, as if it had been decided for in the last round:
    /// an outgoing leader has said who goes on.
    pub fn appoint(&mut self, leader: ServerId, last: Zxid, epoch: u32) {
        let candidate = Candidate { epoch: i64::from(epoch), zxid: last, leader };
        self.phase = Phase::Settled(Settled::new(self.round(), candidate));
        self.decision = None;
    }

    /// Stops answering until the next [`Election::start`]: the role that was decided is over.
    pub fn resign(&mut self) {
        self.phase = Phase::Silent { round: self.round() };
        self.decision = None;
    }

    /// A vote has come.
    pub fn on_notification(
        &mut self,
        now_ms: u64,
        from: ServerId,
        vote: &Notification,
        out: &mut impl Ballots,
    ) {
        if from == self.around.me || self.takes_other_members(vote) {
            return;
        }
        let ballot = Ballot::of(vote);
        let is_looking = ballot.state == PeerState::Looking;
        // Who votes in a membership that is only proposed names nobody at first; its round counts all the same.
        let is_undecided = is_looking && ballot.candidate == Candidate::NOBODY;
        if !self.around.electorate.is_voter(from) {
            // Answering what is itself an answer would never end.
            if is_looking {
                self.on_asker(from, out);
            }
            return;
        }
        match &mut self.phase {
            Phase::Silent { .. } => {}
            Phase::Settled(settled) => {
                settled.on_voter(from, &ballot);
                if is_looking {
                    self.answer(from, out);
                }
            }
            Phase::Looking(looking) => {
                let is_behind = is_looking && ballot.round < looking.round && !is_on(Mutant::StaleVotes);
                if is_behind {
                    // One without a vote has nothing to tell, and a voter who waits for data answers every
                    // time: the two would never end.
                    if self.around.electorate.is_voter(self.around.me) {
                        self.answer(from, out);
                    }
                } else if self.around.electorate.is_voter(ballot.candidate.leader) || is_undecided {
                    let outcome = looking.on_vote(&self.around, now_ms, from, ballot);
                    // Whoever still wants somebody worse may have missed this proposal: what was sent while
                    // the other one had a leader, or waited for its log, is lost.
                    let is_outbid = is_looking
                        && !outcome.announce
                        && ballot.round == looking.round
                        && self.around.electorate.prefers(looking.proposal, ballot.candidate);
                    self.perform(outcome, out);
                    if is_outbid && matches!(self.phase, Phase::Looking(_)) {
                        self.answer(from, out);
                    }
                }
            }
        }
    }

    /// The election connection to a server came up or broke, or could not be made. A voter that was
    /// reached before and is known to be unreachable need not be waited for.
    pub fn on_link(&mut self, now_ms: u64, peer: ServerId, up: bool, out: &mut impl Ballots) {
        if up {
            self.around.unreachable.remove(&peer);
        }
        if peer == self.around.me || !self.around.electorate.is_voter(peer) {
            return;
        }
        match up {
            true => self.around.reached.insert(peer),
            false => self.around.unreachable.insert(peer),
        };
        if let Phase::Looking(looking) = &mut self.phase {
            let outcome = match up {
                true => looking.on_up(&self.around, now_ms),
                false => looking.on_down(&self.around, now_ms, peer),
            };
            if up {
                self.answer(peer, out);
            }
            self.perform(outcome, out);
        }
    }

    /// Time has passed; due at [`Election::next_deadline`].
    pub fn on_tick(&mut self, now_ms: u64, out: &mut impl Ballots) {
        if let Phase::Looking(looking) = &mut self.phase {
            let outcome = looking.on_tick(&self.around, now_ms);
            self.perform(outcome, out);
        }
    }

    /// When [`Election::on_tick`] is next needed, monotonic milliseconds.
    pub fn next_deadline(&self) -> Option<u64> {
        match &self.phase {
            Phase::Looking(looking) => Some(looking.next_deadline()),
            Phase::Silent { .. } | Phase::Settled(_) => None,
        }
    }

    /// What was decided, once: afterwards this server counts as following or leading, and answers so.
    pub fn take_decision(&mut self) -> Option<Decision> {
        self.decision.take()
    }

    /// Synchronization is over: those who look are told of this epoch (HC-06).
    pub fn established(&mut self, epoch: u32) {
        if let Phase::Settled(settled) = &mut self.phase {
            settled.vote.epoch = i64::from(epoch);
        }
    }

    /// The memberships in force: who votes, and whose votes count.
    pub fn set_config(&mut self, committed: Config, last_seen: Option<Config>) {
        self.around.electorate = Electorate::new(committed, last_seen.as_ref());
    }

    /// A committed configuration newer than its own came with a notification while it looked, once:
    /// the member has to adopt it, and start again if the members differ.
    pub fn take_newer_config(&mut self) -> Option<Config> {
        self.newer_config.take()
    }

    /// Whether a voter is known to look for a leader, since this server leads (HC-07).
    ///
    /// Those are meant who look for another one, or again: a supporter that has yet to decide is none.
    pub fn looking_voters(&self) -> impl Iterator<Item = ServerId> {
        let settled = match &self.phase {
            Phase::Settled(settled) => Some(settled),
            Phase::Silent { .. } | Phase::Looking(_) => None,
        };
        let looking = settled.into_iter().flat_map(Settled::looking);
        looking.filter(|id| self.around.electorate.is_voter(*id))
    }

    /// The round this server is in, or was in last.
    pub fn round(&self) -> i64 {
        match &self.phase {
            Phase::Silent { round } => *round,
            Phase::Looking(looking) => looking.round,
            Phase::Settled(settled) => settled.round,
        }
    }

    /// Takes a newer configuration out of a notification. If it has other members, the search will have
    /// to start again, and the vote does not matter.
    fn takes_other_members(&mut self, vote: &Notification) -> bool {
        let Phase::Looking(_) = self.phase else { return false };
        let newer = vote.config.as_deref().and_then(|text| self.around.electorate.read_newer(text));
        let Some(newer) = newer.filter(|newer| newer.version > self.offered) else { return false };
        let is_other = self.around.electorate.differs_from(&newer);
        self.offered = newer.version;
        self.newer_config = Some(newer);
        is_other
    }

    /// A server without a vote looks for a leader.
    fn on_asker(&mut self, from: ServerId, out: &mut impl Ballots) {
        if matches!(self.phase, Phase::Looking(_)) && self.askers.len() < ASKERS_MAX {
            self.askers.insert(from);
        }
        self.answer(from, out);
    }

    fn perform(&mut self, outcome: Outcome, out: &mut impl Ballots) {
        if outcome.announce {
            for voter in self.around.electorate.voters().filter(|id| *id != self.around.me) {
                self.answer(voter, out);
            }
        }
        let Some(Elected { candidate, round }) = outcome.elected else { return };
        self.highest_round = self.highest_round.max(self.round());
        self.phase = Phase::Settled(Settled::new(round, candidate));
        self.decision = Some(match candidate.leader == self.around.me {
            true => Decision::Lead,
            false => Decision::Follow(candidate.leader),
        });
        for asker in std::mem::take(&mut self.askers) {
            self.answer(asker, out);
        }
    }

    /// Tells one server what this one stands for.
    fn answer(&self, to: ServerId, out: &mut impl Ballots) {
        let (state, vote, round) = match &self.phase {
            Phase::Silent { .. } => return,
            Phase::Looking(looking) => (PeerState::Looking, looking.proposal, looking.round),
            Phase::Settled(settled) => (self.role(settled), settled.vote, settled.round),
        };
        let (leader, zxid, epoch) = (vote.leader.0, vote.zxid, vote.epoch);
        let config = self.around.electorate.text().cloned();
        if config.is_some() {
            out.notify(to, Notification { state, leader, zxid, round, epoch, version: VERSION, config });
        }
    }

    fn role(&self, settled: &Settled) -> PeerState {
        let me = self.around.me;
        match settled.vote.leader == me {
            true => PeerState::Leading,
            false if self.around.electorate.observes(me) => PeerState::Observing,
            false => PeerState::Following,
        }
    }
}

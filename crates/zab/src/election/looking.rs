//! The search for a leader: votes are counted, better ones adopted, until enough say the same.
//!
//! Nothing is sent here: an [`Outcome`] says what has to be told.
//!
//! //= java: FastLeaderElection.lookForLeader

use super::ElectionSettings;
use super::electorate::Electorate;
use super::votes::{Ballot, Candidate, Tally};
use crate::quorum::ServerId;
use proto::Zxid;
use proto::mutant::{Mutant, is_on};
use proto::peer::PeerState;
use proto::peer::notification::VERSION;
use std::collections::BTreeSet;

/// The zxid of a server whose data may be missing: it has no say until it has synchronized (HC-13).
pub(super) const DATA_MISSING: Zxid = Zxid(-1);

/// What a search goes by, and what outlives it.
#[derive(Debug)]
pub(super) struct Surroundings {
    pub(super) me: ServerId,
    pub(super) electorate: Electorate,
    /// Voters whose link is known to be down.
    pub(super) unreachable: BTreeSet<ServerId>,
    /// Voters whose link was up at some time since this process began.
    pub(super) reached: BTreeSet<ServerId>,
    pub(super) settings: ElectionSettings,
}

impl Surroundings {
    /// Whether nothing will be heard of a voter soon. One that was never reached may just be starting
    /// like this one, so the usual silence is waited for it.
    fn is_gone(&self, voter: ServerId) -> bool {
        self.unreachable.contains(&voter) && self.reached.contains(&voter)
    }

    /// Whether a server is of no use as a leader, since nothing reaches it from here.
    fn is_out_of_reach(&self, leader: ServerId) -> bool {
        leader != self.me && self.unreachable.contains(&leader)
    }
}

/// What has to happen after something was heard.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// All voters have to be told the proposal.
    pub(super) announce: bool,
    /// The search is over; what was to be told is told first.
    pub(super) elected: Option<Elected>,
}

/// Who was elected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elected {
    pub(super) candidate: Candidate,
    /// In which round: an older one, if an established ensemble is joined.
    pub(super) round: i64,
}

/// How many stand behind the proposal.
#[derive(Debug, PartialEq, Eq)]
enum Support {
    TooFew,
    Quorum,
    /// A quorum, and nobody is left who could still say something better.
    Everybody,
}

/// A search for a leader.
#[derive(Debug)]
pub(super) struct Looking {
    /// The round, which all who vote have to agree on.
    pub(super) round: i64,
    /// Whom it wants: the best it has heard of in this round.
    pub(super) proposal: Candidate,
    own: Candidate,
    /// The votes of this round.
    votes: Tally,
    /// What those say who have a leader, of whatever round.
    established: Tally,
    announce_at_ms: u64,
    interval_ms: u64,
    /// When the proposal's quorum counts, if nothing better comes.
    verdict_at_ms: Option<u64>,
    /// Rounds given up because the one elected did not answer.
    rounds_given_up: u32,
}

impl Looking {
    /// Begins a round, with a vote for itself. The proposal has to be told to all voters.
    pub(super) fn new(around: &Surroundings, now_ms: u64, round: i64, own: Candidate) -> Self {
        let interval_ms = around.settings.min_notification_interval_ms;
        Self {
            round,
            proposal: own,
            own,
            votes: Tally::default(),
            established: Tally::default(),
            announce_at_ms: now_ms.saturating_add(interval_ms),
            interval_ms,
            verdict_at_ms: None,
            rounds_given_up: 0,
        }
    }

    /// A voter was heard, and names a voter.
    pub(super) fn on_vote(
        &mut self,
        around: &Surroundings,
        now_ms: u64,
        from: ServerId,
        vote: Ballot,
    ) -> Outcome {
        match vote.state {
            PeerState::Looking => self.on_looking(around, now_ms, from, vote),
            PeerState::Following | PeerState::Leading => self.on_established(around, now_ms, from, vote),
            PeerState::Observing => Outcome::default(),
        }
    }

    fn on_looking(&mut self, around: &Surroundings, now_ms: u64, from: ServerId, vote: Ballot) -> Outcome {
        let is_missing = self.lacks_data() || vote.candidate.zxid == DATA_MISSING;
        let is_stale = vote.round < self.round && !is_on(Mutant::StaleVotes);
        if is_missing && !is_on(Mutant::EmptyDiskVotes) || is_stale {
            return Outcome::default();
        }
        let vote = Ballot { round: vote.round.max(self.round), ..vote };
        let before = (self.round, self.proposal);
        if vote.round > self.round {
            self.enter(vote.round);
        }
        if around.electorate.prefers(vote.candidate, self.proposal) {
            self.proposal = vote.candidate;
        }
        let announce = before != (self.round, self.proposal);
        let is_news = self.votes.record(from, vote) || announce;
        Outcome { announce, elected: self.judge(around, now_ms, is_news) }
    }

    /// Those who have a leader are joined once a quorum names it and it says so itself (HC-04); their
    /// votes also count in the round they are of (HC-05, HC-15).
    fn on_established(
        &mut self,
        around: &Surroundings,
        now_ms: u64,
        from: ServerId,
        vote: Ballot,
    ) -> Outcome {
        let joined = Elected { candidate: vote.candidate, round: vote.round };
        let mut is_news = self.established.record(from, vote);
        if vote.round == self.round {
            // As in the reference, a vote in this table is matched by its leader alone.
            // One that has said so before certainly follows what the one it names is now.
            if !self.votes.foresaw(from, &vote) {
                is_news |= self.votes.record(from, Ballot { version: 0, ..vote });
            }
            if self.is_led_in_round(around, &vote) {
                return Outcome { announce: false, elected: Some(joined) };
            }
        }
        if self.is_led_by(around, &self.established, &vote, false) {
            return Outcome { announce: false, elected: Some(joined) };
        }
        Outcome { announce: false, elected: self.judge(around, now_ms, is_news) }
    }

    /// Whether the votes of this round make the one named in `vote` leader: also this server itself, if it
    /// was elected by others while it went over to somebody else.
    ///
    /// If it still proposes itself, the votes of those who already follow it count like all others, after
    /// a wait: they may follow what it was before a restart.
    fn is_led_in_round(&self, around: &Surroundings, vote: &Ballot) -> bool {
        if vote.candidate.leader != around.me {
            return self.is_led_by(
                around,
                &self.votes,
                vote,
                self.ballot().agrees(vote) && !self.lacks_data(),
            );
        }
        self.proposal != self.own
            && vote.candidate == self.own
            && !self.lacks_data()
            && around.electorate.is_electable(around.me)
            && around.electorate.is_quorum(&self.votes.agreeing(vote))
    }

    /// Whether a quorum names the leader in `vote`, and it says itself that it leads. That is never this
    /// server, which does not count among those heard.
    fn is_led_by(&self, around: &Surroundings, votes: &Tally, vote: &Ballot, with_me: bool) -> bool {
        let leader = vote.candidate.leader;
        let mut supporters = votes.agreeing(vote);
        if with_me {
            supporters.insert(around.me);
        }
        supporters.contains(&leader)
            && votes.is_in(leader, PeerState::Leading)
            && around.electorate.is_quorum(&supporters)
    }

    /// The link to a voter came up: what was lost with the old one is said again soon.
    pub(super) fn on_up(&mut self, around: &Surroundings, now_ms: u64) -> Outcome {
        Outcome { announce: false, elected: self.judge(around, now_ms, true) }
    }

    /// The link to a voter broke: its votes no longer count, and nobody waits for others from it.
    pub(super) fn on_down(&mut self, around: &Surroundings, now_ms: u64, peer: ServerId) -> Outcome {
        let was_heard = self.votes.strike(peer);
        self.established.strike(peer);
        Outcome { announce: false, elected: self.judge(around, now_ms, was_heard) }
    }

    /// When something is due.
    pub(super) fn next_deadline(&self) -> u64 {
        self.verdict_at_ms.map_or(self.announce_at_ms, |verdict| verdict.min(self.announce_at_ms))
    }

    /// Time has passed.
    pub(super) fn on_tick(&mut self, around: &Surroundings, now_ms: u64) -> Outcome {
        if self.verdict_at_ms.is_some_and(|verdict| verdict <= now_ms) {
            self.verdict_at_ms = None;
            if self.support(around) != Support::TooFew {
                if !around.is_out_of_reach(self.proposal.leader) {
                    return Outcome { announce: false, elected: Some(self.elected()) };
                }
                // Endorsing the dead for ever would help nobody (HC-03).
                self.rounds_given_up = self.rounds_given_up.saturating_add(1);
                self.enter(self.round.saturating_add(1));
                return Outcome { announce: true, elected: self.judge(around, now_ms, true) };
            }
        }
        if self.announce_at_ms > now_ms {
            return Outcome::default();
        }
        self.interval_ms =
            self.interval_ms.saturating_mul(2).min(around.settings.max_notification_interval_ms).max(1);
        self.announce_at_ms = now_ms.saturating_add(self.interval_ms);
        Outcome { announce: true, elected: None }
    }

    /// Whether this server's own data may be missing.
    fn lacks_data(&self) -> bool {
        self.own.zxid == DATA_MISSING
    }

    fn ballot(&self) -> Ballot {
        let (candidate, round) = (self.proposal, self.round);
        Ballot { candidate, round, state: PeerState::Looking, version: VERSION }
    }

    fn elected(&self) -> Elected {
        Elected { candidate: self.proposal, round: self.round }
    }

    fn enter(&mut self, round: i64) {
        self.round = round;
        self.votes.clear();
        self.proposal = self.own;
    }

    /// Whether the proposal is elected. News starts the wait for something better anew, and lets the
    /// proposal be told again soon: whoever just came to be heard may have missed it.
    pub(super) fn judge(&mut self, around: &Surroundings, now_ms: u64, is_news: bool) -> Option<Elected> {
        if is_news {
            self.interval_ms = around.settings.min_notification_interval_ms;
            self.announce_at_ms = self.announce_at_ms.min(now_ms.saturating_add(self.interval_ms));
        }
        match self.support(around) {
            Support::Everybody => return Some(self.elected()),
            Support::TooFew => self.verdict_at_ms = None,
            Support::Quorum if is_news || self.verdict_at_ms.is_none() => {
                self.verdict_at_ms = Some(now_ms.saturating_add(self.wait_ms(around)));
            }
            Support::Quorum => {}
        }
        None
    }

    /// The silence that makes a quorum final. A round with a candidate out of reach is given up less
    /// and less hastily: others may be able to reach it, and are disturbed by every new round.
    fn wait_ms(&self, around: &Surroundings) -> u64 {
        let wait_ms = around.settings.finalize_wait_ms;
        if !around.is_out_of_reach(self.proposal.leader) {
            return wait_ms;
        }
        let longer = wait_ms.saturating_mul(1 << self.rounds_given_up.min(30));
        longer.min(around.settings.max_notification_interval_ms).max(wait_ms)
    }

    fn support(&self, around: &Surroundings) -> Support {
        let (me, leader) = (around.me, self.proposal.leader);
        if self.lacks_data() || !around.electorate.is_electable(leader) {
            return Support::TooFew;
        }
        let mut supporters = self.votes.agreeing(&self.ballot());
        supporters.insert(me);
        if !around.electorate.is_quorum(&supporters) {
            return Support::TooFew;
        }
        // Who already follows this server may follow what it was before a restart.
        let is_certain = |id| leader != me || self.votes.is_in(id, PeerState::Looking);
        let is_done =
            |id: ServerId| id == me || around.is_gone(id) || (supporters.contains(&id) && is_certain(id));
        let all_done = around.electorate.voters().all(is_done) && !around.is_out_of_reach(leader);
        if all_done { Support::Everybody } else { Support::Quorum }
    }
}

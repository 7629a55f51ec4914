//! Votes: whom they name, which of two is better, and when two say the same.
//!
//! //= java: Vote, FastLeaderElection.totalOrderPredicate

use crate::quorum::ServerId;
use proto::Zxid;
use proto::peer::{Notification, PeerState};
use std::collections::{BTreeMap, BTreeSet};

/// A server that may lead, and how far its log goes. Later fields decide only between equals (HC-01).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// Its current epoch.
    pub(super) epoch: i64,
    /// The last transaction in its log.
    pub(super) zxid: Zxid,
    /// Itself.
    pub(super) leader: ServerId,
}

impl Candidate {
    /// What a server without a vote proposes: worse than anybody.
    pub(super) const NOBODY: Self =
        Self { epoch: i64::MIN, zxid: Zxid(i64::MIN), leader: ServerId(i64::MIN) };

    /// Whom a notification names.
    pub(super) fn of(vote: &Notification) -> Self {
        Self { epoch: vote.epoch, zxid: vote.zxid, leader: ServerId(vote.leader) }
    }
}

/// What one server was last heard to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ballot {
    /// Whom it votes for, or follows.
    pub(super) candidate: Candidate,
    /// In which round.
    pub(super) round: i64,
    /// What it was doing.
    pub(super) state: PeerState,
    /// Layout of its message, which says how much of it can be relied on.
    pub(super) version: i32,
}

impl Ballot {
    /// What a notification says.
    pub(super) fn of(vote: &Notification) -> Self {
        Self { candidate: Candidate::of(vote), round: vote.round, state: vote.state, version: vote.version }
    }

    /// Whether two servers stand behind the same leader.
    ///
    /// While one of them elects that is exact. Members of an established ensemble remember different
    /// elections of one leader, so there the leader and its epoch count (HC-02, HC-06); messages from
    /// before there were versions may not have the epoch.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.candidate, &other.candidate);
        if self.state == PeerState::Looking || other.state == PeerState::Looking {
            return mine == theirs && self.round == other.round;
        }
        let is_comparable = (self.version > 0) == (other.version > 0);
        mine.leader == theirs.leader && (!is_comparable || mine.epoch == theirs.epoch)
    }
}

/// The last word of each voter.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<ServerId, Ballot>);

impl Tally {
    /// Takes down a ballot; whether it is news.
    pub(super) fn record(&mut self, from: ServerId, ballot: Ballot) -> bool {
        self.0.insert(from, ballot) != Some(ballot)
    }

    /// Strikes a server out; whether it was there.
    pub(super) fn strike(&mut self, from: ServerId) -> bool {
        self.0.remove(&from).is_some()
    }

    /// Strikes all out.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Those who agree with a ballot.
    pub(super) fn agreeing(&self, ballot: &Ballot) -> BTreeSet<ServerId> {
        self.0.iter().filter(|(_, other)| other.agrees(ballot)).map(|(from, _)| *from).collect()
    }

    /// Whether a server that now follows said while it looked, in the same round, whom it wants.
    pub(super) fn foresaw(&self, from: ServerId, ballot: &Ballot) -> bool {
        let looked = Ballot { state: PeerState::Looking, ..*ballot };
        let said = |known: &Ballot| known.state == PeerState::Looking && known.agrees(&looked);
        ballot.state == PeerState::Following && self.0.get(&from).is_some_and(said)
    }

    /// Whether a server was last heard to do this.
    pub(super) fn is_in(&self, from: ServerId, state: PeerState) -> bool {
        self.0.get(&from).is_some_and(|ballot| ballot.state == state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ballot(leader: i64, epoch: i64, zxid: i64, round: i64, state: PeerState, version: i32) -> Ballot {
        let candidate = Candidate { epoch, zxid: Zxid(zxid), leader: ServerId(leader) };
        Ballot { candidate, round, state, version }
    }

    /// All candidates over a few values of each field, the extremes among them.
    fn candidates() -> Vec<Candidate> {
        let longs = [i64::MIN, -1, 0, 7, i64::MAX];
        let pairs = longs.iter().flat_map(|epoch| longs.map(|zxid| (*epoch, zxid)));
        pairs
            .flat_map(|(epoch, zxid)| {
                longs.map(|leader| Candidate { epoch, zxid: Zxid(zxid), leader: ServerId(leader) })
            })
            .collect()
    }

    #[test]
    fn hc_01_of_two_votes_exactly_one_is_better() {
        let all = candidates();
        for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
            assert_eq!([a < b, a == b, a > b].iter().filter(|is| **is).count(), 1, "{a:?} {b:?}");
            assert_eq!(a < b, b > a, "{a:?} {b:?}");
        }
    }

    #[test]
    fn hc_01_a_better_vote_than_a_better_one_is_better() {
        let all = candidates();
        for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))).filter(|(a, b)| a < b) {
            assert!(all.iter().filter(|c| b < c).all(|c| a < c), "{a:?} {b:?}");
        }
    }

    #[test]
    fn hc_01_a_higher_id_does_not_outweigh_a_lower_epoch() {
        let old = Candidate { epoch: 1, zxid: Zxid(9), leader: ServerId(5) };
        let new = Candidate { epoch: 2, zxid: Zxid(9), leader: ServerId(1) };
        assert!(new > old);
    }

    #[test]
    fn while_one_looks_every_field_has_to_be_the_same() {
        use PeerState::{Following, Looking};
        let mine = ballot(3, 1, 9, 4, Looking, 2);
        assert!(mine.agrees(&ballot(3, 1, 9, 4, Following, 0)));
        for other in [(2, 1, 9, 4), (3, 2, 9, 4), (3, 1, 8, 4), (3, 1, 9, 5)] {
            let other = ballot(other.0, other.1, other.2, other.3, Following, 2);
            assert!(!mine.agrees(&other) && !other.agrees(&mine), "{other:?}");
        }
    }

    #[test]
    fn hc_06_members_of_an_ensemble_agree_by_leader_and_epoch() {
        use PeerState::{Following, Leading};
        let leader = ballot(3, 5, 9, 4, Leading, 2);
        assert!(leader.agrees(&ballot(3, 5, 2, 1, Following, 2)));
        assert!(!leader.agrees(&ballot(3, 4, 9, 4, Following, 2)));
        assert!(!leader.agrees(&ballot(2, 5, 9, 4, Following, 2)));
    }

    #[test]
    fn hc_14_messages_without_a_version_agree_by_leader_alone() {
        use PeerState::{Following, Leading};
        let leader = ballot(3, 5, 9, 4, Leading, 2);
        assert!(leader.agrees(&ballot(3, 0, 2, 1, Following, 0)));
        assert!(!leader.agrees(&ballot(2, 5, 9, 4, Following, 0)));
        let old = ballot(3, 5, 9, 4, Leading, 0);
        assert!(!old.agrees(&ballot(3, 4, 9, 4, Following, 0)), "two old ones are comparable");
    }
}

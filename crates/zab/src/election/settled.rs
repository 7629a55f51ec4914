//! After a decision: what those who still look are told, and who they are.
//!
//! //= java: FastLeaderElection.WorkerReceiver

use super::votes::{Ballot, Candidate};
use crate::quorum::ServerId;
use proto::peer::PeerState;
use std::collections::BTreeSet;

/// A server that has its leader.
#[derive(Debug)]
pub(super) struct Settled {
    /// The round that ended.
    pub(super) round: i64,
    /// Who was elected, with its epoch as far as it is known.
    pub(super) vote: Candidate,
    looking: BTreeSet<ServerId>,
}

impl Settled {
    /// Decided for this one.
    pub(super) fn new(round: i64, vote: Candidate) -> Self {
        Self { round, vote, looking: BTreeSet::new() }
    }

    /// A voter was heard. Looking as one of the supporters of this decision is still support: only who
    /// looks for somebody else, or again, will not come (HC-07).
    pub(super) fn on_voter(&mut self, from: ServerId, ballot: &Ballot) {
        let is_support = match ballot.state {
            PeerState::Looking => ballot.round == self.round && ballot.candidate == self.vote,
            PeerState::Following | PeerState::Leading | PeerState::Observing => {
                ballot.candidate.leader == self.vote.leader
            }
        };
        if is_support {
            self.looking.remove(&from);
        } else if ballot.state == PeerState::Looking {
            self.looking.insert(from);
        }
    }

    /// Voters known to look for somebody.
    pub(super) fn looking(&self) -> impl Iterator<Item = ServerId> {
        self.looking.iter().copied()
    }
}

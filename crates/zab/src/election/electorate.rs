//! Who votes: the membership that is committed, together with a newer one that may be.
//!
//! //= java: QuorumPeer.getCurrentAndNextConfigVoters, FastLeaderElection.getVoteTracker

use super::votes::Candidate;
use crate::config::Config;
use crate::quorum::{Quorum, ServerId};
use proto::mutant::{Mutant, is_on};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The memberships in force.
#[derive(Debug)]
pub(super) struct Electorate {
    committed: Config,
    /// One for each membership in force, the committed one first: a decision needs all of them.
    quorums: Vec<Quorum>,
    voters: BTreeSet<ServerId>,
    /// What notifications carry. The receiver of a Java server dies of a text without voters, so there
    /// is none then.
    text: Option<Arc<str>>,
}

impl Electorate {
    /// The committed membership, and the last one seen if it is newer.
    pub(super) fn new(committed: Config, last_seen: Option<&Config>) -> Self {
        let newer = last_seen.filter(|seen| seen.version > committed.version);
        let quorums: Vec<Quorum> = std::iter::once(&committed).chain(newer).map(Config::quorum).collect();
        let voters: BTreeSet<ServerId> = quorums.iter().flat_map(Quorum::voters).collect();
        let text = committed.voters().next().is_some().then(|| committed.to_text().into());
        Self { committed, quorums, voters, text }
    }

    /// Everybody with a vote in any membership in force.
    pub(super) fn voters(&self) -> impl Iterator<Item = ServerId> {
        self.voters.iter().copied()
    }

    /// Whether this one has a vote in any membership in force.
    pub(super) fn is_voter(&self, id: ServerId) -> bool {
        self.voters.contains(&id)
    }

    /// Whether this one has a vote in the committed membership, so that it may propose itself.
    pub(super) fn is_committed_voter(&self, id: ServerId) -> bool {
        self.committed.is_voter(id)
    }

    /// Whether this one observes. Who is in no membership follows, without a vote.
    pub(super) fn observes(&self, id: ServerId) -> bool {
        self.committed.observes(id)
    }

    /// Whether these decide, under every membership in force.
    pub(super) fn is_quorum(&self, servers: &BTreeSet<ServerId>) -> bool {
        self.quorums.iter().all(|quorum| quorum.contains(servers))
    }

    /// Whether this one can be elected: the first membership in which it votes gives it weight (HC-12).
    pub(super) fn is_electable(&self, id: ServerId) -> bool {
        self.quorums.iter().find(|quorum| quorum.is_voter(id)).is_some_and(|quorum| quorum.weight(id) > 0)
    }

    /// Whether one candidate is better than another. Those who cannot be elected are worse than all
    /// others, so that even they support somebody else.
    pub(super) fn prefers(&self, new: Candidate, old: Candidate) -> bool {
        if is_on(Mutant::VoteById) {
            return new.leader > old.leader && new.epoch >= 0;
        }
        (self.is_electable(new.leader), new) > (self.is_electable(old.leader), old)
    }

    /// The text of the committed membership.
    pub(super) fn text(&self) -> Option<&Arc<str>> {
        self.text.as_ref()
    }

    /// Reads the membership in a notification, if it is newer than the committed one. One that makes no
    /// sense is none.
    pub(super) fn read_newer(&self, text: &str) -> Option<Config> {
        if self.text.as_deref() == Some(text) {
            return None;
        }
        Config::parse(text).ok().filter(|config| config.version > self.committed.version)
    }

    /// Whether a membership has other members than the committed one.
    pub(super) fn differs_from(&self, other: &Config) -> bool {
        !self.committed.is_equivalent(other)
    }
}

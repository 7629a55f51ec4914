//! The membership of an ensemble: who takes part, where, and with what weight.
//!
//! The text form is that of `zoo.cfg.dynamic`, of the node `/zookeeper/config` and of the configuration
//! inside notifications and NEWLEADER packets.
//!
//! //= java: QuorumMaj, QuorumHierarchical, QuorumPeer.QuorumServer

use crate::quorum::{Quorum, ServerId};
use std::collections::BTreeMap;

/// Where one server listens for its peers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Name or IP address, without brackets.
    pub host: String,
    /// Port learners connect to.
    pub quorum_port: u16,
    /// Port for elections.
    pub election_port: u16,
}

/// What a member is in this configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberRole {
    /// Votes.
    Participant,
    /// Learns and does not vote.
    Observer,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Where its peers find it; at least one, in order of hosts.
    pub addresses: Vec<Address>,
    /// What it is.
    pub role: MemberRole,
    /// Where clients find it, when the line says so: host and port.
    pub client: Option<(String, u16)>,
}

/// A membership.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// All members, observers included.
    pub members: BTreeMap<ServerId, Member>,
    /// Groups of a hierarchical quorum, ids ascending; empty for majorities.
    pub groups: BTreeMap<i64, Vec<ServerId>>,
    /// Weights in hierarchical quorums: of every voter, and of others when the text gives one.
    pub weights: BTreeMap<ServerId, i64>,
    /// The zxid of the transaction that made it; 0 for the one an operator wrote.
    pub version: i64,
}

impl Config {
    /// Those who vote.
    pub fn voters(&self) -> impl Iterator<Item = ServerId> {
        self.members.iter().filter(|(_, m)| m.role == MemberRole::Participant).map(|(id, _)| *id)
    }

    /// Whether this member votes here.
    pub fn is_voter(&self, id: ServerId) -> bool {
        self.members.get(&id).is_some_and(|m| m.role == MemberRole::Participant)
    }

    /// Who decides under this configuration.
    pub fn quorum(&self) -> Quorum {
        match self.groups.is_empty() {
            true => Quorum::majority(self.voters()),
            false => Quorum::hierarchical(self.voters(), &self.groups, &self.weights),
        }
    }

    /// Whether both mean the same: the version is the same, or members, groups and weights are. This is
    /// what the reference compares before it takes a configuration from a peer.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.version == other.version
            || (self.members == other.members
                && self.group_of() == other.group_of()
                && self.weights == other.weights)
    }

    /// The group of every server that is in one.
    pub(crate) fn group_of(&self) -> BTreeMap<ServerId, i64> {
        self.groups.iter().flat_map(|(group, ids)| ids.iter().map(|id| (*id, *group))).collect()
    }
}

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
    /// Where its peers find it; at least one.
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
    /// Groups of a hierarchical quorum; empty for majorities.
    pub groups: BTreeMap<i64, Vec<ServerId>>,
    /// Weights other than 1, in hierarchical quorums.
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
        Quorum::majority(self.voters())
    }
}

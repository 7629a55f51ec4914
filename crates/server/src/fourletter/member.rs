//! What an ensemble adds to the words.

use super::view::Mode;
use super::{Metric, MetricValue};
use crate::config::Ensemble;
use node::{Role, Status};
use std::collections::BTreeSet;
use std::fmt::Write;
use zab::{Address, MemberRole};

/// A member of an ensemble as the words show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What it is doing and how far it has come, as in `following - broadcast`.
    pub state: String,
    /// Number of servers that vote.
    pub quorum_size: u64,
    /// The committed membership.
    pub membership: String,
    /// Transactions after which this server's tree differed from its leader's.
    pub diverged: u64,
    /// What only a leader knows.
    pub leading: Option<Leading>,
}

/// A leader's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leading {
    /// Learners connected.
    pub learners: u64,
    /// Followers that are up to date and vote.
    pub synced_followers: u64,
    /// Followers that are up to date and do not vote.
    pub synced_non_voting_followers: u64,
    /// Observers that are up to date.
    pub synced_observers: u64,
    /// `sync` requests of learners that wait.
    pub pending_syncs: u64,
    /// Milliseconds since it began to lead.
    pub uptime_ms: u64,
    /// Bytes of proposals; `None` before the first.
    pub proposals: Option<ProposalSizes>,
}

/// Bytes of a leader's proposals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProposalSizes {
    /// Of the last.
    pub last: u64,
    /// Of the smallest.
    pub min: u64,
    /// Of the greatest.
    pub max: u64,
}

/// The part a member plays; `None` while it serves nobody.
pub fn mode(status: &Status) -> Option<Mode> {
    match status.role {
        Role::Standalone => Some(Mode::Standalone),
        Role::ReadOnly => Some(Mode::ReadOnly),
        Role::Looking => None,
        _ if !status.serving => None,
        Role::Leading => Some(Mode::Leader),
        Role::Following(_) => Some(Mode::Follower),
        Role::Observing(_) => Some(Mode::Observer),
    }
}

impl Member {
    /// The member with this status. `uptime_ms` is how long it has led; it and the sizes of its proposals
    /// count only while it leads.
    pub fn new(
        status: &Status,
        membership: &zab::Config,
        uptime_ms: u64,
        proposals: Option<ProposalSizes>,
    ) -> Self {
        let synced = |follows: bool, votes: bool| {
            let alike = |l: &&node::LearnerStatus| l.synced && l.follows == follows && l.votes == votes;
            status.learners.iter().filter(alike).count() as u64
        };
        let leading = Leading {
            learners: status.learners.len() as u64,
            synced_followers: synced(true, true),
            synced_non_voting_followers: synced(true, false),
            synced_observers: synced(false, false),
            pending_syncs: status.pending_syncs as u64,
            uptime_ms,
            proposals,
        };
        Self {
            state: state(status).into(),
            quorum_size: membership.voters().count() as u64,
            membership: membership.to_text(),
            diverged: status.diverged,
            leading: (status.role == Role::Leading).then_some(leading),
        }
    }

    /// The lines of `mntr`.
    pub(super) fn metrics(&self) -> Vec<Metric> {
        let mut out = vec![
            Metric::whole("quorum_size", self.quorum_size),
            Metric::whole("digest_mismatches_count", self.diverged),
        ];
        let Some(leading) = &self.leading else { return out };
        out.extend([
            Metric::whole("learners", leading.learners),
            Metric::whole("synced_followers", leading.synced_followers),
            Metric::whole("synced_non_voting_followers", leading.synced_non_voting_followers),
            Metric::whole("synced_observers", leading.synced_observers),
            Metric::whole("pending_syncs", leading.pending_syncs),
            Metric::whole("leader_uptime", leading.uptime_ms),
        ]);
        let sizes = leading.proposal_sizes();
        let names = ["last_proposal_size", "min_proposal_size", "max_proposal_size"];
        out.extend(
            names
                .into_iter()
                .zip(sizes)
                .map(|(name, size)| Metric { name: name.into(), value: MetricValue::Whole(size) }),
        );
        out
    }
}

impl Leading {
    /// Last, smallest, greatest; -1 before the first.
    pub(super) fn proposal_sizes(&self) -> [i64; 3] {
        let shown = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
        self.proposals.map_or([-1; 3], |sizes| [sizes.last, sizes.min, sizes.max].map(shown))
    }
}

fn state(status: &Status) -> &'static str {
    match (status.role, status.serving) {
        (Role::Leading, true) => "leading - broadcast",
        (Role::Leading, false) => "leading - synchronization",
        (Role::Following(_), true) => "following - broadcast",
        (Role::Following(_), false) => "following - synchronization",
        (Role::Observing(_), true) => "observing - broadcast",
        (Role::Observing(_), false) => "observing - synchronization",
        (Role::Standalone | Role::Looking | Role::ReadOnly, _) => "looking",
    }
}

/// The lines an ensemble adds to `conf`. A server cut off from its ensemble leaves the membership out.
pub(super) fn settings(out: &mut String, ensemble: &Ensemble, membership: Option<&str>) {
    let ports = |port: fn(&Address) -> u16| {
        let ports: BTreeSet<u16> = ensemble.own_addresses().iter().map(port).collect();
        ports.iter().map(u16::to_string).collect::<Vec<_>>().join("|")
    };
    let peer_type = match ensemble.role {
        MemberRole::Participant => 0,
        MemberRole::Observer => 1,
    };
    let node::EnsembleSettings { init_limit, sync_limit, .. } = ensemble.settings;
    let (election, quorum) = (ports(|a| a.election_port), ports(|a| a.quorum_port));
    let _ = write!(
        out,
        "initLimit={init_limit}\nsyncLimit={sync_limit}\nelectionAlg=3\nelectionPort={election}\nquorumPort={quorum}\n\
         peerType={peer_type}\n"
    );
    if let Some(membership) = membership {
        let _ = write!(out, "membership: \n{membership}");
    }
}

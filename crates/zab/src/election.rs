//! Fast leader election, as a value.
//!
//! It lives as long as its member: while electing it looks for a leader, and afterwards it answers
//! those who still look.
//!
//! //= java: FastLeaderElection

use crate::config::Config;
use crate::quorum::ServerId;
use proto::Zxid;
use proto::peer::Notification;

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
        Self { finalize_wait_ms: 200, min_notification_interval_ms: 200, max_notification_interval_ms: 60_000 }
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
    me: ServerId,
    committed: Config,
    last_seen: Option<Config>,
    settings: ElectionSettings,
}

impl Election {
    /// A server that does not look for a leader yet.
    pub fn new(me: ServerId, committed: Config, settings: ElectionSettings) -> Self {
        Self { me, committed, last_seen: None, settings }
    }

    /// Begins to look: a new round, its own vote sent to all voters. `last` is the last transaction in
    /// its log (-1 when its data may be missing, HC-13), `epoch` its current epoch.
    pub fn start(&mut self, now_ms: u64, last: Zxid, epoch: u32, out: &mut impl Ballots) {
        let _ = (now_ms, last, epoch, &self.settings, self.me, out);
    }

    /// A vote has come.
    pub fn on_notification(&mut self, now_ms: u64, from: ServerId, vote: &Notification, out: &mut impl Ballots) {
        let _ = (now_ms, from, vote, out);
    }

    /// The election connection to a server came up or broke. A voter known to be unreachable need not
    /// be waited for.
    pub fn on_link(&mut self, now_ms: u64, peer: ServerId, up: bool, out: &mut impl Ballots) {
        let _ = (now_ms, peer, up, out);
    }

    /// Time has passed; due at [`Election::next_deadline`].
    pub fn on_tick(&mut self, now_ms: u64, out: &mut impl Ballots) {
        let _ = (now_ms, out);
    }

    /// When [`Election::on_tick`] is next needed, monotonic milliseconds.
    pub fn next_deadline(&self) -> Option<u64> {
        None
    }

    /// What was decided, once: afterwards this server counts as following or leading, and answers so.
    pub fn take_decision(&mut self) -> Option<Decision> {
        None
    }

    /// Synchronization is over: those who look are told of this epoch (HC-06).
    pub fn established(&mut self, epoch: u32) {
        let _ = epoch;
    }

    /// The memberships in force: who votes, and whose votes count.
    pub fn set_config(&mut self, committed: Config, last_seen: Option<Config>) {
        self.committed = committed;
        self.last_seen = last_seen;
    }

    /// A committed configuration newer than its own came with a notification while it looked, once:
    /// the member has to adopt it, and start again if the members differ.
    pub fn take_newer_config(&mut self) -> Option<Config> {
        None
    }

    /// Whether a voter is known to look for a leader, since this server leads (HC-07).
    pub fn looking_voters(&self) -> impl Iterator<Item = ServerId> {
        std::iter::empty()
    }
}

//! What peers bring, and what a member of an ensemble is told at its start.

use proto::Zxid;
use proto::peer::{Entry, Notification, Packet};
use tree::Tree;
use zab::{Config, ElectionSettings, LearnerStatus, LinkId, ServerId};

/// What can come from the other members.
#[derive(Debug)]
pub enum PeerInput {
    /// A vote, on the election port.
    Vote {
        /// Who sent it.
        from: ServerId,
        /// The vote.
        vote: Notification,
    },
    /// The election connection to a server came up or broke.
    VoterLink {
        /// Which server.
        peer: ServerId,
        /// Whether it is there now.
        up: bool,
    },
    /// Somebody connected to the quorum port.
    Accepted(LinkId),
    /// The answer to [`zab::Transport::dial`].
    Dialed {
        /// Who was dialed.
        leader: ServerId,
        /// The link; `None` when nobody answered.
        link: Option<LinkId>,
    },
    /// A packet has come. After a SNAP packet comes [`PeerInput::Snapshot`], then further packets.
    Packet {
        /// On which link.
        link: LinkId,
        /// The packet.
        packet: Packet,
    },
    /// The snapshot behind a SNAP packet has come to its end: the tree it makes, as of the packet's zxid.
    Snapshot {
        /// On which link.
        link: LinkId,
        /// The tree.
        tree: Box<Tree>,
    },
    /// A snapshot is on its way on this link, in either direction, and gets on. To be told now and then:
    /// a large one may take longer than a silent link is trusted.
    Progress(LinkId),
    /// The answer to [`zab::Transport::read_history`].
    History {
        /// For which learner.
        link: LinkId,
        /// The entries; `None` when the disk does not have them all, or there are too many.
        entries: Option<Vec<(Zxid, Entry)>>,
    },
    /// A link is gone: closed by the other end, broken, or it sent what cannot be read.
    Closed(LinkId),
}

/// What a member of an ensemble finds on its disk and in its configuration.
#[derive(Debug, Clone)]
pub struct Membership {
    /// Who this is.
    pub me: ServerId,
    /// The committed membership.
    pub config: Config,
    /// One that was proposed and maybe not committed (`.next`).
    pub last_seen: Option<Config>,
    /// The file `acceptedEpoch`.
    pub accepted_epoch: u32,
    /// The file `currentEpoch`.
    pub current_epoch: u32,
    /// The last transaction in the log; -1 when the data may be missing (HC-13).
    pub last_logged: Zxid,
    /// The oldest transaction this server can go back to: that of its oldest usable snapshot.
    pub floor: Zxid,
    /// The ensemble's part of the configuration.
    pub settings: EnsembleSettings,
}

/// How an ensemble is run; units and defaults as in `zoo.cfg`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnsembleSettings {
    /// Ticks a learner has to connect and synchronize (`initLimit`).
    pub init_limit: u32,
    /// Ticks a learner may be silent or behind (`syncLimit`).
    pub sync_limit: u32,
    /// Wait between attempts to reach a new leader, milliseconds (`leaderConnectDelayDuringRetryMs`).
    pub connect_retry_ms: u64,
    /// Patience of elections.
    pub election: ElectionSettings,
    /// Committed transactions kept in memory for learners (`commitLogCount`), at least.
    pub history_count: usize,
    /// Whether the leader takes clients (`leaderServes`).
    pub leader_serves: bool,
    /// Whether a server without a quorum serves reads (`readonlymode.enabled`).
    pub read_only_mode: bool,
    /// Sessions known to their server only (`localSessionsEnabled`).
    pub local_sessions: bool,
    /// Whether those become global with their first ephemeral node (`localSessionsUpgradingEnabled`).
    pub upgrade_local_sessions: bool,
    /// `reconfigEnabled`.
    pub reconfig: bool,
    /// `standaloneEnabled`: then no ensemble may shrink to a single voter.
    pub standalone_enabled: bool,
    /// Whether `sync` is confirmed by a quorum (`quorumSync`), so that a leader that was deposed and
    /// does not know cannot answer it (HC-55). Costs a transaction when nothing else is on its way.
    pub quorum_sync: bool,
    /// Always synchronize by snapshot, for tests (`forceSnapshotSync`).
    pub force_snapshot: bool,
    /// Milliseconds a new leader waits for its epoch to be accepted before it minds a voter that looks
    /// again; `None`: never (`leader.maxTimeToWaitForEpoch`).
    pub max_time_to_wait_for_epoch_ms: Option<u64>,
    /// Longest wait of an observer before it looks for a leader again, milliseconds: those of
    /// `observer.reconnectDelayMs` and `observer.election.DelayMs` together. Each waits a part of its own, so
    /// that not all come at once.
    pub observer_delay_ms: u64,
    /// Whether observers keep a log and snapshots (`syncEnabled`).
    pub observer_logs: bool,
    /// Learners synchronized by snapshots at the same time from which on observers are sent away
    /// (`leader.maxConcurrentSnapSyncs`).
    pub snap_syncs_max: u32,
    /// As many by differences (`leader.maxConcurrentDiffSyncs`).
    pub diff_syncs_max: u32,
}

impl Default for EnsembleSettings {
    fn default() -> Self {
        Self {
            init_limit: 10,
            sync_limit: 5,
            connect_retry_ms: 100,
            election: ElectionSettings::default(),
            history_count: 500,
            leader_serves: true,
            read_only_mode: false,
            local_sessions: false,
            upgrade_local_sessions: false,
            reconfig: false,
            standalone_enabled: true,
            quorum_sync: false,
            force_snapshot: false,
            max_time_to_wait_for_epoch_ms: None,
            observer_delay_ms: 200,
            observer_logs: true,
            snap_syncs_max: 10,
            diff_syncs_max: 100,
        }
    }
}

/// What a member is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Serving alone, without an ensemble.
    Standalone,
    /// Looking for a leader, or leaving one until its log is durable.
    Looking,
    /// Looking for a leader, and serving reads meanwhile.
    ReadOnly,
    /// Leading.
    Leading,
    /// Following this server.
    Following(ServerId),
    /// Observing this server.
    Observing(ServerId),
}

/// A member as operators and tests see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What it is doing.
    pub role: Role,
    /// Whether clients are served: a leader is established, a learner up to date.
    pub serving: bool,
    /// `acceptedEpoch`, as last made durable.
    pub accepted_epoch: u32,
    /// `currentEpoch`, as last made durable.
    pub current_epoch: u32,
    /// The last transaction handed to the log.
    pub last_logged: Zxid,
    /// The last transaction known to be committed.
    pub committed: Zxid,
    /// The last transaction proposed, when leading.
    pub last_proposed: Zxid,
    /// Its learners, when leading, in order of id.
    pub learners: Vec<LearnerStatus>,
    /// `sync` requests of learners that wait, when leading.
    pub pending_syncs: usize,
    /// Transactions that differed from the leader's digest (HC-111).
    pub diverged: u64,
    /// Milliseconds the last election took.
    pub election_ms: u64,
}

//! What a member of an ensemble is told about it.

use node::EnsembleSettings;
use std::path::PathBuf;
use std::time::Duration;
use zab::{Address, Member, MemberRole, ServerId};

/// An ensemble as one of its members is configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Ensemble {
    /// `myid`: which member this server is.
    pub me: ServerId,
    /// The committed membership, this server included: the `server.N`, `group.N` and `weight.N` lines of the
    /// file or of `dynamicConfigFile`. Its version comes from that file's name; 0 without one.
    pub members: zab::Config,
    /// A membership that was proposed and perhaps not committed (`<config>.dynamic.next`), when newer.
    pub last_seen: Option<zab::Config>,
    /// `peerType`, corrected by this server's own line.
    pub role: MemberRole,
    /// The configuration file itself, beside which membership files are written; `None` without one.
    pub static_file: Option<PathBuf>,
    /// `dynamicConfigFile`.
    pub dynamic_file: Option<PathBuf>,
    /// Limits, elections, local sessions and whatever else the core needs.
    pub settings: EnsembleSettings,
    /// `quorumListenOnAllIPs`: bind the quorum and election ports on every address of the machine.
    pub listen_on_all: bool,
    /// `cnxTimeout`: time to connect to an election port, and to send and read the first message there.
    pub cnx_timeout: Duration,
    /// `quorumCnxnTimeoutMs`: read timeout of a new election connection; `syncLimit` ticks unless set.
    pub election_read_timeout: Duration,
    /// `electionPortBindRetry`: attempts to bind a server-to-server port, a second apart; 0 is for ever.
    pub election_bind_retry: u32,
    /// `tcpKeepAlive`: `SO_KEEPALIVE` on election sockets.
    pub tcp_keep_alive: bool,
    /// `connectToLearnerMasterLimit` as a time: how long a learner may take to connect to its leader;
    /// `initLimit` ticks unless set.
    pub connect_timeout: Duration,
    /// `leader.nodelay` and `follower.nodelay`: `TCP_NODELAY` on quorum sockets, as the leader and as a
    /// learner.
    pub no_delay: NoDelay,
    /// `multiAddress.enabled`: several addresses for one server, and a first message that lists them.
    pub multi_address: bool,
    /// `observerMasterPort`: where a follower serves observers; `None` is off.
    pub observer_master_port: Option<u16>,
    /// `snapshotSizeFactor`: a learner is sent log files while they have at most this share of the newest
    /// snapshot's bytes; `None` switches that off.
    pub snapshot_size_factor: Option<f64>,
    /// `leader.maxConcurrentSnapSyncs`: snapshots sent to observers at the same time.
    pub max_snap_syncs: u32,
    /// `leader.maxConcurrentDiffSyncs`: differences sent to observers at the same time.
    pub max_diff_syncs: u32,
}

/// `TCP_NODELAY` by role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoDelay {
    /// `leader.nodelay`.
    pub leader: bool,
    /// `follower.nodelay`.
    pub learner: bool,
}

impl Ensemble {
    /// This server as the membership has it; `None` for one that is not a member yet.
    pub fn own(&self) -> Option<&Member> {
        self.members.members.get(&self.me)
    }

    /// Where this server listens for its peers.
    pub fn own_addresses(&self) -> &[Address] {
        self.own().map_or(&[], |member| &member.addresses)
    }
}

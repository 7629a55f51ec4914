//! What a member of an ensemble is told about it.

use super::build::OwnLine;
use super::error::{ConfigError, Warning};
use super::files::Files;
use super::membership::{self, Listed};
use super::settings::Settings;
use node::EnsembleSettings;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zab::{Address, ElectionSettings, Member, MemberRole, ServerId};

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

/// What the settings are built from, besides themselves.
pub(super) struct Place<'a> {
    /// Where `myid` is.
    pub data_dir: &'a Path,
    /// The configuration file.
    pub static_file: Option<&'a Path>,
    /// Where to read them.
    pub files: &'a Files,
}

/// Builds the ensemble's part, and finds this server's line.
///
/// # Errors
/// The operator is at fault: `myid` is missing, or does not fit the members; a limit is missing.
pub(super) fn build(
    from: &Settings,
    listed: Listed,
    tick_time: Duration,
    place: &Place<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<(Ensemble, Option<OwnLine>), ConfigError> {
    let settings = settings(from)?;
    let me = my_id(from, &listed, place)?;
    let own_line = listed.config.members.get(&me).map(|member| {
        let (origin, key) = listed.place_of(me);
        (origin, key, member.clone())
    });
    let role = own_line.as_ref().map_or(MemberRole::Participant, |(_, _, member)| member.role);
    warn_of_role(from, me, role, warnings);
    let ticks = |count: u32| tick_time.saturating_mul(count);
    let last_seen = match (&listed.file, place.static_file) {
        (Some(_), Some(file)) => membership::last_seen(file, place.files)?,
        _ => None,
    };
    let factor = from.ratio("snapshotSizeFactor");
    let ensemble = Ensemble {
        me,
        last_seen: last_seen.filter(|seen| seen.version > listed.config.version),
        members: listed.config,
        role,
        static_file: place.static_file.map(Path::to_path_buf),
        dynamic_file: listed.file,
        listen_on_all: from.flag("quorumListenOnAllIPs"),
        cnx_timeout: from.positive_millis("cnxTimeout").unwrap_or(UNLIMITED),
        election_read_timeout: from
            .positive_millis("quorumCnxnTimeoutMs")
            .unwrap_or(ticks(settings.sync_limit)),
        election_bind_retry: from.positive_int("electionPortBindRetry").unwrap_or(0),
        tcp_keep_alive: from.flag("tcpKeepAlive"),
        connect_timeout: ticks(
            from.positive_int("connectToLearnerMasterLimit").unwrap_or(settings.init_limit),
        ),
        no_delay: NoDelay { leader: from.flag("leader.nodelay"), learner: from.flag("follower.nodelay") },
        multi_address: from.flag("multiAddress.enabled"),
        observer_master_port: from.positive("observerMasterPort").and_then(|port| u16::try_from(port).ok()),
        snapshot_size_factor: Some(factor).filter(|factor| *factor >= 0.0),
        settings,
    };
    Ok((ensemble, own_line))
}

/// How long "for ever" is, to a socket.
const UNLIMITED: Duration = Duration::from_secs(24 * 3600);

fn settings(from: &Settings) -> Result<EnsembleSettings, ConfigError> {
    let limit = |key: &'static str, needed: &'static str| {
        from.positive_int(key).ok_or(ConfigError::Missing { key, needed })
    };
    let milliseconds = |name: &str| from.millis(name).as_millis() as u64;
    let min_notification_interval_ms = milliseconds("fastleader.minNotificationInterval");
    let observers_log = match from.text("observer.syncEnabled") {
        "" => from.flag("syncEnabled"),
        _ => from.flag("observer.syncEnabled"),
    };
    let wait_for_epoch = from.number("leader.maxTimeToWaitForEpoch");
    Ok(EnsembleSettings {
        init_limit: limit(
            "initLimit",
            "it is how many ticks a follower may take to connect and sync, as in 10",
        )?,
        sync_limit: limit("syncLimit", "it is how many ticks a follower may lag, as in 5")?,
        connect_retry_ms: milliseconds("leaderConnectDelayDuringRetryMs"),
        election: ElectionSettings {
            min_notification_interval_ms,
            max_notification_interval_ms: milliseconds("fastleader.maxNotificationInterval")
                .max(min_notification_interval_ms),
            ..ElectionSettings::default()
        },
        history_count: usize::try_from(from.count("commitLogCount")).unwrap_or(usize::MAX),
        leader_serves: from.flag("leaderServes"),
        read_only_mode: from.flag("readonlymode.enabled"),
        local_sessions: from.flag("localSessionsEnabled"),
        upgrade_local_sessions: from.flag("localSessionsUpgradingEnabled"),
        reconfig: from.flag("reconfigEnabled"),
        standalone_enabled: from.flag("standaloneEnabled"),
        quorum_sync: from.flag("quorumSync"),
        force_snapshot: from.flag("forceSnapshotSync"),
        max_time_to_wait_for_epoch_ms: wait_for_epoch.and_then(|ms| u64::try_from(ms).ok()),
        observer_delay_ms: milliseconds("observer.reconnectDelayMs")
            + milliseconds("observer.election.DelayMs"),
        snap_syncs_max: from.positive_int("leader.maxConcurrentSnapSyncs").unwrap_or(u32::MAX),
        diff_syncs_max: from.positive_int("leader.maxConcurrentDiffSyncs").unwrap_or(u32::MAX),
        observer_logs: observers_log,
    })
}

/// With extended types the top byte of an ephemeral's owner, the server's id, may not be all ones.
const ID_MAX_WITH_EXTENDED_TYPES: i64 = 254;

fn my_id(from: &Settings, listed: &Listed, place: &Place<'_>) -> Result<ServerId, ConfigError> {
    let path = place.data_dir.join("myid");
    let Some(bytes) = place.files.read(&path)? else { return Err(ConfigError::NoMyId { path }) };
    let text = String::from_utf8_lossy(&bytes);
    let text = text.lines().next().unwrap_or_default().trim();
    let bad = |problem: String| ConfigError::BadMyId { path: path.clone(), text: text.into(), problem };
    let id = text.parse().map_err(|_| bad("it is not a number".into()))?;
    if !listed.config.members.contains_key(&ServerId(id)) {
        let known: Vec<String> = listed.config.members.keys().map(ServerId::to_string).collect();
        return Err(bad(format!("the servers listed are {}", known.join(", "))));
    }
    if from.flag("extendedTypesEnabled") && id > ID_MAX_WITH_EXTENDED_TYPES {
        return Err(bad(format!("with extendedTypesEnabled it may be {ID_MAX_WITH_EXTENDED_TYPES} at most")));
    }
    Ok(ServerId(id))
}

/// The line of a server says its role; `peerType` may only agree (HC-10).
fn warn_of_role(from: &Settings, me: ServerId, role: MemberRole, warnings: &mut Vec<Warning>) {
    let Some(setting) = from.set("peerType") else { return };
    let (own, says_observer) = match role {
        MemberRole::Participant => ("participant", false),
        MemberRole::Observer => ("observer", true),
    };
    if setting.value.eq_ignore_ascii_case("observer") != says_observer {
        let (origin, key) = (setting.origin.clone(), "peerType".into());
        warnings.push(Warning::Overruled { origin, key, by: format!("server.{me}, which says {own}") });
    }
}

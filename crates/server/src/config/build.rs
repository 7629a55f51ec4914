//! From checked settings to the typed [`Config`], and the rules that span several keys.

use super::ensemble::{self, Place};
use super::error::{ConfigError, Origin, Warning};
use super::files::Files;
use super::membership::{self, Kind};
use super::model::{
    Auth, ClientPort, Compression, Config, ConnectionThrottle, Containers, DigestAlgorithm, Limits, Network,
    Purge, RequestThrottle, Sessions, Storage, Tree,
};
use super::settings::Settings;
use super::{Secret, value};
use crate::fourletter::{Whitelist, Word};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zab::Member;

/// What a configuration is built from, besides the settings.
pub(super) struct Given<'a> {
    /// Used whatever `dataDir` says.
    pub data_dir: Option<PathBuf>,
    /// The configuration file.
    pub static_file: Option<&'a Path>,
    /// Where the files it leads to are read.
    pub files: &'a Files,
}

/// Builds the configuration.
///
/// # Errors
/// A required key is missing, or keys contradict each other.
pub(super) fn config(
    from: &Settings,
    given: Given<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Config, ConfigError> {
    let kind = membership::read(from, given.files, warnings)?;
    let data_dir = given.data_dir.or_else(|| path(from, "dataDir")).ok_or(ConfigError::Missing {
        key: "dataDir",
        needed: "it names the directory of the snapshots, as in dataDir=/var/lib/zookeeper",
    })?;
    let tick_time = from.millis("tickTime");
    let read_only_mode = from.flag("readonlymode.enabled");
    let (own_line, ensemble) = match kind {
        Kind::Alone(only) => {
            from.warn_alone(warnings);
            (only, None)
        }
        Kind::Ensemble(listed) => {
            let place = Place { data_dir: &data_dir, static_file: given.static_file, files: given.files };
            let (ensemble, own_line) = ensemble::build(from, listed, tick_time, &place, warnings)?;
            (own_line, Some(ensemble))
        }
    };
    Ok(Config {
        data_log_dir: path(from, "dataLogDir").unwrap_or_else(|| data_dir.clone()),
        data_dir,
        tick_time,
        client_port: client_port(from, own_line, ensemble.is_some())?,
        sessions: sessions(from, tick_time)?,
        storage: storage(from),
        purge: purge(from),
        limits: limits(from),
        connection_throttle: connection_throttle(from),
        request_throttle: request_throttle(from),
        network: network(from),
        tree: tree(from),
        containers: containers(from),
        auth: auth(from),
        four_letter_words: whitelist(from, read_only_mode),
        read_only_mode,
        standalone_enabled: from.flag("standaloneEnabled"),
        reconfig_enabled: from.flag("reconfigEnabled"),
        ensemble,
    })
}

fn path(from: &Settings, name: &str) -> Option<PathBuf> {
    Some(from.text(name)).filter(|text| !text.is_empty()).map(PathBuf::from)
}

/// This server's line in the membership: where it stands, its key, and what it says.
pub(super) type OwnLine = (Origin, String, Member);

/// The client port, from its own keys or from this server's line, which must not contradict them. A member may
/// have none.
fn client_port(
    from: &Settings,
    own_line: Option<OwnLine>,
    is_member: bool,
) -> Result<Option<ClientPort>, ConfigError> {
    let backlog = from.number("clientPortListenBacklog").and_then(|number| u32::try_from(number).ok());
    let host = Some(from.text("clientPortAddress").trim_matches(['[', ']']))
        .filter(|text| !text.is_empty())
        .map(str::to_string);
    let port =
        from.number("clientPort").map(|port| u16::try_from(port).expect("the row's range fits a port"));
    let listed = own_line.and_then(|(origin, key, member)| Some((origin, key, member.client?)));
    match (port, listed) {
        (Some(port), None) => Ok(Some(ClientPort { host, port, backlog })),
        (None, None) if is_member && host.is_none() => Ok(None),
        (None, None) => Err(no_client_port(from)),
        (None, Some((_, _, (listed, port)))) => {
            let host = Some(listed).filter(|host| !is_any(host)).or(host);
            Ok(Some(ClientPort { host, port, backlog }))
        }
        (Some(port), Some((origin, key, (listed, listed_port)))) => {
            let says = |what: &str, other: &dyn std::fmt::Display| {
                let problem = format!(
                    "its client address {listed}:{listed_port} differs from {what}={other}; drop one of them"
                );
                Err(ConfigError::Conflict { origin, key, problem })
            };
            if port != listed_port {
                return says("clientPort", &port);
            }
            match host.filter(|host| !is_any(host)) {
                Some(host) if host != listed => says("clientPortAddress", &host),
                _ => {
                    let host = Some(listed).filter(|host| !is_any(host));
                    Ok(Some(ClientPort { host, port, backlog }))
                }
            }
        }
    }
}

/// Whether a host stands for every address of the machine.
fn is_any(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
}

fn no_client_port(from: &Settings) -> ConfigError {
    match from.set("clientPortAddress") {
        Some(setting) if !setting.value.is_empty() => ConfigError::Conflict {
            origin: setting.origin.clone(),
            key: "clientPortAddress".into(),
            problem: "it is set but clientPort is not".into(),
        },
        _ => ConfigError::Missing {
            key: "clientPort",
            needed: "it is the port clients connect to, as in clientPort=2181",
        },
    }
}

fn sessions(from: &Settings, tick_time: Duration) -> Result<Sessions, ConfigError> {
    let bound = |name: &str, ticks: u32| match (from.number(name), from.set(name)) {
        (Some(0), Some(setting)) => Err(setting.bad_value(name)),
        (Some(number), _) if number > 0 => Ok(Duration::from_millis(number.unsigned_abs())),
        _ => Ok(tick_time * ticks),
    };
    let (min_timeout, max_timeout) = (bound("minSessionTimeout", 2)?, bound("maxSessionTimeout", 20)?);
    if min_timeout <= max_timeout {
        return Ok(Sessions { min_timeout, max_timeout });
    }
    let name =
        if from.set("minSessionTimeout").is_some() { "minSessionTimeout" } else { "maxSessionTimeout" };
    Err(ConfigError::Conflict {
        origin: from.set(name).map_or(Origin::Default, |setting| setting.origin.clone()),
        key: name.into(),
        problem: format!(
            "minSessionTimeout ({} ms) must not be larger than maxSessionTimeout ({} ms)",
            min_timeout.as_millis(),
            max_timeout.as_millis()
        ),
    })
}

fn storage(from: &Settings) -> Storage {
    let kb = |name: &str| from.positive(name).map(|number| number * 1024);
    let flush_delay = from.millis("flushDelay");
    let poll_time = from.set("maxWriteQueuePollTime").map(|_| from.millis("maxWriteQueuePollTime"));
    Storage {
        preallocate_bytes: kb("preAllocSize").unwrap_or(0),
        snap_count: from.count("snapCount"),
        snap_size_limit_bytes: kb("snapSizeLimitInKb"),
        log_size_limit_bytes: kb("txnLogSizeLimitInKb"),
        commit_log_count: from.count("commitLogCount"),
        force_sync: from.flag("forceSync"),
        fsync_warning_threshold: from.millis("fsync.warningthresholdms"),
        snapshot_compression: match from.text("snapshot.compression.method") {
            "gz" => Compression::Gzip,
            "snappy" => Compression::Snappy,
            _ => Compression::None,
        },
        trust_empty_snapshot: from.flag("snapshot.trust.empty"),
        create_data_dir: from.flag("datadir.autocreate"),
        create_database: from.flag("db.autocreate"),
        serialize_last_zxid: from.flag("serializeLastProcessedZxid.enabled"),
        flush_delay,
        max_write_queue_poll_time: poll_time.unwrap_or(flush_delay / 3),
        max_batch_size: from.positive("maxBatchSize"),
    }
}

fn purge(from: &Settings) -> Purge {
    Purge {
        snap_retain_count: from.positive_int("autopurge.snapRetainCount").unwrap_or(0),
        interval: value::period(from.text("autopurge.purgeInterval")).flatten(),
    }
}

fn limits(from: &Settings) -> Limits {
    let bytes = |name: &str| from.positive(name).map(|number| number as usize);
    let jute_max_buffer = bytes("jute.maxbuffer").unwrap_or(0);
    Limits {
        max_connections_per_address: from.positive_int("maxClientCnxns"),
        max_connections: from.positive_int("maxCnxns"),
        outstanding: from.positive_int("globalOutstandingLimit").unwrap_or(0),
        jute_max_buffer,
        jute_extra_size: bytes("jute.maxbuffer.extrasize").unwrap_or(jute_max_buffer.max(1024)),
        large_request_max_bytes: from.count("largeRequestMaxBytes"),
        large_request_threshold: from.positive("largeRequestThreshold"),
    }
}

fn connection_throttle(from: &Settings) -> ConnectionThrottle {
    let tokens = |name: &str| from.positive_int(name).unwrap_or(0);
    ConnectionThrottle {
        tokens: from.positive_int("connection_throttle_tokens"),
        fill_time: from.millis("connection_throttle_fill_time"),
        fill_count: tokens("connection_throttle_fill_count"),
        freeze_time: from.positive_millis("connection_throttle_freeze_time"),
        drop_increase: from.ratio("connection_throttle_drop_increase"),
        drop_decrease: from.ratio("connection_throttle_drop_decrease"),
        decrease_ratio: from.ratio("connection_throttle_decrease_ratio"),
        weight_enabled: from.flag("connection_throttle_weight_enabled"),
        global_session_weight: tokens("connection_throttle_global_session_weight"),
        local_session_weight: tokens("connection_throttle_local_session_weight"),
        renew_session_weight: tokens("connection_throttle_renew_session_weight"),
    }
}

fn request_throttle(from: &Settings) -> RequestThrottle {
    RequestThrottle {
        max_requests: from.positive_int("request_throttle_max_requests"),
        stall_time: from.millis("request_throttle_stall_time"),
        drop_stale: from.flag("request_throttle_drop_stale"),
        stale_connection_check: from.flag("request_stale_connection_check"),
        stale_latency_check: from.flag("request_stale_latency_check"),
        shutdown_timeout: from.millis("request_throttler.shutdownTimeout"),
        throttled_op_wait_time: from.positive_millis("throttled_op_wait_time"),
    }
}

fn network(from: &Settings) -> Network {
    Network {
        sessionless_timeout: from.millis("nio.sessionlessCnxnTimeout"),
        event_loop_threads: from.positive("nio.numSelectorThreads").map(|number| number as usize),
        tcp_keep_alive: from.flag("clientTcpKeepAlive"),
    }
}

fn tree(from: &Settings) -> Tree {
    Tree {
        digest_enabled: from.flag("digest.enabled"),
        close_session_txn: from.flag("closeSessionTxn.enabled"),
        extended_types: from.flag("extendedTypesEnabled"),
        emulate_353_ttl: from.flag("emulate353TTLNodes"),
        enforce_quota: from.flag("enforceQuota"),
        skip_acl: from.flag("skipACL"),
        eager_acl_check: from.flag("enableEagerACLCheck"),
    }
}

fn containers(from: &Settings) -> Containers {
    Containers {
        check_interval: from.millis("znode.container.checkIntervalMs"),
        max_per_minute: from.positive_int("znode.container.maxPerMinute").unwrap_or(0),
        max_never_used: from.positive_millis("znode.container.maxNeverUsedIntervalMs"),
    }
}

fn auth(from: &Settings) -> Auth {
    let super_digest = from.text("DigestAuthenticationProvider.superDigest");
    let names = from.text("ensembleAuthName").split(',').map(str::trim);
    Auth {
        digest_enabled: from.flag("DigestAuthenticationProvider.enabled"),
        digest_algorithm: match from.text("DigestAuthenticationProvider.digestAlg") {
            "SHA-256" => DigestAlgorithm::Sha256,
            "SHA-512" => DigestAlgorithm::Sha512,
            _ => DigestAlgorithm::Sha1,
        },
        super_digest: Some(super_digest).filter(|text| !text.is_empty()).map(Secret::new),
        ensemble_scheme: from
            .family("authProvider.")
            .any(|(_, setting)| setting.value == super::table::ENSEMBLE_PROVIDER),
        ensemble_names: names.filter(|name| !name.is_empty()).map(str::to_string).collect(),
    }
}

fn whitelist(from: &Settings, read_only_mode: bool) -> Whitelist {
    let mut list = Whitelist::parse(from.text("4lw.commands.whitelist"));
    if read_only_mode {
        list.allow(Word::Isro);
    }
    list
}

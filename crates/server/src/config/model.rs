//! The configuration as the server uses it: parsed once, typed, passed by value.
//!
//! Every field names the ZooKeeper key it comes from. Durations and byte counts are already in their
//! natural types; "off" and "unlimited" values (0 or -1 in the file) are `None`.

use super::{Ensemble, Secret};
use crate::fourletter::Whitelist;
use std::path::PathBuf;
use std::time::Duration;

/// Everything a server can be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `dataDir`: snapshots (in its `version-2`), `myid`.
    pub data_dir: PathBuf,
    /// `dataLogDir`: transaction logs (in its `version-2`); the same as `data_dir` unless set.
    pub data_log_dir: PathBuf,
    /// `tickTime`: the base time unit; never zero.
    pub tick_time: Duration,
    /// Where clients connect; only a member of an ensemble may have none.
    pub client_port: Option<ClientPort>,
    /// Bounds of a session's timeout.
    pub sessions: Sessions,
    /// Log and snapshot settings.
    pub storage: Storage,
    /// Clean-up of old snapshots and logs.
    pub purge: Purge,
    /// Bounds on connections and requests.
    pub limits: Limits,
    /// `connection_throttle_*`.
    pub connection_throttle: ConnectionThrottle,
    /// `request_throttle_*` and what counts as a stale request.
    pub request_throttle: RequestThrottle,
    /// Socket behaviour.
    pub network: Network,
    /// Behaviour of the replicated state machine.
    pub tree: Tree,
    /// `znode.container.*`.
    pub containers: Containers,
    /// Authentication and super users.
    pub auth: Auth,
    /// `4lw.commands.whitelist`, with `isro` added when read-only mode is on.
    pub four_letter_words: Whitelist,
    /// `readonlymode.enabled`: opens `isro`; a standalone server never becomes read-only.
    pub read_only_mode: bool,
    /// `standaloneEnabled`.
    pub standalone_enabled: bool,
    /// `reconfigEnabled`: decides which error a standalone server gives to a reconfig request.
    pub reconfig_enabled: bool,
    /// The ensemble this server is a member of; `None` for a standalone server.
    pub ensemble: Option<Ensemble>,
}

/// The plaintext client port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientPort {
    /// `clientPortAddress`: host name or address to bind; `None` is every address of the machine.
    pub host: Option<String>,
    /// `clientPort`: 1..=65535 from a file; a test may put 0 to let the system choose.
    pub port: u16,
    /// `clientPortListenBacklog`: `None` leaves it to the system.
    pub backlog: Option<u32>,
}

/// Bounds a client's wish for a session timeout is clamped to; `min_timeout <= max_timeout`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sessions {
    /// `minSessionTimeout`, 2 ticks unless set.
    pub min_timeout: Duration,
    /// `maxSessionTimeout`, 20 ticks unless set.
    pub max_timeout: Duration,
}

/// How snapshots are compressed on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Plain.
    None,
    /// gzip; files end in `.gz`.
    Gzip,
    /// snappy, in the stream framing of the Java library; files end in `.snappy`.
    Snappy,
}

/// Transaction log and snapshots.
#[derive(Debug, Clone, PartialEq)]
pub struct Storage {
    /// `preAllocSize` in bytes; 0 switches preallocation off.
    pub preallocate_bytes: u64,
    /// `snapCount`: transactions between snapshots, at least 2.
    pub snap_count: u64,
    /// `snapSizeLimitInKb` in bytes: log bytes between snapshots; `None` is no limit by size.
    pub snap_size_limit_bytes: Option<u64>,
    /// `txnLogSizeLimitInKb` in bytes: a log file is rolled at this size; `None` never rolls by size.
    pub log_size_limit_bytes: Option<u64>,
    /// `commitLogCount`: committed transactions kept in memory, at least 500.
    pub commit_log_count: u64,
    /// `forceSync`: whether a transaction is on stable storage before it is acknowledged.
    pub force_sync: bool,
    /// `fsync.warningthresholdms`: a slower sync is reported.
    pub fsync_warning_threshold: Duration,
    /// `snapshot.compression.method`.
    pub snapshot_compression: Compression,
    /// `snapshot.trust.empty`: accept logs without any snapshot.
    pub trust_empty_snapshot: bool,
    /// `datadir.autocreate`: create missing data directories.
    pub create_data_dir: bool,
    /// `db.autocreate`: start from an empty database without an `initialize` file.
    pub create_database: bool,
    /// `serializeLastProcessedZxid.enabled`: the extra zxid block at the end of a snapshot.
    pub serialize_last_zxid: bool,
    /// `flushDelay`: how long appended transactions may wait for company before the sync.
    pub flush_delay: Duration,
    /// `maxWriteQueuePollTime`: how long the log waits for the next request before it flushes.
    pub max_write_queue_poll_time: Duration,
    /// `maxBatchSize`: transactions that force a flush; `None` has no bound.
    pub max_batch_size: Option<u64>,
}

/// `autopurge.*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    /// `autopurge.snapRetainCount`: snapshots kept, at least 3.
    pub snap_retain_count: u32,
    /// `autopurge.purgeInterval`: `None` is off.
    pub interval: Option<Duration>,
}

/// Bounds that keep one client from harming the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `maxClientCnxns`: connections from one address; `None` is unlimited.
    pub max_connections_per_address: Option<u32>,
    /// `maxCnxns`: connections in total; `None` is unlimited.
    pub max_connections: Option<u32>,
    /// `globalOutstandingLimit`: requests in flight before reading pauses.
    pub outstanding: u32,
    /// `jute.maxbuffer`: bytes of one frame or record.
    pub jute_max_buffer: usize,
    /// `jute.maxbuffer.extrasize`: slack on top of it for records the server derives, at least 1024 bytes.
    pub jute_extra_size: usize,
    /// `largeRequestMaxBytes`: bytes of large requests in flight.
    pub large_request_max_bytes: u64,
    /// `largeRequestThreshold`: bytes from which a request counts as large; `None` is off.
    pub large_request_threshold: Option<u64>,
}

/// The token bucket in front of new connections.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionThrottle {
    /// `connection_throttle_tokens`: size of the bucket; `None` switches throttling off.
    pub tokens: Option<u32>,
    /// `connection_throttle_fill_time`: time between refills, never zero.
    pub fill_time: Duration,
    /// `connection_throttle_fill_count`: tokens per refill.
    pub fill_count: u32,
    /// `connection_throttle_freeze_time`: period of the drop probability's adjustment; `None` is off.
    pub freeze_time: Option<Duration>,
    /// `connection_throttle_drop_increase`: step up, 0..=1.
    pub drop_increase: f64,
    /// `connection_throttle_drop_decrease`: step down, 0..=1.
    pub drop_decrease: f64,
    /// `connection_throttle_decrease_ratio`: share of free tokens from which the probability falls, 0..=1.
    pub decrease_ratio: f64,
    /// `connection_throttle_weight_enabled`: whether the weights below count; otherwise each costs one token.
    pub weight_enabled: bool,
    /// `connection_throttle_global_session_weight`: tokens of a new session.
    pub global_session_weight: u32,
    /// `connection_throttle_local_session_weight`: tokens of a new local session.
    pub local_session_weight: u32,
    /// `connection_throttle_renew_session_weight`: tokens of a reconnecting session.
    pub renew_session_weight: u32,
}

/// The request throttler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestThrottle {
    /// `request_throttle_max_requests`: requests in progress before the rest waits; `None` is off.
    pub max_requests: Option<u32>,
    /// `request_throttle_stall_time`: how long a throttled request waits before it looks again.
    pub stall_time: Duration,
    /// `request_throttle_drop_stale`: drop stale requests rather than serve them.
    pub drop_stale: bool,
    /// `request_stale_connection_check`: requests of a closed connection are stale.
    pub stale_connection_check: bool,
    /// `request_stale_latency_check`: requests older than their session's timeout are stale.
    pub stale_latency_check: bool,
    /// `request_throttler.shutdownTimeout`: time to drain at shutdown.
    pub shutdown_timeout: Duration,
    /// `throttled_op_wait_time`: a request queued longer is answered with THROTTLEDOP; `None` is off.
    pub throttled_op_wait_time: Option<Duration>,
}

/// Socket behaviour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// `nio.sessionlessCnxnTimeout`: a connection without a session is closed after this.
    pub sessionless_timeout: Duration,
    /// `nio.numSelectorThreads`: event-loop threads; `None` lets the server choose by cores.
    pub event_loop_threads: Option<usize>,
    /// `clientTcpKeepAlive`: `SO_KEEPALIVE` on client sockets.
    pub tcp_keep_alive: bool,
}

/// Behaviour of the replicated state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// `digest.enabled`: keep the digest of the whole tree.
    pub digest_enabled: bool,
    /// `closeSessionTxn.enabled`: a session's close lists the ephemerals it deletes.
    pub close_session_txn: bool,
    /// `extendedTypesEnabled`: TTL nodes may be created.
    pub extended_types: bool,
    /// `emulate353TTLNodes`: read TTL nodes as release 3.5.3 wrote them.
    pub emulate_353_ttl: bool,
    /// `enforceQuota`: hard quotas reject rather than warn.
    pub enforce_quota: bool,
    /// `skipACL`: no ACL is checked.
    pub skip_acl: bool,
    /// `enableEagerACLCheck`: no effect on a standalone server, which checks every request itself.
    pub eager_acl_check: bool,
}

/// The sweep that removes empty containers and outdated TTL nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Containers {
    /// `znode.container.checkIntervalMs`: time between sweeps, never zero.
    pub check_interval: Duration,
    /// `znode.container.maxPerMinute`: deletions per minute, never zero.
    pub max_per_minute: u32,
    /// `znode.container.maxNeverUsedIntervalMs`: containers that never had a child go after this;
    /// `None` keeps them.
    pub max_never_used: Option<Duration>,
}

/// Hash of the digest scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestAlgorithm {
    /// SHA-1, the default.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// Authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// `DigestAuthenticationProvider.enabled`: whether the digest scheme exists.
    pub digest_enabled: bool,
    /// `DigestAuthenticationProvider.digestAlg`.
    pub digest_algorithm: DigestAlgorithm,
    /// `DigestAuthenticationProvider.superDigest`: `user:base64(hash)` of the super user.
    pub super_digest: Option<Secret>,
    /// Whether `authProvider.N` registers the scheme `ensemble`; without it the scheme is unknown.
    pub ensemble_scheme: bool,
    /// `ensembleAuthName`: names this server answers to in the scheme `ensemble`; empty accepts every name.
    pub ensemble_names: Vec<String>,
}

//! Configuration: from ZooKeeper's file, flags and environment to one typed [`Config`].

mod model;
mod secret;

pub use model::{
    Auth, ClientPort, Compression, Config, ConnectionThrottle, Containers, DigestAlgorithm, Limits, Network,
    Purge, RequestThrottle, Sessions, Storage, Tree,
};
pub use secret::Secret;

use crate::fourletter::Whitelist;
use std::path::PathBuf;
use std::time::Duration;

impl Config {
    /// Safe defaults for a server started without a configuration file: port 2181 on 127.0.0.1, tick of
    /// 2 seconds, everything in `data_dir`.
    pub fn standalone_default(data_dir: PathBuf) -> Config {
        let ms = Duration::from_millis;
        Config {
            data_log_dir: data_dir.clone(),
            data_dir,
            tick_time: ms(2000),
            client_port: ClientPort { host: Some("127.0.0.1".into()), port: 2181, backlog: None },
            sessions: Sessions { min_timeout: ms(4000), max_timeout: ms(40_000) },
            storage: Storage {
                preallocate_bytes: 64 << 20,
                snap_count: 100_000,
                snap_size_limit_bytes: Some(4 << 30),
                log_size_limit_bytes: None,
                commit_log_count: 500,
                force_sync: true,
                fsync_warning_threshold: ms(1000),
                snapshot_compression: Compression::None,
                trust_empty_snapshot: false,
                create_data_dir: true,
                create_database: true,
                serialize_last_zxid: true,
                flush_delay: ms(0),
                max_write_queue_poll_time: ms(0),
                max_batch_size: Some(1000),
            },
            purge: Purge { snap_retain_count: 3, interval: None },
            limits: Limits {
                max_connections_per_address: Some(60),
                max_connections: None,
                outstanding: 1000,
                jute_max_buffer: 0xfffff,
                jute_extra_size: 0xfffff,
                large_request_max_bytes: 100 << 20,
                large_request_threshold: None,
            },
            connection_throttle: ConnectionThrottle {
                tokens: None,
                fill_time: ms(1),
                fill_count: 1,
                freeze_time: None,
                drop_increase: 0.02,
                drop_decrease: 0.002,
                decrease_ratio: 0.0,
                weight_enabled: false,
                global_session_weight: 3,
                local_session_weight: 1,
                renew_session_weight: 2,
            },
            request_throttle: RequestThrottle {
                max_requests: None,
                stall_time: ms(100),
                drop_stale: true,
                stale_connection_check: true,
                stale_latency_check: false,
                shutdown_timeout: ms(10_000),
                throttled_op_wait_time: None,
            },
            network: Network {
                sessionless_timeout: ms(10_000),
                event_loop_threads: None,
                tcp_keep_alive: false,
            },
            tree: Tree {
                digest_enabled: true,
                close_session_txn: true,
                extended_types: false,
                emulate_353_ttl: false,
                enforce_quota: false,
                skip_acl: false,
                eager_acl_check: false,
            },
            containers: Containers {
                check_interval: ms(60_000),
                max_per_minute: 10_000,
                max_never_used: None,
            },
            auth: Auth {
                digest_enabled: true,
                digest_algorithm: DigestAlgorithm::Sha1,
                super_digest: None,
                ensemble_names: Vec::new(),
            },
            four_letter_words: Whitelist::parse("srvr"),
            read_only_mode: false,
            standalone_enabled: true,
            reconfig_enabled: false,
        }
    }
}

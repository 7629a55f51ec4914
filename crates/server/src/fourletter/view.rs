//! What the words show: plain data, and a trait whose methods are asked only by the words that need them.

use crate::config::Config;
use crate::java_text;
use proto::ids::{SessionId, Zxid};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Which part the server plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Alone, without an ensemble.
    Standalone,
    /// Leads its ensemble.
    Leader,
    /// Follows and votes.
    Follower,
    /// Follows without a vote.
    Observer,
    /// Cut off from its ensemble; serves reads only.
    ReadOnly,
}

impl Mode {
    /// The word the reference uses.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Standalone => "standalone",
            Mode::Leader => "leader",
            Mode::Follower => "follower",
            Mode::Observer => "observer",
            Mode::ReadOnly => "read-only",
        }
    }
}

/// A series of measurements, reduced. Without samples every figure is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Samples {
    /// Smallest.
    pub min: u64,
    /// Greatest.
    pub max: u64,
    /// Sum of all.
    pub total: u64,
    /// How many.
    pub count: u64,
}

impl Samples {
    /// Adds one measurement.
    pub fn record(&mut self, value: u64) {
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.total = self.total.saturating_add(value);
        self.count += 1;
    }

    /// Takes in the measurements of another series.
    pub fn merge(&mut self, other: &Samples) {
        match (self.count, other.count) {
            (_, 0) => {}
            (0, _) => *self = *other,
            _ => {
                self.min = self.min.min(other.min);
                self.max = self.max.max(other.max);
                self.total = self.total.saturating_add(other.total);
                self.count += other.count;
            }
        }
    }

    /// Average with at most 4 decimals.
    pub fn average(&self) -> f64 {
        java_text::average(self.total, self.count)
    }

    /// Average without its fraction.
    pub fn whole_average(&self) -> u64 {
        self.total.checked_div(self.count).unwrap_or(0)
    }
}

/// The figures of `srvr` and `stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Request latency in milliseconds.
    pub latency_ms: Samples,
    /// Packets received from clients.
    pub received: u64,
    /// Packets sent to clients.
    pub sent: u64,
    /// Open client connections, the asking one included.
    pub connections: u64,
    /// Requests in progress.
    pub outstanding: u64,
    /// Last transaction applied.
    pub zxid: Zxid,
    /// Nodes as the reference counts them, which is one more than there are: a fresh server shows 5.
    pub node_count: u64,
}

/// One client connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The client's end.
    pub address: SocketAddr,
    /// What the server waits for: 1 to read, 4 to write, 5 both, 0 neither.
    pub interest_ops: u8,
    /// Requests in progress.
    pub queued: u64,
    /// Packets received.
    pub received: u64,
    /// Packets sent.
    pub sent: u64,
    /// `None` before the connection has a session, as for a four-letter word.
    pub session: Option<ConnectionSession>,
}

/// What `cons` tells about a connection that has a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionSession {
    /// The session.
    pub id: SessionId,
    /// Short name of the last operation answered (`GETD`, `PING`, ...); `NA` before the first.
    pub last_operation: &'static str,
    /// When the connection was made, milliseconds since 1970.
    pub established_ms: i64,
    /// Negotiated timeout in milliseconds.
    pub timeout_ms: u32,
    /// The client's number for its last request; `None` before the first.
    pub last_cxid: Option<i32>,
    /// Zxid of the last reply; `Zxid(-1)` before the first.
    pub last_zxid: Zxid,
    /// When the last reply was sent, in milliseconds of a monotonic clock; 0 before the first.
    pub last_response_ms: u64,
    /// Latency of the last request in milliseconds.
    pub last_latency_ms: u64,
    /// Latency of all requests in milliseconds.
    pub latency_ms: Samples,
}

/// Things that expire at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiring<T> {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// What expires then.
    pub items: Vec<T>,
}

/// Bytes on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectorySizes {
    /// Snapshot directory.
    pub snapshots: u64,
    /// Transaction log directory.
    pub logs: u64,
}

/// The size of the watch table, data watches only (as `wchs` counts them).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchCounts {
    /// Connections with at least one watch.
    pub connections: u64,
    /// Paths watched.
    pub paths: u64,
    /// Pairs of connection and path.
    pub watches: u64,
}

/// The digest of the tree at one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigestAt {
    /// The transaction.
    pub zxid: Zxid,
    /// The digest after it.
    pub digest: u64,
}

/// The server as the words see it. The driver implements it; each word calls only what it shows, so the costly
/// methods may do their work when called.
pub trait View {
    /// Version, build and date: `3.9.4-abcdef, built on 2026-11-20 21:08 UTC`.
    fn version(&self) -> String;
    /// `None` while the server does not serve.
    fn mode(&self) -> Option<Mode>;
    /// Settings in force.
    fn config(&self) -> &Config;
    /// The figures of `srvr`.
    fn summary(&self) -> Summary;
    /// Every client connection, the asking one included.
    fn connections(&self) -> Vec<Connection>;
    /// Sessions by the moment they expire, soonest first.
    fn sessions_by_expiry(&self) -> Vec<Expiring<SessionId>>;
    /// Connections by the moment they are closed when nothing is heard from them, soonest first.
    fn connections_by_expiry(&self) -> Vec<Expiring<(SocketAddr, SessionId)>>;
    /// Ephemeral nodes by session; sessions without any are left out.
    fn ephemerals(&self) -> Vec<(SessionId, Vec<String>)>;
    /// Data watches by path, with the sessions that watch it.
    fn watches(&self) -> Vec<(String, Vec<SessionId>)>;
    /// The size of the watch table.
    fn watch_counts(&self) -> WatchCounts;
    /// Bytes on disk.
    fn directory_sizes(&self) -> DirectorySizes;
    /// Recent digests of the tree, oldest first.
    fn digests(&self) -> Vec<DigestAt>;
    /// What `mntr` shows, without version and state.
    fn metrics(&self) -> Vec<super::Metric>;
    /// The trace mask in force.
    fn trace_mask(&self) -> i64;
    /// What an ensemble adds; `None` for a standalone server.
    fn member(&self) -> Option<super::Member>;
    /// Sessions known to the whole ensemble with their timeouts in milliseconds, in order of ids.
    fn global_sessions(&self) -> Vec<(SessionId, i32)>;
    /// Sessions that only this server knows; `None` when there cannot be any.
    fn local_sessions(&self) -> Option<BTreeSet<SessionId>>;
    /// Names and values of `envi`; see [`super::environment()`].
    fn environment(&self) -> Vec<(&'static str, String)>;
}

//! Watches: who wants to know about which node.

use proto::Zxid;
use proto::acl::Acl;
use proto::watch::EventType;
use std::sync::Arc;

/// A connection that can hold watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatcherId(pub u64);

/// An event on its way to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// Whom to tell.
    pub watcher: WatcherId,
    /// What happened.
    pub kind: EventType,
    /// To which node.
    pub path: Arc<str>,
    /// The transaction that did it; -1 when re-registration found it out.
    pub zxid: Zxid,
    /// The list under which the receiver needs READ at delivery (HC-179); `None`: no check.
    pub acl: Option<Arc<[Acl]>>,
}

/// Watches in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WatchTotals {
    /// Connections with at least one watch.
    pub watchers: usize,
    /// Paths with at least one watch.
    pub paths: usize,
    /// Watches: pairs of connection and path.
    pub watches: usize,
}

/// All watches of this server's connections.
#[derive(Default)]
pub struct Watches {}

impl Watches {
    /// No watches.
    pub fn new() -> Self {
        Self::default()
    }

    /// Drops all watches of a connection that is gone (HC-90).
    pub fn remove_watcher(&mut self, watcher: WatcherId) {
        let _ = watcher;
    }

    /// Whether nobody watches anything.
    pub fn is_empty(&self) -> bool {
        true
    }

    /// Number of watches, data and child, as `zk_watch_count` and `srvr` show it.
    pub fn watch_count(&self) -> usize {
        0
    }

    /// Figures of the data watches, for `wchs`.
    pub fn data_totals(&self) -> WatchTotals {
        WatchTotals::default()
    }

    /// Data watches by connection, connections and paths sorted, for `wchc`.
    pub fn data_by_watcher(&self) -> Vec<(WatcherId, Vec<Arc<str>>)> {
        Vec::new()
    }

    /// Data watches by path, paths and connections sorted, for `wchp`.
    pub fn data_by_path(&self) -> Vec<(Arc<str>, Vec<WatcherId>)> {
        Vec::new()
    }
}

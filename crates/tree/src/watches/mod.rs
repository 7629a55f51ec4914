//! Watches: who wants to know about which node.
//!
//! There are data watches (a node came, went, changed) and child watches (its children did, or it
//! went). Persistent watches stand in both tables, recursive ones only among the data watches.
//!
//! //= java: WatchManager

mod dispatch;
mod table;

pub(crate) use dispatch::Effects;
pub(crate) use table::mode;

use proto::Zxid;
use proto::acl::Acl;
use proto::watch::{AddWatchMode, EventType, WatcherKind};
use std::sync::Arc;
use table::Table;

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
    /// Connections that watch something, or did and still are connected.
    pub watchers: usize,
    /// Paths with at least one watch.
    pub paths: usize,
    /// Watches: pairs of connection and path.
    pub watches: usize,
}

/// All watches of this server's connections.
#[derive(Default)]
pub struct Watches {
    data: Table,
    child: Table,
}

impl Watches {
    /// No watches.
    pub fn new() -> Self {
        Self::default()
    }

    /// Drops all watches of a connection that is gone (HC-90).
    pub fn remove_watcher(&mut self, watcher: WatcherId) {
        self.data.remove_watcher(watcher);
        self.child.remove_watcher(watcher);
    }

    /// Whether nobody watches anything.
    pub fn is_empty(&self) -> bool {
        self.watch_count() == 0
    }

    /// Number of watches, data and child, as `zk_watch_count` shows it.
    pub fn watch_count(&self) -> usize {
        self.data.len() + self.child.len()
    }

    /// Figures of the data watches, for `wchs`.
    pub fn data_totals(&self) -> WatchTotals {
        WatchTotals { watchers: self.data.watchers(), paths: self.data.paths(), watches: self.data.len() }
    }

    /// Data watches by connection, connections and paths sorted, for `wchc`.
    pub fn data_by_watcher(&self) -> Vec<(WatcherId, Vec<Arc<str>>)> {
        self.data.list_by_watcher()
    }

    /// Data watches by path, paths and connections sorted, for `wchp`.
    pub fn data_by_path(&self) -> Vec<(Arc<str>, Vec<WatcherId>)> {
        self.data.list_by_path()
    }

    pub(crate) fn watch_data(&mut self, path: &str, watcher: WatcherId) {
        self.data.add(path, watcher, mode::ONE_SHOT);
    }

    pub(crate) fn watch_children(&mut self, path: &str, watcher: WatcherId) {
        self.child.add(path, watcher, mode::ONE_SHOT);
    }

    pub(crate) fn add(&mut self, path: &str, watcher: WatcherId, how: AddWatchMode) {
        match how {
            AddWatchMode::Persistent => {
                self.data.add(path, watcher, mode::PERSISTENT);
                self.child.add(path, watcher, mode::PERSISTENT);
            }
            AddWatchMode::PersistentRecursive => self.data.add(path, watcher, mode::RECURSIVE),
        }
    }

    /// Whether a connection has a watch of a kind on a path.
    pub(crate) fn contains(&self, path: &str, watcher: WatcherId, kind: WatcherKind) -> bool {
        let (data, child) = modes_of(kind);
        self.data.modes(path, watcher) & data != 0 || self.child.modes(path, watcher) & child != 0
    }

    /// Removes exactly the watches of a kind (HC-89); false when there was none.
    pub(crate) fn remove(&mut self, path: &str, watcher: WatcherId, kind: WatcherKind) -> bool {
        let (data, child) = modes_of(kind);
        let removed = self.data.remove(path, watcher, data);
        self.child.remove(path, watcher, child) | removed != 0
    }
}

/// Which modes in the data and in the child table make up a kind.
fn modes_of(kind: WatcherKind) -> (u8, u8) {
    match kind {
        WatcherKind::Children => (0, mode::ONE_SHOT),
        WatcherKind::Data => (mode::ONE_SHOT, 0),
        WatcherKind::Any => (mode::ALL, mode::ALL),
        WatcherKind::Persistent => (mode::PERSISTENT, mode::PERSISTENT),
        WatcherKind::PersistentRecursive => (mode::RECURSIVE, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReadOp;
    use crate::testkit::*;

    #[test]
    fn who_watches_data_and_children_hears_of_the_deletion_once() {
        let mut w = World::new();
        w.ok(&create("/a"));
        w.read(&ReadOp::GetData(watch("/a"))).unwrap();
        w.read(&ReadOp::GetChildren(watch("/a"))).unwrap();
        w.read_as(WatcherId(2), &ReadOp::GetChildren(watch("/a"))).unwrap();
        w.read_as(WatcherId(3), &ReadOp::GetChildren(watch("/"))).unwrap();
        w.ok(&delete("/a"));
        assert_eq!(w.events(), ["NodeDeleted /a 1", "NodeDeleted /a 2", "NodeChildrenChanged / 3"]);
        assert!(w.watches.is_empty());
    }

    #[test]
    fn hc_90_a_closed_connection_leaves_no_watch() {
        let mut w = World::new();
        w.ok(&create("/a"));
        w.read(&ReadOp::GetData(watch("/a"))).unwrap();
        w.read(&ReadOp::GetChildren(watch("/a"))).unwrap();
        w.watches.remove_watcher(WatcherId(1));
        assert!(w.watches.is_empty());
        w.ok(&delete("/a"));
        assert_eq!(w.events(), [""; 0]);
    }

    #[test]
    fn listings_show_data_watches_sorted() {
        let mut w = World::new();
        for path in ["/b", "/a"] {
            w.ok(&create(path));
            w.read_as(WatcherId(2), &ReadOp::GetData(watch(path))).unwrap();
        }
        w.read(&ReadOp::GetData(watch("/b"))).unwrap();
        w.read(&ReadOp::GetChildren(watch("/a"))).unwrap();
        assert_eq!(w.watches.data_totals(), WatchTotals { watchers: 2, paths: 2, watches: 3 });
        let by_path = w.watches.data_by_path();
        assert_eq!(by_path[1], (Arc::from("/b"), vec![WatcherId(1), WatcherId(2)]));
        let by_watcher = w.watches.data_by_watcher();
        assert_eq!(by_watcher[1], (WatcherId(2), vec![Arc::from("/a"), Arc::from("/b")]));
        assert_eq!(w.watches.watch_count(), 4);
    }

    #[test]
    fn the_end_of_a_session_is_told_like_any_deletion() {
        let mut w = World::new();
        w.ok(&create_with("/e", 1));
        w.read(&ReadOp::Exists(watch("/e"))).unwrap();
        w.run(&crate::WriteOp::CloseSession);
        assert_eq!(w.events(), ["NodeDeleted /e 1"]);
    }
}

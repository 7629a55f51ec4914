//! Watch events and the kinds of watches.

use crate::jute::record;

/// What happened to a watched node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum EventType {
    /// It was created.
    NodeCreated = 1,
    /// It was deleted.
    NodeDeleted = 2,
    /// Its data was set.
    NodeDataChanged = 3,
    /// A child came or went.
    NodeChildrenChanged = 4,
}

/// The only connection state a server ever puts into an event.
pub const STATE_SYNC_CONNECTED: i32 = 3;

record! {
    /// An event on its way to a client.
    WatcherEvent {
        /// An [`EventType`].
        kind: i32,
        /// [`STATE_SYNC_CONNECTED`].
        state: i32,
        /// The node, without any chroot.
        path: String,
    }
}

/// How long `addWatch` watches, and how wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum AddWatchMode {
    /// The node and its list of children, until removed.
    Persistent = 0,
    /// The node and all below it, until removed.
    PersistentRecursive = 1,
}

impl AddWatchMode {
    /// The mode with this number.
    pub fn from_code(code: i32) -> Option<Self> {
        [Self::Persistent, Self::PersistentRecursive].into_iter().find(|m| *m as i32 == code)
    }
}

/// Which watches `checkWatches` and `removeWatches` mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum WatcherKind {
    /// One-shot child watches.
    Children = 1,
    /// One-shot data and exists watches.
    Data = 2,
    /// All kinds.
    Any = 3,
    /// Persistent watches.
    Persistent = 4,
    /// Persistent recursive watches.
    PersistentRecursive = 5,
}

impl WatcherKind {
    /// The kind with this number.
    pub fn from_code(code: i32) -> Option<Self> {
        use WatcherKind::*;
        [Children, Data, Any, Persistent, PersistentRecursive].into_iter().find(|k| *k as i32 == code)
    }
}

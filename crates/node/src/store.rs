//! The tree's read side: shared by the node, which writes, and the connections, which read.

use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::sync::atomic::{AtomicU8, Ordering};
use tree::{Tree, Watches};

/// The replicated state and the watches on it.
///
/// Lock order: the tree first, then the watches. Both are held for a slice of work, never across
/// I/O (HC-59).
pub struct Store {
    tree: RwLock<Tree>,
    watches: Mutex<Watches>,
    serving: AtomicU8,
}

/// Whom a member serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Serving {
    /// Nobody: it has no leader.
    No = 0,
    /// Those who asked for read-only service.
    ReadOnly = 1,
    /// Everybody.
    Yes = 2,
}

impl Store {
    /// A store around a tree, nobody watching.
    pub fn new(tree: Tree) -> Self {
        Self {
            tree: RwLock::new(tree),
            watches: Mutex::new(Watches::new()),
            serving: AtomicU8::new(Serving::No as u8),
        }
    }

    /// Holds the tree still for reading.
    pub fn view(&self) -> View<'_> {
        View { tree: self.tree.read(), watches: &self.watches, serving: self.serving() }
    }

    /// Whom this member serves.
    pub fn serving(&self) -> Serving {
        match self.serving.load(Ordering::Acquire) {
            0 => Serving::No,
            1 => Serving::ReadOnly,
            _ => Serving::Yes,
        }
    }

    pub(crate) fn set_serving(&self, serving: Serving) {
        self.serving.store(serving as u8, Ordering::Release);
    }

    /// Puts another tree in place of this one, with what watches there are.
    pub(crate) fn replace(&self, tree: Tree) {
        *self.tree.write() = tree;
    }

    /// Holds the tree for writing: only the node does.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Tree> {
        self.tree.write()
    }

    /// The lock around the watches, for those who need it only sometimes.
    pub(crate) fn watches_lock(&self) -> &Mutex<Watches> {
        &self.watches
    }

    /// The watches, for as long as the guard lives.
    pub fn watches(&self) -> parking_lot::MutexGuard<'_, Watches> {
        self.watches.lock()
    }
}

/// The tree, unchanging while this lives.
pub struct View<'a> {
    /// The tree.
    pub tree: RwLockReadGuard<'a, Tree>,
    pub(crate) watches: &'a Mutex<Watches>,
    /// Whom the member served when this was taken.
    pub serving: Serving,
}

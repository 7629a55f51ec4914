//! The tree's read side: shared by the node, which writes, and the connections, which read.

use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tree::{Tree, Watches};

/// The replicated state and the watches on it.
///
/// Lock order: the tree first, then the watches. Both are held for a slice of work, never across
/// I/O (HC-59).
pub struct Store {
    tree: RwLock<Tree>,
    watches: Mutex<Watches>,
}

impl Store {
    /// A store around a tree, nobody watching.
    pub fn new(tree: Tree) -> Self {
        Self { tree: RwLock::new(tree), watches: Mutex::new(Watches::new()) }
    }

    /// Holds the tree still for reading.
    pub fn view(&self) -> View<'_> {
        View { tree: self.tree.read(), watches: &self.watches }
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
}

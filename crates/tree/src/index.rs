//! From a parent and a name to the child.
//!
//! The table holds only node numbers; the keys are the nodes themselves. It is cut into many small
//! tables, so that growing one of them is never a noticeable pause.

use crate::arena::Arena;
use crate::znode::NodeId;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher};

const SHARDS: usize = 1024;

/// Finds children by name.
pub(crate) struct Index {
    shards: Box<[HashTable<NodeId>]>,
    hasher: FixedState,
}

fn hash(hasher: &FixedState, parent: NodeId, name: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    state.write_u32(parent.0);
    state.write(name);
    state.finish()
}

/// The table uses a hash's lowest and highest bits, so the shard is chosen by some in the middle.
fn shard(hash: u64) -> usize {
    (hash >> 40) as usize % SHARDS
}

impl Index {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| HashTable::new()).collect(),
            hasher: FixedState::with_seed(0x7a61_6272_615f_7472),
        }
    }

    /// The child of `parent` with this name.
    pub(crate) fn find(&self, arena: &Arena, parent: NodeId, name: &[u8]) -> Option<NodeId> {
        let hash = hash(&self.hasher, parent, name);
        let is_it = |id: &NodeId| {
            let node = &arena[*id];
            node.parent == parent && node.name() == name
        };
        self.shards[shard(hash)].find(hash, is_it).copied()
    }

    /// Adds a node that is not there yet.
    pub(crate) fn insert(&mut self, arena: &Arena, id: NodeId) {
        let hasher = &self.hasher;
        let rehash = |id: &NodeId| hash(hasher, arena[*id].parent, arena[*id].name());
        let hash = rehash(&id);
        self.shards[shard(hash)].insert_unique(hash, id, rehash);
    }

    /// Takes a node out.
    pub(crate) fn remove(&mut self, arena: &Arena, id: NodeId) {
        let hash = hash(&self.hasher, arena[id].parent, arena[id].name());
        if let Ok(entry) = self.shards[shard(hash)].find_entry(hash, |other| *other == id) {
            entry.remove();
        }
    }
}

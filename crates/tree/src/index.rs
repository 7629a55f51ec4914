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

/// 32 bits of hash are enough to tell nodes apart, and small to keep while loading.
#[derive(Debug, Clone, Copy)]
struct Hash(u32);

impl Hash {
    /// Spread over 64 bits: the table looks at the lowest and the highest.
    fn spread(self) -> u64 {
        u64::from(self.0).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    /// Chosen by bits in the middle.
    fn shard(self) -> usize {
        (self.spread() >> 40) as usize % SHARDS
    }
}

/// Finds children by name.
pub(crate) struct Index {
    shards: Box<[HashTable<NodeId>]>,
    hasher: FixedState,
    /// While a tree is loaded: what each shard will hold. Empty otherwise.
    deferred: Vec<Vec<(Hash, NodeId)>>,
}

fn hash(hasher: &FixedState, parent: NodeId, name: &[u8]) -> Hash {
    let mut state = hasher.build_hasher();
    state.write_u32(parent.0);
    state.write(name);
    Hash(state.finish() as u32)
}

impl Index {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| HashTable::new()).collect(),
            hasher: FixedState::with_seed(0x7a61_6272_615f_7472),
            deferred: Vec::new(),
        }
    }

    /// The child of `parent` with this name.
    pub(crate) fn find(&self, arena: &Arena, parent: NodeId, name: &[u8]) -> Option<NodeId> {
        debug_assert!(self.deferred.is_empty(), "nothing is found before settling");
        let hash = hash(&self.hasher, parent, name);
        let is_it = |id: &NodeId| {
            let node = &arena[*id];
            node.parent == parent && node.name() == name
        };
        self.shards[hash.shard()].find(hash.spread(), is_it).copied()
    }

    /// Adds a node that is not there yet.
    pub(crate) fn insert(&mut self, arena: &Arena, id: NodeId) {
        let hasher = &self.hasher;
        let rehash = |id: &NodeId| hash(hasher, arena[*id].parent, arena[*id].name());
        let hash = rehash(&id);
        if let Some(shard) = self.deferred.get_mut(hash.shard()) {
            shard.push((hash, id));
        } else {
            self.shards[hash.shard()].insert_unique(hash.spread(), id, |id| rehash(id).spread());
        }
    }

    /// Takes a node out.
    pub(crate) fn remove(&mut self, arena: &Arena, id: NodeId) {
        let hash = hash(&self.hasher, arena[id].parent, arena[id].name());
        if let Ok(entry) = self.shards[hash.shard()].find_entry(hash.spread(), |other| *other == id) {
            entry.remove();
        }
    }

    /// From here on nodes are only collected: a table whose size is known before it is filled never
    /// has to look at a node twice. Nothing can be found until [`Index::settle`].
    pub(crate) fn defer(&mut self) {
        self.deferred = (0..SHARDS).map(|_| Vec::new()).collect();
    }

    /// Fills the tables with what was collected. Returns a node whose name its parent has twice, if
    /// there is one.
    pub(crate) fn settle(&mut self, arena: &Arena) -> Option<NodeId> {
        let mut twice = None;
        let hasher = &self.hasher;
        let rehash = |id: &NodeId| hash(hasher, arena[*id].parent, arena[*id].name()).spread();
        for (shard, deferred) in self.shards.iter_mut().zip(std::mem::take(&mut self.deferred)) {
            shard.reserve(deferred.len(), rehash);
            for (hash, id) in deferred {
                let node = &arena[id];
                let is_it = |other: &NodeId| {
                    let other = &arena[*other];
                    other.parent == node.parent && other.name() == node.name()
                };
                if shard.find(hash.spread(), is_it).is_some() {
                    twice = Some(id);
                }
                shard.insert_unique(hash.spread(), id, rehash);
            }
        }
        twice
    }
}

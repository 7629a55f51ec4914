//! Where znodes live: fixed-size chunks, addressed by a small number.
//!
//! A growing arena allocates one chunk more and never moves what it has, so no request ever waits for
//! a big copy. A freed slot keeps its links while somebody walks the tree in slices (see
//! [`WalkToken`]), because the walker may stand on it.

use crate::znode::{NodeId, Znode};
use std::sync::Arc;

const CHUNK_BITS: u32 = 12;
const CHUNK_LEN: usize = 1 << CHUNK_BITS;

/// Held by whoever walks the tree in slices: as long as one exists, freed slots are not used again.
#[derive(Debug, Clone)]
pub(crate) struct WalkToken(#[allow(dead_code, reason = "counted, never read")] Arc<()>);

/// All znodes.
pub(crate) struct Arena {
    chunks: Vec<Vec<Znode>>,
    free: Vec<NodeId>,
    /// Freed while somebody walked.
    resting: Vec<NodeId>,
    walkers: Arc<()>,
}

impl Arena {
    pub(crate) fn new() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), resting: Vec::new(), walkers: Arc::new(()) }
    }

    /// Starts a walk.
    pub(crate) fn walk(&self) -> WalkToken {
        WalkToken(Arc::clone(&self.walkers))
    }

    fn is_walked(&self) -> bool {
        Arc::strong_count(&self.walkers) > 1
    }

    pub(crate) fn insert(&mut self, node: Znode) -> NodeId {
        if self.free.is_empty() && !self.is_walked() {
            std::mem::swap(&mut self.free, &mut self.resting);
        }
        if let Some(id) = self.free.pop() {
            self[id] = node;
            return id;
        }
        if self.chunks.last().is_none_or(|c| c.len() == CHUNK_LEN) {
            self.chunks.push(Vec::with_capacity(CHUNK_LEN));
        }
        let chunk = self.chunks.len() - 1;
        let last = &mut self.chunks[chunk];
        let id = u32::try_from((chunk << CHUNK_BITS) | last.len()).expect("fewer than 2^32 nodes");
        last.push(node);
        NodeId(id)
    }

    /// Frees a slot: its data goes at once, its links stay until the slot is used again.
    pub(crate) fn remove(&mut self, id: NodeId) {
        self[id].bury();
        if self.is_walked() {
            self.resting.push(id);
        } else {
            self.free.push(id);
        }
    }
}

impl std::ops::Index<NodeId> for Arena {
    type Output = Znode;
    fn index(&self, id: NodeId) -> &Znode {
        &self.chunks[(id.0 >> CHUNK_BITS) as usize][id.0 as usize & (CHUNK_LEN - 1)]
    }
}

impl std::ops::IndexMut<NodeId> for Arena {
    fn index_mut(&mut self, id: NodeId) -> &mut Znode {
        &mut self.chunks[(id.0 >> CHUNK_BITS) as usize][id.0 as usize & (CHUNK_LEN - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> Znode {
        Znode::new(NodeId::NONE, "n", Some(b"d"))
    }

    #[test]
    fn slots_are_used_again_but_not_while_somebody_walks() {
        let mut arena = Arena::new();
        let (a, b) = (arena.insert(node()), arena.insert(node()));
        let token = arena.walk();
        arena.remove(a);
        let c = arena.insert(node());
        assert!(c != a && c != b);
        assert!(arena[a].is_dead());
        drop(token);
        assert_eq!(arena.insert(node()), a);
    }
}

//! The sockets of one event loop, found by connection id without a search.

use node::ConnId;

/// Bits of a [`ConnId`]: generation (32), slot (24), event loop (8).
const SLOT_BITS: u32 = 24;
const LOOP_BITS: u32 = 8;

/// The event loop a connection lives on.
pub(crate) fn loop_of(conn: ConnId) -> usize {
    (conn.0 & ((1 << LOOP_BITS) - 1)) as usize
}

fn slot_of(conn: ConnId) -> usize {
    (conn.0 >> LOOP_BITS & ((1 << SLOT_BITS) - 1)) as usize
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

/// Slots that are used again under a new generation, so that a late delivery to a connection that is
/// gone finds nobody rather than its successor.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    loop_index: usize,
    entries: Vec<Entry<T>>,
    free: Vec<usize>,
}

impl<T> Slab<T> {
    pub(crate) fn new(loop_index: usize) -> Self {
        assert!(loop_index < 1 << LOOP_BITS, "at most 256 event loops");
        Self { loop_index, entries: Vec::new(), free: Vec::new() }
    }

    /// Takes in what `make` builds for the given id; `None` when the slab is full.
    pub(crate) fn insert(&mut self, make: impl FnOnce(ConnId, usize) -> T) -> Option<usize> {
        let slot = self.free.pop().unwrap_or(self.entries.len());
        if slot >= 1 << SLOT_BITS {
            return None;
        }
        if slot == self.entries.len() {
            self.entries.push(Entry { generation: 0, value: None });
        }
        let entry = &mut self.entries[slot];
        entry.generation = entry.generation.wrapping_add(1);
        let id = u64::from(entry.generation) << (SLOT_BITS + LOOP_BITS);
        let id = ConnId(id | (slot as u64) << LOOP_BITS | self.loop_index as u64);
        entry.value = Some(make(id, slot));
        Some(slot)
    }

    pub(crate) fn get_mut(&mut self, slot: usize) -> Option<&mut T> {
        self.entries.get_mut(slot)?.value.as_mut()
    }

    /// The slot of a connection that is still there.
    pub(crate) fn find(&self, conn: ConnId) -> Option<usize> {
        let slot = slot_of(conn);
        let entry = self.entries.get(slot)?;
        let same = u64::from(entry.generation) == conn.0 >> (SLOT_BITS + LOOP_BITS);
        (same && entry.value.is_some()).then_some(slot)
    }

    pub(crate) fn remove(&mut self, slot: usize) -> Option<T> {
        let value = self.entries.get_mut(slot)?.value.take()?;
        self.free.push(slot);
        Some(value)
    }

    /// Slots in use.
    pub(crate) fn slots(&self) -> impl Iterator<Item = usize> + '_ {
        self.entries.iter().enumerate().filter(|(_, e)| e.value.is_some()).map(|(slot, _)| slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_slot_does_not_answer_to_its_old_id() {
        let mut slab = Slab::new(3);
        let slot = slab.insert(|id, _| id).unwrap();
        let old = slab.remove(slot).unwrap();
        assert_eq!(loop_of(old), 3);
        let slot = slab.insert(|id, _| id).unwrap();
        let new = *slab.get_mut(slot).unwrap();
        assert_ne!(old, new);
        assert_eq!(slab.find(old), None);
        assert_eq!(slab.find(new), Some(slot));
    }
}

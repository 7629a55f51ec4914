//! What only parents have: children, their count, and the traces that children leave.
//!
//! A leaf that never had a child has none of this: its `pzxid` is its `czxid`, its `cversion` is 0.

use crate::znode::NodeId;

/// The row of a node without a family.
pub(crate) const LEAF: u32 = u32::MAX;

/// One parent's part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family {
    /// Transaction that last changed the set of children.
    pub(crate) pzxid: i64,
    /// Number of creations.
    pub(crate) cversion: i32,
    /// The youngest child.
    pub(crate) first: NodeId,
    /// Number of children.
    pub(crate) children: u32,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Families {
    rows: Vec<Family>,
    free: Vec<u32>,
}

impl Families {
    pub(crate) fn insert(&mut self, family: Family) -> u32 {
        match self.free.pop() {
            Some(row) => {
                self.rows[row as usize] = family;
                row
            }
            None => {
                self.rows.push(family);
                (self.rows.len() - 1) as u32
            }
        }
    }

    pub(crate) fn remove(&mut self, row: u32) {
        self.free.push(row);
    }

    pub(crate) fn get(&self, row: u32) -> Option<&Family> {
        self.rows.get(row as usize)
    }

    pub(crate) fn get_mut(&mut self, row: u32) -> Option<&mut Family> {
        self.rows.get_mut(row as usize)
    }
}

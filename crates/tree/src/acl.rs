//! Access control lists, each kept once however many nodes share it.
//!
//! Rows are counted; a row nobody uses is gone. The number a snapshot knows a list by is never given
//! to another list, so a snapshot taken in slices cannot confuse two of them.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use proto::acl::Acl;
use proto::snapshot::OPEN_ACL;
use std::sync::Arc;

/// The row of nodes that were never given a list: open to everyone, not counted.
pub(crate) const OPEN: u32 = 0;

struct Row {
    /// The number snapshots use.
    id: i64,
    uses: u64,
    acl: Arc<[Acl]>,
}

/// All lists in use.
pub(crate) struct AclTable {
    rows: Vec<Row>,
    free: Vec<u32>,
    by_acl: HashMap<Arc<[Acl]>, u32, FixedState>,
    last_id: i64,
}

impl AclTable {
    pub(crate) fn new() -> Self {
        let open = Row { id: OPEN_ACL, uses: 1, acl: Arc::new([Acl::open()]) };
        Self {
            rows: vec![open],
            free: Vec::new(),
            by_acl: HashMap::with_hasher(FixedState::with_seed(1)),
            last_id: 0,
        }
    }

    /// The row of a list, made if need be, with one use more.
    pub(crate) fn acquire(&mut self, acl: &[Acl]) -> u32 {
        if let Some(row) = self.by_acl.get(acl) {
            self.rows[*row as usize].uses += 1;
            return *row;
        }
        self.last_id += 1;
        self.insert(Row { id: self.last_id, uses: 1, acl: acl.into() })
    }

    fn insert(&mut self, row: Row) -> u32 {
        let acl = Arc::clone(&row.acl);
        let at = match self.free.pop() {
            Some(at) => {
                self.rows[at as usize] = row;
                at
            }
            None => {
                self.rows.push(row);
                (self.rows.len() - 1) as u32
            }
        };
        self.by_acl.insert(acl, at);
        at
    }

    /// One use of a row more.
    pub(crate) fn retain(&mut self, row: u32) {
        if row != OPEN {
            self.rows[row as usize].uses += 1;
        }
    }

    /// One use of a row less; the last one removes it.
    pub(crate) fn release(&mut self, at: u32) {
        if at == OPEN {
            return;
        }
        let row = &mut self.rows[at as usize];
        row.uses -= 1;
        if row.uses == 0 {
            self.drop_row(at);
        }
    }

    fn drop_row(&mut self, at: u32) {
        let acl = std::mem::replace(&mut self.rows[at as usize].acl, Arc::new([]));
        // Two rows of one snapshot may hold equal lists; only the known one is taken out.
        if self.by_acl.get(&*acl) == Some(&at) {
            self.by_acl.remove(&*acl);
        }
        self.free.push(at);
    }

    /// The list of a row.
    pub(crate) fn get(&self, row: u32) -> &Arc<[Acl]> {
        &self.rows[row as usize].acl
    }

    /// The number snapshots use for a row.
    pub(crate) fn snapshot_id(&self, row: u32) -> i64 {
        self.rows[row as usize].id
    }

    /// The highest number given so far.
    pub(crate) fn last_id(&self) -> i64 {
        self.last_id
    }

    /// The rows a snapshot stores, by number.
    pub(crate) fn snapshot_rows(&self) -> Vec<(i64, Vec<Acl>)> {
        let used = self.rows.iter().filter(|row| row.uses > 0 && row.id != OPEN_ACL);
        let mut rows: Vec<_> = used.map(|row| (row.id, row.acl.to_vec())).collect();
        rows.sort_unstable_by_key(|(id, _)| *id);
        rows
    }

    /// Takes a row from a snapshot, unused until a node asks for it. Returns where it is.
    pub(crate) fn load(&mut self, id: i64, acl: &[Acl]) -> u32 {
        self.last_id = self.last_id.max(id);
        self.insert(Row { id, uses: 0, acl: acl.into() })
    }

    /// Drops a row that was loaded and that no node asked for.
    pub(crate) fn drop_if_unused(&mut self, row: u32) {
        if self.rows[row as usize].uses == 0 {
            self.drop_row(row);
        }
    }

    /// Number of lists in use, the open one not counted.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.snapshot_rows().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::acl::{Id, perms};

    fn list(user: &str) -> Vec<Acl> {
        vec![Acl { perms: perms::ALL, id: Id::new("digest", user) }]
    }

    #[test]
    fn hc_109_equal_lists_share_a_row_and_the_last_use_removes_it() {
        let mut table = AclTable::new();
        let (a, b) = (table.acquire(&list("a")), table.acquire(&list("a")));
        assert_eq!((a, table.len()), (b, 1));
        table.release(a);
        assert_eq!(table.len(), 1);
        table.release(b);
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn hc_109_a_number_is_never_given_twice() {
        let mut table = AclTable::new();
        let a = table.acquire(&list("a"));
        let id = table.snapshot_id(a);
        table.release(a);
        let b = table.acquire(&list("b"));
        assert!(table.snapshot_id(b) > id);
    }

    #[test]
    fn the_open_list_is_not_counted() {
        let mut table = AclTable::new();
        table.release(OPEN);
        table.release(OPEN);
        assert_eq!(&**table.get(OPEN), [Acl::open()]);
        assert_eq!(table.snapshot_id(OPEN), OPEN_ACL);
    }
}

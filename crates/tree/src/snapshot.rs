//! Writing a snapshot in slices while writes go on.
//!
//! Between two slices nodes change, come and go. The file stays usable because whatever happened after
//! the start is in the log and is replayed over it; it only has to be consistent in itself:
//!
//! * Nodes created after the start are left out: their transactions will make them. So no path is
//!   written twice, and every parent comes before its children.
//! * A slot freed on the way keeps its links until the walk is over, so the walk always finds on.
//! * A list of permissions that came up after the table was written is replaced by one that permits
//!   nothing; the transaction that set it will be replayed (HC-109).

use crate::arena::WalkToken;
use crate::tree::Tree;
use crate::znode::NodeId;
use proto::acl::{Acl, Id};
use proto::snapshot::{SnapshotNode, encode_prologue};
use proto::{SessionId, Zxid};

/// A step ends when it has written this much, however few nodes that were.
const STEP_BYTES_MAX: usize = 1 << 20;

/// How far a snapshot has come.
pub struct SnapshotCursor {
    zxid: Zxid,
    /// Nodes younger than this are left out.
    newest_czxid: i64,
    tables: Option<Tables>,
    /// Lists known by a higher number are not in the file.
    last_acl_id: i64,
    /// The node to look at next; `None` at the end.
    at: Option<NodeId>,
    /// Ancestors of that node, each with the length of `path` without its name.
    above: Vec<(NodeId, usize)>,
    /// Path of the innermost ancestor.
    path: String,
    nodes_written: u64,
    _token: WalkToken,
}

/// What stands in front of the nodes.
struct Tables {
    sessions: Vec<(SessionId, i32)>,
    acls: Vec<(i64, Vec<Acl>)>,
}

impl SnapshotCursor {
    /// The last transaction applied when the snapshot began: the number in its file name.
    pub fn zxid(&self) -> Zxid {
        self.zxid
    }

    /// Nodes written so far.
    pub fn nodes_written(&self) -> u64 {
        self.nodes_written
    }

    /// Leaves nothing out that the walk meets, as the reference's walk does.
    #[cfg(test)]
    pub(crate) fn include_new_nodes(&mut self) {
        self.newest_czxid = i64::MAX;
    }

    /// The number under which a list that is not in the file stands for permitting nothing.
    fn closed_acl_id(&self) -> i64 {
        self.last_acl_id + 1
    }
}

impl Tree {
    /// Starts a snapshot: sessions and access control lists are taken now, nodes step by step.
    pub fn snapshot_begin(&self) -> SnapshotCursor {
        let last_acl_id = self.acls.last_id();
        let mut acls = self.acls.snapshot_rows();
        acls.push((last_acl_id + 1, vec![Acl { perms: 0, id: Id::anyone() }]));
        SnapshotCursor {
            zxid: self.last_zxid,
            newest_czxid: self.last_zxid.0,
            tables: Some(Tables { sessions: self.sessions().collect(), acls }),
            last_acl_id,
            at: Some(NodeId::ROOT),
            above: Vec::new(),
            path: String::new(),
            nodes_written: 0,
            _token: self.nodes.walk(),
        }
    }

    /// Appends the next piece: the tables first, then up to `max_nodes` nodes, and returns true when
    /// all are in: the end mark and the seals are the file's business.
    pub fn snapshot_step(&self, cursor: &mut SnapshotCursor, max_nodes: usize, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        if let Some(tables) = cursor.tables.take() {
            encode_prologue(&tables.sessions, &tables.acls, out);
        }
        let mut looked_at = 0;
        while let Some(at) = cursor.at {
            if looked_at == max_nodes || out.len() - start >= STEP_BYTES_MAX {
                return false;
            }
            looked_at += 1;
            self.visit(cursor, at, out);
        }
        true
    }

    /// Writes a node if it belongs into the file, and moves on to the next.
    fn visit(&self, cursor: &mut SnapshotCursor, at: NodeId, out: &mut Vec<u8>) {
        let node = self.nodes.get(at);
        if node.is_dead() || node.czxid > cursor.newest_czxid {
            return self.move_on(cursor, at);
        }
        let len = cursor.path.len();
        if at != NodeId::ROOT {
            cursor.path.push('/');
            cursor.path.push_str(std::str::from_utf8(node.name()).expect("names are made from strings"));
        }
        let acl = self.acls.snapshot_id(node.acl);
        let is_known = acl <= cursor.last_acl_id;
        let record = SnapshotNode {
            path: &cursor.path,
            data: node.data(),
            acl: if is_known { acl } else { cursor.closed_acl_id() },
            stat: self.nodes.stat(at),
        };
        record.encode(out);
        cursor.nodes_written += 1;
        match self.nodes.family(at).and_then(|f| f.first.some()) {
            Some(first) => {
                cursor.above.push((at, len));
                cursor.at = Some(first);
            }
            None => {
                cursor.path.truncate(len);
                self.move_on(cursor, at);
            }
        }
    }

    /// To the next sibling, or the next sibling of the nearest ancestor that has one.
    fn move_on(&self, cursor: &mut SnapshotCursor, mut at: NodeId) {
        loop {
            cursor.at = self.nodes.get(at).next.some();
            if cursor.at.is_some() {
                return;
            }
            let Some((parent, len)) = cursor.above.pop() else { return };
            cursor.path.truncate(len);
            at = parent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;
    use proto::acl::perms;

    fn world(paths: &[&str]) -> World {
        let mut w = World::new();
        for path in paths {
            w.ok(&create(path));
        }
        w
    }

    /// Steps of one node until `count` nodes are written, or all.
    fn step(w: &World, cursor: &mut SnapshotCursor, out: &mut Vec<u8>, count: u64) -> bool {
        loop {
            if cursor.nodes_written() == count {
                return false;
            }
            if w.tree.snapshot_step(cursor, 1, out) {
                return true;
            }
        }
    }

    fn paths(tree: &Tree) -> Vec<String> {
        dump(tree).0.into_keys().filter(|path| !path.starts_with("/zookeeper")).collect()
    }

    #[test]
    fn a_quiet_tree_comes_back_as_it_was() {
        let mut w = world(&["/a", "/a/b", "/c"]);
        w.run(&create_with("/e", 1));
        let mut out = Vec::new();
        let mut cursor = w.tree.snapshot_begin();
        while !w.tree.snapshot_step(&mut cursor, 2, &mut out) {}
        let loaded = load(w.tree.settings(), &out, cursor.zxid(), Some(w.tree.zxid_digest()));
        assert_eq!(dump(&loaded), dump(&w.tree));
        assert_eq!(loaded.digest(), w.tree.digest());
        assert_eq!(loaded.approximate_data_size(), w.tree.approximate_data_size());
        assert!(loaded.agreed_with_snapshot());
        check_derived(&loaded);
    }

    #[test]
    fn a_step_is_bounded_in_nodes_and_bytes() {
        let mut w = world(&["/p"]);
        for n in 0..100 {
            w.ok(&create(&format!("/p/{n}")));
        }
        w.ok(&set_data("/p/50", &vec![0; 2 * STEP_BYTES_MAX], -1));
        let mut cursor = w.tree.snapshot_begin();
        let mut steps = 0;
        loop {
            let before = cursor.nodes_written();
            let done = w.tree.snapshot_step(&mut cursor, 10, &mut Vec::new());
            assert!(cursor.nodes_written() - before <= 10);
            steps += 1;
            if done {
                break;
            }
        }
        assert!((12..=13).contains(&steps), "{steps}");
    }

    #[test]
    fn hc_96_what_was_created_after_the_start_is_left_out_and_new_names_do_not_come_twice() {
        let mut w = world(&["/a", "/b", "/c"]);
        let mut out = Vec::new();
        let mut cursor = w.tree.snapshot_begin();
        // The root and its youngest child, /c.
        step(&w, &mut cursor, &mut out, 2);
        for op in [delete("/c"), create("/c"), create("/d"), delete("/b"), create("/b"), create("/b/x")] {
            w.ok(&op);
        }
        step(&w, &mut cursor, &mut out, u64::MAX);
        let loaded = load(w.tree.settings(), &out, cursor.zxid(), None);
        assert_eq!(paths(&loaded), ["/", "/a", "/c"]);
    }

    #[test]
    fn the_walk_goes_on_when_the_ground_under_it_is_deleted() {
        let mut w = world(&["/a", "/p", "/p/x", "/p/y", "/p/z", "/q"]);
        let mut out = Vec::new();
        let mut cursor = w.tree.snapshot_begin();
        // Root, /q, /p, /p/z: next would be /p/y.
        step(&w, &mut cursor, &mut out, 4);
        for op in
            [delete("/p/y"), delete("/p/x"), delete("/p/z"), delete("/p"), create("/new"), create("/new/x")]
        {
            w.ok(&op);
        }
        step(&w, &mut cursor, &mut out, u64::MAX);
        let loaded = load(w.tree.settings(), &out, cursor.zxid(), None);
        assert_eq!(paths(&loaded), ["/", "/a", "/p", "/p/z", "/q"]);
    }

    #[test]
    fn hc_109_a_list_set_after_the_start_is_closed_until_its_transaction_is_replayed() {
        let mut w = world(&["/a", "/b"]);
        let mut out = Vec::new();
        let mut cursor = w.tree.snapshot_begin();
        step(&w, &mut cursor, &mut out, 1);
        let readable = vec![Acl { perms: perms::READ | perms::ADMIN, id: Id::anyone() }];
        w.ok(&set_acl("/a", readable));
        w.ok(&set_acl("/b", vec![Acl { perms: perms::ALL, id: Id::new("digest", "me:hash") }]));
        step(&w, &mut cursor, &mut out, u64::MAX);
        let mut loaded = load(w.tree.settings(), &out, cursor.zxid(), None);
        let b = loaded.nodes.find("/b").unwrap();
        assert!(!loaded.may(b, perms::ALL, &[Id::anyone()]));
        for entry in w.log.iter().filter(|entry| entry.header.zxid > cursor.zxid()) {
            loaded.replay(&entry.header, &entry.txn);
        }
        assert_eq!(dump(&loaded), dump(&w.tree));
        check_derived(&loaded);
    }
}

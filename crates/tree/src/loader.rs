//! Building a tree from a snapshot's records.

use crate::acl::OPEN;
use crate::owner::{self, Owner};
use crate::quota::{self, quota_path};
use crate::settings::Settings;
use crate::tree::Tree;
use crate::znode::NodeId;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use proto::acl::Acl;
use proto::snapshot::{OPEN_ACL, SnapshotNode, SnapshotSink, ZxidDigest};
use proto::{SessionId, Zxid};

/// Receives a snapshot and becomes a [`Tree`]. Children, ephemerals, containers, quotas, digest and
/// reference counts are all rebuilt from the nodes (HC-109, HC-110).
pub struct Loader {
    tree: Tree,
    /// Rows of the ACL table by the number the snapshot knows them by.
    acls: HashMap<i64, u32, FixedState>,
    /// Paths that have a quota.
    quotas: Vec<String>,
    digest: Option<ZxidDigest>,
    has_root: bool,
    /// Path of the last node; with `above`, saves looking up parents, which mostly repeat.
    last: String,
    /// The last node and its ancestors: how much of `last` is their path.
    above: Vec<(usize, NodeId)>,
    /// Whether nodes come in an order that makes looking them up necessary.
    looks_up: bool,
}

impl Loader {
    /// Ready for the first record.
    pub fn new(settings: Settings) -> Self {
        let mut tree = Tree::bare(settings);
        tree.nodes.defer_index();
        Self {
            tree,
            acls: HashMap::with_hasher(FixedState::with_seed(4)),
            quotas: Vec::new(),
            digest: None,
            has_root: false,
            last: String::new(),
            above: vec![(0, NodeId::ROOT)],
            looks_up: false,
        }
    }

    /// The tree, as of the zxid in the snapshot's name.
    ///
    /// # Errors
    /// A sentence saying why the snapshot is not usable.
    pub fn finish(mut self, last_zxid: Zxid) -> Result<Tree, String> {
        if !self.has_root {
            return Err("the snapshot has no root node".into());
        }
        self.settle()?;
        let mut tree = self.tree;
        for row in self.acls.values() {
            tree.acls.drop_if_unused(*row);
        }
        for path in &self.quotas {
            tree.quotas.insert(path);
            tree.recount(path);
        }
        tree.last_zxid = last_zxid;
        if let Some(block) = self.digest.filter(|_| tree.settings.digest) {
            tree.digests.await_snapshot(block, last_zxid, tree.digest);
        }
        Ok(tree)
    }

    /// The row of a list; an unknown number is corruption, not open access (HC-109).
    fn acl_row(&self, node: &SnapshotNode<'_>) -> Result<u32, String> {
        if node.acl == OPEN_ACL {
            return Ok(OPEN);
        }
        let row = self.acls.get(&node.acl).copied();
        row.ok_or_else(|| {
            format!(
                "node {:?} has the access control list {}, which is not in the snapshot",
                node.path, node.acl
            )
        })
    }

    fn root(&mut self, node: &SnapshotNode<'_>, acl: u32) {
        self.has_root = true;
        let root = self.tree.nodes.get_mut(NodeId::ROOT);
        root.set_data(node.data);
        root.acl = acl;
        self.tree.nodes.set_stat(NodeId::ROOT, &node.stat);
        self.tree.digest = self.tree.digest.wrapping_add(self.tree.digest_part(NodeId::ROOT, "/"));
        // Both names the reference keeps the root under count.
        self.tree.data_size += 2 * node.data.map_or(0, <[u8]>::len) as i64;
    }

    /// Makes the nodes so far findable.
    fn settle(&mut self) -> Result<(), String> {
        if self.looks_up {
            return Ok(());
        }
        self.looks_up = true;
        match self.tree.nodes.settle_index() {
            Some(id) => Err(format!("node {:?} comes twice", self.tree.nodes.path(id))),
            None => Ok(()),
        }
    }

    /// The parent of a path. Nodes nearly always come in the order of a walk, so it is the last node or
    /// one of its ancestors; any other order in which parents come first is slower.
    fn parent(&mut self, path: &str) -> Result<NodeId, String> {
        let missing = || format!("node {path:?} comes before its parent");
        let parent_len = path.rfind('/').ok_or_else(missing)?;
        while let Some((len, id)) = self.above.last().copied() {
            if len == parent_len && path[..len] == self.last[..len] {
                return Ok(id);
            }
            self.above.pop();
        }
        self.above.push((0, NodeId::ROOT));
        self.settle()?;
        let below_root = path[..parent_len].strip_prefix('/').ok_or_else(missing)?;
        self.tree.nodes.find_below(NodeId::ROOT, below_root).ok_or_else(missing)
    }
}

impl SnapshotSink for Loader {
    fn session(&mut self, id: SessionId, timeout_ms: i32) {
        self.tree.sessions.insert(id, timeout_ms);
    }

    fn acl(&mut self, id: i64, acl: Vec<Acl>) {
        let row = self.tree.acls.load(id, &acl);
        self.acls.insert(id, row);
    }

    fn node(&mut self, node: &SnapshotNode<'_>) -> Result<(), String> {
        let path = node.path;
        let acl = self.acl_row(node)?;
        self.tree.acls.retain(acl);
        if !self.has_root {
            if !path.is_empty() {
                return Err(format!("node {path:?} comes before the root"));
            }
            self.root(node, acl);
            return Ok(());
        }
        let Some((_, name)) = path.rsplit_once('/').filter(|(_, name)| !name.is_empty()) else {
            return Err(format!("node {path:?} has no name"));
        };
        if owner::classify(&self.tree.settings, node.stat.ephemeral_owner) == Owner::Unknown {
            let owner = node.stat.ephemeral_owner;
            return Err(format!(
                "node {path:?} has the owner {owner:#x}, of a kind this version does not know"
            ));
        }
        let parent = self.parent(path)?;
        if self.looks_up && self.tree.nodes.child(parent, name.as_bytes()).is_some() {
            return Err(format!("node {path:?} comes twice"));
        }
        let id = self.tree.attach(parent, path, node.data, &node.stat, acl);
        self.quotas.extend(quota_path(path, quota::LIMITS).map(str::to_owned));
        self.last.clear();
        self.last.push_str(path);
        self.above.push((path.len(), id));
        Ok(())
    }

    fn digest(&mut self, digest: ZxidDigest) {
        self.digest = Some(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::check_derived;
    use proto::stat::StatPersisted;

    fn node(path: &str, acl: i64, owner: i64) -> SnapshotNode<'_> {
        let stat = StatPersisted { czxid: 1, pzxid: 1, ephemeral_owner: owner, ..StatPersisted::default() };
        SnapshotNode { path, data: Some(b"12345"), acl, stat }
    }

    fn loader() -> Loader {
        let mut loader = Loader::new(Settings { extended_types: true, ..Settings::default() });
        loader.acl(7, vec![Acl::open()]);
        loader.acl(9, vec![]);
        loader
    }

    fn load(nodes: &[SnapshotNode<'_>]) -> Result<Tree, String> {
        let mut loader = loader();
        nodes.iter().try_for_each(|node| loader.node(node))?;
        loader.finish(Zxid(5))
    }

    #[test]
    fn impossible_snapshots_are_refused_with_a_reason() {
        let root = node("", OPEN_ACL, 0);
        for (nodes, reason) in [
            (vec![], "no root"),
            (vec![node("/a", OPEN_ACL, 0)], "before the root"),
            (vec![root.clone(), node("/a/b", OPEN_ACL, 0)], "before its parent"),
            (vec![root.clone(), node("/a", OPEN_ACL, 0), node("/a", OPEN_ACL, 0)], "twice"),
            (vec![root.clone(), node("a", OPEN_ACL, 0)], "no name"),
            (vec![root.clone(), node("", OPEN_ACL, 0)], "no name"),
            (vec![root.clone(), node("//", OPEN_ACL, 0)], "no name"),
            (vec![root.clone(), node("//a", OPEN_ACL, 0)], "before its parent"),
            (vec![root.clone(), node("/a", OPEN_ACL, -1)], "owner"),
        ] {
            let error = load(&nodes).err().unwrap_or_else(|| panic!("{nodes:?}"));
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn hc_109_an_unknown_list_is_corruption_and_unused_ones_go() {
        assert!(load(&[node("", 3, 0)]).err().unwrap().contains("access control list 3"));
        let tree = load(&[node("", OPEN_ACL, 0), node("/a", 7, 0)]).unwrap();
        check_derived(&tree);
        assert_eq!(tree.snapshot_begin().zxid(), Zxid(5));
    }

    #[test]
    fn hc_110_quotas_and_owners_are_rebuilt_from_the_nodes() {
        let nodes = [
            "",
            "/zookeeper",
            "/zookeeper/quota",
            "/zookeeper/quota/a",
            "/zookeeper/quota/a/zookeeper_stats",
            "/zookeeper/quota/a/zookeeper_limits",
            "/a",
            "/a/b",
            "/c",
            "/a/d",
        ];
        let nodes: Vec<_> =
            nodes.iter().map(|path| node(path, OPEN_ACL, if *path == "/c" { 77 } else { 0 })).collect();
        let mut tree = load(&nodes).unwrap();
        assert_eq!(tree.quotas.covering("/a/b"), Some("/a"));
        let stats = tree.quota_node("/a", quota::STATS).unwrap();
        assert_eq!(tree.nodes.get(stats).data(), Some(&b"count=3,bytes=15"[..]));
        assert_eq!(tree.ephemerals_of(SessionId(77)), ["/c"]);
        assert_eq!(tree.prune_orphans(), ["/c"]);
        check_derived(&tree);
    }

    #[test]
    fn parents_are_found_whatever_the_order_of_the_nodes() {
        let nodes = ["", "/a", "/b", "/a/x", "/ab", "/b/y", "/a/x/z", "/a\u{e9}", "/a\u{e9}/k", "/a\u{ea}"];
        let nodes: Vec<_> = nodes.iter().map(|path| node(path, OPEN_ACL, 0)).collect();
        let tree = load(&nodes).unwrap();
        assert_eq!(tree.node_count(), nodes.len() + 1);
        check_derived(&tree);
    }
}

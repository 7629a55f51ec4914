//! The tree's shape: nodes, their children, and the way from a path to a node.
//!
//! Knows nothing of access control, quotas, owners' meaning or digests; [`crate::Tree`] does.

use crate::arena::{Arena, WalkToken};
use crate::families::{Families, Family};
use crate::index::Index;
use crate::znode::{NodeId, Znode};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use proto::stat::{Stat, StatPersisted};

/// All nodes, with the root always among them.
pub(crate) struct Znodes {
    arena: Arena,
    families: Families,
    index: Index,
    /// Raw owners of the few nodes that have one: a session, or a container or TTL mark.
    owners: HashMap<NodeId, i64, FixedState>,
    len: usize,
}

impl Znodes {
    /// Only the root, with empty data.
    pub(crate) fn new() -> Self {
        let mut arena = Arena::new();
        let root = arena.insert(Znode::new(NodeId::NONE, "", Some(b"")));
        debug_assert_eq!(root, NodeId::ROOT);
        Self {
            arena,
            families: Families::default(),
            index: Index::new(),
            owners: HashMap::with_hasher(FixedState::with_seed(0)),
            len: 1,
        }
    }

    /// Number of nodes, the root counted once.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, id: NodeId) -> &Znode {
        &self.arena[id]
    }

    pub(crate) fn get_mut(&mut self, id: NodeId) -> &mut Znode {
        &mut self.arena[id]
    }

    /// The node at a path. The root is `/` and, as in the reference, also the empty string. A path
    /// that is not valid finds nothing.
    pub(crate) fn find(&self, path: &str) -> Option<NodeId> {
        if path.is_empty() || path == "/" {
            return Some(NodeId::ROOT);
        }
        self.find_below(NodeId::ROOT, path.strip_prefix('/')?)
    }

    /// The node at a path relative to another one.
    pub(crate) fn find_below(&self, from: NodeId, path: &str) -> Option<NodeId> {
        path.as_bytes().split(|b| *b == b'/').try_fold(from, |at, name| self.child(at, name))
    }

    /// A child by name.
    pub(crate) fn child(&self, parent: NodeId, name: &[u8]) -> Option<NodeId> {
        self.index.find(&self.arena, parent, name).filter(|_| !name.is_empty())
    }

    /// Adds a child in front of its siblings. Walkers rely on that: they never meet what was created
    /// behind their back.
    pub(crate) fn insert(
        &mut self,
        parent: NodeId,
        name: &str,
        data: Option<&[u8]>,
        stat: &StatPersisted,
        acl: u32,
    ) -> NodeId {
        let mut node = Znode::new(parent, name, data);
        node.acl = acl;
        let first = self.family_mut(parent).first;
        node.next = first;
        let id = self.arena.insert(node);
        if let Some(first) = first.some() {
            self.arena[first].prev = id;
        }
        let family = self.family_mut(parent);
        family.first = id;
        family.children += 1;
        self.set_stat(id, stat);
        self.index.insert(&self.arena, id);
        self.len += 1;
        id
    }

    /// Removes a node that has no children.
    pub(crate) fn remove(&mut self, id: NodeId) {
        debug_assert_eq!(self.children(id), 0);
        self.index.remove(&self.arena, id);
        let Znode { parent, next, prev, family, .. } = self.arena[id];
        if let Some(next) = next.some() {
            self.arena[next].prev = prev;
        }
        match prev.some() {
            Some(prev) => self.arena[prev].next = next,
            None => self.family_mut(parent).first = next,
        }
        self.family_mut(parent).children -= 1;
        if self.arena[id].is_owned() {
            self.owners.remove(&id);
        }
        if self.families.get(family).is_some() {
            self.families.remove(family);
        }
        self.arena.remove(id);
        self.len -= 1;
    }

    /// Overwrites all metadata.
    pub(crate) fn set_stat(&mut self, id: NodeId, stat: &StatPersisted) {
        let node = &mut self.arena[id];
        node.czxid = stat.czxid;
        node.mzxid = stat.mzxid;
        node.ctime = stat.ctime;
        node.mtime = stat.mtime;
        node.version = stat.version;
        node.aversion = stat.aversion;
        if stat.ephemeral_owner != 0 {
            node.set_owned();
            self.owners.insert(id, stat.ephemeral_owner);
        }
        if stat.cversion != 0 || stat.pzxid != stat.czxid || self.family(id).is_some() {
            let family = self.family_mut(id);
            family.cversion = stat.cversion;
            family.pzxid = stat.pzxid;
        }
    }

    /// What a node has as a parent.
    pub(crate) fn family(&self, id: NodeId) -> Option<&Family> {
        self.families.get(self.arena[id].family)
    }

    /// The same to change it; a leaf becomes a parent.
    pub(crate) fn family_mut(&mut self, id: NodeId) -> &mut Family {
        let node = &mut self.arena[id];
        if node.family == crate::families::LEAF {
            let fresh = Family { pzxid: node.czxid, cversion: 0, first: NodeId::NONE, children: 0 };
            node.family = self.families.insert(fresh);
        }
        self.families.get_mut(node.family).expect("the row was just made or is in use")
    }

    /// Number of direct children.
    pub(crate) fn children(&self, id: NodeId) -> u32 {
        self.family(id).map_or(0, |f| f.children)
    }

    /// Raw owner: 0, a session, or a container or TTL mark.
    pub(crate) fn owner(&self, id: NodeId) -> i64 {
        if self.arena[id].is_owned() { self.owners.get(&id).copied().unwrap_or(0) } else { 0 }
    }

    /// The direct children, youngest first.
    pub(crate) fn children_of(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let first = self.family(id).and_then(|f| f.first.some());
        std::iter::successors(first, |at| self.arena[*at].next.some())
    }

    /// All nodes below one, without itself, parents before children.
    pub(crate) fn descendants(&self, top: NodeId) -> impl Iterator<Item = NodeId> {
        let first = |id| self.family(id).and_then(|f: &Family| f.first.some());
        std::iter::successors(first(top), move |at| {
            first(*at).or_else(|| {
                let mut at = *at;
                while at != top {
                    if let Some(next) = self.arena[at].next.some() {
                        return Some(next);
                    }
                    at = self.arena[at].parent;
                }
                None
            })
        })
    }

    /// Metadata as snapshots and digests need it.
    pub(crate) fn stat(&self, id: NodeId) -> StatPersisted {
        let node = &self.arena[id];
        let family = self.family(id);
        StatPersisted {
            czxid: node.czxid,
            mzxid: node.mzxid,
            ctime: node.ctime,
            mtime: node.mtime,
            version: node.version,
            cversion: family.map_or(0, |f| f.cversion),
            aversion: node.aversion,
            ephemeral_owner: self.owner(id),
            pzxid: family.map_or(node.czxid, |f| f.pzxid),
        }
    }

    /// Metadata as clients see it, but for the owner, which needs interpretation.
    pub(crate) fn wire_stat(&self, id: NodeId, ephemeral_owner: i64) -> Stat {
        let node = &self.arena[id];
        let family = self.family(id);
        let children = family.map_or(0, |f| f.children) as i32;
        Stat {
            czxid: node.czxid,
            mzxid: node.mzxid,
            ctime: node.ctime,
            mtime: node.mtime,
            version: node.version,
            cversion: family.map_or(0, |f| f.cversion).wrapping_mul(2).wrapping_sub(children),
            aversion: node.aversion,
            ephemeral_owner,
            data_length: node.data_len() as i32,
            num_children: children,
            pzxid: family.map_or(node.czxid, |f| f.pzxid),
        }
    }

    /// The full path of a node; `/` for the root.
    pub(crate) fn path(&self, id: NodeId) -> String {
        let mut names = Vec::new();
        let mut at = id;
        while at != NodeId::ROOT {
            names.push(self.arena[at].name());
            at = self.arena[at].parent;
        }
        if names.is_empty() {
            return "/".into();
        }
        let mut path = String::with_capacity(names.iter().map(|n| n.len() + 1).sum());
        for name in names.iter().rev() {
            path.push('/');
            path.push_str(std::str::from_utf8(name).expect("names are made from strings"));
        }
        path
    }

    /// Starts loading: nothing can be found by name until [`Znodes::settle_index`].
    pub(crate) fn defer_index(&mut self) {
        self.index.defer();
    }

    /// Makes everything findable. Returns a node whose path is there twice, if there is one.
    pub(crate) fn settle_index(&mut self) -> Option<NodeId> {
        self.index.settle(&self.arena)
    }

    /// Starts a walk in slices.
    pub(crate) fn walk(&self) -> WalkToken {
        self.arena.walk()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(nodes: &mut Znodes, parent: NodeId, name: &str) -> NodeId {
        nodes.insert(parent, name, None, &StatPersisted::default(), 0)
    }

    #[test]
    fn paths_lead_to_nodes_and_back() {
        let mut nodes = Znodes::new();
        let a = add(&mut nodes, NodeId::ROOT, "a");
        let b = add(&mut nodes, a, "b");
        assert_eq!(nodes.find("/a/b"), Some(b));
        assert_eq!(nodes.path(b), "/a/b");
        assert_eq!(nodes.path(NodeId::ROOT), "/");
        for missing in ["a", "/a/", "//a", "/b", "/a/b/c", "a/b"] {
            assert_eq!(nodes.find(missing), None, "{missing}");
        }
        assert_eq!((nodes.find("/"), nodes.find("")), (Some(NodeId::ROOT), Some(NodeId::ROOT)));
    }

    #[test]
    fn removal_keeps_the_chain_of_siblings() {
        let mut nodes = Znodes::new();
        let ids: Vec<_> = ["a", "b", "c", "d"].map(|n| add(&mut nodes, NodeId::ROOT, n)).into();
        nodes.remove(ids[1]);
        nodes.remove(ids[3]);
        assert_eq!(nodes.children_of(NodeId::ROOT).collect::<Vec<_>>(), [ids[2], ids[0]]);
        nodes.remove(ids[0]);
        assert_eq!(nodes.children_of(NodeId::ROOT).collect::<Vec<_>>(), [ids[2]]);
        assert_eq!(nodes.find("/b"), None);
        assert_eq!(nodes.len(), 2);
    }

    #[test]
    fn descendants_are_all_below_and_nothing_else() {
        let mut nodes = Znodes::new();
        let a = add(&mut nodes, NodeId::ROOT, "a");
        let b = add(&mut nodes, a, "b");
        let c = add(&mut nodes, b, "c");
        let d = add(&mut nodes, a, "d");
        add(&mut nodes, NodeId::ROOT, "e");
        assert_eq!(nodes.descendants(a).collect::<Vec<_>>(), [d, b, c]);
        assert_eq!(nodes.descendants(c).count(), 0);
        assert_eq!(nodes.descendants(NodeId::ROOT).count(), 5);
    }

    #[test]
    fn a_leaf_tells_its_czxid_as_pzxid() {
        let mut nodes = Znodes::new();
        let stat = StatPersisted { czxid: 7, pzxid: 7, ..StatPersisted::default() };
        let a = nodes.insert(NodeId::ROOT, "a", None, &stat, 0);
        assert!(nodes.family(a).is_none());
        assert_eq!(nodes.stat(a), stat);
        let odd = StatPersisted { czxid: 7, pzxid: 9, cversion: 3, ephemeral_owner: 5, ..stat };
        let b = nodes.insert(NodeId::ROOT, "b", None, &odd, 0);
        assert_eq!(nodes.stat(b), odd);
    }
}

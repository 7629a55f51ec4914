//! The few ways in which nodes change. Whatever follows from the nodes (digest, owners, reference
//! counts, size) is kept right here, and nowhere else.

use crate::digest::{self, Prefix};
use crate::owner;
use crate::quota::{self, Quota};
use crate::tree::Tree;
use crate::znode::NodeId;
use proto::Zxid;
use proto::stat::StatPersisted;

/// The path of a path's parent: what is in front of the last slash.
pub(crate) fn parent_path(path: &str) -> Option<&str> {
    match path.rfind('/')? {
        0 => Some("/"),
        at => Some(&path[..at]),
    }
}

/// A path's length as the reference counts it, in UTF-16 units.
fn java_len(path: &str) -> i64 {
    if path.is_ascii() { path.len() as i64 } else { path.encode_utf16().count() as i64 }
}

impl Tree {
    /// The node that a transaction means by a path. One that is younger than the transaction is not it:
    /// a fuzzy snapshot of the reference may hold a node that was deleted and made anew since (HC-99).
    pub(crate) fn meant(&self, path: &str, zxid: Zxid) -> Option<NodeId> {
        self.nodes.find(path).filter(|id| self.nodes.get(*id).czxid <= zxid.0)
    }

    /// The parent of a transaction's path, with its own path. A log may hold paths that are not valid;
    /// those have none.
    pub(crate) fn parent_meant<'a>(&self, path: &'a str, zxid: Zxid) -> Option<(NodeId, &'a str)> {
        let parent = parent_path(path)?;
        let is_plain = !path.ends_with('/') && !path.starts_with("//");
        Some((self.meant(parent, zxid).filter(|_| is_plain)?, parent))
    }

    fn prefix(&self, id: NodeId, path: &str) -> Prefix {
        if self.settings.digest { Prefix::new(path, self.nodes.get(id).data()) } else { Prefix::NONE }
    }

    /// A node's part in the digest.
    pub(crate) fn digest_part(&self, id: NodeId, path: &str) -> u64 {
        if !self.settings.digest {
            return 0;
        }
        digest::part(path, self.nodes.get(id).data(), &self.nodes.stat(id))
    }

    /// Adds a node below a parent whose own metadata is not touched. Takes over a use of the ACL row.
    pub(crate) fn attach(
        &mut self,
        parent: NodeId,
        path: &str,
        data: Option<&[u8]>,
        stat: &StatPersisted,
        acl: u32,
    ) -> NodeId {
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        let id = self.nodes.insert(parent, name, data, stat, acl);
        self.owners.insert(owner::classify(&self.settings, stat.ephemeral_owner), id);
        self.data_size += java_len(path) + data.map_or(0, <[u8]>::len) as i64;
        self.digest = self.digest.wrapping_add(self.digest_part(id, path));
        id
    }

    /// Removes a node without children; its parent's metadata is not touched.
    pub(crate) fn detach(&mut self, id: NodeId, path: &str) {
        self.digest = self.digest.wrapping_sub(self.digest_part(id, path));
        self.owners.remove(owner::classify(&self.settings, self.nodes.owner(id)), id);
        let node = self.nodes.get(id);
        self.data_size -= java_len(path) + node.data_len() as i64;
        self.acls.release(node.acl);
        self.nodes.remove(id);
    }

    /// Changes a node's metadata.
    pub(crate) fn restat(&mut self, id: NodeId, path: &str, change: impl FnOnce(&mut StatPersisted)) {
        let prefix = self.prefix(id, path);
        let mut stat = self.nodes.stat(id);
        self.digest = self.digest.wrapping_sub(prefix.with_stat(&stat));
        change(&mut stat);
        self.digest = self.digest.wrapping_add(prefix.with_stat(&stat));
        self.nodes.set_stat(id, &stat);
    }

    /// Changes a node's data and metadata.
    pub(crate) fn rewrite(
        &mut self,
        id: NodeId,
        path: &str,
        data: Option<&[u8]>,
        change: impl FnOnce(&mut StatPersisted),
    ) {
        let mut stat = self.nodes.stat(id);
        self.digest = self.digest.wrapping_sub(self.digest_part(id, path));
        let node = self.nodes.get_mut(id);
        self.data_size -= node.data_len() as i64;
        node.set_data(data);
        self.data_size += node.data_len() as i64;
        change(&mut stat);
        self.nodes.set_stat(id, &stat);
        self.digest = self.digest.wrapping_add(self.digest_part(id, path));
    }

    /// Notes a creation in the parent. Replayed over a fuzzy snapshot, what is there may be newer: both
    /// values only ever rise, and together (HC-98). A count of -1 comes from logs that did not store
    /// it.
    pub(crate) fn raise_cversion(&mut self, parent: NodeId, path: &str, cversion: i32, zxid: Zxid) {
        let current = self.nodes.family(parent).map_or(0, |f| f.cversion);
        let cversion = if cversion == -1 { current.wrapping_add(1) } else { cversion };
        // Beyond the largest number the count turns negative, and must go on from there (HC-107).
        if cversion > current || (current == i32::MAX && cversion == i32::MIN) {
            self.restat(parent, path, |stat| {
                stat.cversion = cversion;
                stat.pzxid = zxid.0;
            });
        }
    }

    /// Notes a deletion in the parent; only ever raises (HC-98).
    pub(crate) fn raise_pzxid(&mut self, parent: NodeId, path: &str, zxid: Zxid) {
        if self.nodes.stat(parent).pzxid < zxid.0 {
            self.restat(parent, path, |stat| stat.pzxid = zxid.0);
        }
    }

    /// Adds to the use that a quota covering `path` tells, if there is one.
    pub(crate) fn charge(&mut self, path: &str, count: i64, bytes: i64) {
        let Some(covered) = self.quotas.covering(path) else { return };
        let Some(stats) = self.quota_node(covered, quota::STATS) else { return };
        let mut used = Quota::parse(self.nodes.get(stats).data());
        used.count += count;
        used.bytes += bytes;
        self.nodes.get_mut(stats).set_data(Some(used.to_text().as_bytes()));
    }

    /// Counts a subtree anew and writes its use into its stats node.
    pub(crate) fn recount(&mut self, covered: &str) {
        let Some(stats) = self.quota_node(covered, quota::STATS) else { return };
        let mut used = Quota::used(0, 0);
        if let Some(top) = self.nodes.find(covered) {
            for id in std::iter::once(top).chain(self.nodes.descendants(top)) {
                used.count += 1;
                used.bytes += self.nodes.get(id).data_len() as i64;
            }
        }
        self.nodes.get_mut(stats).set_data(Some(used.to_text().as_bytes()));
    }

    /// The node of this name that belongs to the quota on a path.
    pub(crate) fn quota_node(&self, covered: &str, name: &str) -> Option<NodeId> {
        let root = self.nodes.find(quota::QUOTA_NODE)?;
        let node = self.nodes.find_below(root, covered.strip_prefix('/')?)?;
        self.nodes.child(node, name.as_bytes())
    }
}

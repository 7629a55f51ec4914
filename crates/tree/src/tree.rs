//! The tree as a value: all replicated state, and what can be asked of it as a whole.

use crate::acl::AclTable;
use crate::digest::DigestLog;
use crate::owner::{self, Owner};
use crate::owners::Owners;
use crate::quota::QuotaPaths;
use crate::settings::Settings;
use crate::znode::NodeId;
use crate::znodes::Znodes;
use proto::acl::{Acl, Id, perms};
use proto::snapshot::ZxidDigest;
use proto::stat::{Stat, StatPersisted};
use proto::txn::{DIGEST_VERSION, TxnDigest};
use proto::{SessionId, Zxid};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All replicated state: znodes, access control, quotas, sessions, and the last transaction applied.
pub struct Tree {
    pub(crate) settings: Settings,
    pub(crate) nodes: Znodes,
    pub(crate) acls: AclTable,
    pub(crate) owners: Owners,
    pub(crate) quotas: QuotaPaths,
    pub(crate) sessions: BTreeMap<SessionId, i32>,
    pub(crate) digest: u64,
    pub(crate) digests: DigestLog,
    pub(crate) last_zxid: Zxid,
    /// Bytes of paths and data.
    pub(crate) data_size: i64,
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree")
            .field("last_zxid", &self.last_zxid)
            .field("nodes", &self.node_count())
            .finish_non_exhaustive()
    }
}

impl Tree {
    /// A fresh tree: `/`, `/zookeeper`, `/zookeeper/quota`, `/zookeeper/config`.
    pub fn new(settings: Settings) -> Self {
        let mut tree = Self::bare(settings);
        tree.digest += tree.digest_part(NodeId::ROOT, "/");
        let zero = StatPersisted::default();
        let system = tree.attach(NodeId::ROOT, "/zookeeper", Some(b""), &zero, crate::acl::OPEN);
        tree.attach(system, "/zookeeper/quota", Some(b""), &zero, crate::acl::OPEN);
        let config = StatPersisted { aversion: -1, ..zero };
        let readable = tree.acls.acquire(&[Acl { perms: perms::READ, id: Id::anyone() }]);
        tree.attach(system, "/zookeeper/config", Some(b""), &config, readable);
        tree
    }

    /// Only the root, which the digest does not have yet.
    pub(crate) fn bare(settings: Settings) -> Self {
        Self {
            settings,
            nodes: Znodes::new(),
            acls: AclTable::new(),
            owners: Owners::default(),
            quotas: QuotaPaths::default(),
            sessions: BTreeMap::new(),
            digest: 0,
            digests: DigestLog::default(),
            last_zxid: Zxid::ZERO,
            // The reference keeps the root under a second, one character long name.
            data_size: 1,
        }
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The last transaction applied.
    pub fn last_zxid(&self) -> Zxid {
        self.last_zxid
    }

    /// The sum over all nodes' digests; 0 when digests are off.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The digest with the transaction it belongs to, as snapshots store it. Its zxid is 0 as long as
    /// nothing was applied.
    pub fn zxid_digest(&self) -> ZxidDigest {
        self.digests.last()
    }

    /// Digests after every transaction whose id is divisible by 128, oldest first, up to 1024.
    pub fn digest_history(&self) -> impl Iterator<Item = (Zxid, u64)> {
        self.digests.history()
    }

    /// Whether a transaction's digest agrees with the tree it has just been applied to. Digests that
    /// cannot be compared (other version, feature off, still inside a fuzzy snapshot's range) agree.
    pub fn agrees_with(&self, digest: TxnDigest) -> bool {
        !self.settings.digest
            || digest.version != DIGEST_VERSION
            || !self.digests.is_comparable()
            || digest.digest == self.digest
    }

    /// Whether the tree is known to be exactly that after its last transaction: replay has left the range
    /// in which its snapshot is fuzzy. A transaction that fails from here on does not belong here (HC-99).
    pub fn is_exact(&self) -> bool {
        self.digests.is_exact()
    }

    /// Whether the tree agreed with the digest of the snapshot it was loaded from, as soon as that
    /// could be compared.
    pub fn agreed_with_snapshot(&self) -> bool {
        !self.digests.missed()
    }

    /// Nodes as the reference counts them: the root twice, so 5 in a fresh tree.
    pub fn node_count(&self) -> usize {
        self.nodes.len() + 1
    }

    /// Bytes of paths and data as the reference counts them.
    pub fn approximate_data_size(&self) -> u64 {
        self.data_size.max(0) as u64
    }

    /// Ephemeral nodes of all sessions.
    pub fn ephemerals_count(&self) -> usize {
        self.owners.ephemerals_count()
    }

    /// Paths of a session's ephemeral nodes, sorted.
    pub fn ephemerals_of(&self, session: SessionId) -> Vec<String> {
        let mut paths: Vec<_> = self.owners.of_session(session).map(|id| self.nodes.path(id)).collect();
        paths.sort_unstable();
        paths
    }

    /// Sessions that own an ephemeral node, or did and were not closed since, in id order, with how
    /// many.
    pub fn ephemeral_owners(&self) -> impl Iterator<Item = (SessionId, usize)> {
        self.owners.sessions()
    }

    /// Known sessions with their timeouts in milliseconds, in id order.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, i32)> {
        self.sessions.iter().map(|(id, timeout_ms)| (*id, *timeout_ms))
    }

    /// Whether a session is known.
    pub fn has_session(&self, id: SessionId) -> bool {
        self.sessions.contains_key(&id)
    }

    /// Containers and TTL nodes that should be removed by a `deleteContainer` as of `now_wall_ms`
    /// (milliseconds since 1970), in stable order. With `max_never_used_ms` above 0, containers that
    /// never had a child and are older than that are included.
    ///
    /// //= java: ContainerManager.getCandidates
    pub fn expired_containers(&self, now_wall_ms: i64, max_never_used_ms: i64) -> Vec<String> {
        let idle_ms = |id| now_wall_ms.saturating_sub(self.nodes.get(id).mtime);
        let is_expired = |id: &NodeId| {
            self.nodes.children(*id) == 0
                && match owner::classify(&self.settings, self.nodes.owner(*id)) {
                    Owner::Container if self.nodes.family(*id).is_some_and(|f| f.cversion > 0) => true,
                    Owner::Container => max_never_used_ms > 0 && idle_ms(*id) > max_never_used_ms,
                    Owner::Ttl(ttl_ms) => ttl_ms != 0 && idle_ms(*id) > ttl_ms,
                    _ => false,
                }
        };
        self.owners.transients().filter(is_expired).map(|id| self.nodes.path(id)).collect()
    }

    /// The list of a node.
    pub(crate) fn acl_of(&self, id: NodeId) -> &Arc<[Acl]> {
        self.acls.get(self.nodes.get(id).acl)
    }

    /// Whether one of the identities has one of the permissions on a node.
    pub(crate) fn may(&self, id: NodeId, perms: i32, ids: &[Id]) -> bool {
        crate::auth::may(&self.settings, self.acl_of(id), perms, ids)
    }

    /// A node's metadata as clients see it.
    pub(crate) fn stat_of(&self, id: NodeId) -> Stat {
        self.nodes.wire_stat(id, owner::shown(&self.settings, self.nodes.owner(id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_tree_is_the_references() {
        let tree = Tree::new(Settings::default());
        assert_eq!(tree.digest(), 0x51C6_D660);
        assert_eq!((tree.node_count(), tree.approximate_data_size()), (5, 44));
        let stat = |path| tree.stat_of(tree.nodes.find(path).unwrap());
        assert_eq!(stat("/"), Stat { cversion: -1, num_children: 1, ..Stat::default() });
        assert_eq!(stat("/zookeeper"), Stat { cversion: -2, num_children: 2, ..Stat::default() });
        assert_eq!(stat("/zookeeper/config"), Stat { aversion: -1, ..Stat::default() });
        assert_eq!(tree.zxid_digest(), ZxidDigest { zxid: Zxid::ZERO, version: 2, digest: 0 });
    }
}

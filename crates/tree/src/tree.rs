//! The tree as a value.

use crate::ops::Outcome;
use crate::settings::Settings;
use crate::watches::{Fired, Watches};
use proto::snapshot::ZxidDigest;
use proto::txn::{DIGEST_VERSION, Txn, TxnDigest, TxnHeader};
use proto::{SessionId, Zxid};

/// All replicated state: znodes, access control, quotas, sessions, and the last transaction applied.
pub struct Tree {
    settings: Settings,
}

impl Tree {
    /// A fresh tree: `/`, `/zookeeper`, `/zookeeper/quota`, `/zookeeper/config`.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The last transaction applied.
    pub fn last_zxid(&self) -> Zxid {
        Zxid::ZERO
    }

    /// The sum over all nodes' digests; 0 when digests are off.
    pub fn digest(&self) -> u64 {
        0
    }

    /// The digest with the transaction it belongs to, as snapshots store it.
    pub fn zxid_digest(&self) -> ZxidDigest {
        ZxidDigest { zxid: Zxid::ZERO, version: DIGEST_VERSION, digest: 0 }
    }

    /// Digests after every transaction whose id is divisible by 128, oldest first, up to 1024.
    pub fn digest_history(&self) -> impl Iterator<Item = (Zxid, u64)> {
        std::iter::empty()
    }

    /// Whether a transaction's digest agrees with the tree it has just been applied to. Digests that
    /// cannot be compared (other version, feature off, still inside a fuzzy snapshot's range) agree.
    pub fn agrees_with(&self, digest: TxnDigest) -> bool {
        digest.version != DIGEST_VERSION || digest.digest == self.digest()
    }

    /// Nodes as the reference counts them: the root twice, so 5 in a fresh tree.
    pub fn node_count(&self) -> usize {
        5
    }

    /// Bytes of paths and data as the reference counts them.
    pub fn approximate_data_size(&self) -> u64 {
        0
    }

    /// Ephemeral nodes of all sessions.
    pub fn ephemerals_count(&self) -> usize {
        0
    }

    /// Paths of a session's ephemeral nodes, sorted.
    pub fn ephemerals_of(&self, session: SessionId) -> Vec<String> {
        let _ = session;
        Vec::new()
    }

    /// Sessions that own at least one ephemeral node, in id order, with how many.
    pub fn ephemeral_owners(&self) -> impl Iterator<Item = (SessionId, usize)> {
        std::iter::empty()
    }

    /// Known sessions with their timeouts in milliseconds, in id order.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, i32)> {
        std::iter::empty()
    }

    /// Whether a session is known.
    pub fn has_session(&self, id: SessionId) -> bool {
        let _ = id;
        false
    }

    /// Performs a transaction, live: sessions, nodes and digest change, watches fire into `fired`, and
    /// last of all [`Tree::last_zxid`] advances (HC-96, HC-97).
    pub fn apply(
        &mut self,
        header: &TxnHeader,
        txn: &Txn,
        watches: &mut Watches,
        fired: &mut Vec<Fired>,
    ) -> Outcome {
        let _ = (header, txn, watches, fired);
        Outcome::None
    }

    /// Performs a transaction from the log at start-up. Over a fuzzy snapshot a transaction may find
    /// its effect already there or undone later: that is tolerated, and parents' metadata still ends as
    /// in the live run (HC-98, HC-99).
    pub fn replay(&mut self, header: &TxnHeader, txn: &Txn) -> Outcome {
        let _ = (header, txn);
        Outcome::None
    }

    /// Removes ephemeral nodes whose session is unknown, as is done after loading and before serving.
    /// Returns their paths, sorted.
    pub fn prune_orphans(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Containers and TTL nodes that should be removed by a `deleteContainer` as of `now_wall_ms`
    /// (milliseconds since 1970), in stable order. With `max_never_used_ms` above 0, containers that
    /// never had a child and are older than that are included.
    pub fn expired_containers(&self, now_wall_ms: i64, max_never_used_ms: i64) -> Vec<String> {
        let _ = (now_wall_ms, max_never_used_ms);
        Vec::new()
    }
}

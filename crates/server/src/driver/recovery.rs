//! From the data directory to a tree.

use crate::config::{Config, DigestAlgorithm};
use proto::Zxid;
use proto::txn::{Txn, TxnDigest, TxnHeader};
use storage::{DataDirs, RecoverOptions, Recovered, Recovery, SharedDisk, StorageError};
use tree::auth::DigestAlg;
use tree::{Loader, Outcome, Settings, Tree};

/// The tree while it is being brought back.
struct Rebuild {
    settings: Settings,
    tree: Tree,
    /// Whether the tree was known to be exact before the last transaction.
    was_exact: bool,
    /// The first transaction whose digest in the log is not the tree's.
    mismatch: Option<Zxid>,
}

impl Recovery for Rebuild {
    type Sink = Loader;

    fn sink(&mut self) -> Loader {
        Loader::new(self.settings.clone())
    }

    fn loaded(&mut self, sink: Loader, zxid: Zxid) -> Result<(), String> {
        self.tree = sink.finish(zxid)?;
        Ok(())
    }

    fn replay(&mut self, header: &TxnHeader, txn: Txn, digest: Option<TxnDigest>) -> Result<(), String> {
        // The reference may miss the very last transaction when it notes where a snapshot ends.
        let exact = std::mem::replace(&mut self.was_exact, self.tree.is_exact());
        let outcome = self.tree.replay(header, &txn);
        if let (true, Outcome::Error(code), false) = (exact, outcome, matches!(txn, Txn::Error(_))) {
            let (zxid, kind) = (header.zxid, header.kind);
            return Err(format!(
                "transaction {zxid} (type {kind}) does not fit the state before it: {code:?}"
            ));
        }
        if self.mismatch.is_none() && digest.is_some_and(|digest| !self.tree.agrees_with(digest)) {
            self.mismatch = Some(header.zxid);
        }
        Ok(())
    }
}

/// The tree's share of the configuration.
pub(crate) fn tree_settings(config: &Config) -> Settings {
    let (tree, auth) = (&config.tree, &config.auth);
    Settings {
        digest: tree.digest_enabled,
        extended_types: tree.extended_types,
        emulate_353_ttl: tree.emulate_353_ttl,
        enforce_quota: tree.enforce_quota,
        skip_acl: tree.skip_acl,
        close_session_lists_ephemerals: tree.close_session_txn,
        reconfig_enabled: config.reconfig_enabled,
        digest_auth_enabled: auth.digest_enabled,
        digest_alg: match auth.digest_algorithm {
            DigestAlgorithm::Sha1 => DigestAlg::Sha1,
            DigestAlgorithm::Sha256 => DigestAlg::Sha256,
            DigestAlgorithm::Sha512 => DigestAlg::Sha512,
        },
        super_digest: auth.super_digest.as_ref().map(|secret| secret.expose().to_owned()),
        txn_growth_max: config.limits.jute_extra_size,
        ensemble_names: auth.ensemble_scheme.then(|| auth.ensemble_names.clone()),
    }
}

/// Reads the newest state. Ephemeral nodes without a session are left over from a crash of the
/// reference and go, before anybody can see them.
pub(crate) fn load(
    disk: &SharedDisk,
    dirs: &DataDirs,
    config: &Config,
) -> Result<(Tree, Recovered), StorageError> {
    let settings = tree_settings(config);
    let options = RecoverOptions {
        trust_empty: config.storage.trust_empty_snapshot,
        db_autocreate: config.storage.create_database,
    };
    let mut rebuild =
        Rebuild { tree: Tree::new(settings.clone()), settings, was_exact: false, mismatch: None };
    let mut recovered = storage::recover(disk, dirs, &options, &mut rebuild)?;
    // As the reference does: say it loudly and go on, since either side may have counted wrong.
    if let Some(zxid) = rebuild.mismatch {
        tracing::error!(%zxid, "tree differs from the digest in the log, from this transaction on");
    }
    if !rebuild.tree.agreed_with_snapshot() {
        tracing::error!("tree differs from the digest of the snapshot it was loaded from");
    }
    for path in rebuild.tree.prune_orphans() {
        tracing::warn!(?path, "removed an ephemeral node whose session is gone");
        // No transaction says so: without a snapshot the node would be back at the next start, and
        // in the way of one created under its name in between.
        recovered.needs_snapshot = true;
    }
    Ok((rebuild.tree, recovered))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::SessionId;
    use proto::acl::Acl;
    use proto::snapshot::{SnapshotNode, SnapshotSink, ZxidDigest};
    use proto::stat::StatPersisted;
    use proto::txn::CreateTxn;

    fn create(zxid: i64, path: &str) -> (TxnHeader, Txn) {
        let txn = CreateTxn {
            path: path.into(),
            data: None,
            acl: vec![Acl::open()],
            ephemeral: false,
            parent_cversion: zxid as i32,
        };
        let txn = Txn::Create(proto::OpCode::Create, txn);
        let header =
            TxnHeader { client_id: SessionId(1), cxid: 0, zxid: Zxid(zxid), time: 0, kind: txn.kind() };
        (header, txn)
    }

    /// A tree loaded from a snapshot named `start` whose writing ended at `end`.
    fn loaded(start: i64, end: Option<i64>) -> Rebuild {
        let settings = Settings::default();
        let mut rebuild =
            Rebuild { tree: Tree::new(settings.clone()), settings, was_exact: false, mismatch: None };
        let mut sink = rebuild.sink();
        for path in ["", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"] {
            let stat = StatPersisted::default();
            sink.node(&SnapshotNode { path, data: None, acl: -1, stat }).unwrap();
        }
        if let Some(end) = end {
            sink.digest(ZxidDigest { zxid: Zxid(end), version: 2, digest: 0 });
        }
        rebuild.loaded(sink, Zxid(start)).unwrap();
        rebuild
    }

    #[test]
    fn hc_99_a_misfit_is_tolerated_where_the_snapshot_is_fuzzy_and_refused_behind() {
        for (end, refused) in [(Some(9), false), (Some(4), true), (None, false)] {
            let mut rebuild = loaded(3, end);
            for zxid in [4, 5, 6] {
                let (header, txn) = create(zxid, "/a");
                let done = rebuild.replay(&header, txn, None);
                assert_eq!(done.is_err(), refused && zxid == 6, "fuzzy until {end:?}, zxid {zxid}: {done:?}");
            }
        }
    }

    #[test]
    fn hc_111_a_digest_that_differs_on_replay_is_noticed_at_its_transaction() {
        let mut rebuild = loaded(3, Some(3));
        let (header, txn) = create(4, "/a");
        let mut twin = loaded(3, Some(3));
        twin.replay(&header, txn.clone(), None).unwrap();
        let right = TxnDigest { version: 2, digest: twin.tree.digest() };
        rebuild.replay(&header, txn, Some(right)).unwrap();
        assert_eq!(rebuild.mismatch, None);
        let (header, txn) = create(5, "/b");
        rebuild.replay(&header, txn, Some(right)).unwrap();
        assert_eq!(rebuild.mismatch, Some(Zxid(5)));
    }
}

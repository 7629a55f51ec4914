//! From the data directory to a tree.

use crate::config::{Config, DigestAlgorithm};
use proto::Zxid;
use proto::txn::{Txn, TxnDigest, TxnHeader};
use storage::{DataDirs, RecoverOptions, Recovered, Recovery, SharedDisk, StorageError};
use tree::auth::DigestAlg;
use tree::{Loader, Settings, Tree};

/// The tree while it is being brought back.
struct Rebuild {
    settings: Settings,
    tree: Tree,
    /// Transactions up to here are partly in the snapshot already: digests compare only behind.
    fuzzy_until: Zxid,
    mismatch: Option<Zxid>,
}

impl Recovery for Rebuild {
    type Sink = Loader;

    fn sink(&mut self) -> Loader {
        Loader::new(self.settings.clone())
    }

    fn loaded(&mut self, sink: Loader, zxid: Zxid) -> Result<(), String> {
        self.tree = sink.finish(zxid)?;
        self.fuzzy_until = self.tree.zxid_digest().zxid.max(zxid);
        Ok(())
    }

    fn replay(&mut self, header: &TxnHeader, txn: Txn, digest: Option<TxnDigest>) -> Result<(), String> {
        self.tree.replay(header, &txn);
        let comparable = header.zxid > self.fuzzy_until && self.mismatch.is_none();
        if comparable && digest.is_some_and(|digest| !self.tree.agrees_with(digest)) {
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
        Rebuild { tree: Tree::new(settings.clone()), settings, fuzzy_until: Zxid::ZERO, mismatch: None };
    let recovered = storage::recover(disk, dirs, &options, &mut rebuild)?;
    // As the reference does: say it loudly and go on, since either side may have counted wrong.
    if let Some(zxid) = rebuild.mismatch {
        tracing::error!(%zxid, "tree differs from the digest in the log, from this transaction on");
    }
    for path in rebuild.tree.prune_orphans() {
        tracing::warn!(?path, "removed an ephemeral node whose session is gone");
    }
    Ok((rebuild.tree, recovered))
}

//! What an operator can choose about the tree's behaviour.

use crate::auth::DigestAlg;
use std::fmt;

/// Choices that stay the same while the tree lives. All members of an ensemble should agree.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether the digest of the tree is computed and written with each transaction.
    pub digest: bool,
    /// Whether TTL nodes can be made, and owners in `0xff...` read as TTLs.
    pub extended_types: bool,
    /// Whether any negative owner is a TTL, as in 3.5.3.
    pub emulate_353_ttl: bool,
    /// Whether hard quotas refuse writes.
    pub enforce_quota: bool,
    /// Whether access control lists are not looked at.
    pub skip_acl: bool,
    /// Whether the transaction that closes a session lists the nodes it removes.
    pub close_session_lists_ephemerals: bool,
    /// Whether membership can be changed by request.
    pub reconfig_enabled: bool,
    /// Whether the `digest` authentication scheme exists.
    pub digest_auth_enabled: bool,
    /// The hash of the `digest` authentication scheme.
    pub digest_alg: DigestAlg,
    /// `user:hash` of the `digest` identity that may do everything.
    pub super_digest: Option<String>,
    /// Bytes by which a transaction may exceed the request it comes from: what readers of the log allow
    /// beyond the limit on requests.
    pub txn_growth_max: usize,
    /// Names this ensemble answers to in the `ensemble` scheme, any if empty; `None`: the scheme does
    /// not exist.
    pub ensemble_names: Option<Vec<String>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            digest: true,
            extended_types: false,
            emulate_353_ttl: false,
            enforce_quota: false,
            skip_acl: false,
            close_session_lists_ephemerals: true,
            reconfig_enabled: false,
            digest_auth_enabled: true,
            digest_alg: DigestAlg::Sha1,
            super_digest: None,
            txn_growth_max: 1_048_575,
            ensemble_names: None,
        }
    }
}

/// The super digest has no printable form (HC-182).
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("digest", &self.digest)
            .field("extended_types", &self.extended_types)
            .field("emulate_353_ttl", &self.emulate_353_ttl)
            .field("enforce_quota", &self.enforce_quota)
            .field("skip_acl", &self.skip_acl)
            .field("close_session_lists_ephemerals", &self.close_session_lists_ephemerals)
            .field("reconfig_enabled", &self.reconfig_enabled)
            .field("digest_auth_enabled", &self.digest_auth_enabled)
            .field("digest_alg", &self.digest_alg)
            .field("super_digest", &self.super_digest.as_ref().map(|_| "(hidden)"))
            .field("txn_growth_max", &self.txn_growth_max)
            .field("ensemble_names", &self.ensemble_names)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hc_182_the_super_digest_is_never_printed() {
        let settings = Settings { super_digest: Some("super:c2VjcmV0".into()), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("c2VjcmV0"));
    }
}

//! Who a connection is, and what that allows.

use crate::settings::Settings;
use proto::ErrorCode;
use proto::acl::{Acl, Id};

/// The hash of the `digest` scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DigestAlg {
    /// The default, and what every client library computes.
    #[default]
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl DigestAlg {
    /// The algorithm with this name (`SHA1`, `SHA-256`, ...), in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        let _ = name;
        None
    }
}

/// The identities an auth packet proves. Empty when the scheme's identity is one the connection has
/// anyway (`ip`).
///
/// # Errors
/// [`ErrorCode::AuthFailed`]: the connection is closed after the reply.
pub fn authenticate(settings: &Settings, scheme: &str, payload: &[u8]) -> Result<Vec<Id>, ErrorCode> {
    let _ = (settings, scheme, payload);
    Err(ErrorCode::AuthFailed)
}

/// Whether a list grants at least one of `perms` to at least one of the identities.
pub fn may(settings: &Settings, acl: &[Acl], perms: i32, ids: &[Id]) -> bool {
    let _ = (settings, acl, perms, ids);
    true
}

/// The list a create or setACL really stores: duplicates dropped, `auth` replaced by the
/// connection's identities.
///
/// # Errors
/// [`ErrorCode::InvalidAcl`].
pub fn fixup_acl(acl: Option<&[Acl]>, ids: &[Id]) -> Result<Vec<Acl>, ErrorCode> {
    let _ = (acl, ids);
    Err(ErrorCode::InvalidAcl)
}

/// How an identity is shown to clients: without its secret part.
pub fn user_name(id: &Id) -> &str {
    &id.id
}

//! The `digest` scheme: a user name, and a hash of name and password.
//!
//! //= java: DigestAuthenticationProvider

use crate::settings::Settings;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::ErrorCode;
use proto::acl::Id;
use sha1::{Digest, Sha1};
use sha2::{Sha224, Sha256, Sha384, Sha512};

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
    /// The algorithm with this name (`SHA1`, `SHA-256`, ...), in any case, with or without dash.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().replace('-', "").as_str() {
            "SHA" | "SHA1" => Self::Sha1,
            "SHA224" => Self::Sha224,
            "SHA256" => Self::Sha256,
            "SHA384" => Self::Sha384,
            "SHA512" => Self::Sha512,
            _ => return None,
        })
    }

    fn hash(self, bytes: &[u8]) -> String {
        match self {
            Self::Sha1 => STANDARD.encode(Sha1::digest(bytes)),
            Self::Sha224 => STANDARD.encode(Sha224::digest(bytes)),
            Self::Sha256 => STANDARD.encode(Sha256::digest(bytes)),
            Self::Sha384 => STANDARD.encode(Sha384::digest(bytes)),
            Self::Sha512 => STANDARD.encode(Sha512::digest(bytes)),
        }
    }
}

/// The id belonging to `user:password`: `user:hash`.
pub fn id_of(alg: DigestAlg, user_password: &str) -> String {
    format!("{}:{}", user(user_password), alg.hash(user_password.as_bytes()))
}

/// Any payload proves the identity that it hashes to.
pub(super) fn authenticate(settings: &Settings, payload: &[u8]) -> Result<Vec<Id>, ErrorCode> {
    let id = id_of(settings.digest_alg, &String::from_utf8_lossy(payload));
    let mut ids = Vec::with_capacity(2);
    if settings.super_digest.as_ref().is_some_and(|it| equal(it.as_bytes(), id.as_bytes())) {
        ids.push(Id::new("super", ""));
    }
    ids.push(Id::new("digest", id));
    Ok(ids)
}

/// Compares in a time that does not tell where the difference is.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
}

/// `user:hash`. Java's split drops trailing empty parts, so `user:` is one part and `a:b:` two.
pub(super) fn is_valid(id: &str) -> bool {
    id.trim_end_matches(':').split(':').count() == 2
}

/// The part before the first colon.
pub(super) fn user(id: &str) -> &str {
    id.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_clients_compute() {
        assert_eq!(id_of(DigestAlg::Sha1, "super:test"), "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
    }

    #[test]
    fn names_of_algorithms_are_read_as_java_spells_them() {
        assert_eq!(DigestAlg::from_name("SHA-256"), Some(DigestAlg::Sha256));
        assert_eq!(DigestAlg::from_name("sha1"), Some(DigestAlg::Sha1));
        assert_eq!(DigestAlg::from_name("ROT13"), None);
    }

    #[test]
    fn an_id_has_exactly_two_parts() {
        for (id, valid) in
            [("u:h", true), ("u", false), ("u:", false), ("a:b:c", false), ("a:b:", true), (":h", true)]
        {
            assert_eq!(is_valid(id), valid, "{id}");
        }
    }
}

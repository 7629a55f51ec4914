//! Who a connection is, and what that allows.
//!
//! A scheme is one row of [`SCHEMES`]: how its identities are proved, what they look like in an
//! access control list, and when one matches the other.

mod digest;
mod ip;

use crate::settings::Settings;
use proto::ErrorCode;
use proto::acl::{Acl, Id};
use std::borrow::Cow;
use std::collections::BTreeSet;

pub use digest::{DigestAlg, id_of as digest_id};

/// One authentication scheme.
struct Scheme {
    name: &'static str,
    /// Whether it exists under these settings.
    enabled: fn(&Settings) -> bool,
    /// The identities an auth packet proves.
    authenticate: fn(&Settings, &[u8]) -> Result<Vec<Id>, ErrorCode>,
    /// Whether its identities prove who somebody is, so that `auth` in a list stands for them. An
    /// address does not.
    identifies: bool,
    /// Whether an id may stand in a list.
    is_valid: fn(&str) -> bool,
    /// Whether a connection's id is meant by a list's id.
    matches: fn(&str, &str) -> bool,
    /// The part of an id that is not secret.
    user: fn(&str) -> &str,
}

const SCHEMES: [Scheme; 3] = [
    Scheme {
        name: "ip",
        enabled: |_| true,
        // The connection has its address as identity from the start.
        authenticate: |_, _| Ok(Vec::new()),
        identifies: false,
        is_valid: ip::is_valid,
        matches: ip::matches,
        user: |id| id,
    },
    Scheme {
        name: "digest",
        enabled: |settings| settings.digest_auth_enabled,
        authenticate: digest::authenticate,
        identifies: true,
        is_valid: digest::is_valid,
        matches: |id, listed| id == listed,
        user: digest::user,
    },
    Scheme {
        // A client's way to make sure that it talks to the ensemble it means; nobody gains by it.
        name: "ensemble",
        enabled: |settings| settings.ensemble_names.is_some(),
        authenticate: ensemble,
        identifies: false,
        is_valid: |_| false,
        matches: |_, _| false,
        user: |id| id,
    },
];

fn scheme(settings: &Settings, name: &str) -> Option<&'static Scheme> {
    SCHEMES.iter().find(|s| s.name == name && (s.enabled)(settings))
}

/// A name that is not one of ours sends the client away.
///
/// //= java: EnsembleAuthenticationProvider
fn ensemble(settings: &Settings, name: &[u8]) -> Result<Vec<Id>, ErrorCode> {
    let names = settings.ensemble_names.as_deref().unwrap_or_default();
    let is_ours = names.is_empty() || name.is_empty() || names.iter().any(|own| own.as_bytes() == name);
    if is_ours { Ok(Vec::new()) } else { Err(ErrorCode::AuthFailed) }
}

/// The identities an auth packet proves. Empty when the scheme's identity is one the connection has
/// anyway (`ip`).
///
/// # Errors
/// [`ErrorCode::AuthFailed`]: the connection is closed after the reply.
pub fn authenticate(settings: &Settings, name: &str, payload: &[u8]) -> Result<Vec<Id>, ErrorCode> {
    let scheme = scheme(settings, name).ok_or(ErrorCode::AuthFailed)?;
    (scheme.authenticate)(settings, payload)
}

/// Whether a list grants at least one of `perms` to at least one of the identities.
///
/// //= java: ZooKeeperServer.checkACL
pub fn may(settings: &Settings, acl: &[Acl], perms: i32, ids: &[Id]) -> bool {
    if settings.skip_acl || acl.is_empty() {
        return true;
    }
    let grants = |entry: &Acl| {
        let listed = &entry.id;
        entry.perms & perms != 0
            && (is_anyone(listed)
                || scheme(settings, &listed.scheme).is_some_and(|scheme| {
                    ids.iter().any(|id| id.scheme == listed.scheme && (scheme.matches)(&id.id, &listed.id))
                }))
    };
    acl.iter().any(grants) || ids.iter().any(|id| id.scheme == "super")
}

fn is_anyone(id: &Id) -> bool {
    id.scheme == "world" && id.id == "anyone"
}

/// The most entries a list may grow to when `auth` is replaced: more than any frame of the default size
/// holds, so nobody could ever be told of them.
const ENTRIES_MAX: usize = 100_000;

/// The list a create or setACL really stores: duplicates dropped, `auth` replaced by the
/// connection's identities.
///
/// # Errors
/// [`ErrorCode::InvalidAcl`] for a null or empty list, an id no scheme accepts, and `auth` from a
/// connection that has not authenticated (HC-104).
///
/// //= java: PrepRequestProcessor.fixupACL
pub fn fixup_acl(settings: &Settings, acl: Option<&[Acl]>, ids: &[Id]) -> Result<Vec<Acl>, ErrorCode> {
    let acl = acl.unwrap_or_default();
    let mut fixed = Vec::with_capacity(acl.len());
    // A set, because a hostile list is as long as a frame.
    let mut seen = BTreeSet::new();
    for entry in acl {
        if !seen.insert(entry) {
            continue;
        }
        if is_anyone(&entry.id) {
            fixed.push(entry.clone());
        } else if entry.id.scheme == "auth" {
            let own = ids.iter().filter(|id| scheme(settings, &id.scheme).is_some_and(|s| s.identifies));
            let before = fixed.len();
            fixed.extend(own.map(|id| Acl { perms: entry.perms, id: id.clone() }));
            if fixed.len() == before || fixed.len() > ENTRIES_MAX {
                return Err(ErrorCode::InvalidAcl);
            }
        } else if scheme(settings, &entry.id.scheme).is_some_and(|s| (s.is_valid)(&entry.id.id)) {
            fixed.push(entry.clone());
        } else {
            return Err(ErrorCode::InvalidAcl);
        }
    }
    if fixed.is_empty() { Err(ErrorCode::InvalidAcl) } else { Ok(fixed) }
}

/// How an identity is shown to clients: without its secret part, empty for schemes without names.
pub fn user_name<'a>(settings: &Settings, id: &'a Id) -> &'a str {
    scheme(settings, &id.scheme).map_or("", |scheme| (scheme.user)(&id.id))
}

/// A list's id as those see it who may not change the list: without hashes (HC-176).
pub(crate) fn masked(id: &Id) -> Cow<'_, str> {
    match id.id.split_once(':') {
        Some((user, _)) if id.scheme == "digest" => Cow::Owned(format!("{user}:x")),
        _ => Cow::Borrowed(&id.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::acl::perms;

    fn acl(perms: i32, scheme: &str, id: &str) -> Acl {
        Acl { perms, id: Id::new(scheme, id) }
    }

    fn settings() -> Settings {
        Settings { super_digest: Some(digest_id(DigestAlg::Sha1, "super:secret")), ..Settings::default() }
    }

    #[test]
    fn hc_112_every_scheme_grants_what_its_list_says_and_no_more() {
        let s = settings();
        let user = digest_id(DigestAlg::Sha1, "u:p");
        let local = Id::new("ip", "10.1.2.3");
        let me = Id::new("digest", &*user);
        for (list, ids, granted) in [
            (vec![acl(perms::READ, "world", "anyone")], vec![], true),
            (vec![acl(perms::WRITE, "world", "anyone")], vec![], false),
            (vec![acl(perms::ALL, "digest", &user)], vec![local.clone(), me.clone()], true),
            (vec![acl(perms::ALL, "digest", &user)], vec![local.clone()], false),
            (vec![acl(perms::ALL, "ip", "10.1.0.0/16")], vec![local.clone()], true),
            (vec![acl(perms::ALL, "ip", "10.2.0.0/16")], vec![local.clone(), me.clone()], false),
            (vec![acl(perms::ALL, "digest", &user)], vec![Id::new("super", "")], true),
            (vec![acl(0, "world", "anyone")], vec![me.clone()], false),
            (vec![], vec![], true),
        ] {
            assert_eq!(may(&s, &list, perms::READ, &ids), granted, "{list:?} {ids:?}");
        }
        let skip = Settings { skip_acl: true, ..settings() };
        assert!(may(&skip, &[acl(0, "world", "anyone")], perms::READ, &[]));
    }

    #[test]
    fn the_super_password_makes_a_super_connection() {
        let s = settings();
        let ids = authenticate(&s, "digest", b"super:secret").unwrap();
        assert_eq!(ids[0], Id::new("super", ""));
        assert_eq!(authenticate(&s, "digest", b"super:guess").unwrap().len(), 1);
        assert_eq!(authenticate(&s, "nope", b""), Err(ErrorCode::AuthFailed));
        assert_eq!(authenticate(&s, "world", b"anyone"), Err(ErrorCode::AuthFailed));
        assert_eq!(authenticate(&s, "ip", b"1.2.3.4"), Ok(vec![]));
        let off = Settings { digest_auth_enabled: false, ..settings() };
        assert_eq!(authenticate(&off, "digest", b"super:secret"), Err(ErrorCode::AuthFailed));
    }

    #[test]
    fn a_client_of_another_ensemble_is_sent_away() {
        let named = |names: &[&str]| Settings {
            ensemble_names: Some(names.iter().map(ToString::to_string).collect()),
            ..settings()
        };
        assert_eq!(authenticate(&settings(), "ensemble", b"a"), Err(ErrorCode::AuthFailed));
        assert_eq!(authenticate(&named(&[]), "ensemble", b"a"), Ok(vec![]));
        let ours = named(&["a", "b"]);
        for (name, expected) in [("a", Ok(vec![])), ("", Ok(vec![])), ("c", Err(ErrorCode::AuthFailed))] {
            assert_eq!(authenticate(&ours, "ensemble", name.as_bytes()), expected, "{name}");
        }
        assert_eq!(fixup_acl(&ours, Some(&[acl(31, "ensemble", "a")]), &[]), Err(ErrorCode::InvalidAcl));
    }

    #[test]
    fn hc_104_malformed_lists_are_refused_even_when_acls_are_skipped() {
        let skip = Settings { skip_acl: true, ..settings() };
        for bad in [
            None,
            Some(vec![]),
            Some(vec![acl(31, "", "")]),
            Some(vec![acl(31, "world", "somebody")]),
            Some(vec![acl(31, "super", "")]),
            Some(vec![acl(31, "digest", "nocolon")]),
            Some(vec![acl(31, "digest", "a:b:c")]),
            Some(vec![acl(31, "ip", "300.1.1.1")]),
            Some(vec![acl(31, "auth", "")]),
        ] {
            assert_eq!(
                fixup_acl(&skip, bad.as_deref(), &[Id::new("ip", "1.1.1.1")]),
                Err(ErrorCode::InvalidAcl)
            );
        }
    }

    #[test]
    fn auth_stands_for_all_authenticated_identities_and_duplicates_go() {
        let ids = [Id::new("ip", "1.1.1.1"), Id::new("digest", "a:x"), Id::new("digest", "b:y")];
        let list = [acl(1, "auth", ""), acl(1, "auth", ""), acl(31, "world", "anyone")];
        let fixed = fixup_acl(&settings(), Some(&list), &ids).unwrap();
        assert_eq!(fixed, [acl(1, "digest", "a:x"), acl(1, "digest", "b:y"), acl(31, "world", "anyone")]);
    }

    #[test]
    fn hc_164_a_list_that_multiplies_beyond_measure_is_refused() {
        let ids: Vec<_> = (0..500).map(|n| Id::new("digest", format!("u{n}:h"))).collect();
        let list: Vec<_> = (0..50_000).map(|perms| acl(perms, "auth", "")).collect();
        assert_eq!(fixup_acl(&settings(), Some(&list), &ids), Err(ErrorCode::InvalidAcl));
        let long: Vec<_> = (0..50_000).map(|perms| acl(perms, "world", "anyone")).collect();
        assert_eq!(fixup_acl(&settings(), Some(&long), &ids).map(|l| l.len()), Ok(50_000));
    }

    #[test]
    fn hc_176_hashes_are_masked() {
        assert_eq!(masked(&Id::new("digest", "u:hash")), "u:x");
        assert_eq!(masked(&Id::new("ip", "::1")), "::1");
        assert_eq!(user_name(&settings(), &Id::new("digest", "u:hash")), "u");
        assert_eq!(user_name(&settings(), &Id::new("super", "")), "");
    }
}

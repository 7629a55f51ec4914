//! `getACL`.

use super::read::Reading;
use crate::auth::masked;
use proto::acl::perms;
use proto::jute::{put_i32, put_len, put_string};
use proto::request::PathRequest;
use proto::{ErrorCode, Wire};

/// Answers it: to those who may read the node or change its list, hashes only to the latter (HC-176).
pub(super) fn answer(
    on: &Reading<'_>,
    request: &PathRequest<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let id = on.node(&request.path, perms::READ | perms::ADMIN)?;
    let is_admin = on.tree.may(id, perms::ADMIN, on.who.auth);
    let acl = on.tree.acl_of(id);
    put_len(out, acl.len());
    for entry in acl.iter() {
        put_i32(out, entry.perms);
        put_string(out, Some(&entry.id.scheme));
        if is_admin {
            put_string(out, Some(&entry.id.id));
        } else {
            put_string(out, Some(&masked(&entry.id)));
        }
    }
    on.tree.stat_of(id).encode(out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;

    use crate::ReadOp;
    use proto::Reader;
    use proto::acl::{Acl, Id};

    fn list(w: &mut World) -> Result<Vec<(i32, String)>, ErrorCode> {
        let out = w.read(&ReadOp::GetAcl(PathRequest { path: "/a".into() }))?;
        let acl = Vec::<Acl>::decode(&mut Reader::new(&out)).unwrap();
        Ok(acl.into_iter().map(|entry| (entry.perms, entry.id.id)).collect())
    }

    #[test]
    fn hc_176_hashes_are_shown_to_admins_only() {
        let mut w = World::new();
        w.ok(&create("/a"));
        let mine = |perms| Acl { perms, id: Id::new("digest", "me:hash") };
        let world = |perms| Acl { perms, id: Id::anyone() };
        w.ok(&set_acl("/a", vec![mine(perms::ALL), world(perms::READ)]));
        assert_eq!(list(&mut w).unwrap()[0], (perms::ALL, "me:x".into()));
        w.auth.push(Id::new("digest", "me:hash"));
        assert_eq!(list(&mut w).unwrap()[0], (perms::ALL, "me:hash".into()));
        w.ok(&set_acl("/a", vec![mine(perms::WRITE)]));
        assert_eq!(list(&mut w), Err(ErrorCode::NoAuth));
        w.auth.push(Id::new("super", ""));
        assert_eq!(list(&mut w).unwrap(), [(perms::WRITE, "me:hash".into())]);
    }

    #[test]
    fn hc_105_the_roots_list_is_open() {
        let mut w = World::new();
        let out = w.read(&ReadOp::GetAcl(PathRequest { path: "/".into() })).unwrap();
        assert_eq!(Vec::<Acl>::decode(&mut Reader::new(&out)).unwrap(), [Acl::open()]);
    }
}

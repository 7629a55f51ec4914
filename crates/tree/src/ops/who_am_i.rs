//! `whoAmI`: the identities of the asking connection.

use super::read::Reading;
use crate::auth::user_name;
use proto::ErrorCode;
use proto::jute::{put_len, put_string};

/// Answers it, in the order the identities were added.
pub(super) fn answer(on: &Reading<'_>, out: &mut Vec<u8>) -> Result<(), ErrorCode> {
    put_len(out, on.who.auth.len());
    for id in on.who.auth {
        put_string(out, Some(&id.scheme));
        put_string(out, Some(user_name(&on.tree.settings, id)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testkit::*;

    use crate::ReadOp;
    use proto::acl::Id;
    use proto::response::ClientInfo;
    use proto::{Reader, Wire};

    #[test]
    fn identities_come_without_secrets_in_the_order_added() {
        let mut w = World::new();
        w.auth.push(Id::new("super", ""));
        w.auth.push(Id::new("digest", "u:hash"));
        let out = w.read(&ReadOp::WhoAmI).unwrap();
        let infos = Vec::<ClientInfo>::decode(&mut Reader::new(&out)).unwrap();
        let shown: Vec<_> = infos.iter().map(|i| (&*i.scheme, &*i.user)).collect();
        assert_eq!(shown, [("ip", "127.0.0.1"), ("super", ""), ("digest", "u")]);
    }
}

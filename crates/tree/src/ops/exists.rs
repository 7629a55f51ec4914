//! `exists`.

use super::read::{Reading, held};
use crate::watches::Watches;
use proto::acl::perms;
use proto::request::ReadRequest;
use proto::{ErrorCode, Wire};

/// Answers it. A watch is left on a missing node too: it fires when the node is created.
pub(super) fn answer(
    on: &Reading<'_>,
    request: &ReadRequest<'_>,
    watches: Option<&mut Watches>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    if request.path.contains('\0') {
        return Err(ErrorCode::BadArguments);
    }
    let node = on.tree.nodes.find(&request.path);
    if let Some(id) = node {
        on.require(id, perms::READ)?;
    }
    if request.watch {
        held(watches).watch_data(&request.path, on.who.watcher);
    }
    let id = node.ok_or(ErrorCode::NoNode)?;
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
    use proto::stat::Stat;

    #[test]
    fn a_node_answers_with_its_stat_and_a_missing_one_leaves_the_watch() {
        let mut w = World::new();
        w.ok(&create("/a"));
        let out = w.read(&ReadOp::Exists(peek("/a"))).unwrap();
        assert_eq!(Some(Stat::decode(&mut Reader::new(&out)).unwrap()), w.stat("/a"));
        assert_eq!(w.read(&ReadOp::Exists(watch("/b"))), Err(ErrorCode::NoNode));
        w.ok(&create("/b"));
        assert_eq!(w.events(), ["NodeCreated /b 1"]);
        assert_eq!(w.read(&ReadOp::Exists(watch("/a\0"))), Err(ErrorCode::BadArguments));
        assert!(w.watches.is_empty());
    }

    #[test]
    fn hc_112_an_unreadable_node_answers_nothing_and_takes_no_watch() {
        let mut w = World::new();
        w.ok(&create("/a"));
        w.ok(&set_acl("/a", vec![Acl { perms: perms::WRITE, id: Id::anyone() }]));
        assert_eq!(w.read(&ReadOp::Exists(watch("/a"))), Err(ErrorCode::NoAuth));
        assert!(w.watches.is_empty());
    }
}

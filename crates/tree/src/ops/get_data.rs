//! `getData`.

use super::read::{Reading, held};
use crate::watches::Watches;
use proto::acl::perms;
use proto::jute::put_buffer;
use proto::request::ReadRequest;
use proto::{ErrorCode, Wire};

/// Answers it.
pub(super) fn answer(
    on: &Reading<'_>,
    request: &ReadRequest<'_>,
    watches: Option<&mut Watches>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let id = on.node(&request.path, perms::READ)?;
    if request.watch {
        held(watches).watch_data(&request.path, on.who.watcher);
    }
    put_buffer(out, on.tree.nodes.get(id).data());
    on.tree.stat_of(id).encode(out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;

    use crate::ReadOp;
    use proto::acl::{Acl, Id};

    #[test]
    fn data_and_stat_are_answered_and_the_watch_fires_once() {
        let mut w = World::new();
        w.ok(&create("/a"));
        let out = w.read(&ReadOp::GetData(watch("/a"))).unwrap();
        let mut expected = Vec::new();
        put_buffer(&mut expected, Some(b"data"));
        w.stat("/a").unwrap().encode(&mut expected);
        assert_eq!(out, expected);
        w.ok(&set_data("/a", b"data", -1));
        w.ok(&set_data("/a", b"data", -1));
        assert_eq!(w.events(), ["NodeDataChanged /a 1"]);
    }

    #[test]
    fn a_missing_or_unreadable_node_takes_no_watch() {
        let mut w = World::new();
        w.ok(&create("/a"));
        w.ok(&set_acl("/a", vec![Acl { perms: perms::WRITE, id: Id::anyone() }]));
        assert_eq!(w.read(&ReadOp::GetData(watch("/a"))), Err(ErrorCode::NoAuth));
        for path in ["/b", "a", "/a/", "//"] {
            assert_eq!(w.read(&ReadOp::GetData(watch(path))), Err(ErrorCode::NoNode), "{path}");
        }
        assert!(w.watches.is_empty());
    }
}

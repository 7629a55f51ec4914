//! `getChildren` and `getChildren2`.

use super::read::{Reading, held};
use crate::watches::Watches;
use crate::znode::NodeId;
use proto::acl::perms;
use proto::jute::{put_buffer, put_len};
use proto::request::ReadRequest;
use proto::{ErrorCode, Wire};

/// Answers `getChildren`: names in no promised order.
pub(super) fn answer(
    on: &Reading<'_>,
    request: &ReadRequest<'_>,
    watches: Option<&mut Watches>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    list(on, request, watches, out).map(drop)
}

/// Answers `getChildren2`: the same, and the parent's metadata.
pub(super) fn answer_with_stat(
    on: &Reading<'_>,
    request: &ReadRequest<'_>,
    watches: Option<&mut Watches>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let id = list(on, request, watches, out)?;
    on.tree.stat_of(id).encode(out);
    Ok(())
}

fn list(
    on: &Reading<'_>,
    request: &ReadRequest<'_>,
    watches: Option<&mut Watches>,
    out: &mut Vec<u8>,
) -> Result<NodeId, ErrorCode> {
    let id = on.node(&request.path, perms::READ)?;
    if request.watch {
        held(watches).watch_children(&request.path, on.who.watcher);
    }
    put_len(out, on.tree.nodes.children(id) as usize);
    for child in on.tree.nodes.children_of(id) {
        // Names hold no character beyond the basic plane, so their bytes are what the wire wants.
        put_buffer(out, Some(on.tree.nodes.get(child).name()));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;

    use crate::ReadOp;
    use proto::Reader;
    use proto::stat::Stat;

    #[test]
    fn children_are_listed_by_name_with_the_parents_stat() {
        let mut w = World::new();
        for path in ["/p", "/p/a", "/p/b", "/p/c"] {
            w.ok(&create(path));
        }
        w.ok(&delete("/p/b"));
        let out = w.read(&ReadOp::GetChildren2(watch("/p"))).unwrap();
        let mut from = Reader::new(&out);
        let mut names = Vec::<String>::decode(&mut from).unwrap();
        names.sort();
        assert_eq!(names, ["a", "c"]);
        assert_eq!(Some(Stat::decode(&mut from).unwrap()), w.stat("/p"));
        w.ok(&set_data("/p", b"", -1));
        w.ok(&create("/p/a/x"));
        assert_eq!(w.events(), [""; 0]);
        w.ok(&create("/p/d"));
        assert_eq!(w.events(), ["NodeChildrenChanged /p 1"]);
    }

    #[test]
    fn hc_95_the_root_lists_and_watches_like_any_node() {
        let mut w = World::new();
        let out = w.read(&ReadOp::GetChildren(watch("/"))).unwrap();
        assert_eq!(Vec::<String>::decode(&mut Reader::new(&out)).unwrap(), ["zookeeper"]);
        w.ok(&create("/a"));
        assert_eq!(w.events(), ["NodeChildrenChanged / 1"]);
    }
}

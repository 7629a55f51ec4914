//! `addWatch`: a watch that stays.

use super::read::Reading;
use crate::watches::Watches;
use proto::request::AddWatchRequest;
use proto::response::ErrorResponse;
use proto::watch::AddWatchMode;
use proto::{ErrorCode, Wire};

/// Answers it. The node need not exist, nor the path be valid.
pub(super) fn answer(
    on: &Reading<'_>,
    request: &AddWatchRequest<'_>,
    watches: &mut Watches,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let mode = AddWatchMode::from_code(request.mode).ok_or(ErrorCode::MarshallingError)?;
    watches.add(&request.path, on.who.watcher, mode);
    ErrorResponse { err: ErrorCode::Ok.code() }.encode(out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;

    use crate::ReadOp;

    fn add(w: &mut World, path: &str, mode: i32) -> Result<Vec<u8>, ErrorCode> {
        w.read(&ReadOp::AddWatch(AddWatchRequest { path: path.into(), mode }))
    }

    #[test]
    fn a_persistent_watch_tells_of_node_and_children_until_removed() {
        let mut w = World::new();
        assert_eq!(add(&mut w, "/a", 0), Ok(vec![0; 4]));
        for op in [create("/a"), create("/a/b"), set_data("/a", b"", -1), delete("/a/b"), delete("/a")] {
            w.ok(&op);
        }
        let expected = [
            "NodeCreated /a 1",
            "NodeChildrenChanged /a 1",
            "NodeDataChanged /a 1",
            "NodeChildrenChanged /a 1",
            "NodeDeleted /a 1",
        ];
        assert_eq!(w.events(), expected);
    }

    #[test]
    fn hc_88_a_recursive_watch_tells_of_everything_below_but_of_no_lists() {
        let mut w = World::new();
        add(&mut w, "/a", 1).unwrap();
        for op in [create("/a"), create("/a/b"), set_data("/a/b", b"", -1), delete("/a/b"), create("/ab")] {
            w.ok(&op);
        }
        let expected =
            ["NodeCreated /a 1", "NodeCreated /a/b 1", "NodeDataChanged /a/b 1", "NodeDeleted /a/b 1"];
        assert_eq!(w.events(), expected);
    }

    #[test]
    fn hc_95_a_recursive_watch_on_the_root_covers_all() {
        let mut w = World::new();
        add(&mut w, "/", 1).unwrap();
        w.ok(&create("/a"));
        w.ok(&set_data("/", b"x", -1));
        assert_eq!(w.events(), ["NodeCreated /a 1", "NodeDataChanged / 1"]);
    }

    #[test]
    fn an_unknown_mode_is_an_error() {
        assert_eq!(add(&mut World::new(), "/a", 2), Err(ErrorCode::MarshallingError));
    }

    #[test]
    fn hc_179_an_event_carries_the_list_that_has_to_permit_it() {
        use proto::acl::{Acl, Id, perms};
        let mut w = World::new();
        w.ok(&create("/p"));
        add(&mut w, "/p", 1).unwrap();
        add(&mut w, "/p", 0).unwrap();
        let closed = vec![Acl { perms: perms::ALL, id: Id::new("digest", "u:h") }];
        let op = crate::WriteOp::Create(
            proto::OpCode::Create,
            proto::request::CreateRequest {
                path: "/p/x".into(),
                data: None,
                acl: Some(closed.clone()),
                flags: 0,
            },
        );
        w.ok(&op);
        w.ok(&delete("/p/x"));
        let lists: Vec<_> =
            w.fired.iter().map(|f| (f.kind as i32, f.acl.as_deref().unwrap().to_vec())).collect();
        let open = vec![Acl::open()];
        assert_eq!(lists, [(1, closed.clone()), (4, open.clone()), (2, closed), (4, open)]);
    }

    #[test]
    fn hc_87_events_carry_the_zxid_of_their_own_transaction_in_order() {
        let mut w = World::new();
        add(&mut w, "/", 1).unwrap();
        w.ok(&create("/a"));
        w.ok(&create("/b"));
        let seen: Vec<_> = w.fired.iter().map(|f| (f.zxid.0, &*f.path)).collect();
        assert_eq!(seen, [(2, "/a"), (3, "/b")]);
    }
}

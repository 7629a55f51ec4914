//! `setWatches` and `setWatches2`: a client that comes back says what it watched. What happened in
//! the meantime is told at once, the rest is watched again (HC-85).
//!
//! //= java: DataTree.setWatches

use super::read::Reading;
use crate::watches::{Fired, Watches};
use proto::mutant::{Mutant, is_on};
use proto::request::{SetWatches, SetWatches2};
use proto::watch::{AddWatchMode, EventType};
use proto::{ErrorCode, Zxid};
use std::sync::Arc;

/// Answers `setWatches`.
pub(super) fn answer(
    on: &Reading<'_>,
    request: &SetWatches<'_>,
    watches: &mut Watches,
    fired: &mut Vec<Fired>,
) -> Result<(), ErrorCode> {
    let watcher = on.who.watcher;
    let nodes = &on.tree.nodes;
    let mut fire = |kind, path: &str| {
        fired.push(Fired { watcher, kind, path: Arc::from(path), zxid: Zxid(-1), acl: None });
    };
    for path in &request.data {
        match nodes.find(path) {
            None => fire(EventType::NodeDeleted, path),
            Some(id) if nodes.get(id).mzxid > request.relative_zxid && !is_on(Mutant::ForgetfulRearm) => {
                fire(EventType::NodeDataChanged, path)
            }
            Some(_) => watches.watch_data(path, watcher),
        }
    }
    for path in &request.exist {
        match nodes.find(path) {
            Some(_) => fire(EventType::NodeCreated, path),
            None => watches.watch_data(path, watcher),
        }
    }
    for path in &request.child {
        match nodes.find(path) {
            None => fire(EventType::NodeDeleted, path),
            Some(id) if nodes.stat(id).pzxid > request.relative_zxid => {
                fire(EventType::NodeChildrenChanged, path);
            }
            Some(_) => watches.watch_children(path, watcher),
        }
    }
    Ok(())
}

/// Answers `setWatches2`. Watches that stay are set again without a look at what happened.
pub(super) fn answer_lasting(
    on: &Reading<'_>,
    request: &SetWatches2<'_>,
    watches: &mut Watches,
    fired: &mut Vec<Fired>,
) -> Result<(), ErrorCode> {
    answer(on, &request.one_shot, watches, fired)?;
    for path in &request.persistent {
        watches.add(path, on.who.watcher, AddWatchMode::Persistent);
    }
    for path in &request.persistent_recursive {
        watches.add(path, on.who.watcher, AddWatchMode::PersistentRecursive);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;

    use crate::ReadOp;

    /// A world in which `/changed` was last changed by 6, `/same` by 3, its children by 4.
    fn world() -> World {
        let mut w = World::new();
        for op in [create("/changed"), create("/same"), create("/same/x"), create("/changed/x")] {
            w.ok(&op);
        }
        w.ok(&set_data("/changed", b"", -1));
        w
    }

    fn set(w: &mut World, relative_zxid: i64, [data, exist, child]: [&'static str; 3]) -> Vec<String> {
        let list = |path: &'static str| if path.is_empty() { vec![] } else { vec![path.into()] };
        let (data, exist, child) = (list(data), list(exist), list(child));
        w.read(&ReadOp::SetWatches(SetWatches { relative_zxid, data, exist, child })).unwrap();
        assert!(w.fired.iter().all(|f| f.zxid == Zxid(-1) && f.acl.is_none()));
        w.events()
    }

    #[test]
    fn hc_85_what_happened_is_told_and_the_rest_is_watched() {
        for (relative, lists, told, left) in [
            (5, ["/gone", "", ""], "NodeDeleted /gone 1", 0),
            (5, ["/changed", "", ""], "NodeDataChanged /changed 1", 0),
            (6, ["/changed", "", ""], "", 1),
            (9, ["", "/same", ""], "NodeCreated /same 1", 0),
            (9, ["", "/gone", ""], "", 1),
            (9, ["", "", "/gone"], "NodeDeleted /gone 1", 0),
            (3, ["", "", "/same"], "NodeChildrenChanged /same 1", 0),
            (4, ["", "", "/same"], "", 1),
            (0, ["/same", "", ""], "NodeDataChanged /same 1", 0),
        ] {
            let mut w = world();
            let events = set(&mut w, relative, lists);
            assert_eq!(events.join(","), told, "{lists:?}");
            assert_eq!(w.watches.watch_count(), left, "{lists:?}");
        }
    }

    #[test]
    fn hc_86_several_requests_add_up() {
        let mut w = world();
        set(&mut w, 9, ["/same", "", ""]);
        set(&mut w, 9, ["/changed", "", "/same"]);
        assert_eq!(w.watches.watch_count(), 3);
    }

    #[test]
    fn hc_92_watches_on_a_new_session_with_base_zero_are_told_of_all_that_exists() {
        let mut w = world();
        assert_eq!(set(&mut w, 0, ["/same", "/same", "/same"]).len(), 3);
    }

    #[test]
    fn hc_94_what_came_and_went_in_the_meantime_is_the_one_thing_missed() {
        let mut w = world();
        w.ok(&create("/brief"));
        w.ok(&delete("/brief"));
        assert_eq!(set(&mut w, 6, ["", "/brief", ""]), [""; 0]);
        w.ok(&create("/brief"));
        assert_eq!(w.events(), ["NodeCreated /brief 1"]);
    }

    #[test]
    fn lasting_watches_are_set_without_a_look() {
        let mut w = world();
        let none = SetWatches { relative_zxid: 0, data: vec![], exist: vec![], child: vec![] };
        let request = SetWatches2 {
            one_shot: none,
            persistent: vec!["/changed".into()],
            persistent_recursive: vec!["/gone".into()],
        };
        w.read(&ReadOp::SetWatches2(request)).unwrap();
        assert_eq!(w.events(), [""; 0]);
        w.ok(&create("/gone"));
        w.ok(&create("/gone/x"));
        w.ok(&create("/changed/y"));
        assert_eq!(
            w.events(),
            ["NodeCreated /gone 1", "NodeCreated /gone/x 1", "NodeChildrenChanged /changed 1"]
        );
    }
}

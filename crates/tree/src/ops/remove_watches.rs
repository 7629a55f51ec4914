//! `removeWatches` and `checkWatches`: exactly the watches of one kind, of the asking connection.

use super::read::Reading;
use crate::watches::Watches;
use proto::ErrorCode;
use proto::request::WatchesRequest;
use proto::watch::WatcherKind;

/// Answers `removeWatches`.
pub(super) fn answer(
    on: &Reading<'_>,
    request: &WatchesRequest<'_>,
    watches: &mut Watches,
) -> Result<(), ErrorCode> {
    let kind = WatcherKind::from_code(request.kind).ok_or(ErrorCode::MarshallingError)?;
    found(watches.remove(&request.path, on.who.watcher, kind))
}

/// Answers `checkWatches`.
pub(super) fn check(
    on: &Reading<'_>,
    request: &WatchesRequest<'_>,
    watches: &mut Watches,
) -> Result<(), ErrorCode> {
    let kind = WatcherKind::from_code(request.kind).ok_or(ErrorCode::MarshallingError)?;
    found(watches.contains(&request.path, on.who.watcher, kind))
}

fn found(any: bool) -> Result<(), ErrorCode> {
    if any { Ok(()) } else { Err(ErrorCode::NoWatcher) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;

    use crate::ReadOp;
    use proto::request::AddWatchRequest;

    fn ask(w: &mut World, remove: bool, kind: i32) -> Result<(), ErrorCode> {
        let request = WatchesRequest { path: "/a".into(), kind };
        let op = if remove { ReadOp::RemoveWatches(request) } else { ReadOp::CheckWatches(request) };
        w.read(&op).map(|out| assert_eq!(out, b""))
    }

    /// Every kind on one path: data, child, persistent, recursive.
    fn watched() -> World {
        let mut w = World::new();
        w.ok(&create("/a"));
        w.read(&ReadOp::GetData(watch("/a"))).unwrap();
        w.read(&ReadOp::GetChildren(watch("/a"))).unwrap();
        for mode in [0, 1] {
            w.read(&ReadOp::AddWatch(AddWatchRequest { path: "/a".into(), mode })).unwrap();
        }
        w
    }

    #[test]
    fn hc_89_each_kind_is_removed_alone() {
        for kind in [1, 2, 4, 5] {
            let mut w = watched();
            assert_eq!(ask(&mut w, true, kind), Ok(()));
            for other in [1, 2, 4, 5] {
                let expected = if other == kind { Err(ErrorCode::NoWatcher) } else { Ok(()) };
                assert_eq!(ask(&mut w, false, other), expected, "{kind} {other}");
            }
            assert_eq!(ask(&mut w, true, kind), Err(ErrorCode::NoWatcher));
        }
    }

    #[test]
    fn any_means_all_kinds_of_the_asking_connection_alone() {
        let mut w = watched();
        w.read_as(crate::WatcherId(2), &ReadOp::GetData(watch("/a"))).unwrap();
        assert_eq!(ask(&mut w, true, 3), Ok(()));
        assert_eq!(ask(&mut w, false, 3), Err(ErrorCode::NoWatcher));
        assert_eq!(w.watches.watch_count(), 1);
    }

    #[test]
    fn an_unknown_kind_is_an_error() {
        let mut w = watched();
        assert_eq!(ask(&mut w, true, 6), Err(ErrorCode::MarshallingError));
        assert_eq!(ask(&mut w, false, 0), Err(ErrorCode::MarshallingError));
    }
}

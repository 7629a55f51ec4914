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

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

//! `getEphemerals`: what the asking session owns.

use super::read::Reading;
use proto::ErrorCode;
use proto::jute::{put_len, put_string};
use proto::request::GetEphemeralsRequest;

/// Answers it: paths that start with the prefix, as strings go; a blank one means all.
pub(super) fn answer(
    on: &Reading<'_>,
    request: &GetEphemeralsRequest<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let prefix = request.prefix.as_deref().unwrap_or_default();
    let all = matches!(prefix.trim_matches(|c| c <= ' '), "" | "/");
    let mut paths = on.tree.ephemerals_of(on.who.session);
    paths.retain(|path| all || path.starts_with(prefix));
    put_len(out, paths.len());
    for path in &paths {
        put_string(out, Some(path));
    }
    Ok(())
}

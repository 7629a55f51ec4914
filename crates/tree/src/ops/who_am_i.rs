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

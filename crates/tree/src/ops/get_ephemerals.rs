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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;

    use crate::ReadOp;
    use proto::{Reader, Wire};

    #[test]
    fn a_prefix_selects_among_the_sessions_own() {
        let mut w = World::new();
        w.ok(&create("/a"));
        for path in ["/a/x", "/ab"] {
            w.ok(&create_with(path, 1));
        }
        let mut list = |prefix: Option<&'static str>| {
            let request = GetEphemeralsRequest { prefix: prefix.map(Into::into) };
            let out = w.read(&ReadOp::GetEphemerals(request)).unwrap();
            Vec::<String>::decode(&mut Reader::new(&out)).unwrap()
        };
        for all in [None, Some(""), Some("  "), Some("/")] {
            assert_eq!(list(all), ["/a/x", "/ab"]);
        }
        assert_eq!(list(Some("/ab")), ["/ab"]);
        assert_eq!(list(Some("/a")).len(), 2);
        assert_eq!(list(Some("/none")), [""; 0]);
    }
}

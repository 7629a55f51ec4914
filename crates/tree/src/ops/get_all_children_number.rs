//! `getAllChildrenNumber`: how many nodes are below one.

use super::read::Reading;
use proto::ErrorCode;
use proto::acl::perms;
use proto::jute::put_i32;
use proto::request::PathRequest;

/// Answers it.
pub(super) fn answer(
    on: &Reading<'_>,
    request: &PathRequest<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let id = on.node(&request.path, perms::READ)?;
    let nodes = &on.tree.nodes;
    let total = match &*request.path {
        // Asked for by its empty name, the root counts as its own child, as in the reference.
        "" => nodes.len(),
        "/" => nodes.len() - 1,
        _ => nodes.descendants(id).count(),
    };
    put_i32(out, i32::try_from(total).unwrap_or(i32::MAX));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;

    use crate::ReadOp;

    #[test]
    fn all_descendants_count() {
        let mut w = World::new();
        for path in ["/a", "/a/b", "/a/b/c", "/ab"] {
            w.ok(&create(path));
        }
        let mut count = |path: &'static str| {
            w.read(&ReadOp::GetAllChildrenNumber(PathRequest { path: path.into() })).map(|out| out[3])
        };
        assert_eq!((count("/"), count("/a"), count("/ab")), (Ok(7), Ok(2), Ok(0)));
        assert_eq!(count(""), Ok(8));
        assert_eq!(count("/none"), Err(ErrorCode::NoNode));
    }
}

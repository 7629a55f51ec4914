//! The contents of a snapshot, without the file around them, as they also travel between members.

use proto::jute::{DecodeError, Reader, Wire};
use proto::snapshot::{END_OF_NODES, SnapshotNode, SnapshotSink};
use proto::{SessionId, Zxid};
use tree::{Loader, Settings, Tree};

/// Bytes of the file header, which [`proto::snapshot::encode_prologue`] writes and nobody needs here.
const HEADER: usize = 16;

/// Reads what [`Tree::snapshot_step`] wrote.
pub(crate) fn decode(
    bytes: &[u8],
    zxid: Zxid,
    digest: Option<proto::snapshot::ZxidDigest>,
    settings: &Settings,
) -> Result<Tree, String> {
    let mut loader = Loader::new(settings.clone());
    let mut from = Reader::new(bytes.get(HEADER..).unwrap_or_default());
    read(&mut from, &mut loader).map_err(|error| error.to_string())??;
    if let Some(digest) = digest {
        loader.digest(digest);
    }
    loader.finish(zxid)
}

fn read(from: &mut Reader<'_>, sink: &mut Loader) -> Result<Result<(), String>, DecodeError> {
    for _ in 0..from.i32()? {
        let id = SessionId::decode(from)?;
        sink.session(id, from.i32()?);
    }
    for _ in 0..from.i32()? {
        let id = from.i64()?;
        sink.acl(id, Wire::decode(from)?);
    }
    while from.remaining() > 0 {
        let path = from.string()?.unwrap_or_default();
        if path == END_OF_NODES {
            break;
        }
        let node =
            SnapshotNode { path: &path, data: from.buffer()?, acl: from.i64()?, stat: Wire::decode(from)? };
        if let Err(what) = sink.node(&node) {
            return Ok(Err(what));
        }
    }
    Ok(Ok(()))
}

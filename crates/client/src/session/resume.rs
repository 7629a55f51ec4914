//! Setting all watches again on a new connection, in packets that every server accepts.
//!
//! //= java: ClientCnxn.SendThread.primeConnection

use super::watches::{WatchKind, WatchTable};
use proto::request::{SetWatches, SetWatches2, encode_frame, xid};
use proto::{OpCode, Zxid};
use std::borrow::Cow;

/// Bytes of paths in one packet: far below any server's limit on a request, unless one path alone is longer.
const PATH_BYTES_MAX: usize = 128 * 1024;

/// One packet that sets watches again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The whole frame.
    pub(crate) frame: Vec<u8>,
    /// The lasting watches in it: their watchers have to hear of a gap, unless there is proof of none.
    pub(crate) lasting: Vec<(WatchKind, String)>,
}

/// Packs all watches of the table; `seen` is the last transaction whose effects the client has seen.
///
/// The older operation is used as long as there are no lasting watches, so that servers before 3.6
/// understand it.
pub(crate) fn batches(table: &WatchTable, seen: Zxid) -> Vec<Batch> {
    let order =
        [WatchKind::Data, WatchKind::Exist, WatchKind::Child, WatchKind::Persistent, WatchKind::Recursive];
    let lasting =
        table.paths(WatchKind::Persistent).chain(table.paths(WatchKind::Recursive)).next().is_some();
    let mut all = order.into_iter().flat_map(|kind| table.paths(kind).map(move |path| (kind, path)));
    let mut batches = Vec::new();
    let mut held = all.next();
    while let Some(first) = held.take() {
        let mut batch = vec![first];
        let mut bytes = first.1.len();
        for (kind, path) in all.by_ref() {
            bytes += path.len() + 4;
            if bytes > PATH_BYTES_MAX {
                held = Some((kind, path));
                break;
            }
            batch.push((kind, path));
        }
        batches.push(pack(&batch, seen, lasting));
    }
    batches
}

fn pack(batch: &[(WatchKind, &str)], seen: Zxid, lasting: bool) -> Batch {
    let paths = |wanted: WatchKind| -> Vec<Cow<'_, str>> {
        batch.iter().filter(|(kind, _)| *kind == wanted).map(|(_, path)| Cow::Borrowed(*path)).collect()
    };
    let one_shot = SetWatches {
        relative_zxid: seen.0,
        data: paths(WatchKind::Data),
        exist: paths(WatchKind::Exist),
        child: paths(WatchKind::Child),
    };
    let mut frame = Vec::new();
    if lasting {
        let request = SetWatches2 {
            one_shot,
            persistent: paths(WatchKind::Persistent),
            persistent_recursive: paths(WatchKind::Recursive),
        };
        encode_frame(xid::SET_WATCHES, OpCode::SetWatches2, &request, &mut frame);
    } else {
        encode_frame(xid::SET_WATCHES, OpCode::SetWatches, &one_shot, &mut frame);
    }
    let lasting = batch.iter().filter(|(kind, _)| !kind.is_one_shot());
    Batch { frame, lasting: lasting.map(|(kind, path)| (*kind, (*path).to_owned())).collect() }
}

#[cfg(test)]
mod tests {
    use super::{PATH_BYTES_MAX, batches};
    use crate::session::watches::{WatchKind, WatchTable, WatcherId};
    use proto::request::{RequestHeader, SetWatches, SetWatches2};
    use proto::{OpCode, Reader, Wire, Zxid};

    fn header(frame: &[u8]) -> (RequestHeader, Reader<'_>) {
        let mut reader = Reader::new(&frame[4..]);
        (RequestHeader::decode(&mut reader).unwrap(), reader)
    }

    #[test]
    fn old_servers_get_the_old_operation_unless_lasting_watches_need_the_new_one() {
        let mut table = WatchTable::default();
        assert_eq!(batches(&table, Zxid(5)), []);
        table.insert(WatcherId(1), WatchKind::Data, "/a");
        table.insert(WatcherId(2), WatchKind::Child, "/a");
        let packed = batches(&table, Zxid(5));
        let (head, mut body) = header(&packed[0].frame);
        assert_eq!((head.xid, head.kind), (-8, OpCode::SetWatches.code()));
        let set = SetWatches::decode(&mut body).unwrap();
        assert_eq!((set.relative_zxid, set.data.len(), set.exist.len(), set.child.len()), (5, 1, 0, 1));

        table.insert(WatcherId(3), WatchKind::Recursive, "/b");
        let packed = batches(&table, Zxid(5));
        let (head, mut body) = header(&packed[0].frame);
        assert_eq!(head.kind, OpCode::SetWatches2.code());
        let set = SetWatches2::decode(&mut body).unwrap();
        assert_eq!(set.persistent_recursive, ["/b"]);
        assert_eq!(packed[0].lasting, [(WatchKind::Recursive, "/b".to_owned())]);
    }

    #[test]
    fn many_watches_are_split_below_the_limit_and_none_is_left_out() {
        let mut table = WatchTable::default();
        let long = "x".repeat(1000);
        for n in 0..500 {
            let kind = if n % 2 == 0 { WatchKind::Data } else { WatchKind::Persistent };
            table.insert(WatcherId(n), kind, &format!("/{n}/{long}"));
        }
        // Longer than a whole packet may be: it goes alone.
        table.insert(WatcherId(500), WatchKind::Exist, &format!("/{}", "y".repeat(PATH_BYTES_MAX)));
        let packed = batches(&table, Zxid(1));
        let mut found = 0;
        for batch in &packed {
            let (head, mut body) = header(&batch.frame);
            assert_eq!(head.kind, OpCode::SetWatches2.code());
            let set = SetWatches2::decode(&mut body).unwrap();
            let paths = set.one_shot.data.iter().chain(&set.one_shot.exist).chain(&set.persistent);
            let count = paths.clone().count();
            assert!(count == 1 || paths.map(|p| p.len()).sum::<usize>() <= PATH_BYTES_MAX);
            found += count;
        }
        assert_eq!(found, 501);
        assert!((5..=6).contains(&packed.len()), "{}", packed.len());
    }
}

//! A snapshot on a quorum link: the first byte says in what pieces the rest arrives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::SessionId;
use proto::acl::Acl;
use proto::peer::SnapStream;
use proto::snapshot::{SnapshotNode, SnapshotSink, ZxidDigest};

const RECORD_MAX: usize = 1 << 16;

/// What came, in short.
#[derive(Default, PartialEq, Eq, Debug)]
struct Seen {
    sessions: usize,
    acls: usize,
    nodes: Vec<(usize, Option<usize>)>,
}

impl SnapshotSink for Seen {
    fn session(&mut self, _: SessionId, _: i32) {
        self.sessions += 1;
    }
    fn acl(&mut self, _: i64, acl: Vec<Acl>) {
        self.acls += acl.len();
    }
    fn node(&mut self, node: &SnapshotNode<'_>) -> Result<(), String> {
        self.nodes.push((node.path.len(), node.data.map(<[u8]>::len)));
        Ok(())
    }
    fn digest(&mut self, _: ZxidDigest) {}
}

fuzz_target!(|bytes: &[u8]| {
    let Some((step, bytes)) = bytes.split_first() else { return };
    let mut whole = Seen::default();
    let expected = SnapStream::new(RECORD_MAX).feed(bytes, &mut whole);
    let (mut stream, mut seen) = (SnapStream::new(RECORD_MAX), Seen::default());
    let (mut taken, mut there) = (0, 0);
    while there < bytes.len() {
        there = (there + 1 + usize::from(*step)).min(bytes.len());
        let Ok(fed) = stream.feed(&bytes[taken..there], &mut seen) else {
            return assert!(expected.is_err());
        };
        taken += fed.consumed;
        assert!(fed.done || there - taken <= RECORD_MAX);
        if fed.done {
            break;
        }
    }
    if let Ok(expected) = expected {
        assert_eq!((taken, seen), (expected.consumed, whole));
    }
});

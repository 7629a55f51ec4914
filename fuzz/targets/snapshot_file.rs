//! A snapshot file; the first byte of the input says how it is packed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::SessionId;
use proto::acl::Acl;
use proto::snapshot::{SnapshotNode, SnapshotSink, ZxidDigest};
use std::path::Path;
use std::sync::Arc;
use storage::disk::fault::SimDisk;
use storage::{SharedDisk, SnapshotReader};

struct Nothing;

impl SnapshotSink for Nothing {
    fn session(&mut self, _: SessionId, _: i32) {}
    fn acl(&mut self, _: i64, _: Vec<Acl>) {}
    fn node(&mut self, _: &SnapshotNode<'_>) -> Result<(), String> {
        Ok(())
    }
    fn digest(&mut self, _: ZxidDigest) {}
}

fuzz_target!(|input: &[u8]| {
    let Some((packing, bytes)) = input.split_first() else { return };
    let path =
        Path::new("/d").join(["snapshot.1", "snapshot.1.gz", "snapshot.1.snappy"][usize::from(packing % 3)]);
    let sim = SimDisk::new();
    sim.put(&path, bytes);
    let disk: SharedDisk = Arc::new(sim);
    if let Ok(reader) = SnapshotReader::open(&disk, &path) {
        let _ = reader.read_into(&mut Nothing);
    }
});

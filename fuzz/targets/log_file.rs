//! A log file as the only one of a database with an empty snapshot.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::Zxid;
use proto::acl::Acl;
use proto::snapshot::{SnapshotNode, SnapshotSink, ZxidDigest, encode_prologue};
use proto::txn::{Txn, TxnDigest, TxnHeader};
use proto::{Reader, SessionId, Wire};
use std::path::Path;
use std::sync::Arc;
use storage::disk::fault::SimDisk;
use storage::{
    Compression, DataDirs, RecoverOptions, Recovered, Recovery, SharedDisk, SnapshotWriter, StorageError,
    recover,
};

#[derive(Default)]
struct Zxids(Vec<Zxid>);

struct Nothing;

impl SnapshotSink for Nothing {
    fn session(&mut self, _: SessionId, _: i32) {}
    fn acl(&mut self, _: i64, _: Vec<Acl>) {}
    fn node(&mut self, _: &SnapshotNode<'_>) -> Result<(), String> {
        Ok(())
    }
    fn digest(&mut self, _: ZxidDigest) {}
}

impl Recovery for Zxids {
    type Sink = Nothing;
    fn sink(&mut self) -> Nothing {
        Nothing
    }
    fn loaded(&mut self, _: Nothing, _: Zxid) -> Result<(), String> {
        Ok(())
    }
    fn replay(&mut self, header: &TxnHeader, _: Txn, _: Option<TxnDigest>) -> Result<(), String> {
        self.0.push(header.zxid);
        Ok(())
    }
}

fn start(disk: &SharedDisk) -> Result<(Recovered, Vec<Zxid>), StorageError> {
    let dirs = DataDirs::prepare(disk, Path::new("/data"), None, true)?;
    let mut state = Zxids::default();
    recover(disk, &dirs, &RecoverOptions::default(), &mut state).map(|found| (found, state.0))
}

fuzz_target!(|bytes: &[u8]| {
    let sim = SimDisk::new();
    let disk: SharedDisk = Arc::new(sim.clone());
    let dirs = DataDirs::prepare(&disk, Path::new("/data"), None, true).expect("an empty disk");
    // Named after its first entry, so that the rest of the file is looked at.
    let first = bytes.get(28..).and_then(|entry| TxnHeader::decode(&mut Reader::new(entry)).ok());
    let first = first.map_or(1, |header| header.zxid.0.max(1));
    let zxid = Zxid(first - 1);
    let mut writer =
        SnapshotWriter::create(disk.clone(), &dirs, zxid, Compression::None).expect("a snapshot");
    let mut prologue = Vec::new();
    encode_prologue(&[], &[], &mut prologue);
    writer.write(&prologue).expect("a snapshot");
    writer.finish(None, None).expect("a snapshot");
    sim.put(&dirs.log_dir().join(format!("log.{first:x}")), bytes);
    drop(dirs);

    let Ok((found, zxids)) = start(&disk) else { return };
    assert!(zxids.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(found.last_zxid, zxids.last().copied().unwrap_or(zxid));
    // What the first start cut away stays away, and what it kept stays.
    let (again, same) = start(&disk).expect("a directory that was opened opens again");
    assert_eq!((again.last_zxid, same, again.torn_tail), (found.last_zxid, zxids, None));
});

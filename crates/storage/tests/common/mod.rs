//! What the storage tests share: a tiny state to recover into, and a server-shaped user of storage.
#![allow(dead_code, unreachable_pub, reason = "every test file uses its own part of this module")]

use proto::acl::Acl;
use proto::snapshot::{SnapshotNode, SnapshotSink, ZxidDigest, encode_prologue};
use proto::stat::StatPersisted;
use proto::txn::{SetDataTxn, Txn, TxnDigest, TxnHeader, encode_entry};
use proto::{OpCode, SessionId, Zxid};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage::disk::fault::SimDisk;
use storage::{
    Compression, DataDirs, LogOptions, RecoverOptions, Recovered, Recovery, SharedDisk, SnapshotWriter,
    StorageError, TxnLog, recover,
};

/// Everything that came back, in order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Contents {
    pub sessions: Vec<(SessionId, i32)>,
    pub acls: Vec<(i64, Vec<Acl>)>,
    pub nodes: Vec<(String, Option<Vec<u8>>, i64, StatPersisted)>,
    pub digest: Option<ZxidDigest>,
}

impl SnapshotSink for Contents {
    fn session(&mut self, id: SessionId, timeout_ms: i32) {
        self.sessions.push((id, timeout_ms));
    }
    fn acl(&mut self, id: i64, acl: Vec<Acl>) {
        self.acls.push((id, acl));
    }
    fn node(&mut self, node: &SnapshotNode<'_>) -> Result<(), String> {
        self.nodes.push((node.path.to_owned(), node.data.map(<[u8]>::to_vec), node.acl, node.stat));
        Ok(())
    }
    fn digest(&mut self, digest: ZxidDigest) {
        self.digest = Some(digest);
    }
}

/// A state that remembers which transactions it has seen: those in the snapshot as nodes, those in
/// the log as they are.
#[derive(Debug, Default)]
pub struct Seen {
    pub snapshot: Option<(Zxid, Contents)>,
    pub log: Vec<(TxnHeader, Txn, Option<TxnDigest>)>,
}

impl Recovery for Seen {
    type Sink = Contents;
    fn sink(&mut self) -> Contents {
        Contents::default()
    }
    fn loaded(&mut self, sink: Contents, zxid: Zxid) -> Result<(), String> {
        self.snapshot = Some((zxid, sink));
        Ok(())
    }
    fn replay(&mut self, header: &TxnHeader, txn: Txn, digest: Option<TxnDigest>) -> Result<(), String> {
        self.log.push((*header, txn, digest));
        Ok(())
    }
}

impl Seen {
    /// The zxids of the state, oldest first.
    pub fn zxids(&self) -> Vec<i64> {
        let nodes = self.snapshot.iter().flat_map(|(_, c)| &c.nodes);
        let nodes = nodes.filter_map(|(path, ..)| path.strip_prefix("/z")?.parse().ok());
        nodes.chain(self.log.iter().map(|(h, ..)| h.zxid.0)).collect()
    }
}

pub fn header(zxid: i64, kind: OpCode) -> TxnHeader {
    TxnHeader { client_id: SessionId(7), cxid: 1, zxid: Zxid(zxid), time: 1000 + zxid, kind: kind.code() }
}

/// A log entry that sets some data: `len` bytes that depend on the zxid.
pub fn entry(zxid: i64, len: usize) -> Vec<u8> {
    let data = (0..len).map(|i| (zxid as usize * 31 + i * 7 + 1) as u8).collect();
    let txn = SetDataTxn { path: "/z".into(), data: Some(data), version: zxid as i32 };
    let mut out = Vec::new();
    encode_entry(&header(zxid, OpCode::SetData), &Txn::SetData(OpCode::SetData, txn), None, &mut out);
    out
}

pub const DATA: &str = "/data";
pub const LOGS: &str = "/data/version-2";

pub fn log_path(first: i64) -> PathBuf {
    Path::new(LOGS).join(format!("log.{first:x}"))
}

pub fn snapshot_path(zxid: i64) -> PathBuf {
    Path::new(LOGS).join(format!("snapshot.{zxid:x}"))
}

/// Small files, so that preallocation happens often.
pub fn options() -> LogOptions {
    LogOptions { prealloc_bytes: 32 << 10, ..LogOptions::default() }
}

pub fn disk() -> (SimDisk, SharedDisk) {
    let sim = SimDisk::new();
    (sim.clone(), Arc::new(sim))
}

pub fn dirs(disk: &SharedDisk) -> DataDirs {
    DataDirs::prepare(disk, Path::new(DATA), None, true).unwrap()
}

/// Recovers into a fresh [`Seen`].
pub fn recovered(disk: &SharedDisk) -> Result<(Recovered, Seen), StorageError> {
    recovered_with(disk, &RecoverOptions::default())
}

pub fn recovered_with(
    disk: &SharedDisk,
    options: &RecoverOptions,
) -> Result<(Recovered, Seen), StorageError> {
    let dirs = DataDirs::prepare(disk, Path::new(DATA), None, true)?;
    let mut seen = Seen::default();
    let recovered = recover(disk, &dirs, options, &mut seen)?;
    Ok((recovered, seen))
}

/// Writes a snapshot of the state in which the transactions `1..=zxid` were applied.
pub fn write_snapshot(
    disk: &SharedDisk,
    dirs: &DataDirs,
    zxid: i64,
    compression: Compression,
) -> Result<PathBuf, StorageError> {
    let mut writer = SnapshotWriter::create(disk.clone(), dirs, Zxid(zxid), compression)?;
    let mut bytes = Vec::new();
    encode_prologue(&[(SessionId(5), 4000)], &[(1, vec![Acl::open()])], &mut bytes);
    for path in std::iter::once(String::new()).chain((1..=zxid).map(|z| format!("/z{z}"))) {
        SnapshotNode { path: &path, data: Some(b"data"), acl: 1, stat: stat() }.encode(&mut bytes);
    }
    writer.write(&bytes)?;
    let digest = ZxidDigest { zxid: Zxid(zxid), version: 2, digest: 0x1234 };
    writer.finish(Some(digest), Some(Zxid(zxid)))
}

pub fn stat() -> StatPersisted {
    StatPersisted {
        czxid: 1,
        mzxid: 2,
        ctime: 3,
        mtime: 4,
        version: 5,
        cversion: 6,
        aversion: 7,
        ephemeral_owner: 8,
        pzxid: 9,
    }
}

/// A fresh database with its first snapshot, and a log to write to.
pub fn fresh(disk: &SharedDisk, options: LogOptions) -> (DataDirs, TxnLog) {
    let dirs = dirs(disk);
    write_snapshot(disk, &dirs, 0, Compression::None).unwrap();
    let log = TxnLog::open(disk.clone(), dirs.log_dir(), options).unwrap();
    (dirs, log)
}

/// Appends `zxids`, one sync each.
pub fn append(log: &mut TxnLog, zxids: std::ops::RangeInclusive<i64>) {
    for zxid in zxids {
        log.append(Zxid(zxid), &entry(zxid, 100));
        log.sync().unwrap();
    }
}

//! Measures this crate on a real disk: `cargo run --release -p storage --example measure -- DIR`.
//!
//! Prints the latency of durable appends with and without a snapshot being written beside them, and
//! the time to write, read and replay a million small nodes and entries.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on may as well stop")]

use proto::snapshot::{SnapshotNode, SnapshotSink, ZxidDigest, encode_prologue};
use proto::stat::StatPersisted;
use proto::txn::{SetDataTxn, Txn, TxnDigest, TxnHeader, encode_entry};
use proto::{OpCode, SessionId, Zxid};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use storage::{
    Compression, DataDirs, LogOptions, RealDisk, RecoverOptions, Recovery, SharedDisk, SnapshotWriter,
    TxnLog, recover,
};

const NODES: usize = 1_000_000;
const REPLAYED: i64 = 200_000;

struct Count(u64);

impl SnapshotSink for Count {
    fn session(&mut self, _: SessionId, _: i32) {}
    fn acl(&mut self, _: i64, _: Vec<proto::acl::Acl>) {}
    fn node(&mut self, node: &SnapshotNode<'_>) -> Result<(), String> {
        self.0 += node.path.len() as u64;
        Ok(())
    }
    fn digest(&mut self, _: ZxidDigest) {}
}

impl Recovery for Count {
    type Sink = Count;
    fn sink(&mut self) -> Count {
        Count(0)
    }
    fn loaded(&mut self, sink: Count, _: Zxid) -> Result<(), String> {
        self.0 = sink.0;
        Ok(())
    }
    fn replay(&mut self, _: &TxnHeader, _: Txn, _: Option<TxnDigest>) -> Result<(), String> {
        self.0 += 1;
        Ok(())
    }
}

fn entry(zxid: i64, len: usize) -> Vec<u8> {
    let txn = Txn::SetData(
        OpCode::SetData,
        SetDataTxn { path: "/bench/node".into(), data: Some(vec![b'x'; len]), version: 1 },
    );
    let header = TxnHeader { client_id: SessionId(1), cxid: 1, zxid: Zxid(zxid), time: 1, kind: txn.kind() };
    let mut out = Vec::new();
    encode_entry(&header, &txn, Some(TxnDigest { version: 2, digest: 3 }), &mut out);
    out
}

fn write_snapshot(disk: &SharedDisk, dirs: &DataDirs, zxid: i64, compression: Compression) -> u64 {
    let mut writer = SnapshotWriter::create(disk.clone(), dirs, Zxid(zxid), compression).unwrap();
    let stat = StatPersisted {
        czxid: 1,
        mzxid: 1,
        ctime: 1,
        mtime: 1,
        version: 0,
        cversion: 0,
        aversion: 0,
        ephemeral_owner: 0,
        pzxid: 1,
    };
    let mut bytes = Vec::new();
    encode_prologue(&[], &[], &mut bytes);
    SnapshotNode { path: "", data: None, acl: -1, stat }.encode(&mut bytes);
    let mut path = String::new();
    for i in 0..NODES {
        path.clear();
        use std::fmt::Write;
        write!(path, "/bench/{:04}/node-{i:08}", i % 1000).unwrap();
        SnapshotNode { path: &path, data: Some(&[7; 100]), acl: -1, stat }.encode(&mut bytes);
        if bytes.len() > 64 << 10 {
            writer.write(&bytes).unwrap();
            bytes.clear();
        }
    }
    writer.write(&bytes).unwrap();
    let path = writer.finish(None, None).unwrap();
    std::fs::metadata(path).unwrap().len()
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_micros();
    println!(
        "{what:<40} n {:>6}  p50 {:>5}  p90 {:>5}  p99 {:>6}  p99.9 {:>6}  max {:>6} us",
        times.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        at(1.0)
    );
}

/// Durable appends of 1 KiB until told to stop.
fn append_until(log: &mut TxnLog, zxid: &mut i64, mut more: impl FnMut(usize) -> bool) -> Vec<Duration> {
    let mut times = Vec::new();
    while more(times.len()) {
        *zxid += 1;
        let bytes = entry(*zxid, 1024);
        let begun = Instant::now();
        log.append(Zxid(*zxid), &bytes);
        log.sync().unwrap();
        times.push(begun.elapsed());
    }
    times
}

fn main() {
    let dir = PathBuf::from(std::env::args().nth(1).expect("a directory to write to"));
    let disk: SharedDisk = Arc::new(RealDisk);
    let _ = std::fs::remove_dir_all(&dir);
    let dirs = DataDirs::prepare(&disk, &dir, None, true).unwrap();
    let mut log = TxnLog::open(disk.clone(), dirs.log_dir(), LogOptions::default()).unwrap();
    let mut zxid = 0;
    for _ in 0..2 {
        let alone = append_until(&mut log, &mut zxid, |n| n < 10_000);
        report("append + sync, 1 KiB, alone", alone);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let (disk, dirs, done) = (&disk, &dirs, &done);
            scope.spawn(move || {
                let begun = Instant::now();
                let bytes = write_snapshot(disk, dirs, 0, Compression::None);
                println!("snapshot of {} MB took {:?}", bytes / 1_000_000, begun.elapsed());
                done.store(true, Ordering::Release);
            });
            let beside = append_until(&mut log, &mut zxid, |_| !done.load(Ordering::Acquire));
            report("append + sync, 1 KiB, beside a snapshot", beside);
        });
    }
    log.close().unwrap();
    load(&disk, dirs, &dir);
}

fn load(disk: &SharedDisk, dirs: DataDirs, dir: &Path) {
    let mut log = TxnLog::open(disk.clone(), dirs.log_dir(), LogOptions::default()).unwrap();
    std::fs::remove_dir_all(dirs.log_dir()).unwrap();
    std::fs::create_dir_all(dirs.log_dir()).unwrap();
    for zxid in 1..=REPLAYED {
        log.append(Zxid(zxid), &entry(zxid, 100));
        if zxid % 1000 == 0 {
            log.sync().unwrap();
        }
    }
    log.close().unwrap();
    for compression in [Compression::None, Compression::Snappy, Compression::Gzip] {
        let begun = Instant::now();
        let bytes = write_snapshot(disk, &dirs, 0, compression);
        println!("{compression:?}: wrote {} MB in {:?}", bytes / 1_000_000, begun.elapsed());
        let mut state = Count(0);
        for round in 0..2 {
            let begun = Instant::now();
            let found = recover(disk, &dirs, &RecoverOptions::default(), &mut state).unwrap();
            println!(
                "  recovered snapshot and {} entries in {:?} ({round})",
                found.replayed,
                begun.elapsed()
            );
        }
        for file in dirs.snapshots(disk).unwrap() {
            std::fs::remove_file(file.path).unwrap();
        }
    }
    std::fs::remove_dir_all(dir).unwrap();
}

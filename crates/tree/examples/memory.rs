//! How much memory a tree takes, and how long it takes to fill, snapshot and load it:
//! `cargo run --release -p tree --example memory [nodes] [bytes]`.
//!
//! Reads the resident set from `/proc`, so the figures appear on Linux only.

#![allow(clippy::unwrap_used, reason = "an example may stop at the first surprise")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "an example may measure")]

use proto::acl::Acl;
use proto::request::CreateRequest;
use proto::snapshot::SnapshotNode;
use proto::{OpCode, Reader, SessionId, Wire, Zxid};
use std::time::Instant;
use tree::{Context, Loader, Outstanding, ReadContext, ReadOp, Settings, Tree, WatcherId, Watches, WriteOp};

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn report(what: &str, start: Instant) {
    println!("{what:<28} {:>8.2} s   {:>7.1} MiB resident", start.elapsed().as_secs_f64(), resident_mib());
}

/// Creates `nodes` nodes of `bytes` bytes, a thousand to a parent.
fn fill(tree: &mut Tree, nodes: usize, bytes: usize) {
    let (mut outstanding, mut watches, mut fired) = (Outstanding::new(), Watches::new(), Vec::new());
    let data = vec![7; bytes];
    let mut zxid = 0;
    let mut run = |tree: &mut Tree, op: &WriteOp<'_>| {
        zxid += 1;
        let ctx = Context {
            zxid: Zxid(zxid),
            time_ms: zxid,
            session: SessionId(1),
            cxid: 0,
            auth: &[],
            unreplicated: None,
        };
        let prepared = tree::prepare(tree, &mut outstanding, &ctx, op);
        tree.apply(&prepared.header, &prepared.txn, &mut watches, &mut fired);
        assert_eq!(prepared.digest.map(|d| d.digest), Some(tree.digest()));
    };
    run(tree, &WriteOp::CreateSession { timeout_ms: 4000 });
    let create = |path: &str, data| {
        let path = path.to_owned().into();
        WriteOp::Create(OpCode::Create, CreateRequest { path, data, acl: Some(vec![Acl::open()]), flags: 0 })
    };
    for n in 0..nodes {
        let parent = format!("/parent{:04}", n / 1000);
        if n % 1000 == 0 {
            run(tree, &create(&parent, None));
        }
        run(tree, &create(&format!("{parent}/n{n:07}"), Some(&data)));
    }
}

/// Reads every node once, in an order that jumps around.
fn read_all(tree: &Tree, nodes: usize) {
    let who = ReadContext { watcher: WatcherId(1), session: SessionId(1), auth: &[] };
    let (mut out, mut fired) = (Vec::new(), Vec::new());
    for n in 0..nodes {
        let n = n * 7919 % nodes;
        let mut frame = Vec::new();
        format!("/parent{:04}/n{n:07}", n / 1000).encode(&mut frame);
        frame.push(0);
        let op = ReadOp::decode(OpCode::GetData, &mut Reader::new(&frame)).unwrap();
        out.clear();
        tree::read(tree, None, &mut fired, &who, &op, &mut out).unwrap();
    }
}

/// Feeds a snapshot's bytes into a loader.
fn load(bytes: &[u8]) -> Tree {
    use proto::snapshot::SnapshotSink;
    let mut loader = Loader::new(Settings::default());
    let mut from = Reader::new(bytes);
    from.bytes(16, "header").unwrap();
    for _ in 0..from.i32().unwrap() {
        loader.session(SessionId(from.i64().unwrap()), from.i32().unwrap());
    }
    for _ in 0..from.i32().unwrap() {
        loader.acl(from.i64().unwrap(), Wire::decode(&mut from).unwrap());
    }
    while from.remaining() > 0 {
        let path = from.string().unwrap().unwrap();
        let data = from.buffer().unwrap();
        let acl = from.i64().unwrap();
        let stat = Wire::decode(&mut from).unwrap();
        loader.node(&SnapshotNode { path: &path, data, acl, stat }).unwrap();
    }
    loader.finish(Zxid(1)).unwrap()
}

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse().unwrap());
    let nodes = args.next().unwrap_or(1_000_000);
    let bytes = args.next().unwrap_or(100);
    report("empty process", Instant::now());
    let mut tree = Tree::new(Settings::default());
    report("fresh tree", Instant::now());
    let start = Instant::now();
    fill(&mut tree, nodes, bytes);
    report("filled", start);
    let per_node = resident_mib() * 1_048_576.0 / nodes as f64;
    println!("{:<28} {per_node:>8.1} bytes a node, {bytes} of them data", "");
    let start = Instant::now();
    read_all(&tree, nodes);
    report("read every node", start);

    let start = Instant::now();
    let mut cursor = tree.snapshot_begin();
    let mut snapshot = Vec::with_capacity(nodes * (bytes + 120));
    let mut slowest = std::time::Duration::ZERO;
    loop {
        let step = Instant::now();
        let done = tree.snapshot_step(&mut cursor, 256, &mut snapshot);
        slowest = slowest.max(step.elapsed());
        if done {
            break;
        }
    }
    report("snapshot in memory", start);
    println!("{:<28} slowest step of 256 nodes {slowest:?}", "");
    let digest = tree.digest();
    drop((tree, cursor));
    let start = Instant::now();
    let loaded = load(&snapshot);
    report("loaded from it", start);
    assert_eq!(loaded.digest(), digest);
    drop(snapshot);
    report("without the snapshot", Instant::now());
}

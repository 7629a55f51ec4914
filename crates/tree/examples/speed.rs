//! How long the operations take without any pipeline around them:
//! `cargo run --release -p tree --example speed`.

#![allow(clippy::unwrap_used, reason = "an example may stop at the first surprise")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "an example may measure")]

use proto::acl::{Acl, Id};
use proto::request::{CreateRequest, DeleteRequest, ReadRequest, SetDataRequest};
use proto::{OpCode, Reader, SessionId, Wire, Zxid};
use std::time::Instant;
use tree::{Context, Outstanding, ReadContext, ReadOp, Settings, Tree, WatcherId, Watches, WriteOp};

const BATCHES: usize = 40;
const ROUNDS: usize = 25_000;

/// A tree with its pipeline reduced to nothing: prepared is applied.
struct Bench {
    tree: Tree,
    outstanding: Outstanding,
    watches: Watches,
    zxid: i64,
    auth: Vec<Id>,
}

impl Bench {
    fn run(&mut self, op: &WriteOp<'_>) {
        self.zxid += 1;
        let (zxid, time_ms) = (Zxid(self.zxid), self.zxid);
        let ctx =
            Context { zxid, time_ms, session: SessionId(1), cxid: 0, auth: &self.auth, unreplicated: None };
        let prepared = tree::prepare(&self.tree, &mut self.outstanding, &ctx, op);
        self.tree.apply(&prepared.header, &prepared.txn, &mut self.watches, &mut Vec::new());
    }

    fn read(&mut self, what: &str, op: OpCode, paths: &[String]) {
        let frames: Vec<Vec<u8>> = paths
            .iter()
            .map(|path| {
                let mut frame = Vec::new();
                ReadRequest { path: path.as_str().into(), watch: false }.encode(&mut frame);
                frame
            })
            .collect();
        let who = ReadContext { watcher: WatcherId(1), session: SessionId(1), auth: &self.auth };
        let mut out = Vec::new();
        report(what, |n| {
            let frame = &frames[n * 7919 % frames.len()];
            let op = ReadOp::decode(op, &mut Reader::new(frame)).unwrap();
            out.clear();
            tree::read(&self.tree, None, &mut Vec::new(), &who, &op, &mut out).unwrap();
        });
    }
}

/// Prints the best of several batches: other work on the machine only ever adds.
fn report(what: &str, mut round: impl FnMut(usize)) {
    let mut best = f64::INFINITY;
    for batch in 0..BATCHES {
        let start = Instant::now();
        for n in 0..ROUNDS {
            round(batch * ROUNDS + n);
        }
        best = best.min(start.elapsed().as_nanos() as f64 / ROUNDS as f64);
    }
    println!("{what:<32} {best:>7.0} ns");
}

fn create<'a>(path: &'a str, data: &'a [u8]) -> WriteOp<'a> {
    let acl = Some(vec![Acl::open()]);
    WriteOp::Create(OpCode::Create, CreateRequest { path: path.into(), data: Some(data), acl, flags: 0 })
}

fn main() {
    let mut bench = Bench {
        tree: Tree::new(Settings::default()),
        outstanding: Outstanding::new(),
        watches: Watches::new(),
        zxid: 0,
        auth: vec![Id::new("ip", "127.0.0.1")],
    };
    let data = [7; 1024];
    bench.run(&WriteOp::CreateSession { timeout_ms: 4000 });
    bench.run(&create("/bench", b""));
    let paths: Vec<_> = (0..1000).map(|n| format!("/bench/node{n:04}")).collect();
    for path in &paths {
        bench.run(&create(path, &data));
    }
    bench.read("getData, 1 KiB of 1000 nodes", OpCode::GetData, &paths);
    bench.read("exists, 1000 nodes", OpCode::Exists, &paths);
    report("setData, 1 KiB", |n| {
        let path = paths[n % paths.len()].as_str().into();
        bench.run(&WriteOp::SetData(SetDataRequest { path, data: Some(&data), version: -1 }));
    });
    report("create or delete, 1 KiB", |n| {
        if n % 2 == 0 {
            bench.run(&create("/bench/new", &data));
        } else {
            bench.run(&WriteOp::Delete(DeleteRequest { path: "/bench/new".into(), version: -1 }));
        }
    });
}

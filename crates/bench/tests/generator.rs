//! The generator against servers that are simple enough to know what it must report.

use bench::floor::echo::Echo;
use bench::workload::{self, Kind, Load};
use bench::{Error, Target};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

fn echo() -> SocketAddr {
    let echo = Echo::bind((Ipv4Addr::LOCALHOST, 0).into(), 2, 100).expect("the loopback has a free port");
    let address = echo.address();
    std::thread::spawn(move || echo.serve());
    address
}

fn target(server: SocketAddr) -> Target {
    Target {
        servers: vec![server],
        pids: Vec::new(),
        connections: 5,
        pipeline: 7,
        threads: 2,
        session_timeout: Duration::from_secs(30),
    }
}

fn load(kind: Kind) -> Load {
    Load {
        kind,
        root: "/test".into(),
        keys: 1000,
        size: 100,
        warmup: Duration::from_millis(10),
        length: Duration::from_millis(50),
    }
}

#[test]
fn a_counted_load_ends_with_its_last_reply() {
    let (outcome, _) = workload::run(&target(echo()), &load(Kind::Delete), None).unwrap();
    assert_eq!(outcome.ops, 1000);
    assert_eq!(outcome.tally.writes.count(), 1000);
    assert_eq!(outcome.tally.reads.count(), 0);
}

#[test]
fn a_fill_creates_every_node_once() {
    let outcome = workload::fill(&target(echo()), "/test/deep", 3, 10, 1234, 50).unwrap();
    assert_eq!(outcome.ops, 1234);
}

#[test]
fn a_timed_load_counts_only_its_stretch() {
    let (outcome, _) = workload::run(&target(echo()), &load(Kind::Mixed(50)), None).unwrap();
    assert!(outcome.elapsed >= Duration::from_millis(50) && outcome.ops > 0);
    assert!(outcome.tally.reads.count() > 0 && outcome.tally.writes.count() > 0);
    assert!(outcome.tally.reads.percentile(50.0) > Duration::ZERO);
    assert_eq!(outcome.tally.errors, 0);
}

#[test]
fn the_marked_part_of_a_stretch_is_counted_apart() {
    let mut mark = || true;
    let (outcome, _) = workload::run(&target(echo()), &load(Kind::Get), Some(&mut mark)).unwrap();
    assert!(outcome.marked.reads.count() > 0);
}

#[test]
fn a_server_that_hangs_up_ends_the_run_with_an_error() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let error = workload::run(&target(address), &load(Kind::Get), None).unwrap_err();
    assert!(matches!(error, Error::Connection { .. }), "{error}");
}

#[test]
fn a_port_that_speaks_something_else_is_named_as_such() {
    use std::io::Write;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for mut socket in listener.incoming().flatten() {
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            kept.push(socket);
        }
    });
    let error = workload::run(&target(address), &load(Kind::Get), None).unwrap_err();
    assert!(error.to_string().contains("no ZooKeeper client port"), "{error}");
}

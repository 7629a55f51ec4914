//! The binary under a memory limit.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../server/tests/client/mod.rs"]
mod client;

use client::Client;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Starts a server on a free port, under a limit of its address space when one is given, and waits
/// for the line that says where it listens.
fn start(data: &Path, limit_kib: Option<u32>) -> (Child, SocketAddr) {
    let limit = limit_kib.map_or("unlimited".into(), |kib| kib.to_string());
    let script = format!("ulimit -v {limit}; exec \"$0\" serve --port 0 --data-dir \"$1\"");
    let mut child = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_zabra")])
        .arg(data)
        .env("MALLOC_ARENA_MAX", "1")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    let line = lines.find(|line| line.starts_with("Zabra listens on ")).expect("the server starts");
    // Keep reading, or the server would stall on a full pipe.
    std::thread::spawn(move || lines.for_each(drop));
    let address = line.trim_start_matches("Zabra listens on ").split(',').next().unwrap();
    (child, address.parse().unwrap())
}

#[test]
fn hc_175_out_of_memory_the_process_ends_and_everything_acknowledged_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (mut limited, address) = start(dir.path(), Some(160 * 1024));
    let mut client = Client::connect(address).unwrap();
    let data = vec![7; 900_000];
    let mut acknowledged = 0;
    while acknowledged < 1000 {
        let sent = client.send_create(&format!("/n{acknowledged}"), &data);
        match sent.and_then(|_| client.reply()) {
            Ok(reply) => assert_eq!(reply.err, 0),
            Err(_) => break,
        }
        acknowledged += 1;
    }
    assert!(acknowledged < 1000, "160 MiB held 900 MB");
    assert!(!limited.wait().unwrap().success(), "a process out of memory must not pretend");

    let (mut child, address) = start(dir.path(), None);
    let mut client = Client::connect(address).unwrap();
    for n in 0..acknowledged {
        assert!(client.exists(&format!("/n{n}")).unwrap(), "/n{n} was acknowledged and is gone");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

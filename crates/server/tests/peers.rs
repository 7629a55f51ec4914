//! Members of an ensemble over real sockets.

#![allow(clippy::unwrap_used, reason = "tests")]

mod client;
mod ensemble;

use client::Client;
use ensemble::{Cluster, eventually};

#[test]
fn three_servers_elect_a_leader_and_a_write_to_any_is_read_from_all() {
    let mut cluster = Cluster::new(3, 23200);
    cluster.start_all();
    for index in 0..3 {
        let path = format!("/from{index}");
        let address = cluster.address(index);
        let mut client = eventually("a session", || Client::connect(address));
        assert_eq!(client.create(&path).unwrap().err, 0);
        for other in 0..3 {
            let mut reader = eventually("a session", || Client::connect(cluster.address(other)));
            eventually("the write", || reader.exists(&path).unwrap().then_some(()).ok_or(other));
        }
    }
}

/// Creates a node through any server that serves, trying until one does.
fn write_somewhere(cluster: &Cluster, path: &str) {
    eventually("a write", || {
        let alive = (0..cluster.servers.len()).filter(|index| cluster.servers[*index].is_some());
        let mut last = Err(path.to_owned());
        for index in alive {
            last = Client::connect(cluster.address(index))
                .and_then(|mut client| client.create(path))
                .map_err(|error| error.to_string())
                .and_then(|reply| matches!(reply.err, 0 | -110).then_some(()).ok_or(format!("{reply:?}")));
            if last.is_ok() {
                break;
            }
        }
        last
    });
}

fn expect_on_all(cluster: &Cluster, paths: &[String]) {
    for index in (0..cluster.servers.len()).filter(|index| cluster.servers[*index].is_some()) {
        for path in paths {
            eventually("everything written", || match Client::connect(cluster.address(index)) {
                Ok(mut client) => match client.exists(path) {
                    Ok(true) => Ok(()),
                    other => Err(format!("{path} on {index}: {other:?}")),
                },
                Err(error) => Err(error.to_string()),
            });
        }
    }
}

#[test]
fn each_server_in_turn_goes_and_comes_back_and_nothing_written_meanwhile_is_missing() {
    let mut cluster = Cluster::new(3, 23210);
    cluster.start_all();
    let mut written = Vec::new();
    for round in 0..2 {
        for gone in 0..3 {
            cluster.stop(gone);
            for n in 0..3 {
                let path = format!("/r{round}g{gone}n{n}");
                write_somewhere(&cluster, &path);
                written.push(path);
            }
            cluster.start(gone);
        }
    }
    expect_on_all(&cluster, &written);
}

#[test]
fn a_server_that_begins_with_nothing_gets_a_snapshot_while_writes_go_on() {
    let mut cluster = Cluster::new(3, 23220);
    cluster.start(0);
    cluster.start(1);
    let mut written = Vec::new();
    let mut client = eventually("a session", || Client::connect(cluster.address(0)));
    let data = vec![7; 1000];
    for n in 0..3_000 {
        client.send_create(&format!("/n{n}"), &data).unwrap();
    }
    for _ in 0..3_000 {
        assert_eq!(client.reply().unwrap().err, 0);
    }
    cluster.start(2);
    for n in 0..200 {
        let path = format!("/late{n}");
        assert_eq!(client.create(&path).unwrap().err, 0);
        written.push(path);
    }
    written.push("/n0".into());
    written.push("/n2999".into());
    cluster.stop(0);
    expect_on_all(&cluster, &written);
}

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

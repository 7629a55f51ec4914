//! A member that finds no leader serves those who only want to read.

#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

#[path = "harness/cluster.rs"]
mod cluster;

use cluster::{Cluster, Heard};
use node::{EnsembleSettings, Role};
use proto::{ErrorCode, OpCode, SessionId, session};

const NOT_READ_ONLY: i32 = ErrorCode::NotReadOnly as i32;

fn cluster() -> Cluster {
    let settings = EnsembleSettings { read_only_mode: true, ..EnsembleSettings::default() };
    let mut c = Cluster::with(3, 1, settings);
    c.run_ms(1000);
    c
}

/// Server 1 alone for as long as it takes.
fn partitioned(c: &mut Cluster) {
    c.isolate(1);
    c.run_ms(5000);
    assert_eq!(c.role(1), Role::ReadOnly);
}

fn reader(c: &mut Cluster, id: i64) -> node::ConnId {
    let client = c.connect_with(id, 4000, Some(true));
    c.run_ms(10);
    client
}

#[test]
fn a_server_is_read_only_no_sooner_than_two_seconds_without_a_leader() {
    let mut c = cluster();
    c.kill(2);
    c.kill(3);
    while c.role(1) != Role::Looking {
        c.run_ms(1);
    }
    let early = reader(&mut c, 1);
    assert_eq!(c.heard(early), [Heard::Closed]);
    c.run_ms(1900);
    assert_eq!(c.role(1), Role::Looking);
    c.run_ms(200);
    assert_eq!(c.role(1), Role::ReadOnly);
    // It began to look a little later, as observers do.
    c.run_ms(300);
    assert_eq!(c.role(4), Role::ReadOnly, "an observer too");
    let client = reader(&mut c, 1);
    assert!(c.is_open(client) && c.is_read_only(client));
}

#[test]
fn without_the_setting_nobody_is_served_without_a_leader() {
    let mut c = Cluster::new(3, 0);
    c.run_ms(1000);
    c.isolate(1);
    c.run_ms(20_000);
    let client = reader(&mut c, 1);
    assert_eq!((c.role(1), c.heard(client)), (Role::Looking, &[Heard::Closed][..]));
}

#[test]
fn hc_159_only_clients_that_said_so_are_served_and_they_are_told() {
    let mut c = cluster();
    partitioned(&mut c);
    for read_only in [None, Some(false)] {
        let client = c.connect_with(1, 4000, read_only);
        c.run_ms(10);
        assert_eq!(c.heard(client), [Heard::Closed], "{read_only:?}");
    }
    let client = reader(&mut c, 1);
    assert!(c.is_read_only(client));
    let elsewhere = reader(&mut c, 2);
    assert!(c.is_open(elsewhere) && !c.is_read_only(elsewhere), "a server with a leader says so too");
}

#[test]
fn reads_and_watches_work_and_writes_get_not_read_only() {
    let mut c = cluster();
    let writer = c.connect(2);
    c.run_ms(10);
    c.create(writer, "/a");
    c.run_ms(10);
    partitioned(&mut c);
    let client = reader(&mut c, 1);
    let read = c.get(client, "/a", true);
    let refused = [
        c.create(client, "/b"),
        c.set(client, "/a", b"y"),
        c.delete(client, "/a"),
        c.sync(client),
        c.ask_raw(client, OpCode::Multi, b""),
        c.ask_raw(client, OpCode::SetAcl, b""),
        c.ask_raw(client, OpCode::Reconfig, b""),
        c.ask_raw(client, OpCode::CreateContainer, b""),
        c.ask_raw(client, OpCode::CreateTtl, b""),
        c.ask_raw(client, OpCode::DeleteContainer, b""),
    ];
    let last = c.get(client, "/b", false);
    c.run_ms(10);
    assert_eq!(c.err(client, read), Some(0));
    for xid in refused {
        assert_eq!(c.err(client, xid), Some(NOT_READ_ONLY), "request {xid}");
    }
    assert_eq!(c.err(client, last), Some(ErrorCode::NoNode.code()));
    let xids: Vec<i32> = c.replies(client).iter().map(|reply| reply.xid).collect();
    assert!(xids.is_sorted(), "{xids:?}");
    let close = c.close_session(client);
    c.run_ms(10);
    assert_eq!((c.err(client, close), c.is_open(client)), (Some(0), false));
}

#[test]
fn hc_35_hc_80_read_only_service_leaves_log_and_sessions_of_the_ensemble_alone() {
    let mut c = cluster();
    let global = c.connect_with(1, 4000, Some(true));
    c.keep_alive(global);
    c.run_ms(10);
    c.create_ephemeral(global, "/mine");
    c.run_ms(10);
    let (logged, digest) = (c.node(1).status().last_logged, c.digest(1));
    c.isolate(1);
    c.run_ms(5000);
    let clients: Vec<_> = (0..5).map(|_| reader(&mut c, 1)).collect();
    c.create(clients[0], "/no");
    c.close_session(clients[1]);
    // Long after every timeout there is: the local sessions are gone, the ensemble's is not.
    c.run_ms(60_000);
    assert!(clients.iter().all(|client| !c.is_open(*client)));
    assert_eq!(c.node(1).session_count(), 0);
    assert_eq!((c.node(1).status().last_logged, c.digest(1)), (logged, digest));
    assert!(c.has(1, "/mine"), "expired by the leader, of which this server knows nothing");
    assert!(!c.has(2, "/mine"));
    c.heal();
    c.run_ms(5000);
    assert!(!c.has(1, "/mine"));
    assert_eq!(c.digest(1), c.digest(2));
}

#[test]
fn hc_80_a_session_of_the_ensemble_is_not_taken_up_without_a_leader() {
    let mut c = cluster();
    let client = c.connect(1);
    c.run_ms(10);
    let id = c.session(client);
    partitioned(&mut c);
    let again = c.handshake(1, id, session::password(id), 4000, Some(true));
    c.run_ms(10);
    assert_eq!(c.heard(again), [Heard::Closed], "it looks for another server, its session is not lost");
    let unknown = SessionId(0x77);
    let stranger = c.handshake(1, unknown, session::password(unknown), 4000, Some(true));
    c.run_ms(10);
    assert_eq!(c.heard(stranger), [Heard::Refused, Heard::Closed]);
}

#[test]
fn a_local_session_is_taken_up_again_while_the_server_is_read_only() {
    let mut c = cluster();
    partitioned(&mut c);
    let client = reader(&mut c, 1);
    let id = c.session(client);
    c.disconnect(client);
    let again = c.handshake(1, id, session::password(id), 4000, Some(true));
    c.run_ms(10);
    assert_eq!(c.heard(again), [Heard::Opened(id)]);
    let wrong = c.handshake(1, id, [7; 16], 4000, Some(true));
    c.run_ms(10);
    assert_eq!(c.heard(wrong), [Heard::Refused, Heard::Closed], "HC-83");
    assert!(c.is_open(again), "whoever does not know the password takes nothing away");
}

#[test]
fn when_there_is_a_leader_readers_are_sent_away_and_their_sessions_forgotten() {
    let mut c = cluster();
    partitioned(&mut c);
    let client = reader(&mut c, 1);
    c.keep_alive(client);
    c.get(client, "/", true);
    c.run_ms(10_000);
    assert!(c.is_open(client), "heartbeats keep it");
    let id = c.session(client);
    c.heal();
    c.run_ms(5000);
    assert_eq!(c.heard(client).last(), Some(&Heard::Closed));
    assert_eq!(c.role(1), Role::Following(zab::ServerId(3)));
    let again = c.reconnect(1, id);
    c.run_ms(100);
    assert_eq!(c.heard(again), [Heard::Refused, Heard::Closed]);
    let fresh = c.connect(1);
    c.run_ms(100);
    assert_ne!(c.session(fresh), id, "and no id is given twice");
    assert!(c.is_open(fresh) && !c.is_read_only(fresh));
}

#[test]
fn hc_159_a_read_only_server_goes_on_electing() {
    let mut c = cluster();
    for id in [1, 2, 3] {
        c.kill(id);
    }
    c.start(1);
    c.run_ms(5000);
    assert_eq!(c.role(1), Role::ReadOnly);
    c.start(2);
    c.run_ms(5000);
    assert_eq!((c.role(1), c.role(2)), (Role::Following(zab::ServerId(2)), Role::Leading));
}

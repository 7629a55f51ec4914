//! Sessions that only their server knows, and how they become everybody's.

#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

#[path = "harness/cluster.rs"]
mod cluster;

use cluster::{Cluster, Heard};
use node::{ConnId, EnsembleSettings};
use proto::acl::Acl;
use proto::multi::MultiOp;
use proto::request::CreateRequest;
use proto::{ErrorCode, OpCode, session};
use zab::ServerId;

/// Servers 1 and 2 follow server 3, server 4 observes.
fn cluster(upgrading: bool) -> Cluster {
    let settings = EnsembleSettings {
        local_sessions: true,
        upgrade_local_sessions: upgrading,
        ..EnsembleSettings::default()
    };
    let mut c = Cluster::with(3, 1, settings);
    c.run_ms(1000);
    assert_eq!(c.role(1), node::Role::Following(ServerId(3)));
    c
}

fn client(c: &mut Cluster, id: i64) -> ConnId {
    let client = c.connect(id);
    c.run_ms(10);
    assert!(c.is_open(client));
    client
}

fn create_request(path: &str, flags: i32) -> CreateRequest<'_> {
    CreateRequest { path: path.into(), data: None, acl: Some(vec![Acl::open()]), flags }
}

fn multi(c: &mut Cluster, conn: ConnId, ops: &[MultiOp<'_>]) -> i32 {
    let mut body = Vec::new();
    proto::multi::encode_ops(ops, &mut body);
    c.ask_raw(conn, OpCode::Multi, &body)
}

#[test]
fn a_local_session_is_in_no_log_and_writes_all_the_same() {
    let mut c = cluster(false);
    for id in [1, 3, 4] {
        let before = c.node(3).status().last_logged;
        let client = client(&mut c, id);
        assert_eq!(c.node(3).status().last_logged, before, "server {id} tells nobody");
        assert_eq!(session::server_of(c.session(client)), id as u8);
        let path = format!("/by-{id}");
        let xids = [c.create(client, &path), c.set(client, &path, b"y"), c.delete(client, &path)];
        c.run_ms(10);
        assert_eq!(xids.map(|xid| c.err(client, xid)), [Some(0); 3], "server {id}");
        let before = c.node(3).status().last_logged;
        let close = c.close_session(client);
        c.run_ms(10);
        assert_eq!((c.err(client, close), c.is_open(client)), (Some(0), false));
        assert_eq!(c.node(3).status().last_logged, before);
        assert_eq!(c.node(id).session_count(), 0);
    }
}

#[test]
fn without_upgrading_an_ephemeral_node_is_refused() {
    let mut c = cluster(false);
    for id in [1, 3, 4] {
        let client = client(&mut c, id);
        let first = c.create(client, &format!("/{id}"));
        let refused = c.create_ephemeral(client, &format!("/e{id}"));
        let last = c.create(client, &format!("/{id}/a"));
        let parts = [
            MultiOp::Create(OpCode::Create, create_request("/m", 0)),
            MultiOp::Create(OpCode::Create, create_request("/n", 1)),
        ];
        multi(&mut c, client, &parts);
        c.run_ms(10);
        let codes = [first, refused, last].map(|xid| c.err(client, xid));
        assert_eq!(codes, [Some(0), Some(ErrorCode::EphemeralOnLocalSession.code()), Some(0)], "server {id}");
        assert!(!c.has(id, &format!("/e{id}")) && !c.has(id, "/m"));
        let xids: Vec<i32> = c.replies(client).iter().map(|reply| reply.xid).collect();
        assert_eq!(xids, [1, 2, 3, 4], "answered in order");
    }
}

#[test]
fn the_first_ephemeral_node_makes_a_session_global() {
    let mut c = cluster(true);
    for id in [1, 3, 4] {
        let client = client(&mut c, id);
        let parts = [
            MultiOp::Create(OpCode::Create, create_request("/p", 0)),
            MultiOp::Create(OpCode::Create, create_request("/p/e", 1)),
        ];
        let before = c.node(3).status().last_logged;
        let xids = match id {
            4 => vec![multi(&mut c, client, &parts)],
            _ => vec![c.create_ephemeral(client, &format!("/e{id}")), c.create_ephemeral(client, "/more")],
        };
        c.run_ms(10);
        assert!(xids.iter().all(|xid| c.err(client, *xid) == Some(0)), "server {id}");
        let logged = c.node(3).status().last_logged.counter() - before.counter();
        assert_eq!(logged, 1 + xids.len() as u32, "one createSession, then what was asked");
        let moved = c.reconnect(2, c.session(client));
        c.run_ms(10);
        assert!(c.is_open(moved), "now it can move");
        c.close_session(moved);
        c.run_ms(10);
        assert!(!c.has(2, "/p/e") && !c.has(2, "/e1") && !c.has(2, "/e3") && !c.has(2, "/more"));
    }
}

#[test]
fn hc_77_a_local_session_expires_by_its_server_and_not_while_it_is_heard_from() {
    let mut c = cluster(true);
    for id in [1, 3, 4] {
        let (idle, alive) = (client(&mut c, id), client(&mut c, id));
        c.keep_alive(alive);
        c.run_ms(4000);
        assert!(c.is_open(idle), "not before its timeout");
        c.run_ms(500);
        assert!(!c.is_open(idle) && c.is_open(alive), "server {id}");
        c.run_ms(20_000);
        assert!(c.is_open(alive));
        assert_eq!(c.node(id).session_count(), 1);
        c.close_session(alive);
        c.run_ms(10);
    }
}

#[test]
fn a_local_session_is_taken_up_on_its_server_only() {
    let mut c = cluster(true);
    for id in [1, 3, 4] {
        let first = client(&mut c, id);
        let session = c.session(first);
        let again = c.reconnect(id, session);
        c.run_ms(10);
        assert_eq!(c.heard(again), [Heard::Opened(session)], "server {id}");
        assert!(!c.is_open(first), "the newest connection has it");
        let write = c.create(again, &format!("/again-{id}"));
        c.run_ms(10);
        assert_eq!(c.err(again, write), Some(0));
        c.disconnect(again);
        c.run_ms(1000);
        let back = c.reconnect(id, session);
        c.run_ms(10);
        assert_eq!(c.heard(back), [Heard::Opened(session)], "it waits for its client");
        for other in (1..=4).filter(|other| *other != id) {
            let stranger = c.reconnect(other, session);
            c.run_ms(10);
            assert_eq!(c.heard(stranger), [Heard::Refused, Heard::Closed], "server {other}");
        }
    }
}

#[test]
fn hc_73_a_close_behind_the_upgrade_leaves_neither_session_nor_node() {
    let mut c = cluster(true);
    for id in [1, 3, 4] {
        let client = client(&mut c, id);
        let session = c.session(client);
        c.create_ephemeral(client, "/e");
        let close = c.close_session(client);
        c.run_ms(20);
        assert_eq!(c.err(client, close), Some(0));
        for server in 1..=4 {
            assert!(!c.has(server, "/e"), "server {server}");
        }
        let again = c.reconnect(id, session);
        c.run_ms(20);
        assert_eq!(c.heard(again), [Heard::Refused, Heard::Closed]);
        assert_eq!(c.node(id).session_count(), 0);
    }
}

#[test]
fn hc_73_a_session_that_moves_while_it_is_upgraded_has_one_owner() {
    let mut c = cluster(true);
    for (from, to) in [(1, 2), (1, 1), (3, 1), (4, 3), (1, 3)] {
        for delay_ms in 0..6 {
            let first = client(&mut c, from);
            let session = c.session(first);
            c.create_ephemeral(first, "/e");
            c.run_ms(delay_ms);
            let moved = c.reconnect(to, session);
            c.run_ms(20);
            if c.is_open(moved) {
                let write = c.create(moved, "/w");
                c.run_ms(10);
                assert_eq!(c.err(moved, write), Some(0), "{from} to {to} after {delay_ms} ms");
                c.delete(moved, "/w");
                c.close_session(moved);
            }
            // Whatever the move met: what is not closed expires, everywhere, with its node.
            c.run_ms(5_000);
            for server in 1..=4 {
                assert!(!c.has(server, "/e"), "{from} to {to} after {delay_ms} ms, server {server}");
                assert_eq!(c.node(server).session_count(), 0);
            }
        }
    }
}

#[test]
fn local_sessions_end_with_their_servers_term() {
    let mut c = cluster(true);
    let first = client(&mut c, 1);
    let session = c.session(first);
    c.isolate(1);
    c.run_ms(3000);
    c.heal();
    c.run_ms(3000);
    assert!(!c.is_open(first));
    let again = c.reconnect(1, session);
    c.run_ms(10);
    assert_eq!(
        c.heard(again),
        [Heard::Refused, Heard::Closed],
        "local sessions end with their server's term"
    );
}

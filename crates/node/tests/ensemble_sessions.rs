//! Sessions of an ensemble: who has them, how long they live, and what moves do to them.

#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

#[path = "harness/cluster.rs"]
mod cluster;

use cluster::{Cluster, Heard, TICK_MS};
use node::{ConnId, Role};
use proto::request::SetDataRequest;
use proto::{ErrorCode, OpCode, SessionId, Wire, session};
use zab::ServerId;

/// Servers 1 and 2 follow server 3, server 4 observes.
fn cluster() -> Cluster {
    let mut c = Cluster::new(3, 1);
    c.run_ms(1000);
    assert_eq!(c.role(4), Role::Observing(ServerId(3)));
    c
}

fn client(c: &mut Cluster, id: i64) -> ConnId {
    let client = c.connect(id);
    c.run_ms(10);
    assert!(c.is_open(client));
    client
}

fn everywhere(c: &Cluster, path: &str, there: bool) {
    for id in 1..=4 {
        assert_eq!(c.has(id, path), there, "{path} on server {id}");
    }
}

#[test]
fn hc_78_an_idle_client_of_any_server_never_expires_while_it_sends_heartbeats() {
    let mut c = cluster();
    let clients = [1, 3, 4].map(|id| client(&mut c, id));
    for (n, conn) in clients.iter().enumerate() {
        c.keep_alive(*conn);
        c.create_ephemeral(*conn, &format!("/e{n}"));
    }
    c.run_ms(60_000);
    assert!(clients.iter().all(|conn| c.is_open(*conn)));
    for n in 0..3 {
        everywhere(&c, &format!("/e{n}"), true);
    }
}

#[test]
fn silence_ends_a_session_after_its_timeout_and_at_most_two_ticks() {
    let mut c = cluster();
    for id in [1, 3, 4] {
        let conn = client(&mut c, id);
        c.create_ephemeral(conn, "/e");
        c.run_ms(4000);
        everywhere(&c, "/e", true);
        c.run_ms(2 * TICK_MS + 20);
        everywhere(&c, "/e", false);
        assert!(!c.is_open(conn), "server {id}");
    }
}

#[test]
fn a_client_that_is_gone_leaves_its_session_until_the_timeout() {
    let mut c = cluster();
    for id in [1, 3, 4] {
        let conn = client(&mut c, id);
        c.create_ephemeral(conn, "/e");
        c.run_ms(10);
        c.disconnect(conn);
        c.run_ms(3900);
        everywhere(&c, "/e", true);
        c.run_ms(100 + 2 * TICK_MS + 20);
        everywhere(&c, "/e", false);
    }
}

#[test]
fn hc_78_a_new_leader_gives_every_session_its_whole_timeout() {
    let mut c = cluster();
    let conn = client(&mut c, 1);
    c.create_ephemeral(conn, "/e");
    c.run_ms(3800);
    c.kill(3);
    while c.role(2) != Role::Leading || !c.node(2).status().serving {
        c.run_ms(1);
    }
    c.run_ms(3900);
    assert!(c.has(1, "/e") && c.has(2, "/e"), "the new leader has heard nothing yet");
    c.run_ms(100 + 2 * TICK_MS + 20);
    assert!(!c.has(1, "/e") && !c.has(2, "/e"));
}

#[test]
fn hc_70_after_a_restart_of_all_servers_sessions_and_ephemerals_still_expire() {
    let mut c = cluster();
    let kept = client(&mut c, 1);
    let lost = client(&mut c, 2);
    c.create_ephemeral(kept, "/kept");
    c.create_ephemeral(lost, "/lost");
    c.run_ms(10);
    let id = c.session(kept);
    for server in 1..=4 {
        c.kill(server);
    }
    for server in 1..=4 {
        c.start(server);
    }
    c.run_ms(1000);
    everywhere(&c, "/kept", true);
    everywhere(&c, "/lost", true);
    let again = c.reconnect(4, id);
    c.keep_alive(again);
    c.run_ms(10_000);
    assert!(c.is_open(again));
    everywhere(&c, "/kept", true);
    everywhere(&c, "/lost", false);
}

#[test]
fn hc_70_sessions_learned_by_snapshot_and_by_diff_expire_under_a_later_leader() {
    let mut c = cluster();
    c.kill(2);
    let conn = client(&mut c, 1);
    c.create_ephemeral(conn, "/e");
    c.run_ms(10);
    c.wipe(2);
    c.start(2);
    c.run_ms(1000);
    assert!(c.has(2, "/e"));
    c.kill(3);
    c.run_ms(1000);
    assert_eq!(c.role(2), Role::Leading);
    c.run_ms(10_000);
    assert!(!c.has(1, "/e") && !c.has(2, "/e"));
}

#[test]
fn hc_68_an_ephemeral_node_behind_the_close_of_its_session_is_refused() {
    let mut c = cluster();
    let first = client(&mut c, 1);
    c.create_ephemeral(first, "/old");
    c.run_ms(10);
    // The close comes to the leader through server 1 before the create does through server 2.
    let second = c.reconnect(2, c.session(first));
    c.run_ms(10);
    c.close_session(first);
    c.run_ms(2);
    let late = c.create_ephemeral(second, "/late");
    c.run_ms(20);
    assert!(matches!(c.err(second, late), None | Some(-112)), "{:?}", c.heard(second));
    assert!(!c.is_open(second));
    everywhere(&c, "/late", false);
    everywhere(&c, "/old", false);
}

#[test]
fn hc_69_a_session_closed_before_it_was_created_everywhere_stays_closed() {
    let mut c = cluster();
    let conn = c.connect(4);
    // As soon as the observer knows of it, before the others are asked anything.
    c.run_ms(10);
    let id = c.session(conn);
    c.create_ephemeral(conn, "/e");
    c.close_session(conn);
    c.run_ms(20);
    everywhere(&c, "/e", false);
    for server in 1..=4 {
        let again = c.reconnect(server, id);
        c.run_ms(20);
        assert_eq!(c.heard(again), [Heard::Refused, Heard::Closed], "server {server}");
    }
}

#[test]
fn a_close_that_races_the_expiry_ends_the_session_once() {
    for early_ms in 0..8 {
        let mut c = cluster();
        let conn = client(&mut c, 1);
        c.create_ephemeral(conn, "/e");
        c.run_ms(10);
        // The leader's deadline for this session, found by looking on.
        let due_ms = c.node(3).sessions()[0].deadline_ms;
        c.run_ms(due_ms - c.now_ms() - early_ms);
        c.close_session(conn);
        c.run_ms(50);
        everywhere(&c, "/e", false);
        assert!(!c.is_open(conn));
        for server in 1..=4 {
            assert_eq!(c.node(server).session_count(), 0, "server {server}");
        }
    }
}

#[test]
fn hc_74_an_old_renewal_that_lands_late_does_not_keep_a_session_for_good() {
    let mut c = cluster();
    let first = client(&mut c, 1);
    let id = c.session(first);
    // The client gives up on server 1 while that still asks for it, and goes to server 2.
    let slow = c.reconnect(1, id);
    let moved = c.reconnect(2, id);
    c.run_ms(20);
    let slower = c.reconnect(1, id);
    c.run_ms(10);
    assert!(c.is_open(slow) || c.is_open(slower));
    let write = c.create(moved, "/a");
    c.run_ms(20);
    assert_eq!((c.err(moved, write), c.is_open(moved)), (None, false), "told to come again");
    c.disconnect(slow);
    c.disconnect(slower);
    let again = c.reconnect(2, id);
    c.run_ms(20);
    let write = c.create(again, "/b");
    c.run_ms(20);
    assert_eq!(c.err(again, write), Some(0));
}

#[test]
fn hc_74_a_multi_of_a_session_that_has_moved_closes_the_stale_connection() {
    let mut c = cluster();
    for from in [1, 4] {
        let stale = client(&mut c, from);
        let moved = c.reconnect(2, c.session(stale));
        c.run_ms(20);
        c.ask_raw(stale, OpCode::Multi, &one_check());
        c.run_ms(20);
        assert_eq!(c.heard(stale).last(), Some(&Heard::Closed), "server {from}");
        assert!(c.replies(stale).is_empty());
        assert!(c.is_open(moved));
    }
}

fn one_check() -> Vec<u8> {
    use proto::multi::{MultiOp, encode_ops};
    let mut body = Vec::new();
    let check = proto::request::CheckVersionRequest { path: "/".into(), version: -1 };
    encode_ops(&[MultiOp::Check(check)], &mut body);
    body
}

#[test]
fn writes_sent_before_a_move_happen_before_those_sent_after_it() {
    let mut c = cluster();
    let maker = client(&mut c, 2);
    c.create(maker, "/n");
    c.run_ms(10);
    for to in [1, 2, 3, 4] {
        let first = client(&mut c, 1);
        let id = c.session(first);
        for n in 0..5 {
            c.set(first, "/n", format!("before-{to}-{n}").as_bytes());
        }
        c.run_ms(2);
        let moved = c.reconnect(to, id);
        c.run_ms(20);
        let after = format!("after-{to}");
        let xid = c.set(moved, "/n", after.as_bytes());
        c.run_ms(20);
        assert_eq!(c.err(moved, xid), Some(0));
        for server in 1..=4 {
            assert!(c.has(server, &after), "server {server}");
        }
        c.close_session(moved);
        c.run_ms(10);
    }
}

#[test]
fn a_client_that_counts_anew_is_not_given_the_answer_to_an_old_request() {
    let mut c = cluster();
    for (from, to) in [(1, 1), (1, 2), (4, 4), (3, 1), (1, 4), (3, 4)] {
        for delay_ms in 0..5 {
            let first = client(&mut c, from);
            // Its first request is on its way when the connection breaks.
            c.create(first, &format!("/old-{from}-{to}-{delay_ms}"));
            c.run_ms(delay_ms);
            let id = c.session(first);
            c.disconnect(first);
            let again = c.reconnect(to, id);
            while c.heard(again).is_empty() {
                c.run_ms(1);
            }
            // The first request of the new connection has the same number, and is refused.
            let xid = c.create(again, "/no/such/parent");
            assert_eq!(xid, 1);
            c.run_ms(20);
            let told = c.err(again, xid);
            assert!(
                told.is_none_or(|err| err == ErrorCode::NoNode.code()),
                "{from}-{to}-{delay_ms}: {told:?}"
            );
            assert!(told.is_some() || !c.is_open(again), "and never left without");
            c.disconnect(again);
        }
    }
}

#[test]
fn hc_83_a_wrong_password_and_a_session_that_is_gone_look_the_same() {
    let mut c = cluster();
    let owner = client(&mut c, 1);
    let id = c.session(owner);
    c.keep_alive(owner);
    let gone = client(&mut c, 2);
    let gone_id = c.session(gone);
    c.close_session(gone);
    c.run_ms(20);
    for server in 1..=4 {
        let wrong = c.handshake(server, id, [9; 16], 4000, Some(false));
        let late = c.reconnect(server, gone_id);
        let never = c.reconnect(server, SessionId(0x0500_0000_0000_0001));
        c.run_ms(20);
        for conn in [wrong, late, never] {
            assert_eq!(c.heard(conn), [Heard::Refused, Heard::Closed], "server {server}");
        }
    }
    c.run_ms(5000);
    assert!(c.is_open(owner), "and the owner keeps it");
}

#[test]
fn a_learner_that_dies_with_a_create_session_on_its_way_costs_nobody_a_session() {
    for after_ms in 1..6 {
        let mut c = cluster();
        c.connect(1);
        c.run_ms(after_ms);
        c.kill(1);
        let retried = client(&mut c, 2);
        c.keep_alive(retried);
        c.run_ms(4000 + 2 * TICK_MS + 50);
        assert!(c.is_open(retried), "after {after_ms} ms");
        assert_eq!(c.node(3).session_count(), 1, "the one nobody got has expired");
    }
}

#[test]
fn renewals_of_one_session_are_answered_in_the_order_they_were_asked() {
    let mut c = cluster();
    for id in [1, 4] {
        let first = client(&mut c, 3);
        let session = c.session(first);
        let asked: Vec<ConnId> = (0..4).map(|_| c.reconnect(id, session)).collect();
        c.run_ms(20);
        for conn in &asked {
            assert_eq!(c.heard(*conn)[0], Heard::Opened(session), "server {id}");
        }
        let open: Vec<bool> = asked.iter().map(|conn| c.is_open(*conn)).collect();
        assert_eq!(open, [false, false, false, true], "the newest has it");
        assert!(!c.is_open(first));
    }
}

#[test]
fn hc_90_hc_168_what_a_server_keeps_of_clients_returns_to_nothing() {
    let mut c = cluster();
    for round in 0..5 {
        for id in [1, 3, 4] {
            for n in 0..10_u64 {
                let conn = c.connect(id);
                c.run_ms(n % 4);
                // Some go before they have a session, some with writes on their way, some in good order.
                match n % 3 {
                    0 => c.disconnect(conn),
                    1 => {
                        c.run_ms(10);
                        c.create(conn, &format!("/n-{round}-{id}-{n}"));
                        c.get(conn, "/", true);
                        c.disconnect(conn);
                        let again = c.reconnect(id, c.session(conn));
                        c.run_ms(n % 3);
                        c.disconnect(again);
                    }
                    _ => {
                        c.run_ms(10);
                        c.close_session(conn);
                    }
                }
            }
        }
    }
    c.run_ms(4000 + 2 * TICK_MS + 100);
    for id in 1..=4 {
        assert_eq!(c.node(id).session_count(), 0, "sessions of server {id}");
        assert_eq!(c.node(id).clients_kept(), 0, "connections and questions of server {id}");
        assert_eq!(c.watch_count(id), 0, "watches of server {id}");
    }
}

#[test]
fn hc_79_a_thousand_sessions_expiring_at_once_take_no_healthy_one_along() {
    let mut c = cluster();
    let healthy = [1, 3, 4].map(|id| client(&mut c, id));
    for conn in healthy {
        c.keep_alive(conn);
    }
    for n in 0..1000 {
        c.connect(1 + n % 4);
    }
    c.run_ms(20);
    assert_eq!(c.node(3).session_count(), 1003);
    c.run_ms(4000 + 2 * TICK_MS + 100);
    assert_eq!(c.node(3).session_count(), 3);
    assert!(healthy.iter().all(|conn| c.is_open(*conn)));
}

#[test]
fn hc_77_a_wall_clock_that_jumps_expires_nobody() {
    let mut c = cluster();
    let conns = [1, 3, 4].map(|id| client(&mut c, id));
    for conn in conns {
        c.keep_alive(conn);
    }
    for jump_ms in [3_600_000, -7_200_000] {
        c.jump_wall_clock(jump_ms);
        c.run_ms(10_000);
        assert!(conns.iter().all(|conn| c.is_open(*conn)), "{jump_ms}");
    }
    c.disconnect(conns[0]);
    c.run_ms(4000 + 2 * TICK_MS + 20);
    assert_eq!(c.node(3).session_count(), 2, "and nobody lives for ever");
}

#[test]
fn when_a_role_ends_its_clients_are_sent_away_and_find_their_sessions_again() {
    let mut c = cluster();
    let conns = [1, 2, 3, 4].map(|id| client(&mut c, id));
    for (n, conn) in conns.iter().enumerate() {
        c.create_ephemeral(*conn, &format!("/e{n}"));
    }
    c.run_ms(10);
    c.isolate(3);
    c.run_ms(3000);
    assert!(conns.iter().all(|conn| !c.is_open(*conn)));
    c.heal();
    c.run_ms(1000);
    for (n, conn) in conns.iter().enumerate() {
        let again = c.reconnect(1 + (n as i64 + 1) % 4, c.session(*conn));
        c.keep_alive(again);
        c.run_ms(20);
        assert_eq!(c.heard(again), [Heard::Opened(c.session(*conn))]);
    }
    c.run_ms(10_000);
    for n in 0..4 {
        everywhere(&c, &format!("/e{n}"), true);
    }
}

#[test]
fn hc_90_watches_of_a_connection_that_was_replaced_go_with_it() {
    let mut c = cluster();
    let first = client(&mut c, 1);
    c.create(first, "/n");
    c.run_ms(10);
    c.get(first, "/n", true);
    c.run_ms(10);
    let moved = c.reconnect(1, c.session(first));
    c.run_ms(10);
    let mut body = Vec::new();
    SetDataRequest { path: "/n".into(), data: Some(b"y"), version: -1 }.encode(&mut body);
    c.ask_raw(moved, OpCode::SetData, &body);
    c.run_ms(10);
    assert!(!c.heard(first).contains(&Heard::Event) && !c.heard(moved).contains(&Heard::Event));
    assert_eq!(c.watch_count(1), 0);
    assert_eq!(session::server_of(c.session(moved)), 1);
}

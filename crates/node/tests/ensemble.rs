//! Members of an ensemble in one thread, with a network and disks that do as told: what each role does, step by
//! step. Faults in all combinations are the simulator's.

#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

#[path = "harness/cluster.rs"]
mod cluster;

use cluster::{Cluster, Heard};
use node::{EnsembleSettings, Role};
use proto::{ErrorCode, Zxid};
use zab::ServerId;

#[test]
fn three_members_elect_the_largest_id_and_serve() {
    let mut c = Cluster::new(3, 0);
    c.run_ms(1000);
    assert_eq!(c.role(3), Role::Leading);
    assert_eq!((c.role(1), c.role(2)), (Role::Following(ServerId(3)), Role::Following(ServerId(3))));
    assert!([1, 2, 3].iter().all(|id| c.node(*id).status().serving));
}

#[test]
fn hc_63_a_write_through_any_role_is_answered_and_seen_everywhere() {
    let mut c = Cluster::new(3, 1);
    c.run_ms(1000);
    for id in 1..=4 {
        let client = c.connect(id);
        c.run_ms(100);
        let path = format!("/from-{id}");
        c.create(client, &path);
        c.run_ms(100);
        assert_eq!(c.heard(client).last(), Some(&Heard::Reply { err: 0 }), "through server {id}");
        for other in 1..=4 {
            assert!(c.has(other, &path), "{path} on server {other}");
        }
    }
}

#[test]
fn a_follower_that_was_away_is_brought_up_to_date() {
    for (writes, wiped) in [(3, false), (800, false), (3, true)] {
        let mut c = Cluster::new(3, 0);
        c.run_ms(1000);
        c.kill(1);
        let client = c.connect(2);
        c.run_ms(100);
        for n in 0..writes {
            c.create(client, &format!("/n{n}"));
        }
        c.run_ms(100);
        if wiped {
            c.wipe(1);
        }
        c.start(1);
        c.run_ms(2000);
        assert!(c.node(1).status().serving, "{writes} writes, wiped: {wiped}");
        assert!(c.has(1, &format!("/n{}", writes - 1)));
        assert_eq!(c.digest(1), c.digest(3));
    }
}

#[test]
fn hc_17_20_what_only_a_deposed_leader_had_is_cut_off() {
    let mut c = Cluster::new(3, 0);
    c.run_ms(1000);
    let client = c.connect(3);
    c.run_ms(100);
    c.isolate(3);
    c.create(client, "/lost");
    c.run_ms(10_000);
    assert_eq!(c.role(3), Role::Looking);
    assert!(!c.has(3, "/lost"), "not committed, not applied");
    assert_eq!(c.role(2), Role::Leading);
    let client = c.connect(1);
    c.run_ms(100);
    c.create(client, "/kept");
    c.run_ms(100);
    c.heal();
    c.run_ms(10_000);
    assert!(c.node(3).status().serving);
    assert!(c.has(3, "/kept") && !c.has(3, "/lost"));
    c.kill(3);
    c.start(3);
    c.run_ms(5000);
    assert!(c.has(3, "/kept") && !c.has(3, "/lost"), "nor after a restart");
    assert_eq!(c.digest(3), c.digest(2));
}

#[test]
fn a_session_moves_to_another_server_with_its_ephemerals() {
    let mut c = Cluster::new(3, 0);
    c.run_ms(1000);
    let client = c.connect(1);
    c.run_ms(100);
    c.create_ephemeral(client, "/mine");
    c.run_ms(100);
    let session = c.session(client);
    let moved = c.reconnect(2, session);
    c.run_ms(100);
    assert_eq!(c.session(moved), session);
    c.create(client, "/late");
    c.run_ms(100);
    assert_eq!(c.heard(client).last(), Some(&Heard::Closed), "HC-74: the connection it left");
    c.create(moved, "/now");
    c.run_ms(100);
    assert_eq!(c.heard(moved).last(), Some(&Heard::Reply { err: 0 }));
    c.run_ms(60_000);
    assert!(!c.has(1, "/mine") && !c.has(2, "/mine"), "expired, because nobody was heard from");
}

#[test]
fn a_refusal_by_the_leader_reaches_the_followers_client() {
    let mut c = Cluster::new(3, 0);
    c.run_ms(1000);
    let client = c.connect(1);
    c.run_ms(100);
    c.create(client, "/a");
    c.create(client, "/a");
    c.run_ms(100);
    assert_eq!(c.heard(client).last(), Some(&Heard::Reply { err: ErrorCode::NodeExists.code() }));
}

#[test]
fn hc_54_sync_is_answered_after_what_was_proposed_before() {
    let mut c = Cluster::new(3, 0);
    c.run_ms(1000);
    let (writer, reader) = (c.connect(3), c.connect(1));
    c.run_ms(100);
    c.create(writer, "/a");
    c.sync(reader);
    c.run_ms(100);
    assert_eq!(c.heard(reader).last(), Some(&Heard::Reply { err: 0 }));
    assert!(c.has(1, "/a"));
}

#[test]
fn hc_55_a_leader_that_is_cut_off_answers_sync_unless_a_quorum_has_to_confirm_it() {
    for (quorum_sync, answered) in [(false, Some(0)), (true, None)] {
        let mut c = Cluster::with(3, 0, EnsembleSettings { quorum_sync, ..EnsembleSettings::default() });
        c.run_ms(1000);
        let (client, far) = (c.connect(3), c.connect(1));
        c.run_ms(100);
        let (xid, far_xid) = (c.sync(client), c.sync(far));
        c.run_ms(50);
        assert_eq!((c.err(client, xid), c.err(far, far_xid)), (Some(0), Some(0)));
        c.isolate(3);
        let xid = c.sync(client);
        c.run_ms(20);
        assert_eq!(c.err(client, xid), answered, "confirmed by a quorum: {quorum_sync}");
    }
}

#[test]
fn a_leader_without_followers_steps_down_and_the_rest_go_on() {
    let mut c = Cluster::new(5, 0);
    c.run_ms(1000);
    assert_eq!(c.role(5), Role::Leading);
    c.kill(5);
    c.run_ms(1000);
    assert_eq!(c.role(4), Role::Leading);
    c.kill(4);
    c.kill(3);
    c.run_ms(20_000);
    assert_eq!((c.role(1), c.role(2)), (Role::Looking, Role::Looking));
    c.start(3);
    c.run_ms(20_000);
    assert_eq!(c.role(3), Role::Leading);
    assert!(c.node(3).status().committed > Zxid::new(2, 0));
}

//! Writes, `sync` and watches through servers of every role: what is answered, in which order, and what is not.

#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

#[path = "harness/cluster.rs"]
mod cluster;

use cluster::{Cluster, Heard};
use node::{ConnId, EnsembleSettings, Role};
use proto::acl::Acl;
use proto::multi::{MultiOp, encode_ops};
use proto::request::{
    AddWatchRequest, CheckVersionRequest, CreateRequest, CreateTtlRequest, DeleteRequest, ReconfigRequest,
    SetAclRequest, SetDataRequest, WatchesRequest,
};
use proto::{ErrorCode, OpCode, Wire};
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

fn bytes<'a>(request: &impl Wire<'a>) -> Vec<u8> {
    let mut body = Vec::new();
    request.encode(&mut body);
    body
}

fn create(path: &str, flags: i32) -> CreateRequest<'_> {
    CreateRequest { path: path.into(), data: Some(b"x"), acl: Some(vec![Acl::open()]), flags }
}

/// Every operation that becomes a transaction, in an order in which each succeeds, and what it answers.
fn writes() -> Vec<(OpCode, Vec<u8>, i32)> {
    let acl = Some(vec![Acl::open()]);
    let ttl = CreateTtlRequest { path: "/t".into(), data: None, acl: acl.clone(), flags: 5, ttl: 1000 };
    let set = SetDataRequest { path: "/a".into(), data: Some(b"y"), version: 0 };
    let set_acl = SetAclRequest { path: "/a".into(), acl, version: 0 };
    let mut multi = Vec::new();
    let parts = [
        MultiOp::Create(OpCode::Create2, create("/m", 0)),
        MultiOp::Check(CheckVersionRequest { path: "/m".into(), version: 0 }),
        MultiOp::SetData(SetDataRequest { path: "/m".into(), data: Some(b"z"), version: 0 }),
        MultiOp::Delete(DeleteRequest { path: "/m".into(), version: 1 }),
    ];
    encode_ops(&parts, &mut multi);
    let delete = |path: &'static str| bytes(&DeleteRequest { path: path.into(), version: -1 });
    let reconfig = ReconfigRequest { joining: None, leaving: None, members: None, config_id: -1 };
    vec![
        (OpCode::Create, bytes(&create("/a", 0)), 0),
        (OpCode::Create2, bytes(&create("/a/e", 1)), 0),
        (OpCode::Create, bytes(&create("/a/s", 3)), 0),
        (OpCode::CreateContainer, bytes(&create("/c", 4)), 0),
        (OpCode::CreateTtl, bytes(&ttl), ErrorCode::Unimplemented.code()),
        (OpCode::SetData, bytes(&set), 0),
        (OpCode::SetAcl, bytes(&set_acl), 0),
        (OpCode::Multi, multi, 0),
        (OpCode::Reconfig, bytes(&reconfig), ErrorCode::ReconfigDisabled.code()),
        (OpCode::Delete, delete("/a/e"), 0),
        (OpCode::Delete, delete("/a/s0000000001"), 0),
        (OpCode::Delete, delete("/a"), 0),
        (OpCode::Delete, delete("/a"), ErrorCode::NoNode.code()),
        (OpCode::DeleteContainer, b"/c".to_vec(), 0),
        (OpCode::CloseSession, Vec::new(), 0),
    ]
}

#[test]
fn hc_63_every_write_through_every_role() {
    let mut c = cluster();
    for id in [1, 3, 4] {
        // One after the other, and all at once.
        for pause_ms in [10, 0] {
            let conn = client(&mut c, id);
            let asked: Vec<(i32, OpCode, i32)> = writes()
                .into_iter()
                .map(|(op, body, expected)| {
                    let xid = c.ask_raw(conn, op, &body);
                    c.run_ms(pause_ms);
                    (xid, op, expected)
                })
                .collect();
            c.run_ms(20);
            for (xid, op, expected) in &asked {
                assert_eq!(c.err(conn, *xid), Some(*expected), "{op:?} through server {id}, {pause_ms} ms");
            }
            let xids: Vec<i32> = c.replies(conn).iter().map(|reply| reply.xid).collect();
            assert!(xids.is_sorted(), "{xids:?}");
            let zxids: Vec<i64> = c.replies(conn).iter().map(|reply| reply.zxid).collect();
            assert!(zxids.is_sorted(), "{zxids:?}");
            c.run_ms(20);
            let digests = [1, 2, 3, 4].map(|server| c.digest(server));
            assert!(digests.iter().all(|digest| *digest == digests[0]));
        }
    }
}

#[test]
fn replies_are_the_same_through_every_role() {
    let answers = |id: i64| {
        let mut c = cluster();
        let conn = client(&mut c, id);
        for (op, body, _) in writes() {
            c.ask_raw(conn, op, &body);
        }
        c.run_ms(50);
        c.replies(conn).iter().map(|reply| (reply.xid, reply.err, reply.body.len())).collect::<Vec<_>>()
    };
    let by_leader = answers(3);
    assert_eq!(by_leader.len(), writes().len());
    assert_eq!(answers(1), by_leader, "a follower");
    assert_eq!(answers(4), by_leader, "an observer");
}

#[test]
fn hc_60_what_cannot_be_read_is_refused_in_turn_by_every_role() {
    let mut c = cluster();
    for id in [1, 3, 4] {
        let conn = client(&mut c, id);
        let path = format!("/x{id}");
        let ops = [OpCode::Create, OpCode::SetData, OpCode::Multi, OpCode::SetAcl, OpCode::Delete];
        for op in ops {
            let before = c.create(conn, &path);
            let broken = c.ask_raw(conn, op, &[0x7f, 0xff, 0xff]);
            let after = c.delete(conn, &path);
            c.run_ms(20);
            let codes = [before, broken, after].map(|xid| c.err(conn, xid));
            assert_eq!(codes, [Some(0), Some(ErrorCode::MarshallingError.code()), Some(0)], "{op:?}, {id}");
        }
        let xids: Vec<i32> = c.replies(conn).iter().map(|reply| reply.xid).collect();
        assert_eq!(xids, (1..=15).collect::<Vec<_>>());
    }
}

#[test]
fn reads_behind_writes_see_them_and_none_sent_later() {
    let mut c = cluster();
    for id in [1, 3, 4] {
        let conn = client(&mut c, id);
        let made = c.create(conn, "/r");
        let mut reads = Vec::new();
        for n in 0..20_u8 {
            c.set(conn, "/r", &[n]);
            reads.push((c.get(conn, "/r", false), n));
            if n % 3 == 0 {
                c.sync(conn);
            }
        }
        let gone = c.delete(conn, "/r");
        let missing = c.get(conn, "/r", false);
        c.run_ms(50);
        for (xid, n) in reads {
            let reply = c.replies(conn).iter().find(|reply| reply.xid == xid).unwrap();
            assert_eq!((reply.err, &reply.body[..5]), (0, &[0, 0, 0, 1, n][..]), "through server {id}");
        }
        assert_eq!([made, gone].map(|xid| c.err(conn, xid)), [Some(0); 2]);
        assert_eq!(c.err(conn, missing), Some(ErrorCode::NoNode.code()));
        let xids: Vec<i32> = c.replies(conn).iter().map(|reply| reply.xid).collect();
        assert_eq!(xids, (1..=missing).collect::<Vec<_>>());
    }
}

#[test]
fn hc_54_syncs_of_several_clients_of_one_server_are_each_answered() {
    let mut c = cluster();
    let writer = client(&mut c, 2);
    for id in [1, 3, 4] {
        let readers: Vec<ConnId> = (0..5).map(|_| client(&mut c, id)).collect();
        for round in 0..5 {
            let path = format!("/s-{id}-{round}");
            c.create(writer, &path);
            // By now the leader has the create and has committed nothing of it.
            c.run_ms(2);
            let asked: Vec<(ConnId, i32, i32)> =
                readers.iter().map(|conn| (*conn, c.sync(*conn), c.get(*conn, &path, false))).collect();
            // One of those who asked does not wait.
            let quitter = client(&mut c, id);
            c.sync(quitter);
            c.run_ms(1);
            c.disconnect(quitter);
            c.run_ms(20);
            for (conn, sync, read) in asked {
                assert_eq!([sync, read].map(|xid| c.err(conn, xid)), [Some(0); 2], "server {id}, {path}");
            }
        }
    }
    c.run_ms(6000);
    assert!((1..=4).all(|id| c.node(id).status().pending_syncs == 0));
}

#[test]
fn watches_through_every_role_fire_before_the_reply_that_shows_the_change() {
    let mut c = cluster();
    for id in [1, 3, 4] {
        let (watcher, writer) = (client(&mut c, id), client(&mut c, 2));
        c.create(watcher, "/w");
        c.run_ms(10);
        c.get(watcher, "/w", true);
        c.run_ms(10);
        c.set(writer, "/w", b"1");
        let own = c.set(watcher, "/w", b"2");
        c.run_ms(20);
        let xids: Vec<i32> = c.replies(watcher).iter().map(|reply| reply.xid).collect();
        assert_eq!(xids, [1, 2, -1, own], "server {id}");
        assert!(c.replies(watcher)[2].zxid <= c.replies(watcher)[3].zxid);
        c.delete(watcher, "/w");
        c.run_ms(20);
    }
}

#[test]
fn removing_watches_is_the_server_s_own_affair_in_every_role() {
    let mut c = cluster();
    for id in [1, 3, 4] {
        let conn = client(&mut c, id);
        let before = c.node(3).status().last_logged;
        let add = c.ask(conn, OpCode::AddWatch, &AddWatchRequest { path: "/".into(), mode: 1 });
        let remove = WatchesRequest { path: "/".into(), kind: 5 };
        let first = c.ask(conn, OpCode::RemoveWatches, &remove);
        let again = c.ask(conn, OpCode::RemoveWatches, &remove);
        c.run_ms(20);
        let codes = [add, first, again].map(|xid| c.err(conn, xid));
        assert_eq!(codes, [Some(0), Some(0), Some(ErrorCode::NoWatcher.code())], "server {id}");
        assert_eq!(c.node(3).status().last_logged, before);
    }
}

#[test]
fn when_the_leader_dies_answers_are_a_beginning_of_what_was_asked() {
    for after_ms in 0..12 {
        let mut c = cluster();
        let conns = [1, 4].map(|id| client(&mut c, id));
        for conn in conns {
            for n in 0..10 {
                c.create(conn, &format!("/{}-{n}", conn.0));
                if n % 2 == 0 {
                    c.sync(conn);
                    c.run_ms(1);
                }
            }
        }
        c.run_ms(after_ms);
        c.kill(3);
        c.run_ms(2000);
        assert_eq!(c.role(2), Role::Leading);
        for conn in conns {
            assert_eq!(c.heard(conn).last(), Some(&Heard::Closed));
            let replies = c.replies(conn).to_vec();
            let xids: Vec<i32> = replies.iter().map(|reply| reply.xid).collect();
            assert_eq!(xids, (1..=xids.len() as i32).collect::<Vec<_>>(), "after {after_ms} ms");
            assert!(replies.iter().all(|reply| reply.err == 0));
            // Whatever was acknowledged is there.
            let creates = xids.iter().filter(|xid| (**xid - 1) % 3 != 1).count();
            for n in 0..creates {
                assert!(c.has(2, &format!("/{}-{n}", conn.0)), "{n} of {creates} after {after_ms} ms");
            }
        }
    }
}

#[test]
fn an_answer_that_is_lost_ends_the_connection_and_not_the_wait() {
    let mut c = cluster();
    let conn = client(&mut c, 1);
    // The leader never gets to see the second request.
    c.tamper = Some(|to, packet| {
        let is_it = |data: &[u8]| data.windows(5).any(|window| window == b"/lost");
        if to == 3
            && packet.kind == proto::peer::PacketKind::Request
            && packet.data.as_deref().is_some_and(is_it)
        {
            packet.data = Some(Vec::new().into());
        }
    });
    let first = c.create(conn, "/first");
    c.create(conn, "/lost");
    let third = c.create(conn, "/third");
    c.run_ms(20);
    assert_eq!((c.err(conn, first), c.err(conn, third)), (Some(0), None));
    assert_eq!(c.heard(conn).last(), Some(&Heard::Closed));
    assert!(c.has(1, "/third"), "what was done is done");
}

#[test]
fn a_leader_that_serves_nobody_leads_and_its_followers_serve() {
    let settings = EnsembleSettings { leader_serves: false, ..EnsembleSettings::default() };
    let mut c = Cluster::with(3, 0, settings);
    c.run_ms(1000);
    assert_eq!(c.role(3), Role::Leading);
    for read_only in [None, Some(false), Some(true)] {
        let refused = c.connect_with(3, 4000, read_only);
        c.run_ms(10);
        assert_eq!(c.heard(refused), [Heard::Closed]);
    }
    let conn = client(&mut c, 1);
    c.keep_alive(conn);
    let made = c.create_ephemeral(conn, "/e");
    c.run_ms(10_000);
    assert_eq!((c.err(conn, made), c.is_open(conn)), (Some(0), true));
    c.disconnect(conn);
    c.run_ms(5000);
    assert!(!c.has(3, "/e"), "it decides about sessions all the same");
    // A follower that comes to lead sends its clients away.
    let conn = client(&mut c, 2);
    c.keep_alive(conn);
    c.kill(3);
    c.run_ms(2000);
    assert_eq!(c.role(2), Role::Leading);
    assert!(!c.is_open(conn));
    let again = c.reconnect(1, c.session(conn));
    c.run_ms(20);
    assert!(c.is_open(again));
}

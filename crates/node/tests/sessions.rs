//! The life of a session.

#![allow(clippy::unwrap_used, reason = "tests")]

mod harness;

use harness::{Got, Member, fresh, xids};
use node::Settings;
use proto::connect::{ConnectRequest, ConnectResponse};
use proto::{OpCode, SessionId, Zxid, session};

fn renewal<'a>(id: SessionId, password: &'a [u8]) -> ConnectRequest<'a> {
    ConnectRequest { session_id: id, password: Some(password), ..fresh(4000) }
}

#[test]
fn a_session_is_granted_when_its_transaction_is_durable() {
    let mut m = Member::new();
    let c = m.accept();
    m.handshake(c, &fresh(5000));
    assert_eq!(m.got(c), []);
    m.sync();
    let got = m.got(c);
    let Got::Connected(ConnectResponse { timeout_ms, session_id, password, .. }) = &got[0] else {
        panic!("{got:?}")
    };
    assert_eq!((*timeout_ms, password.as_slice()), (5000, &session::password(*session_id)[..]));
}

#[test]
fn hc_157_requests_pipelined_behind_the_handshake_wait_for_the_session() {
    let mut m = Member::new();
    let c = m.accept();
    m.handshake(c, &fresh(5000));
    m.create(c, 1, "/a", 1);
    m.get(c, 2, "/a", false);
    m.sync();
    m.sync();
    let got = m.got(c);
    assert!(matches!(got[0], Got::Connected(_)));
    assert_eq!(xids(&got[1..]), [1, 2]);
}

#[test]
fn hc_156_a_client_without_the_read_only_byte_is_answered_without_it() {
    let mut m = Member::new();
    for read_only in [None, Some(false), Some(true)] {
        let c = m.accept();
        m.handshake(c, &ConnectRequest { read_only, ..fresh(5000) });
        m.sync();
        let got = m.got(c);
        assert!(matches!(&got[0], Got::Connected(r) if r.read_only == read_only.map(|_| false)), "{got:?}");
    }
}

#[test]
fn hc_149_a_client_from_the_future_is_sent_away_without_a_word() {
    let mut m = Member::new();
    let c = m.accept();
    m.handshake(c, &ConnectRequest { last_zxid_seen: Zxid(99), ..fresh(5000) });
    assert_eq!(m.got(c), [Got::Closed]);
}

#[test]
fn hc_83_a_wrong_password_and_a_dead_session_get_the_same_answer() {
    let mut m = Member::new();
    let (_, live) = m.client(4000);
    let dead = SessionId(live.0 + 1000);
    let mut answers = Vec::new();
    for (id, password) in [(live, [9; 16]), (dead, session::password(dead)), (dead, [9; 16])] {
        let c = m.accept();
        m.handshake(c, &renewal(id, &password));
        answers.push(m.got(c));
    }
    assert_eq!(answers[0], [Got::Connected(ConnectResponse::refused(Some(false))), Got::Closed]);
    assert!(answers.iter().all(|a| *a == answers[0]));
}

#[test]
fn hc_74_taking_up_a_session_closes_the_connection_it_leaves() {
    let mut m = Member::new();
    let (old, id) = m.client(4000);
    let new = m.accept();
    m.handshake(new, &renewal(id, &session::password(id)));
    assert!(matches!(&m.got(new)[0], Got::Connected(r) if r.session_id == id));
    assert_eq!(m.got(old), [Got::Closed]);
    m.disconnect(old);
    m.pass(3000);
    m.send_raw(new, -2, OpCode::Ping.code(), &[]);
    m.pass(3000);
    assert!(m.store.view().tree.has_session(id));
}

#[test]
fn an_idle_session_expires_with_its_ephemerals_and_its_connection() {
    let mut m = Member::new();
    let (c, id) = m.client(4000);
    m.create(c, 1, "/e", 1);
    m.sync();
    m.got(c);
    m.pass(4000);
    assert!(m.exists_now("/e"), "not before its time");
    m.pass(2000);
    assert!(!m.exists_now("/e") && !m.store.view().tree.has_session(id));
    assert_eq!(m.got(c), [Got::Closed]);
}

#[test]
fn hc_77_a_jump_of_the_wall_clock_expires_nobody_and_keeps_nobody_alive() {
    let mut m = Member::new();
    let (_, id) = m.client(4000);
    for jump in [3_600_000, -7_200_000] {
        m.now.wall_ms += jump;
        m.pass(1);
        assert!(m.store.view().tree.has_session(id));
    }
    m.pass(6000);
    assert!(!m.store.view().tree.has_session(id));
}

#[test]
fn heartbeats_keep_a_session_alive() {
    let mut m = Member::new();
    let (c, id) = m.client(4000);
    for _ in 0..20 {
        m.pass(1500);
        m.send_raw(c, -2, OpCode::Ping.code(), &[]);
    }
    assert!(m.store.view().tree.has_session(id));
}

#[test]
fn closing_removes_ephemerals_answers_and_ends_the_connection() {
    let mut m = Member::new();
    let (c, id) = m.client(4000);
    m.create(c, 1, "/e", 1);
    m.send_raw(c, 2, OpCode::CloseSession.code(), &[]);
    m.sync();
    let got = m.got(c);
    assert_eq!(xids(&got[..2]), [1, 2]);
    assert_eq!(got[2], Got::Closed);
    assert!(!m.exists_now("/e") && !m.store.view().tree.has_session(id));
}

#[test]
fn hc_68_a_create_behind_a_close_is_refused_and_leaves_no_orphan() {
    let mut m = Member::new();
    let (old, id) = m.client(4000);
    m.send_raw(old, 1, OpCode::CloseSession.code(), &[]);
    let new = m.accept();
    m.handshake(new, &renewal(id, &session::password(id)));
    assert!(matches!(&m.got(new)[0], Got::Connected(r) if r.timeout_ms == 0), "the session is closing");
    m.create(old, 2, "/e", 1);
    m.sync();
    assert!(!m.exists_now("/e"));
}

#[test]
fn hc_68_a_write_of_an_expiring_session_is_refused() {
    let mut m = Member::new();
    let (c, _) = m.client(4000);
    m.now.monotonic_ms += 10_000;
    m.step(node::Input::Tick);
    m.create(c, 1, "/e", 1);
    m.sync();
    let got = m.got(c);
    assert_eq!(got.last(), Some(&Got::Closed));
    assert!(!m.exists_now("/e"));
}

#[test]
fn hc_78_hc_70_after_a_restart_every_session_has_its_whole_timeout_again() {
    let mut tree = tree::Tree::new(tree::Settings::default());
    let id = SessionId(0x77);
    let header = proto::txn::TxnHeader { client_id: id, cxid: 0, zxid: Zxid(1), time: 0, kind: -10 };
    tree.replay(&header, &proto::txn::Txn::CreateSession(6000));
    let mut m = Member::from_tree(Settings::default(), tree);
    m.pass(6000);
    assert!(m.store.view().tree.has_session(id));
    m.pass(2000);
    assert!(!m.store.view().tree.has_session(id));
}

#[test]
fn hc_79_ten_thousand_sessions_expiring_at_once_do_not_hold_up_a_healthy_one() {
    let mut m = Member::new();
    let mut idle = Vec::new();
    for _ in 0..10_000 {
        let c = m.accept();
        m.handshake(c, &fresh(4000));
        idle.push(c);
    }
    m.sync();
    m.pass(3000);
    let (c, healthy) = m.client(4000);
    m.now.monotonic_ms += 3000;
    m.step(node::Input::Tick);
    let queued = m.node.outstanding();
    assert!(queued > 0 && queued < 1000, "expiry comes in slices, not {queued} at once");
    m.create(c, 1, "/a", 0);
    m.sync();
    assert_eq!(m.got(c).iter().map(Got::err).collect::<Vec<_>>(), [0]);
    for _ in 0..100 {
        m.pass(1);
    }
    assert_eq!(m.node.session_count(), 1);
    assert!(m.store.view().tree.has_session(healthy));
}

#[test]
fn hc_81_the_granted_timeout_is_within_bounds_and_echoed() {
    let mut m = Member::new();
    for (wanted, granted) in [(0, 4000), (-5, 4000), (1_000_000, 40_000), (10_000, 10_000)] {
        let c = m.accept();
        m.handshake(c, &fresh(wanted));
        m.sync();
        assert!(matches!(&m.got(c)[0], Got::Connected(r) if r.timeout_ms == granted), "{wanted}");
    }
}

#[test]
fn hc_82_an_emptied_container_goes_and_one_in_use_stays() {
    let settings = Settings { container_check_interval_ms: 1000, ..Settings::default() };
    let mut m = Member::with(settings, tree::Settings::default());
    let (c, _) = m.client(40_000);
    let acl = Some(vec![proto::acl::Acl::open()]);
    for (xid, path) in [(1, "/used"), (2, "/empty")] {
        let request =
            proto::request::CreateRequest { path: path.into(), data: None, acl: acl.clone(), flags: 4 };
        m.send(c, xid, OpCode::CreateContainer, &request);
    }
    m.create(c, 3, "/used/x", 0);
    m.create(c, 4, "/empty/x", 0);
    m.delete(c, 5, "/empty/x");
    m.sync();
    // A child created between the decision and the deletion wins.
    m.pass(1000);
    m.pass(1000);
    assert!(m.exists_now("/used") && !m.exists_now("/empty"));
}

#[test]
fn hc_71_a_snapshot_never_names_a_zxid_whose_session_change_it_lacks() {
    use proto::snapshot::SnapshotSink;
    struct Sessions(Vec<SessionId>);
    impl SnapshotSink for Sessions {
        fn session(&mut self, id: SessionId, _: i32) {
            self.0.push(id);
        }
        fn acl(&mut self, _: i64, _: Vec<proto::acl::Acl>) {}
        fn node(&mut self, _: &proto::snapshot::SnapshotNode<'_>) -> Result<(), String> {
            Ok(())
        }
        fn digest(&mut self, _: proto::snapshot::ZxidDigest) {}
    }
    let in_snapshot = |m: &Member| {
        let view = m.store.view();
        let mut cursor = view.tree.snapshot_begin();
        let zxid = cursor.zxid();
        let mut bytes = Vec::new();
        while !view.tree.snapshot_step(&mut cursor, 1, &mut bytes) {}
        let mut from = proto::Reader::new(&bytes[16..]);
        let mut sink = Sessions(Vec::new());
        for _ in 0..from.i32().unwrap() {
            sink.session(SessionId(from.i64().unwrap()), from.i32().unwrap());
        }
        (zxid, sink.0)
    };
    let mut m = Member::new();
    let (c, id) = m.client(4000);
    assert_eq!(in_snapshot(&m), (Zxid(1), vec![id]));
    m.send_raw(c, 1, OpCode::CloseSession.code(), &[]);
    assert_eq!(in_snapshot(&m), (Zxid(1), vec![id]), "not yet committed, not yet named");
    m.sync();
    assert_eq!(in_snapshot(&m), (Zxid(2), vec![]));
}

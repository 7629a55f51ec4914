//! The order in which a client gets its answers, and what they show.

#![allow(clippy::unwrap_used, reason = "tests")]

mod harness;

use harness::{Got, Member, xids};
use proto::OpCode;
use proto::request::SyncRequest;

#[test]
fn nothing_is_answered_before_it_is_durable() {
    let mut m = Member::new();
    let (c, _) = m.client(4000);
    m.create(c, 1, "/a", 0);
    assert_eq!(m.got(c), []);
    assert!(m.has_unsynced() && !m.exists_now("/a"));
    m.sync();
    assert_eq!(xids(&m.got(c)), [1]);
    assert!(m.exists_now("/a"));
}

#[test]
fn hc_52_replies_leave_in_request_order_and_reads_see_the_writes_before_them_only() {
    let mut m = Member::new();
    let (c, _) = m.client(4000);
    m.create(c, 1, "/a", 0);
    m.get(c, 2, "/a", false);
    m.set(c, 3, "/a", b"later");
    m.get(c, 4, "/a", false);
    m.get(c, 5, "/missing", false);
    assert_eq!(m.got(c), [], "a read behind a write waits for it");
    m.sync();
    let got = m.got(c);
    assert_eq!(xids(&got), [1, 2, 3, 4, 5]);
    let data = |g: &Got| match g {
        Got::Reply { body, .. } => body[4..4 + body[3] as usize].to_vec(),
        _ => vec![],
    };
    assert_eq!(data(&got[1]), b"x");
    assert_eq!(data(&got[3]), b"later");
    assert_eq!(got[4].err(), -101);
}

#[test]
fn reads_of_other_sessions_never_wait() {
    let mut m = Member::new();
    let (writer, _) = m.client(4000);
    let (reader, _) = m.client(4000);
    m.create(writer, 1, "/a", 0);
    m.get(reader, 1, "/", false);
    assert_eq!(xids(&m.got(reader)), [1]);
}

#[test]
fn hc_53_one_client_with_one_outstanding_write_at_a_time_never_stalls() {
    let mut m = Member::new();
    let (c, _) = m.client(4000);
    m.create(c, 1, "/a", 0);
    m.sync();
    for xid in 2..200 {
        m.set(c, xid, "/a", b"y");
        m.sync();
        assert_eq!(m.got(c).last().map(Got::xid), Some(xid));
    }
}

#[test]
fn hc_54_sync_answers_after_every_write_before_it() {
    let mut m = Member::new();
    let (c, _) = m.client(4000);
    m.create(c, 1, "/a", 0);
    m.send(c, 2, OpCode::Sync, &SyncRequest { path: Some("anything".into()) });
    assert_eq!(m.got(c), []);
    m.sync();
    let got = m.got(c);
    assert_eq!(xids(&got), [1, 2]);
    assert!(matches!(&got[1], Got::Reply { err: 0, body, .. } if body.ends_with(b"anything")));
}

#[test]
fn hc_79_heartbeats_pass_outstanding_writes() {
    let mut m = Member::new();
    let (c, _) = m.client(4000);
    m.create(c, 1, "/a", 0);
    m.send_raw(c, -2, OpCode::Ping.code(), &[]);
    assert_eq!(xids(&m.got(c)), [-2]);
}

#[test]
fn hc_84_read_replies_carry_the_last_applied_zxid() {
    let mut m = Member::new();
    let (a, _) = m.client(4000);
    let (b, _) = m.client(4000);
    m.create(a, 1, "/a", 0);
    m.sync();
    let Got::Reply { zxid: written, .. } = m.got(a)[0] else { panic!("a reply was due") };
    m.get(b, 1, "/", false);
    assert!(matches!(m.got(b)[0], Got::Reply { zxid, .. } if zxid == written));
}

#[test]
fn a_refused_write_takes_a_zxid_and_its_reply_shows_it() {
    let mut m = Member::new();
    let (c, _) = m.client(4000);
    let before = m.store.view().tree.last_zxid().0;
    m.delete(c, 1, "/missing");
    m.sync();
    assert_eq!(m.got(c), [Got::Reply { xid: 1, zxid: before + 1, err: -101, body: vec![] }]);
    assert_eq!(m.store.view().tree.last_zxid().0, before + 1);
}

#[test]
fn an_undecodable_write_is_answered_in_turn_and_not_logged() {
    let mut m = Member::new();
    let (c, _) = m.client(4000);
    m.create(c, 1, "/a", 0);
    m.send_raw(c, 2, OpCode::SetData.code(), &[0, 0]);
    m.sync();
    let got = m.got(c);
    assert_eq!(xids(&got), [1, 2]);
    assert_eq!(got[1].err(), -5);
    assert!(!m.has_unsynced());
}

#[test]
fn hc_155_hc_64_unknown_operations_and_a_bare_check_are_refused_in_turn_then_the_connection_ends() {
    for kind in [4711, 0, OpCode::Check.code(), OpCode::CreateSession.code(), -1] {
        let mut m = Member::new();
        let (c, _) = m.client(4000);
        m.create(c, 1, "/a", 0);
        m.send_raw(c, 2, kind, &[]);
        m.sync();
        let got = m.got(c);
        assert_eq!(xids(&got[..2]), [1, 2], "kind {kind}");
        assert_eq!(got[1], Got::Reply { xid: 2, zxid: -1, err: -6, body: vec![] });
        assert_eq!(got[2], Got::Closed);
    }
}

#[test]
fn hc_158_xids_are_opaque_and_come_back_as_they_were() {
    let mut m = Member::new();
    let (c, _) = m.client(4000);
    for xid in [i32::MIN, -7, 0, i32::MAX] {
        m.get(c, xid, "/", false);
        assert_eq!(xids(&m.got(c)), [xid]);
    }
}

#[test]
fn hc_67_a_write_sent_twice_is_applied_twice_or_refused_the_second_time() {
    let mut m = Member::new();
    let (c, _) = m.client(4000);
    m.create(c, 1, "/a", 0);
    m.create(c, 1, "/a", 0);
    m.sync();
    assert_eq!(m.got(c).iter().map(Got::err).collect::<Vec<_>>(), [0, -110]);
}

#[test]
fn hc_62_late_deliveries_to_a_connection_that_is_gone_are_dropped() {
    let mut m = Member::new();
    let (c, _) = m.client(4000);
    m.create(c, 1, "/a", 0);
    m.get(c, 2, "/a", true);
    m.disconnect(c);
    m.sync();
    assert!(m.exists_now("/a"), "the write was accepted and stands");
    assert!(m.store.watches().is_empty(), "its read was not executed for nobody");
}

#[test]
fn hc_65_a_transaction_that_outgrows_its_request_beyond_what_can_be_read_back_is_refused() {
    use proto::acl::{Acl, Id};
    use proto::request::{AuthPacket, CreateRequest};
    let settings = tree::Settings { txn_growth_max: 10_000, ..tree::Settings::default() };
    let mut m = Member::with(node::Settings::default(), settings);
    let (c, _) = m.client(4000);
    let user = "u".repeat(5000);
    let auth = format!("{user}:secret");
    m.send(
        c,
        -4,
        OpCode::Auth,
        &AuthPacket { kind: 0, scheme: Some("digest".into()), auth: Some(auth.as_bytes()) },
    );
    m.got(c);
    for (xid, perms, err) in [(1, 1..=1, 0), (2, 1..=2, -114)] {
        let acl = Some(perms.map(|perms| Acl { perms, id: Id::new("auth", "") }).collect());
        let path = format!("/n{xid}").into();
        m.send(c, xid, OpCode::Create, &CreateRequest { path, data: None, acl, flags: 0 });
        m.sync();
        assert_eq!(m.got(c).iter().map(Got::err).collect::<Vec<_>>(), [err]);
    }
}

//! How sessions begin, are resumed and end, seen from the socket.

use std::io::Write;
use std::time::{Duration, Instant};

use interop::client::{Client, ConnectRequest, Connection};
use interop::request::{AccessList, Request};
use interop::testing::{TestServer, eventually};
use interop::wire::{Acl, Writer, op};

#[test]
fn hc_156_a_client_without_the_read_only_byte_is_answered_in_its_own_shape() {
    let test = TestServer::start(&[]);
    let mut connection = Connection::open(test.server.addr()).expect("connected");
    let old = ConnectRequest { read_only: None, ..ConnectRequest::default() };
    assert_eq!(old.bytes().len(), 44);
    connection.send(&old.bytes()).expect("sent");
    assert_eq!(connection.receive().expect("answered").expect("open").len(), 36);
    let mut connection = Connection::open(test.server.addr()).expect("connected");
    connection.send(&ConnectRequest::default().bytes()).expect("sent");
    assert_eq!(connection.receive().expect("answered").expect("open").len(), 37);
}

#[test]
fn hc_81_asked_for_timeouts_are_clamped_and_echoed() {
    let test = TestServer::start(&[("tickTime", "1000")]);
    for (asked, granted) in
        [(0, 2_000), (-1, 2_000), (i32::MIN, 2_000), (1, 2_000), (5_000, 5_000), (i32::MAX, 20_000)]
    {
        let client = Client::connect(test.server.addr(), asked).expect("a session");
        assert_eq!(client.session.timeout_ms, granted, "asked for {asked}");
    }
}

#[test]
fn hc_149_a_client_that_has_seen_the_future_is_turned_away() {
    let test = TestServer::start(&[]);
    let mut client = test.client();
    let now = client.ping().expect("answered").zxid;
    let seen = |zxid| ConnectRequest { last_zxid_seen: zxid, ..ConnectRequest::default() };
    let ahead = Connection::handshake(test.server.addr(), &seen(now + 1_000)).expect("closed in time");
    assert!(ahead.is_none(), "no answer at all");
    let level = Connection::handshake(test.server.addr(), &seen(now)).expect("answered");
    assert!(level.is_some_and(|(_, response)| response.session != 0));
}

#[test]
fn hc_83_wrong_passwords_and_unknown_sessions_get_the_same_answer() {
    let test = TestServer::start(&[]);
    let client = test.client();
    let mut wrong = client.resume_request();
    wrong.password = Some(vec![7; 16]);
    let unknown = ConnectRequest { session: client.session.session + 12_345, ..client.resume_request() };
    let short = ConnectRequest { password: Some(vec![1]), ..client.resume_request() };
    let null = ConnectRequest { password: None, ..client.resume_request() };
    for request in [wrong, unknown, short, null] {
        let (mut connection, response) = Connection::handshake(test.server.addr(), &request)
            .expect("answered")
            .expect("a connect response");
        assert_eq!((response.timeout_ms, response.session), (0, 0));
        assert_eq!(response.password, vec![0; 16]);
        assert_eq!(connection.receive().expect("closed in time"), None);
    }
}

#[test]
fn hc_83_an_expired_session_stays_expired() {
    let test = TestServer::start(&[("tickTime", "200")]);
    let mut watcher = test.client();
    let mut mortal = Client::connect(test.server.addr(), 400).expect("a session");
    mortal.create_with("/e", None, &Acl::open(), 1).expect("created");
    let started = Instant::now();
    eventually("the ephemeral vanishes", 10, || watcher.get("/e").expect("answered").is_none());
    assert!(started.elapsed() >= Duration::from_millis(390), "expired before its time");
    for _ in 0..2 {
        let (_, response) = Connection::handshake(test.server.addr(), &mortal.resume_request())
            .expect("answered")
            .expect("a response");
        assert_eq!((response.timeout_ms, response.session), (0, 0));
    }
    assert_eq!(mortal.connection().receive().expect("closed in time"), None, "its old connection is closed");
}

#[test]
fn hc_74_the_newest_connection_of_a_session_wins() {
    let test = TestServer::start(&[]);
    let mut first = test.client();
    first.create_with("/mine", None, &Acl::open(), 1).expect("created");
    let mut second = Client::connect_with(test.server.addr(), &first.resume_request()).expect("resumed");
    assert_eq!(first.connection().receive().expect("closed in time"), None);
    let (_, stat) = second.get("/mine").expect("answered").expect("still there");
    assert_eq!(stat.ephemeral_owner, second.session.session);
    let mut third =
        Client::connect_with(test.server.addr(), &second.resume_request()).expect("resumed again");
    third.close_cleanly();
    assert_eq!(test.client().get("/mine").expect("answered"), None);
}

trait CloseCleanly {
    fn close_cleanly(&mut self);
}

impl CloseCleanly for Client {
    fn close_cleanly(&mut self) {
        self.must(&Request::Empty { op: op::CLOSE_SESSION }).expect("closed");
    }
}

#[test]
fn hc_68_nothing_of_a_session_is_created_behind_its_close() {
    let test = TestServer::start(&[]);
    for round in 0..20 {
        let mut client = test.client();
        let path = format!("/orphan{round}");
        let create = Request::create(&path, None, AccessList::Entries(Acl::open()), 1).encode().1;
        let mut bytes = Vec::new();
        for payload in [
            Writer::new().int(1).int(op::CLOSE_SESSION).done(),
            Writer::new().int(2).int(op::CREATE).raw(&create).done(),
        ] {
            bytes.extend_from_slice(&(payload.len() as i32).to_be_bytes());
            bytes.extend_from_slice(&payload);
        }
        client.connection().socket().write_all(&bytes).expect("sent");
        while let Ok(Some(_)) = client.connection().receive() {}
        assert_eq!(test.client().get(&path).expect("answered"), None, "round {round}");
    }
}

#[test]
fn hc_79_healthy_sessions_outlive_a_thousand_that_expire_at_once() {
    let test = TestServer::start(&[("tickTime", "500"), ("maxClientCnxns", "0")]);
    let mut healthy: Vec<Client> =
        (0..20).map(|_| Client::connect(test.server.addr(), 2_000).expect("a session")).collect();
    let mut watcher = test.client();
    watcher.create("/many", b"").expect("created");
    for i in 0..1_000 {
        let mut client = Client::connect(test.server.addr(), 2_000).expect("a session");
        client.create_with(&format!("/many/e{i}"), None, &Acl::open(), 1).expect("created");
        if i % 50 == 0 {
            healthy.iter_mut().for_each(|client| drop(client.ping().expect("alive")));
        }
    }
    eventually("all the silent ones expire", 30, || {
        healthy.iter_mut().for_each(|client| drop(client.ping().expect("a pinging session is not expired")));
        watcher.children("/many").expect("answered").is_empty()
    });
}

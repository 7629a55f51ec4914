//! Hostile and unusual bytes on a client connection harm nobody but their sender.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use interop::client::{Client, ConnectRequest, Connection, Reply, xid};
use interop::request::{AccessList, Request, Text};
use interop::testing::TestServer;
use interop::wire::{Acl, Reader, Writer, op};

const FRAME_MAX: usize = 1_048_575;

fn reply_to(client: &mut Client, operation: i32, body: &[u8]) -> Option<Reply> {
    client.connection().request(77, operation, body).expect("sent");
    client
        .connection()
        .receive()
        .expect("an answer or a close")
        .map(|payload| Reply::read(&payload).expect("a header"))
}

#[test]
fn hc_163_a_hostile_length_closes_the_connection_and_allocates_nothing() {
    let test = TestServer::start(&[]);
    test.assert_serving();
    let before = test.server.resident_kib();
    for length in [-1, i32::MIN, 0, FRAME_MAX as i32 + 1, i32::MAX] {
        let mut stranger = Connection::open(test.server.addr()).expect("connected");
        stranger.socket().write_all(&length.to_be_bytes()).expect("sent");
        assert_eq!(stranger.receive().expect("closed in time"), None, "first frame of length {length}");

        let mut client = test.client();
        client.connection().socket().write_all(&length.to_be_bytes()).expect("sent");
        assert_eq!(client.connection().receive().expect("closed in time"), None, "frame of length {length}");
    }
    let grown = test.server.resident_kib().saturating_sub(before);
    assert!(grown < 4096, "{grown} KiB more after lengths nobody filled");
    test.assert_serving();
}

#[test]
fn hc_163_a_length_and_then_silence_ends_by_the_handshake_time_out() {
    let test = TestServer::start(&[("nio.sessionlessCnxnTimeout", "1000")]);
    let mut established = test.client();
    let mut silent = Connection::open(test.server.addr()).expect("connected");
    silent.socket().write_all(&1000_i32.to_be_bytes()).expect("sent");
    let mut mute = Connection::open(test.server.addr()).expect("connected");
    let started = Instant::now();
    assert_eq!(silent.receive().expect("closed in time"), None);
    assert_eq!(mute.receive().expect("closed in time"), None);
    assert!(started.elapsed() >= Duration::from_millis(400), "closed at once");
    established.ping().expect("a session is not subject to the handshake time-out");
}

#[test]
fn hc_163_a_frame_of_exactly_the_limit_is_served_and_one_byte_more_is_not() {
    let test = TestServer::start(&[]);
    let mut client = test.client();
    client.create("/limit", b"").expect("created");
    // Header 8, path 4 + 6, data 4, version 4.
    let fits = vec![b'x'; FRAME_MAX - 26];
    client.must(&Request::set_data("/limit", &fits, -1)).expect("served");
    let too_long = vec![b'x'; FRAME_MAX - 25];
    let refused = client.must(&Request::set_data("/limit", &too_long, -1));
    assert!(refused.is_err(), "served a frame over the limit");
    let (data, _) = test.client().get("/limit").expect("answered").expect("there");
    assert_eq!(data.map(|bytes| bytes.len()), Some(fits.len()));
}

#[test]
fn hc_164_counts_larger_than_the_frame_are_refused_without_allocation() {
    let test = TestServer::start(&[]);
    test.assert_serving();
    let before = test.server.resident_kib();
    let mut client = test.client();
    for count in [i32::MAX, 100_000_000, 1_000_000, -2] {
        let mut acl = Request::create("/x", None, AccessList::Count(count), 0).encode().1;
        acl.extend_from_slice(&[0; 64]);
        let reply = reply_to(&mut client, op::CREATE, &acl).expect("answered");
        assert!(reply.error < 0, "ACL count {count}");
        let watches = Writer::new().long(0).int(count).done();
        client.connection().request(xid::SET_WATCHES, op::SET_WATCHES, &watches).expect("sent");
        let answer = client.connection().receive().expect("answered or closed");
        match answer.map(|payload| Reply::read(&payload).expect("a header")) {
            Some(reply) => assert!(count == -2 || reply.error < 0, "watch count {count} got {reply:?}"),
            None => client = test.client(),
        }
    }
    for length in [i32::MAX, 2_000_000, -2] {
        let reply = reply_to(&mut client, op::GET_DATA, &length.to_be_bytes()).expect("answered");
        assert!(reply.error < 0, "string length {length}");
    }
    let grown = test.server.resident_kib().saturating_sub(before);
    assert!(grown < 8192, "{grown} KiB more after counts nobody filled");
}

#[test]
fn hc_164_multis_neither_nest_nor_overflow() {
    let test = TestServer::start(&[]);
    let mut client = test.client();
    let mut nested = Vec::new();
    for _ in 0..50_000 {
        nested = [Writer::new().int(op::MULTI).bool(false).int(-1).done(), nested].concat();
    }
    let reply = reply_to(&mut client, op::MULTI, &nested).expect("answered");
    assert_eq!(reply.error, -5, "a multi inside a multi");
    let many = Request::multi(vec![Request::Check { path: "/".into(), version: -1 }; 45_000]);
    let body = client.must(&many).expect("a frame full of checks is served");
    assert_eq!(Reader::new(&body).int(), Some(op::CHECK));
    let deep = "/a".repeat(100_000);
    assert_eq!(
        client.call(&Request::create(&deep, None, AccessList::Entries(Acl::open()), 0)).expect("answered"),
        Err(-101)
    );
    assert_eq!(client.call(&Request::exists(&deep, true)).expect("answered"), Err(-101));
    test.assert_serving();
}

#[test]
fn hc_155_an_unknown_operation_is_answered_unimplemented_and_closed() {
    let test = TestServer::start(&[]);
    for operation in [0, 10, 23, 999, -1, -99, i32::MAX, i32::MIN] {
        let mut client = test.client();
        let reply = reply_to(&mut client, operation, b"whatever").expect("answered");
        assert_eq!((reply.xid, reply.zxid, reply.error), (77, -1, -6), "operation {operation}");
        assert_eq!(client.connection().receive().expect("closed in time"), None);
    }
}

#[test]
fn hc_154_requests_written_one_byte_at_a_time_are_served() {
    let test = TestServer::start(&[]);
    let mut connection = Connection::open(test.server.addr()).expect("connected");
    let mut bytes = Vec::new();
    let mut frame = |payload: &[u8]| {
        bytes.extend_from_slice(&(payload.len() as i32).to_be_bytes());
        bytes.extend_from_slice(payload);
    };
    frame(&ConnectRequest::default().bytes());
    let create = Request::create("/slow", Some(b"drip"), AccessList::Entries(Acl::open()), 0).encode().1;
    frame(&Writer::new().int(1).int(op::CREATE).raw(&create).done());
    frame(&Writer::new().int(2).int(op::GET_DATA).string("/slow").bool(false).done());
    for byte in bytes {
        connection.socket().write_all(&[byte]).expect("sent");
    }
    connection.receive().expect("answered").expect("a session");
    let created = Reply::read(&connection.receive().expect("answered").expect("open")).expect("a header");
    let read = Reply::read(&connection.receive().expect("answered").expect("open")).expect("a header");
    assert_eq!((created.xid, created.error), (1, 0));
    assert_eq!(Reader::new(&read.body).buffer(), Some(Some(b"drip".as_slice())));
}

#[test]
fn hc_154_replies_larger_than_any_socket_buffer_arrive_whole() {
    let test = TestServer::start(&[]);
    let mut client = test.client();
    let data: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
    client.create("/large", &data).expect("created");
    let sent: Vec<i32> =
        (0..20).map(|_| client.send(&Request::get_data("/large", false)).expect("sent")).collect();
    for xid in sent {
        let reply = client.reply(xid).expect("whole");
        assert_eq!(Reader::new(&reply.body).buffer(), Some(Some(data.as_slice())));
    }
    // One more, taken in by single bytes, so that the server's writes are partial again and again.
    client.send(&Request::get_data("/large", false)).expect("sent");
    let mut taken = vec![0; 4];
    for byte in &mut taken {
        client.connection().socket().read_exact(std::slice::from_mut(byte)).expect("read");
    }
    let length = i32::from_be_bytes(taken.try_into().expect("four bytes")) as usize;
    let mut rest = vec![0; length];
    for chunk in rest.chunks_mut(997) {
        client.connection().socket().read_exact(chunk).expect("read");
    }
    assert_eq!(&rest[20..20 + data.len()], data.as_slice());
}

#[test]
fn hc_158_transaction_ids_are_echoed_whatever_they_are() {
    let test = TestServer::start(&[]);
    let mut client = test.client();
    let (operation, body) = Request::exists("/", false).encode();
    for xid in [1, i32::MAX, i32::MIN, 0, -3, -7, -100, 5, 5] {
        client.connection().request(xid, operation, &body).expect("sent");
        let reply =
            Reply::read(&client.connection().receive().expect("answered").expect("open")).expect("a header");
        assert_eq!((reply.xid, reply.error), (xid, 0));
    }
    client.ping().expect("the reserved ones keep their meaning");
    client.auth("digest", b"a:b").expect("the reserved ones keep their meaning");
}

#[test]
fn hc_92_a_first_flight_in_one_packet_is_handled_in_order() {
    let test = TestServer::start(&[]);
    let mut other = test.client();
    other.create("/watched", b"").expect("created");
    let mut bytes = Vec::new();
    let mut frame = |payload: &[u8]| {
        bytes.extend_from_slice(&(payload.len() as i32).to_be_bytes());
        bytes.extend_from_slice(payload);
    };
    frame(&ConnectRequest::default().bytes());
    frame(&Writer::new().int(xid::AUTH).int(op::AUTH).int(0).string("digest").buffer(Some(b"a:b")).done());
    let watches = Request::SetWatches {
        op: op::SET_WATCHES,
        zxid: 0,
        lists: vec![vec!["/watched".into()], vec![], vec![]],
    };
    frame(&Writer::new().int(xid::SET_WATCHES).int(op::SET_WATCHES).raw(&watches.encode().1).done());
    frame(&Writer::new().int(1).int(op::GET_DATA).string("/watched").bool(false).done());
    let mut connection = Connection::open(test.server.addr()).expect("connected");
    connection.socket().write_all(&bytes).expect("sent");
    connection.receive().expect("answered").expect("a session");
    let mut seen = Vec::new();
    while seen.last() != Some(&1) {
        let payload = connection.receive().expect("answered").expect("open");
        seen.push(Reply::read(&payload).expect("a header").xid);
    }
    // The node changed after zxid 0: its event comes before any reply that shows it.
    assert_eq!(seen, [xid::AUTH, xid::EVENT, xid::SET_WATCHES, 1]);
}

#[test]
fn hc_86_ten_thousand_watches_are_set_again_in_several_packets() {
    let test = TestServer::start(&[]);
    let mut client = test.client();
    let name = "n".repeat(250);
    let paths: Vec<Text> = (0..10_000).map(|i| Text::from(format!("/{name}{i}").as_str())).collect();
    for chunk in paths.chunks(500) {
        let request =
            Request::SetWatches { op: op::SET_WATCHES, zxid: 0, lists: vec![vec![], chunk.to_vec(), vec![]] };
        let (operation, body) = request.encode();
        client.connection().request(xid::SET_WATCHES, operation, &body).expect("sent");
        assert_eq!(client.reply(xid::SET_WATCHES).expect("answered").error, 0);
    }
    let mut other = test.client();
    other.create(&format!("/{name}9999"), b"").expect("created");
    client.ping().expect("answered");
    assert_eq!(client.events.len(), 1, "one watch fired");
    let request = Request::SetWatches { op: op::SET_WATCHES, zxid: 0, lists: vec![vec![], paths, vec![]] };
    let (operation, body) = request.encode();
    let answer = client.connection().request(xid::SET_WATCHES, operation, &body);
    assert!(
        answer.is_err() || client.reply(xid::SET_WATCHES).is_err(),
        "a frame over the limit closes the connection"
    );
    test.assert_serving();
}

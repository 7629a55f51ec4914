//! What one client can use up, and what the others notice of it.

use std::io::Write;
use std::time::{Duration, Instant};

use interop::client::{Client, ConnectRequest, Connection};
use interop::request::Request;
use interop::server::four_letter_word;
use interop::testing::{TestServer, eventually};
use interop::wire::op;

#[test]
fn hc_170_connections_over_the_limit_per_address_are_refused() {
    let test = TestServer::start(&[("maxClientCnxns", "5")]);
    let mut clients: Vec<Client> = (0..5).map(|_| test.client()).collect();
    let sixth =
        Connection::handshake(test.server.addr(), &ConnectRequest::default()).expect("closed in time");
    assert!(sixth.is_none(), "a sixth connection was served");
    clients.pop().expect("five").close().expect("closed");
    eventually("the place of a closed connection is free again", 5, || {
        Connection::handshake(test.server.addr(), &ConnectRequest::default())
            .is_ok_and(|answer| answer.is_some())
    });
    clients.iter_mut().for_each(|client| drop(client.ping().expect("the others are unaffected")));
}

#[test]
fn hc_171_a_client_that_never_reads_its_replies_costs_bounded_memory() {
    let test = TestServer::start(&[]);
    let mut client = test.client();
    client.create("/large", &vec![b'x'; 500_000]).expect("created");
    let before = test.server.resident_kib();
    let mut hog = test.client();
    hog.connection().socket().set_write_timeout(Some(Duration::from_millis(500))).expect("set");
    // A gigabyte of replies asked for; the server may stop reading or hang up, but not keep them all.
    for _ in 0..2_000 {
        if hog.send(&Request::get_data("/large", false)).is_err() {
            break;
        }
    }
    for _ in 0..200 {
        let started = Instant::now();
        client.get("/large").expect("answered").expect("there");
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "another client waits for the one that does not read"
        );
    }
    let grown = test.server.resident_kib().saturating_sub(before);
    assert!(grown < 200 * 1024, "{grown} KiB held for a client that does not read");
    test.assert_serving();
}

#[test]
fn hc_171_a_subscriber_that_never_reads_its_events_is_dropped_before_it_costs_much() {
    let test = TestServer::start(&[]);
    let mut writer = test.client();
    let path = format!("/{}", "n".repeat(4_000));
    writer.create(&path, b"").expect("created");
    let mut subscriber = test.client();
    subscriber
        .must(&Request::Watch { op: op::ADD_WATCH, path: path.as_str().into(), mode: 1 })
        .expect("watched");
    let before = test.server.resident_kib();
    // 160 MB of events, more than a connection may have waiting.
    for _ in 0..200 {
        let sent: Vec<i32> =
            (0..200).map(|_| writer.send(&Request::set_data(&path, b"", -1)).expect("sent")).collect();
        for xid in sent {
            assert_eq!(writer.reply(xid).expect("the writer is not held up").error, 0);
        }
    }
    let grown = test.server.resident_kib().saturating_sub(before);
    assert!(grown < 200 * 1024, "{grown} KiB held for a subscriber that does not read");
    let mut events = 0;
    while let Ok(Some(_)) = subscriber.connection().receive() {
        events += 1;
    }
    assert!(events < 40_000, "everything was kept for it");
    test.assert_serving();
}

#[test]
fn hc_90_watches_end_with_their_connection() {
    let test = TestServer::start(&[]);
    let total = || {
        let answer = four_letter_word(test.server.addr(), "wchs").expect("answered");
        answer
            .lines()
            .find_map(|line| line.strip_prefix("Total watches:"))
            .map(|n| n.trim().parse::<usize>().expect("a number"))
    };
    assert_eq!(total(), Some(0));
    for _ in 0..50 {
        let mut client = test.client();
        for i in 0..20 {
            assert_eq!(
                client.call(&Request::exists(&format!("/none{i}"), true)).expect("answered"),
                Err(-101)
            );
        }
        client.must(&Request::Watch { op: op::ADD_WATCH, path: "/".into(), mode: 1 }).expect("watched");
        assert!(total().is_some_and(|n| n > 0), "watches were set");
    }
    eventually("no watch is left", 10, || total() == Some(0));
}

#[test]
fn hc_167_ten_thousand_connections_leave_no_descriptor_and_no_thread_behind() {
    let test = TestServer::start(&[("maxClientCnxns", "0")]);
    test.assert_serving();
    let descriptors = || test.server.open_descriptors();
    let (files, threads) = (descriptors(), test.threads());
    for round in 0..10_000 {
        let mut connection = Connection::open(test.server.addr()).expect("connected");
        // In turns: nothing at all, half a frame, garbage, a session that is simply left.
        let sent = match round % 4 {
            0 => Ok(()),
            1 => connection.socket().write_all(&[0, 0, 0, 44, 0, 0]),
            2 => connection.socket().write_all(b"GET / HTTP/1.1\r\n\r\n"),
            _ => connection.send(&ConnectRequest::default().bytes()),
        };
        assert!(sent.is_ok() || round % 4 == 2, "round {round}: {sent:?}");
    }
    // HC-168: a worker per connection would show as threads.
    eventually("descriptors and threads are back where they were", 30, || {
        descriptors() <= files + 2 && test.threads() <= threads + 2
    });
    test.assert_serving();
}

#[test]
fn hc_173_four_letter_words_answer_under_load_and_do_not_stop_it() {
    let test = TestServer::start(&[]);
    let mut writer = test.client();
    writer.create("/busy", b"").expect("created");
    let addr = test.server.addr();
    std::thread::scope(|scope| {
        let asking = scope.spawn(move || {
            for _ in 0..60 {
                for word in [
                    "ruok", "srvr", "stat", "mntr", "cons", "conf", "envi", "wchs", "dump", "isro", "hash",
                    "dirs",
                ] {
                    let answer = four_letter_word(addr, word).expect("an answer");
                    // hash has nothing to show before the first digest, 128 transactions in.
                    assert!(!answer.is_empty() || word == "hash", "{word} is empty");
                    assert!(!answer.contains("not in the whitelist"), "{word} is listed");
                }
            }
        });
        let mut written = 0;
        while !asking.is_finished() {
            let sent: Vec<i32> =
                (0..50).map(|_| writer.send(&Request::set_data("/busy", b"x", -1)).expect("sent")).collect();
            for xid in sent {
                assert_eq!(writer.reply(xid).expect("answered").error, 0);
                written += 1;
            }
        }
        assert!(written > 0);
    });
}

#[test]
fn hc_174_words_and_requests_during_shutdown_harm_nothing() {
    for _ in 0..5 {
        let mut test = TestServer::start(&[]);
        let addr = test.server.addr();
        let mut client = test.client();
        client.create("/x", b"").expect("created");
        std::thread::scope(|scope| {
            scope.spawn(move || while four_letter_word(addr, "mntr").is_ok() {});
            scope.spawn(move || while client.call(&Request::set_data("/x", b"y", -1)).is_ok() {});
            test.server.stop().expect("SIGTERM ends it in time");
        });
        test.server.launch().expect("and it starts again");
        assert!(test.client().get("/x").expect("answered").is_some());
    }
}

#[test]
fn hc_166_running_out_of_descriptors_is_survived() {
    let test = TestServer::start_limited(&[("maxClientCnxns", "0"), ("snapCount", "200")], Some(150));
    let mut client = test.client();
    client.create("/x", b"").expect("created");
    let flood: Vec<Connection> =
        (0..200).map(|_| Connection::open(test.server.addr()).expect("the backlog takes it")).collect();
    for _ in 0..1_000 {
        client.must(&Request::set_data("/x", b"y", -1)).expect("established clients are served, logs roll");
    }
    drop(flood);
    eventually("new clients are served again", 20, || Client::connect(test.server.addr(), 10_000).is_ok());
}

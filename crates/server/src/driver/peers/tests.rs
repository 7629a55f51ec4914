//! Peer sockets of two servers, and of strangers, without nodes: over loopback, with a clock that only
//! tests move.

use super::settings::{Other, PeerSettings};
use super::{Mail, Peers, Ports, Sockets, Wire};
use mio::Poll;
use node::PeerInput;
use proto::Zxid;
use proto::peer::{Hello, LearnerInfo, Notification, Packet, PacketKind, PeerState};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zab::{Address, LinkId, ServerId};

/// How long anything over loopback may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// One server's sockets, and what its node would have been told.
struct End {
    me: i64,
    sockets: Sockets,
    peers: Arc<Peers>,
    now_ms: u64,
    inputs: Vec<PeerInput>,
    quorum: SocketAddr,
    election: SocketAddr,
}

impl End {
    /// A server that listens where the system likes; `others` vote and listen for elections there.
    fn new(me: i64, others: &[(i64, &str, u16)]) -> Self {
        let host = "127.0.0.1".to_owned();
        let others: BTreeMap<_, _> = others
            .iter()
            .map(|(id, host, port)| {
                (ServerId(*id), Other { addresses: vec![((*host).into(), *port)], votes: true })
            })
            .collect();
        let settings = PeerSettings {
            me: ServerId(me),
            members: zab::Config::default(),
            last_seen: None,
            client: Some(("0.0.0.0".into(), 2181)),
            own: vec![Address { host, quorum_port: 0, election_port: 0 }],
            others,
            listen_on_all: false,
            bind_retry: 1,
            connect_ms: 5_000,
            hello_ms: 10_000,
            dial_ms: 5_000,
            first_packet_ms: 20_000,
            keep_alive: true,
            no_delay: (true, true),
            packet_max: 1 << 20,
        };
        let ports = Ports::open(&settings).unwrap();
        let address = |at: usize| ports.open[at].1.listener.local_addr().unwrap();
        let (quorum, election) = (address(0), address(1));
        let mut said = settings.clone();
        said.own[0].election_port = election.port();
        let poll = Poll::new().unwrap();
        let peers = Arc::new(Peers::new(&poll).unwrap());
        let sockets = Sockets::new(poll, Arc::clone(&peers), said, ports, tree::Settings::default()).unwrap();
        Self { me, sockets, peers, now_ms: 1_000, inputs: Vec::new(), quorum, election }
    }

    /// Servers 1 and 2, each knowing where the other listens.
    fn pair() -> (Self, Self) {
        let one = Self::new(1, &[]);
        let two = Self::new(2, &[(1, "127.0.0.1", one.election.port())]);
        let one = Self { inputs: Vec::new(), ..one.knowing(&two) };
        (one, two)
    }

    /// The same server, told where another one is.
    fn knowing(mut self, other: &Self) -> Self {
        let addresses = vec![("127.0.0.1".to_owned(), other.election.port())];
        let others = BTreeMap::from([(ServerId(other.me), Other { addresses, votes: true })]);
        self.sockets.set_members(&others);
        self
    }

    fn turn(&mut self) {
        let now_ms = self.now_ms;
        self.sockets.turn(Duration::from_millis(1), || now_ms, &mut self.inputs).unwrap();
    }

    fn wire(&self, link: LinkId) -> Arc<Wire> {
        self.peers.wire(link).unwrap()
    }

    fn vote(&self, to: i64, round: i64) {
        self.peers.mail(Mail::Vote(ServerId(to), vote(round)));
    }

    /// Rounds of the votes that came.
    fn rounds(&self) -> Vec<i64> {
        let votes = self.inputs.iter().filter_map(|input| match input {
            PeerInput::Vote { vote, .. } => Some(vote.round),
            _ => None,
        });
        votes.collect()
    }

    fn changes(&self) -> Vec<(i64, bool)> {
        let changes = self.inputs.iter().filter_map(|input| match input {
            PeerInput::VoterLink { peer, up } => Some((peer.0, *up)),
            _ => None,
        });
        changes.collect()
    }

    fn packets(&self) -> Vec<&Packet> {
        let packets = self.inputs.iter().filter_map(|input| match input {
            PeerInput::Packet { packet, .. } => Some(packet),
            _ => None,
        });
        packets.collect()
    }

    fn closed(&self) -> Vec<LinkId> {
        let closed = self.inputs.iter().filter_map(|input| match input {
            PeerInput::Closed(link) => Some(*link),
            _ => None,
        });
        closed.collect()
    }
}

fn vote(round: i64) -> Notification {
    Notification {
        state: PeerState::Looking,
        leader: 1,
        zxid: Zxid(7),
        round,
        epoch: 0,
        version: 2,
        config: Some("server.1=127.0.0.1:1:2:participant\nversion=0".into()),
    }
}

/// Lets both have turns until it is so.
fn run_until(what: &str, ends: &mut [&mut End], done: impl Fn(&[&mut End]) -> bool) {
    let until = Instant::now() + PATIENCE;
    while !done(ends) {
        assert!(Instant::now() < until, "{what} did not happen");
        for end in ends.iter_mut() {
            end.turn();
        }
    }
}

/// Lets it have turns until the other end of `stream` is closed; what came before is returned.
fn read_to_end(end: &mut End, stream: &mut TcpStream) -> Vec<u8> {
    stream.set_nonblocking(true).unwrap();
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    let until = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < until, "the connection was not closed");
        end.turn();
        match stream.read(&mut buffer) {
            Ok(0) => return bytes,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return bytes,
        }
    }
}

fn flush(wire: &Wire) {
    while wire.flush() {}
}

/// Connects a learner from one to the other; its link, and the leader's.
fn link(learner: &mut End, leader: &mut End) -> (LinkId, LinkId) {
    let address = Address {
        host: "127.0.0.1".into(),
        quorum_port: leader.quorum.port(),
        election_port: leader.election.port(),
    };
    learner.peers.mail(Mail::Dial(ServerId(leader.me), vec![address]));
    let dialed = |end: &End| {
        end.inputs.iter().find_map(|input| match input {
            PeerInput::Dialed { link, .. } => Some(*link),
            _ => None,
        })
    };
    run_until("the connection", &mut [learner, leader], |ends| dialed(ends[0]).is_some());
    let link = dialed(learner).flatten().unwrap();
    let info = LearnerInfo { server_id: learner.me, protocol: 0x10000, config_version: 0 };
    let wire = learner.wire(link);
    wire.send(&Packet::with(PacketKind::FollowerInfo, Zxid(0), info.to_bytes()));
    flush(&wire);
    let accepted = |end: &End| {
        end.inputs.iter().find_map(|input| match input {
            PeerInput::Accepted(link) => Some(*link),
            _ => None,
        })
    };
    run_until("the first packet", &mut [leader, learner], |ends| accepted(ends[0]).is_some());
    let accepted = accepted(leader).unwrap();
    learner.inputs.clear();
    leader.inputs.clear();
    (link, accepted)
}

#[test]
fn votes_go_both_ways_over_one_connection_whoever_calls_first() {
    for smaller_first in [true, false] {
        let (mut one, mut two) = End::pair();
        match smaller_first {
            true => one.vote(2, 1),
            false => two.vote(1, 2),
        }
        for _ in 0..3 {
            if smaller_first { one.turn() } else { two.turn() }
        }
        one.vote(2, 3);
        two.vote(1, 4);
        run_until("votes", &mut [&mut one, &mut two], |ends| {
            ends[0].rounds().last() == Some(&4) && ends[1].rounds().last() == Some(&3)
        });
        assert_eq!(one.changes(), [(2, true)]);
        assert_eq!(two.changes(), [(1, true)]);
        run_until("one connection", &mut [&mut one, &mut two], |ends| {
            ends.iter().all(|end| end.sockets.counts().1 == 1)
        });
    }
}

#[test]
fn a_newer_vote_replaces_one_that_has_not_left_and_the_last_is_sent_again_on_a_new_connection() {
    let mut two = End::new(2, &[]);
    let before = End::new(1, &[]);
    two = two.knowing(&before);
    for round in 1..=5 {
        two.vote(1, round);
    }
    let mut one = before;
    run_until("the vote", &mut [&mut two, &mut one], |ends| !ends[1].rounds().is_empty());
    assert_eq!(one.rounds(), [5]);
    let port = one.election.port();
    drop(one);
    run_until("the loss", &mut [&mut two], |ends| ends[0].changes().last() == Some(&(1, false)));
    let mut caller = TcpListener::bind(("127.0.0.1", port));
    while caller.is_err() {
        caller = TcpListener::bind(("127.0.0.1", port));
    }
    two.now_ms += 2_000;
    for _ in 0..10 {
        two.turn();
    }
    let (mut stream, _) = caller.unwrap().accept().unwrap();
    let mut bytes = Vec::new();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let _ = stream.read_to_end(&mut bytes);
    let (hello, used) = Hello::parse(&bytes).unwrap().unwrap();
    assert_eq!(hello.server_id, 2);
    assert_eq!(Notification::decode(&bytes[used + 4..]).unwrap().round, 5);
}

#[test]
fn hc_09_a_caller_with_a_wildcard_address_is_called_back_where_it_is_configured_or_not_at_all() {
    for (known, called_back) in [(true, true), (false, false)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let others = [(1, "127.0.0.1", port)];
        let mut two = End::new(2, if known { &others } else { &[] });
        listener.set_nonblocking(true).unwrap();
        // It calls by itself first; what follows is about being called.
        two.turn();
        while known && listener.accept().is_err() {
            two.turn();
        }
        let mut stream = TcpStream::connect(two.election).unwrap();
        let hello = Hello { server_id: 1, addresses: vec![("0.0.0.0".into(), port)] };
        two.now_ms += 5_000;
        stream.write_all(&hello.to_bytes()).unwrap();
        read_to_end(&mut two, &mut stream);
        two.now_ms += 5_000;
        let mut calls = 0;
        for _ in 0..20 {
            two.turn();
            calls += usize::from(listener.accept().is_ok());
        }
        assert_eq!(calls > 0, called_back, "known: {known}");
    }
}

#[test]
fn a_larger_stranger_is_kept_and_heard_even_if_its_first_message_comes_in_pieces() {
    let mut one = End::new(1, &[]);
    let mut stream = TcpStream::connect(one.election).unwrap();
    stream.set_nodelay(true).unwrap();
    let hello = Hello { server_id: 9, addresses: vec![("127.0.0.1".into(), 1)] };
    let mut bytes = hello.to_bytes();
    let body = vote(3).to_bytes();
    bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&body);
    for byte in bytes {
        stream.write_all(&[byte]).unwrap();
        one.turn();
    }
    run_until("the vote", &mut [&mut one], |ends| ends[0].rounds() == [3]);
    assert_eq!(one.changes(), [(9, true)]);
    one.vote(9, 4);
    let mut answer = [0; 48];
    stream.set_nonblocking(true).unwrap();
    let until = Instant::now() + PATIENCE;
    while stream.peek(&mut answer).map_or(0, |n| n) < 48 {
        assert!(Instant::now() < until, "no answer");
        one.turn();
    }
}

#[test]
fn hc_162_a_vote_that_cannot_be_read_is_passed_over_and_a_length_that_cannot_be_ends_the_connection() {
    for (length, passed_over) in [(36, true), (0, false), (-1, false), ((512 << 10) + 1, false)] {
        let mut one = End::new(1, &[]);
        let mut stream = TcpStream::connect(one.election).unwrap();
        let mut bytes = Hello { server_id: 9, addresses: vec![("127.0.0.1".into(), 1)] }.to_bytes();
        bytes.extend_from_slice(&i32::to_be_bytes(length));
        if passed_over {
            bytes.extend_from_slice(&[0; 36]);
            let body = vote(3).to_bytes();
            bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
            bytes.extend_from_slice(&body);
        }
        stream.write_all(&bytes).unwrap();
        match passed_over {
            true => run_until("the vote", &mut [&mut one], |ends| ends[0].rounds() == [3]),
            false => {
                read_to_end(&mut one, &mut stream);
                assert_eq!(one.changes(), [(9, true), (9, false)]);
            }
        }
    }
}

#[test]
fn hc_161_strangers_on_either_port_lose_their_own_connection_and_nothing_else() {
    let mut end = End::new(5, &[]);
    let tls = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0, 0, 0];
    let no_port = {
        let mut bytes = Hello { server_id: 1, addresses: vec![("h".into(), 1)] }.to_bytes();
        bytes.truncate(20);
        bytes.splice(16.., [0, 0, 0, 4]);
        [bytes, b"host".to_vec()].concat()
    };
    for noise in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &tls, &[0xff; 64], &no_port, &[0x80; 4096]] {
        for door in [end.quorum, end.election] {
            let mut stream = TcpStream::connect(door).unwrap();
            stream.write_all(noise).unwrap();
            assert_eq!(read_to_end(&mut end, &mut stream), [], "{noise:?}");
        }
    }
    assert_eq!(end.sockets.counts(), (0, 0));
    let heard: Vec<_> = end.inputs.iter().collect();
    assert!(heard.is_empty(), "the node heard of it: {heard:?}");
    let mut learner = End::new(1, &[]);
    link(&mut learner, &mut end);
}

#[test]
fn hc_163_silent_connections_are_closed_after_a_while_and_are_never_many() {
    let mut end = End::new(5, &[]);
    for door in [end.quorum, end.election] {
        let mut silent: Vec<TcpStream> =
            (0..200).map(|_| (TcpStream::connect(door).unwrap(), end.turn()).0).collect();
        for _ in 0..10 {
            end.turn();
        }
        let (links, lines) = end.sockets.counts();
        assert_eq!(links + lines, 64);
        silent[0].set_nonblocking(true).unwrap();
        assert_eq!(silent[0].read(&mut [0; 8]).unwrap(), 0, "the oldest goes first");
        end.now_ms += 30_000;
        read_to_end(&mut end, &mut silent[199]);
        assert_eq!(end.sockets.counts(), (0, 0));
    }
}

#[test]
fn packets_arrive_whole_and_in_order_and_all_of_them_before_the_end() {
    let (mut learner, mut leader) = End::pair();
    let (here, there) = link(&mut learner, &mut leader);
    let wire = leader.wire(there);
    let sizes = [0, 1, 200_000, 17, 1 << 20, 3, 131_072];
    for (n, size) in (0..).zip(sizes.into_iter().cycle().take(70)) {
        wire.send(&Packet::with(PacketKind::Proposal, Zxid(n), vec![n as u8; size]));
        flush(&wire);
    }
    // As the node closes a link: nothing is heard of it any more.
    wire.close();
    leader.peers.remove_wire(there);
    leader.peers.mail(Mail::Closed(there));
    flush(&wire);
    run_until("the end", &mut [&mut learner, &mut leader], |ends| !ends[0].closed().is_empty());
    assert_eq!(learner.closed(), [here]);
    let packets = learner.packets();
    assert_eq!(packets.len(), 70);
    for (n, packet) in packets.iter().enumerate() {
        let data = packet.data.as_deref().unwrap();
        assert_eq!((packet.zxid, data.len()), (Zxid(n as i64), sizes[n % 7]));
        assert!(data.iter().all(|byte| *byte == n as u8));
    }
    run_until("rest", &mut [&mut leader], |ends| ends[0].sockets.counts().0 == 0);
    assert!(leader.closed().is_empty(), "the end that closed it hears nothing");
}

#[test]
fn the_end_of_a_link_is_heard_once_and_at_once() {
    let (mut learner, mut leader) = End::pair();
    let (_, there) = link(&mut learner, &mut leader);
    drop(learner);
    let started = Instant::now();
    run_until("the end", &mut [&mut leader], |ends| !ends[0].closed().is_empty());
    assert!(started.elapsed() < Duration::from_secs(1));
    for _ in 0..10 {
        leader.turn();
    }
    assert_eq!(leader.closed(), [there]);
}

#[test]
fn a_packet_too_large_or_not_one_at_all_ends_the_link_and_a_learner_cannot_send_a_snapshot() {
    for (bytes, closes) in [
        (
            {
                let mut b = Vec::new();
                Packet::new(PacketKind::Snap, Zxid(3)).encode(&mut b);
                b
            },
            false,
        ),
        ([0, 0, 0, 2].into_iter().chain([0; 8]).chain((2i32 << 20).to_be_bytes()).collect(), true),
        (vec![0x55; 100], true),
    ] {
        let (mut learner, mut leader) = End::pair();
        let (here, there) = link(&mut learner, &mut leader);
        (&learner.wire(here).stream).write_all(&bytes).unwrap();
        match closes {
            true => {
                run_until("the end", &mut [&mut leader], |ends| ends[0].closed() == [there]);
            }
            false => run_until("the packet", &mut [&mut leader], |ends| ends[0].packets().len() == 1),
        }
    }
}

#[test]
fn a_leader_that_nobody_answers_for_is_reported() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut end = End::new(1, &[]);
    let address = |host: &str| Address { host: host.into(), quorum_port: free, election_port: 1 };
    for addresses in
        [vec![], vec![address("127.0.0.1")], vec![address("0.0.0.0")], vec![address("no.invalid")]]
    {
        end.peers.mail(Mail::Dial(ServerId(2), addresses));
        run_until("the answer", &mut [&mut end], |ends| {
            matches!(ends[0].inputs.last(), Some(PeerInput::Dialed { leader: ServerId(2), link: None }))
        });
        end.inputs.clear();
    }
}

#[test]
fn hc_08_a_server_that_does_not_answer_delays_nobody_and_is_given_up_in_time() {
    // Its queue of connections is full, so the system lets further ones wait.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    full.listen(0).unwrap();
    let hole = full.local_addr().unwrap().as_socket().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&hole, Duration::from_millis(300)) {
        held.push(stream);
        assert!(held.len() < 100, "the queue never fills");
    }
    let mut other = End::new(1, &[]);
    let others = [
        (1, "127.0.0.1", other.election.port()),
        (2, "127.0.0.1", hole.port()),
        (3, "no.such.invalid", 3888),
    ];
    let mut end = End::new(9, &others);
    for to in [2, 3, 1] {
        end.vote(to, 1);
    }
    run_until("the vote", &mut [&mut end, &mut other], |ends| ends[1].rounds() == [1]);
    assert!(!end.changes().contains(&(2, false)), "given up too early");
    end.now_ms += 5_001;
    run_until("giving up", &mut [&mut end], |ends| ends[0].changes().contains(&(2, false)));
    drop(held);
}

#[test]
fn hc_167_failed_connects_leave_nothing_behind() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut end = End::new(1, &[(2, "127.0.0.1", free)]);
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let tries = |end: &mut End, count: usize| {
        for _ in 0..count {
            end.now_ms += 1_000;
            end.turn();
        }
    };
    tries(&mut end, 10);
    let before = open();
    tries(&mut end, 2_000);
    // Other tests of this process open and close some of their own meanwhile.
    assert!(open() < before + 1_000, "{before} descriptors before, {} now", open());
    assert_eq!(end.changes(), [(2, false)], "reported once");
}

#[test]
fn a_new_membership_opens_other_ports_and_finds_other_servers() {
    let mut other = End::new(3, &[]);
    let mut end = End::new(7, &[]);
    let free = |_| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (quorum, election) = (free(()), free(()));
    let there = other.election.port();
    let text = format!(
        "server.3=127.0.0.1:9:{there}:participant\nserver.7=127.0.0.1:{quorum}:{election}:participant;127.0.0.1:77\nversion=1"
    );
    end.peers.mail(Mail::Membership { text: text.clone(), committed: false });
    run_until("the call", &mut [&mut end, &mut other], |ends| ends[1].changes() == [(7, true)]);
    assert!(TcpStream::connect(end.election).is_ok(), "what is not in force opens no port");
    assert_eq!(end.sockets.take_client_port(), None);
    end.peers.mail(Mail::Membership { text, committed: true });
    for _ in 0..3 {
        end.turn();
    }
    assert!(TcpStream::connect(end.election).is_err(), "the old port is closed");
    for port in [quorum, election] {
        TcpStream::connect(("127.0.0.1", port)).unwrap();
    }
    assert_eq!(end.sockets.take_client_port(), Some(("127.0.0.1".into(), 77)));
}

#[test]
fn one_that_never_stops_talking_does_not_keep_the_others_from_being_heard() {
    let mut one = End::new(1, &[]);
    let call = |id: i64, votes: i64| {
        let mut stream = TcpStream::connect(one.election).unwrap();
        let mut bytes = Hello { server_id: id, addresses: vec![("127.0.0.1".into(), 1)] }.to_bytes();
        for round in 0..votes {
            let body = vote(round).to_bytes();
            bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
            bytes.extend_from_slice(&body);
        }
        stream.set_nonblocking(true).unwrap();
        let _ = stream.write(&bytes).unwrap();
        stream
    };
    let (_loud, _quiet) = (call(8, 20_000), call(9, 1));
    let heard = |end: &End, id: i64| {
        let from = |input: &&PeerInput| matches!(input, PeerInput::Vote { from, .. } if from.0 == id);
        end.inputs.iter().filter(from).count()
    };
    run_until("the quiet one's vote", &mut [&mut one], |ends| heard(ends[0], 9) == 1);
    let early = heard(&one, 8);
    run_until("the rest", &mut [&mut one], |ends| heard(ends[0], 8) > early.max(3_000));
    assert!(early < 3_000, "{early} votes came first");
}

#[test]
fn hc_168_names_that_do_not_resolve_leave_no_thread_behind_and_never_make_many() {
    let lookups = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| name.trim() == "zabra-resolve").count()
    };
    let mut end = End::new(1, &[]);
    for n in 0..200 {
        let address = Address { host: format!("no{n}.invalid"), quorum_port: 1, election_port: 1 };
        end.peers.mail(Mail::Dial(ServerId(2), vec![address]));
        end.turn();
        // Other tests may look something up at this moment too.
        assert!(lookups() <= 32 + 8);
    }
    run_until("all answers", &mut [&mut end], |ends| ends[0].inputs.len() == 200);
    run_until("the end of the last lookup", &mut [&mut end], |_| lookups() == 0);
}

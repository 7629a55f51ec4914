//! Members of an ensemble over real sockets.

#![allow(clippy::unwrap_used, reason = "tests")]

mod client;
mod ensemble;

use client::Client;
use ensemble::{Cluster, eventually};
use proto::Zxid;
use proto::peer::{LearnerInfo, Packet, PacketKind};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn three_servers_elect_a_leader_and_a_write_to_any_is_read_from_all() {
    let mut cluster = Cluster::new(3, 23200);
    cluster.start_all();
    for index in 0..3 {
        let path = format!("/from{index}");
        let address = cluster.address(index);
        let mut client = eventually("a session", || Client::connect(address));
        assert_eq!(client.create(&path).unwrap().err, 0);
        for other in 0..3 {
            let mut reader = eventually("a session", || Client::connect(cluster.address(other)));
            eventually("the write", || reader.exists(&path).unwrap().then_some(()).ok_or(other));
        }
    }
}

/// Creates a node through any server that serves, trying until one does.
fn write_somewhere(cluster: &Cluster, path: &str) {
    eventually("a write", || {
        let alive = (0..cluster.servers.len()).filter(|index| cluster.servers[*index].is_some());
        let mut last = Err(path.to_owned());
        for index in alive {
            last = Client::connect(cluster.address(index))
                .and_then(|mut client| client.create(path))
                .map_err(|error| error.to_string())
                .and_then(|reply| matches!(reply.err, 0 | -110).then_some(()).ok_or(format!("{reply:?}")));
            if last.is_ok() {
                break;
            }
        }
        last
    });
}

fn expect_on_all(cluster: &Cluster, paths: &[String]) {
    for index in (0..cluster.servers.len()).filter(|index| cluster.servers[*index].is_some()) {
        for path in paths {
            eventually("everything written", || match Client::connect(cluster.address(index)) {
                Ok(mut client) => match client.exists(path) {
                    Ok(true) => Ok(()),
                    other => Err(format!("{path} on {index}: {other:?}")),
                },
                Err(error) => Err(error.to_string()),
            });
        }
    }
}

#[test]
fn each_server_in_turn_goes_and_comes_back_and_nothing_written_meanwhile_is_missing() {
    let mut cluster = Cluster::new(3, 23210);
    cluster.start_all();
    let mut written = Vec::new();
    for round in 0..2 {
        for gone in 0..3 {
            cluster.stop(gone);
            for n in 0..3 {
                let path = format!("/r{round}g{gone}n{n}");
                write_somewhere(&cluster, &path);
                written.push(path);
            }
            cluster.start(gone);
        }
    }
    expect_on_all(&cluster, &written);
}

#[test]
fn a_server_that_begins_with_nothing_gets_a_snapshot_while_writes_go_on() {
    let mut cluster = Cluster::new(3, 23220);
    cluster.start(0);
    cluster.start(1);
    let mut written = Vec::new();
    let mut client = eventually("a session", || Client::connect(cluster.address(0)));
    let data = vec![7; 1000];
    for n in 0..3_000 {
        client.send_create(&format!("/n{n}"), &data).unwrap();
    }
    for _ in 0..3_000 {
        assert_eq!(client.reply().unwrap().err, 0);
    }
    cluster.start(2);
    for n in 0..200 {
        let path = format!("/late{n}");
        assert_eq!(client.create(&path).unwrap().err, 0);
        written.push(path);
    }
    written.push("/n0".into());
    written.push("/n2999".into());
    cluster.stop(0);
    expect_on_all(&cluster, &written);
}

#[test]
fn hc_08_a_port_for_peers_that_cannot_be_had_ends_the_start_loudly() {
    let mut cluster = Cluster::new(3, 23230);
    let taken = std::net::TcpListener::bind("127.0.0.1:23231").unwrap();
    let mut config = cluster.config(0);
    config.ensemble.as_mut().unwrap().election_bind_retry = 1;
    let refused = cluster.try_start(0, config).map_err(|error| error.to_string());
    assert!(refused.unwrap_err().contains("127.0.0.1:23231"));
    drop(taken);
    cluster.start(0);
}

#[test]
fn hc_161_noise_on_the_ports_for_peers_disturbs_nobody_who_is_at_work() {
    let mut cluster = Cluster::new(3, 23240);
    cluster.start_all();
    write_somewhere(&cluster, "/before");
    let mut client = eventually("a session", || Client::connect(cluster.address(0)));
    for round in 0..50u8 {
        let mut held = Vec::new();
        for port in 23240..23246 {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            // Whoever is hung up on while it still writes has been answered too.
            let _ = match round % 4 {
                0 => stream.write_all(b"GET / HTTP/1.1\r\n\r\n"),
                1 => stream.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
                2 => stream.write_all(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0]),
                _ => stream.write_all(&[round.wrapping_mul(37); 3000]),
            };
            held.push(stream);
        }
        assert_eq!(client.create(&format!("/n{round}")).unwrap().err, 0);
    }
    expect_on_all(&cluster, &["/n0".into(), "/n49".into()]);
}

/// A learner that speaks by hand.
struct Learner {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Learner {
    /// Says hello as an observer without data to whoever leads.
    fn of_leader(cluster: &Cluster) -> Self {
        eventually("a leader", || {
            let ports = cluster.members.members.values().map(|member| member.addresses[0].quorum_port);
            ports.map(Self::greet).find_map(Result::ok).ok_or("nobody leads")
        })
    }

    fn greet(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let mut learner = Self { stream, input: Vec::new() };
        let info = LearnerInfo { server_id: 9, protocol: 0x10000, config_version: 0 };
        learner.send(&Packet::with(PacketKind::ObserverInfo, Zxid(0), info.to_bytes()))?;
        assert_eq!(learner.receive()?.kind, PacketKind::LeaderInfo);
        learner.send(&Packet::with(PacketKind::AckEpoch, Zxid(0), 0i32.to_be_bytes()))?;
        Ok(learner)
    }

    fn send(&mut self, packet: &Packet) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        packet.encode(&mut bytes);
        self.stream.write_all(&bytes)
    }

    fn receive(&mut self) -> std::io::Result<Packet> {
        loop {
            if let Some((packet, used)) = Packet::parse(&self.input, 1 << 20).unwrap() {
                self.input.drain(..used);
                return Ok(packet);
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                n => self.input.extend_from_slice(&buffer[..n]),
            }
        }
    }
}

#[test]
fn hc_59_a_learner_that_stops_reading_what_it_lacks_stops_nobody_else() {
    for (port, force_snapshot, kind) in [(23250, true, PacketKind::Snap), (23260, false, PacketKind::Diff)] {
        let mut cluster = Cluster::new(3, port);
        cluster.force_snapshot = force_snapshot;
        cluster.start_all();
        let mut client = eventually("a session", || Client::connect(cluster.address(1)));
        let data = vec![7; 100_000];
        for n in 0..300 {
            client.send_create(&format!("/big{n}"), &data).unwrap();
            assert_eq!(client.reply().unwrap().err, 0);
        }
        let stuck: Vec<Learner> = (0..3)
            .map(|_| {
                let mut learner = Learner::of_leader(&cluster);
                assert_eq!(learner.receive().unwrap().kind, kind);
                learner
            })
            .collect();
        for n in 0..200 {
            assert_eq!(client.create(&format!("/n{n}")).unwrap().err, 0);
        }
        cluster.stop(0);
        cluster.start(0);
        expect_on_all(&cluster, &["/n0".into(), "/n199".into()]);
        drop(stuck);
    }
}

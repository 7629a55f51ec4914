//! How members end: by a disk that fails, and because somebody asks them to, whatever they are doing.

#![allow(clippy::unwrap_used, reason = "tests")]

mod client;
mod ensemble;

use client::Client;
use ensemble::{Cluster, eventually};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use storage::disk::fault::{Fault, Operation, SimDisk};
use zabra_server::{Server, Stopped};

/// Far less than what a timeout would add, far more than a busy machine needs.
const SOON: Duration = Duration::from_secs(5);

/// What a server ended with, which it must soon.
fn end_of(server: Server) -> Result<(), Stopped> {
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || ended.send(server.wait()));
    end.recv_timeout(SOON).expect("the server ends")
}

fn stop(cluster: &mut Cluster, index: usize) {
    let server = cluster.servers[index].take().unwrap();
    server.stop();
    end_of(server).unwrap();
}

/// What a server says it is.
fn mode(cluster: &Cluster, index: usize) -> String {
    let mut text = String::new();
    let asked = TcpStream::connect(cluster.address(index)).and_then(|mut stream| {
        stream.write_all(b"srvr")?;
        stream.read_to_string(&mut text)
    });
    let line = text.lines().find_map(|line| line.strip_prefix("Mode: "));
    asked.map_or_else(|error| error.to_string(), |_| line.unwrap_or("none").to_owned())
}

/// Waits until every running server serves, and says which leads.
fn leader(cluster: &Cluster) -> usize {
    let running = || (0..cluster.servers.len()).filter(|index| cluster.servers[*index].is_some());
    eventually("a leader and followers", || {
        let modes: Vec<String> = running().map(|index| mode(cluster, index)).collect();
        let all_serve = modes.iter().all(|mode| mode == "leader" || mode == "follower");
        let leads = running().find(|index| mode(cluster, *index) == "leader");
        leads.filter(|_| all_serve).ok_or(modes)
    })
}

fn create(cluster: &Cluster, index: usize, path: &str) {
    eventually("a write", || {
        let reply = Client::connect(cluster.address(index)).and_then(|mut client| client.create(path));
        match reply {
            Ok(reply) if matches!(reply.err, 0 | -110) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

fn expect(cluster: &Cluster, index: usize, path: &str) {
    eventually(path, || {
        let found = Client::connect(cluster.address(index)).and_then(|mut client| client.exists(path));
        if matches!(found, Ok(true)) { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

#[test]
fn hc_56_a_leader_whose_log_fails_is_gone_at_once_and_the_others_go_on_without_it() {
    for (operation, port) in [(Operation::Sync, 24900), (Operation::Write, 24910)] {
        let mut cluster = Cluster::new(3, port);
        cluster.start_all();
        let old = leader(&cluster);
        let other = (old + 1) % 3;
        create(&cluster, other, "/before");
        cluster.disks[old].inject(operation, 0, Fault::ErrorOnce);
        let failed = Instant::now();
        create(&cluster, other, "/after");
        let end = end_of(cluster.servers[old].take().unwrap());
        assert!(end.unwrap_err().reason.contains("transaction log failed"), "{operation:?}");
        assert_ne!(leader(&cluster), old);
        // The others notice the end of its links: no timeout, the shortest of which is a second, has to pass.
        assert!(failed.elapsed() < SOON, "{:?}", failed.elapsed());
        cluster.disks[old].power_loss(1);
        cluster.start(old);
        for index in 0..3 {
            expect(&cluster, index, "/before");
            expect(&cluster, index, "/after");
        }
    }
}

#[test]
fn hc_133_a_leader_on_a_disk_that_became_slow_holds_up_no_write_through_the_others() {
    let mut cluster = Cluster::new(3, 24920);
    cluster.start_all();
    let slow = leader(&cluster);
    let other = (slow + 1) % 3;
    let mut client = Client::connect(cluster.address(other)).unwrap();
    cluster.disks[slow].set_sync_delay(Duration::from_secs(2));
    let started = Instant::now();
    for n in 0..20 {
        assert_eq!(client.create(&format!("/n{n}")).unwrap().err, 0);
    }
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    // It stores nothing within a second of five: another one leads then.
    create(&cluster, other, "/last");
    eventually("another leader", || {
        let leads: Vec<usize> = (0..3).filter(|index| mode(&cluster, *index) == "leader").collect();
        if leads.first().is_some_and(|leader| *leader != slow) { Ok(()) } else { Err(leads) }
    });
    create(&cluster, other, "/afterwards");
    cluster.disks[slow].set_sync_delay(Duration::ZERO);
    expect(&cluster, slow, "/afterwards");
}

#[test]
fn hc_61_a_member_stops_soon_in_every_role_and_forgets_nothing_it_acknowledged() {
    let mut cluster = Cluster::new(3, 24930);
    cluster.start(0);
    eventually("a server that looks", || {
        let mode = mode(&cluster, 0);
        if mode == "none" { Ok(()) } else { Err(mode) }
    });
    stop(&mut cluster, 0);
    for round in 0..3 {
        cluster.start_all();
        let leader = leader(&cluster);
        let order = [leader, (leader + 1) % 3, (leader + 2) % 3];
        for index in order {
            create(&cluster, index, &format!("/r{round}n{index}"));
        }
        // The leader first, the followers first, and the last one always without a quorum.
        let order = if round == 1 { [order[1], order[2], order[0]] } else { order };
        for index in order {
            stop(&mut cluster, index);
            cluster.disks[index].power_loss(round);
        }
    }
    cluster.start_all();
    for index in 0..3 {
        (0..9).for_each(|n| expect(&cluster, index, &format!("/r{}n{}", n / 3, n % 3)));
    }
}

#[test]
fn hc_61_a_member_stops_soon_in_the_middle_of_an_election_and_of_a_synchronization() {
    let mut cluster = Cluster::new(3, 24940);
    cluster.start(0);
    cluster.start(1);
    for n in 0..20 {
        create(&cluster, n % 2, &format!("/n{n}"));
    }
    for point in (0..40).step_by(2) {
        // Its disk says how far it has come: from the first file to the last of a received snapshot.
        let disk = SimDisk::new();
        cluster.disks[2] = disk.clone();
        cluster.start(2);
        eventually("the point", || {
            let (operations, follows) = (disk.operations(), mode(&cluster, 2) == "follower");
            if operations >= point || follows { Ok(()) } else { Err(operations) }
        });
        stop(&mut cluster, 2);
        disk.power_loss(point);
        cluster.start(2);
        expect(&cluster, 2, "/n19");
        stop(&mut cluster, 2);
        // Whoever synchronizes it is in the middle of that too.
        cluster.disks[2] = SimDisk::new();
        cluster.start(2);
        let busy = usize::try_from(point / 2 % 2).unwrap();
        stop(&mut cluster, busy);
        stop(&mut cluster, 2);
        cluster.disks[busy].power_loss(point);
        cluster.start(busy);
        (0..20).for_each(|n| expect(&cluster, busy, &format!("/n{n}")));
    }
}

#[test]
fn hc_61_a_member_stops_soon_on_a_slow_disk() {
    let mut cluster = Cluster::new(3, 24950);
    cluster.start_all();
    leader(&cluster);
    cluster.disks.iter().for_each(|disk| disk.set_sync_delay(Duration::from_millis(100)));
    create(&cluster, 0, "/slow");
    for index in 0..3 {
        stop(&mut cluster, index);
    }
    cluster.disks.iter().for_each(|disk| disk.power_loss(3));
    cluster.disks.iter().for_each(|disk| disk.set_sync_delay(Duration::ZERO));
    cluster.start_all();
    expect(&cluster, 2, "/slow");
}

#[test]
fn a_member_without_a_client_port_is_as_good_as_any_other() {
    let mut cluster = Cluster::new(3, 24960);
    let mut config = cluster.config(2);
    config.client_port = None;
    cluster.start(0);
    cluster.try_start(2, config).unwrap();
    create(&cluster, 0, "/a");
    assert_eq!(cluster.address(2).port(), 0);
    stop(&mut cluster, 2);
    cluster.start(2);
    expect(&cluster, 2, "/a");
}

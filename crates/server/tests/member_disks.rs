//! What members of an ensemble have on disk when they come back: tails that nobody else has, and
//! snapshots that were only half received.

#![allow(clippy::unwrap_used, reason = "tests")]

mod client;
mod ensemble;

use client::Client;
use ensemble::{Cluster, eventually};
use proto::acl::Acl;
use proto::txn::{CreateTxn, Txn, TxnHeader, encode_entry};
use proto::{OpCode, SessionId, Zxid};
use std::path::Path;
use std::sync::Arc;
use storage::disk::fault::SimDisk;
use storage::{DataDirs, LogOptions, SharedDisk, TxnLog, read_history};

fn create(cluster: &Cluster, index: usize, path: &str) {
    eventually("a write", || {
        let reply = Client::connect(cluster.address(index)).and_then(|mut client| client.create(path));
        match reply {
            Ok(reply) if matches!(reply.err, 0 | -110) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

fn exists(cluster: &Cluster, index: usize, path: &str) -> bool {
    eventually("an answer", || Client::connect(cluster.address(index)).and_then(|mut c| c.exists(path)))
}

/// Waits until a server shows a node.
fn expect(cluster: &Cluster, index: usize, path: &str) {
    eventually(path, || exists(cluster, index, path).then_some(()).ok_or(index));
}

/// The last transaction in the log of a server that is not running.
fn last_logged(disk: &SimDisk) -> Zxid {
    let shared: SharedDisk = Arc::new(disk.clone());
    let dirs = DataDirs::at(Path::new("/data"), None);
    let entries = read_history(&shared, &dirs, Zxid(i64::MAX), u64::MAX).unwrap().unwrap();
    entries.last().unwrap().0
}

/// Logs what a leader would have logged alone before it died.
fn log_alone(disk: &SimDisk, zxid: Zxid, path: &str) {
    let shared: SharedDisk = Arc::new(disk.clone());
    let dirs = DataDirs::at(Path::new("/data"), None);
    let acl = vec![Acl::open()];
    let txn = CreateTxn { path: path.into(), data: None, acl, ephemeral: false, parent_cversion: -1 };
    let txn = Txn::Create(OpCode::Create, txn);
    let header = TxnHeader { client_id: SessionId(1), cxid: 1, zxid, time: 1, kind: txn.kind() };
    let mut entry = Vec::new();
    encode_entry(&header, &txn, None, &mut entry);
    let mut log = TxnLog::open(shared, dirs.log_dir(), LogOptions::default()).unwrap();
    log.append(zxid, &entry);
    log.close().unwrap();
}

/// Writes with all three, takes the last one down and gives it an entry that nobody else has.
fn cluster_with_a_lonely_tail(port: u16) -> Cluster {
    let mut cluster = Cluster::new(3, port);
    cluster.start_all();
    create(&cluster, 0, "/before");
    (0..3).for_each(|index| expect(&cluster, index, "/before"));
    cluster.stop(2);
    let last = last_logged(&cluster.disks[2]);
    log_alone(&cluster.disks[2], last.next().unwrap(), "/alone");
    cluster
}

/// Waits until a server has taken over the history of a leader of this epoch or a later one. No client is needed
/// for that, and so no transaction.
fn expect_epoch(cluster: &Cluster, index: usize, epoch: u32) {
    let path = Path::new("/data/version-2/currentEpoch");
    eventually("the epoch", || {
        let current = String::from_utf8(cluster.disks[index].contents(path)).unwrap();
        if current.parse::<u32>().unwrap() >= epoch { Ok(()) } else { Err(current) }
    });
}

/// The last one, just started, comes to have what the others have, now and after a power loss.
fn expect_no_tail(cluster: &mut Cluster) {
    create(cluster, 0, "/after");
    expect(cluster, 2, "/after");
    assert!(!exists(cluster, 2, "/alone"));
    create(cluster, 2, "/later");
    cluster.stop(2);
    cluster.disks[2].power_loss(0);
    cluster.start(2);
    expect(cluster, 2, "/later");
    for index in 0..3 {
        assert!(!exists(cluster, index, "/alone"), "on {index}");
        assert!(exists(cluster, index, "/before") && exists(cluster, index, "/after"), "on {index}");
    }
}

fn files(cluster: &Cluster, index: usize) -> Vec<String> {
    let disk: SharedDisk = Arc::new(cluster.disks[index].clone());
    disk.list(Path::new("/data/version-2")).unwrap().into_iter().map(|entry| entry.name).collect()
}

#[test]
fn hc_17_hc_45_a_tail_that_only_one_member_has_is_cut_off_for_good() {
    let mut cluster = cluster_with_a_lonely_tail(23120);
    // With a leader, but nothing written under it: what it would have, the tail is longer than.
    (0..2).for_each(|index| expect_epoch(&cluster, index, 2));
    cluster.start(2);
    expect_epoch(&cluster, 2, 2);
    expect_no_tail(&mut cluster);
    let files = files(&cluster, 2);
    assert!(files.contains(&"snapshot.0".to_owned()), "nothing replaced its history: {files:?}");
}

#[test]
fn hc_17_hc_18_a_tail_is_gone_for_good_also_when_the_others_have_restarted() {
    let mut cluster = cluster_with_a_lonely_tail(23130);
    for index in [0, 1] {
        cluster.stop(index);
    }
    cluster.start(0);
    cluster.start(1);
    create(&cluster, 0, "/between");
    cluster.start(2);
    expect(&cluster, 2, "/between");
    expect_no_tail(&mut cluster);
}

#[test]
fn hc_29_hc_31_power_losses_while_a_member_receives_everything_lose_nothing() {
    let mut cluster = Cluster::new(3, 23140);
    cluster.start(0);
    cluster.start(1);
    for n in 0..5 {
        create(&cluster, n % 2, &format!("/n{n}"));
    }
    let mut broken = 0;
    for point in (1..60).step_by(5) {
        // A member with its data gone and a disk that works for a while.
        let disk = SimDisk::new();
        cluster.disks[2] = disk.clone();
        disk.power_off_after(point);
        if cluster.try_start(2, cluster.config(2)).is_ok() {
            let server = cluster.servers[2].take().unwrap();
            let path = format!("/p{point}");
            create(&cluster, 0, &path);
            // Traffic, until its disk fails; a disk that is good for all of it is stopped.
            for n in 0..40 {
                create(&cluster, 1, &format!("{path}n{n}"));
            }
            server.stop();
            broken += usize::from(server.wait().is_err());
        } else {
            broken += 1;
        }
        disk.power_loss(point);
        cluster.start(2);
        for n in 0..5 {
            expect(&cluster, 2, &format!("/n{n}"));
        }
        cluster.stop(2);
    }
    assert!(broken > 5, "the power went {broken} times");
}

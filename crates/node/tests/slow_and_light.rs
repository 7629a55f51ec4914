//! Members that are not like the others: one whose disk stands still, observers that keep no log, and observers
//! that come again only after a while.

#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

#[path = "harness/cluster.rs"]
mod cluster;

use cluster::{Cluster, Heard};
use node::{EnsembleSettings, Role};
use zab::ServerId;

#[test]
fn hc_133_a_leader_whose_disk_stands_still_slows_no_commit_and_makes_way_after_a_while() {
    let mut c = Cluster::new(3, 0);
    c.run_ms(1000);
    let client = c.connect(1);
    c.run_ms(100);
    c.hold_disk(3);
    c.create(client, "/meanwhile");
    c.run_ms(100);
    assert_eq!(c.heard(client).last(), Some(&Heard::Reply { err: 0 }), "the followers are a quorum");
    assert!(!c.has(3, "/meanwhile"), "HC-57: never before its own log");
    c.run_ms(2000);
    assert_eq!((c.role(3), c.role(2)), (Role::Looking, Role::Leading));
    let client = c.connect(2);
    c.run_ms(100);
    c.create(client, "/after");
    c.run_ms(100);
    assert_eq!(c.heard(client).last(), Some(&Heard::Reply { err: 0 }));
    c.release_disk(3);
    c.run_ms(2000);
    assert_eq!(c.role(3), Role::Following(ServerId(2)));
    assert_eq!(c.digest(3), c.digest(1));
}

#[test]
fn hc_133_a_follower_whose_disk_stands_still_slows_no_commit_and_comes_back() {
    let mut c = Cluster::new(3, 0);
    c.run_ms(1000);
    let client = c.connect(2);
    c.run_ms(100);
    c.hold_disk(1);
    c.create(client, "/meanwhile");
    c.run_ms(20);
    assert_eq!(c.heard(client).last(), Some(&Heard::Reply { err: 0 }));
    c.run_ms(2000);
    assert_eq!((c.role(1), c.role(3)), (Role::Looking, Role::Leading));
    c.release_disk(1);
    c.run_ms(2000);
    assert!(c.has(1, "/meanwhile"));
}

fn without_logs() -> Cluster {
    let mut c = Cluster::with(3, 1, EnsembleSettings { observer_logs: false, ..EnsembleSettings::default() });
    c.run_ms(1000);
    c
}

fn write(c: &mut Cluster, through: i64, paths: &[&str]) {
    let client = c.connect(through);
    c.run_ms(100);
    for path in paths {
        c.create(client, path);
    }
    c.run_ms(100);
    assert_eq!(c.heard(client).last(), Some(&Heard::Reply { err: 0 }));
}

#[test]
fn an_observer_without_a_log_serves_like_any_other_and_keeps_only_epochs() {
    let mut c = without_logs();
    write(&mut c, 4, &["/a", "/b"]);
    write(&mut c, 1, &["/c"]);
    assert!(c.has(4, "/a") && c.has(4, "/c"));
    assert_eq!(c.digest(4), c.digest(3));
    assert_eq!(c.on_disk(4), (Vec::new(), 1));
    assert!(!c.on_disk(1).0.is_empty(), "voters keep theirs");
}

#[test]
fn an_observer_without_a_log_survives_failovers_and_restarts() {
    let mut c = without_logs();
    write(&mut c, 1, &["/a"]);
    c.kill(3);
    c.run_ms(3000);
    assert_eq!((c.role(2), c.role(4)), (Role::Leading, Role::Observing(ServerId(2))));
    write(&mut c, 4, &["/b"]);
    assert!(c.has(4, "/a") && c.has(4, "/b"));
    c.kill(4);
    write(&mut c, 1, &["/c"]);
    c.start(4);
    c.run_ms(2000);
    write(&mut c, 4, &["/d"]);
    assert!(["/a", "/b", "/c", "/d"].iter().all(|path| c.has(4, path)));
    assert_eq!(c.digest(4), c.digest(1));
}

#[test]
fn an_observer_without_a_log_that_comes_to_vote_has_everything_in_its_log_before_it_does() {
    let settings = EnsembleSettings { observer_logs: false, reconfig: true, ..EnsembleSettings::default() };
    let mut c = Cluster::with(3, 1, settings);
    c.run_ms(1000);
    write(&mut c, 1, &["/a", "/b"]);
    assert!(c.on_disk(4).0.is_empty());
    let client = c.connect(1);
    c.run_ms(100);
    let joining = Some("server.4=s4:2888:3888:participant;1");
    c.reconfig(client, &zab::Change { joining, leaving: None, members: None, base: -1 });
    c.run_ms(3000);
    assert_eq!(c.role(4), Role::Following(ServerId(3)));
    write(&mut c, 4, &["/c"]);
    let (log, _) = c.on_disk(4);
    assert!(!log.is_empty());
    c.kill(4);
    c.start(4);
    c.run_ms(3000);
    assert!(["/a", "/b", "/c"].iter().all(|path| c.has(4, path)), "also from its own disk");
    assert_eq!(c.digest(4), c.digest(3));
}

#[test]
fn observers_come_again_within_their_delay_and_not_all_at_once() {
    let settings = EnsembleSettings { observer_delay_ms: 4000, ..EnsembleSettings::default() };
    let mut c = Cluster::with(3, 4, settings);
    c.run_ms(1000);
    c.kill(3);
    let killed_ms = c.now_ms();
    let mut back = std::collections::BTreeMap::new();
    while back.len() < 4 && c.now_ms() < killed_ms + 8000 {
        c.run_ms(50);
        for id in 4..=7 {
            if matches!(c.role(id), Role::Observing(leader) if leader == ServerId(2)) {
                back.entry(id).or_insert(c.now_ms() - killed_ms);
            }
        }
    }
    assert_eq!(back.len(), 4, "{back:?}");
    let (first, last) = (back.values().min().unwrap(), back.values().max().unwrap());
    assert!(last - first > 200 && *last < 6000, "{back:?}");
}

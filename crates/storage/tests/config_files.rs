//! The files of a membership that changes.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::disk;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage::disk::fault::SimDisk;
use storage::{ConfigFiles, SharedDisk, StorageError};

const CONFIG: &str = "/etc/zk/zoo.cfg";
const FIRST: &str = "\
server.1=a:1:2:participant;0.0.0.0:2181
server.2=b:1:2:participant;0.0.0.0:2181
server.10=c:1:2:observer;0.0.0.0:2181
version=100000000";
const SECOND: &str = "\
server.1=a:1:2:participant;0.0.0.0:2181
server.2=b:1:2:participant;0.0.0.0:2181
version=10000000a";
const STATIC: &str = "\
# kept by hand
tickTime=2000
dataDir=/d
clientPort=2181
server.1=a:1:2\\
   :participant
! server.9=not a line
 server.2 : b:1:2
peerType=participant
group.1=1:2
syncLimit = 5
  continued=a,\\
  server.3=b
clientPortAddress=0.0.0.0";

fn files(disk: &SharedDisk) -> ConfigFiles {
    ConfigFiles::at(disk.clone(), CONFIG.into(), 1)
}

fn text(sim: &SimDisk, name: &str) -> String {
    String::from_utf8(sim.contents(&PathBuf::from(format!("{CONFIG}{name}")))).unwrap()
}

fn exists(disk: &SharedDisk, name: &str) -> bool {
    disk.exists(Path::new(&format!("{CONFIG}{name}"))).unwrap()
}

#[test]
fn hc_140_memberships_have_sorted_lines_and_the_version_only_while_they_are_proposed() {
    let (sim, shared) = disk();
    sim.put(Path::new(CONFIG), STATIC.as_bytes());
    files(&shared).store_next(FIRST).unwrap();
    let lines = "server.1=a:1:2:participant;0.0.0.0:2181\nserver.10=c:1:2:observer;0.0.0.0:2181\n\
                 server.2=b:1:2:participant;0.0.0.0:2181";
    // '0' sorts before '='.
    let lines: Vec<_> = lines.lines().collect();
    let sorted = [lines[1], lines[0], lines[2]].join("\n");
    assert_eq!(text(&sim, ".dynamic.next"), format!("{sorted}\nversion=100000000"));
    assert_eq!(files(&shared).load_next().unwrap().unwrap(), format!("{sorted}\nversion=100000000"));
    files(&shared).commit(FIRST).unwrap();
    assert_eq!(text(&sim, ".dynamic.100000000"), sorted);
    assert!(!exists(&shared, ".dynamic.next"));
    assert_eq!(files(&shared).load_next().unwrap(), None);
}

#[test]
fn the_configuration_points_to_the_membership_and_no_longer_says_what_is_in_it() {
    let (sim, shared) = disk();
    sim.put(Path::new(CONFIG), STATIC.as_bytes());
    files(&shared).commit(FIRST).unwrap();
    let kept = "# kept by hand\ntickTime=2000\ndataDir=/d\n! server.9=not a line\nsyncLimit = 5\n  \
                continued=a,\\\n  server.3=b\n";
    let pointer = "dynamicConfigFile=/etc/zk/zoo.cfg.dynamic.";
    assert_eq!(text(&sim, ""), format!("{kept}{pointer}100000000\n"));
    assert_eq!(text(&sim, ".bak"), STATIC);
    files(&shared).commit(SECOND).unwrap();
    assert_eq!(text(&sim, ""), format!("{kept}{pointer}10000000a\n"));
    assert_eq!(text(&sim, ".bak"), STATIC, "the operator's own file");
    assert!(exists(&shared, ".dynamic.100000000"));
}

#[test]
fn a_client_port_stays_in_the_configuration_when_the_membership_has_none() {
    let (sim, shared) = disk();
    for (membership, stays) in [
        ("server.1=a:1:2:participant\nserver.2=b:1:2:participant;2181\nversion=1", true),
        ("server.1=a:1:2:participant;0.0.0.0:2181\nversion=1", false),
    ] {
        sim.put(Path::new(CONFIG), b"clientPort=2181\nclientPortAddress=::1\n");
        files(&shared).commit(membership).unwrap();
        assert_eq!(
            text(&sim, "").contains("clientPort=2181\nclientPortAddress=::1\n"),
            stays,
            "{membership}"
        );
    }
}

#[test]
fn hc_138_committing_an_older_membership_keeps_the_newer_proposal() {
    let (sim, shared) = disk();
    sim.put(Path::new(CONFIG), STATIC.as_bytes());
    files(&shared).store_next(SECOND).unwrap();
    files(&shared).commit(FIRST).unwrap();
    assert!(text(&sim, ".dynamic.next").ends_with("version=10000000a"));
    files(&shared).commit(SECOND).unwrap();
    assert!(!exists(&shared, ".dynamic.next"));
}

/// Proposes and commits two memberships.
fn live(disk: &SharedDisk) -> Result<(), StorageError> {
    for membership in [FIRST, SECOND] {
        files(disk).store_next(membership)?;
        files(disk).commit(membership)?;
    }
    Ok(())
}

fn prepared() -> (SimDisk, SharedDisk) {
    let sim = SimDisk::new();
    sim.put(Path::new(CONFIG), STATIC.as_bytes());
    (sim.clone(), Arc::new(sim))
}

#[test]
fn hc_42_hc_139_a_power_loss_after_any_operation_leaves_a_configuration_that_can_be_followed() {
    let (whole, shared) = prepared();
    live(&shared).unwrap();
    let operations = whole.operations();
    assert!(operations > 25, "{operations}");
    for point in 0..operations {
        for seed in 0..8 {
            let (sim, shared) = prepared();
            sim.power_off_after(point);
            assert!(live(&shared).is_err());
            sim.power_loss(seed);
            let context = format!("power off after {point}, seed {seed}");
            let config = text(&sim, "");
            match config.lines().last().unwrap().strip_prefix("dynamicConfigFile=") {
                None => assert_eq!(config, STATIC, "{context}"),
                Some(dynamic) => {
                    let membership = String::from_utf8(sim.contents(Path::new(dynamic))).unwrap();
                    assert!(membership.starts_with("server.1") && membership.ends_with(":2181"), "{context}");
                }
            }
            if let Some(next) = files(&shared).load_next().unwrap() {
                assert!(
                    next.ends_with("version=100000000") || next.ends_with("version=10000000a"),
                    "{context}"
                );
            }
            // What was interrupted is done again.
            live(&shared).unwrap();
            assert!(text(&sim, "").ends_with("zoo.cfg.dynamic.10000000a\n"), "{context}");
        }
    }
}

#[test]
fn a_proposal_that_is_no_text_is_reported_and_goes_with_the_next_commit() {
    let (sim, shared) = prepared();
    sim.put(Path::new(&format!("{CONFIG}.dynamic.next")), b"server.1=\xff");
    assert!(matches!(files(&shared).load_next(), Err(StorageError::Corrupt { .. })));
    files(&shared).commit(FIRST).unwrap();
    assert_eq!(files(&shared).load_next().unwrap(), None);
}

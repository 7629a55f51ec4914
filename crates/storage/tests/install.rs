//! A snapshot from a leader: all of it or nothing, whenever the power goes.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::*;
use proto::acl::Acl;
use proto::snapshot::{SnapshotNode, encode_prologue};
use proto::{SessionId, Zxid};
use std::path::Path;
use storage::disk::fault::SimDisk;
use storage::{Compression, DataDirs, SharedDisk, SnapshotWriter, StorageError, TxnLog, install, truncate};

/// The session that tells the leader's snapshot from those this member wrote.
const LEADERS: SessionId = SessionId(99);

/// Own history: snapshots at 0, 5 and 8, logs 1, 6 and 9, up to 10.
fn history() -> (SimDisk, SharedDisk, DataDirs) {
    let (sim, shared) = disk();
    let (dirs, mut log) = fresh(&shared, options());
    for (first, last) in [(1, 5), (6, 8), (9, 10)] {
        append(&mut log, first..=last);
        log.roll().unwrap();
        if last != 10 {
            write_snapshot(&shared, &dirs, last, Compression::None).unwrap();
        }
    }
    (sim, shared, dirs)
}

/// Installs the leader's snapshot of `1..=zxid`.
fn install_at(shared: &SharedDisk, dirs: &DataDirs, zxid: i64) -> Result<(), StorageError> {
    let compression = Compression::None;
    let mut writer = SnapshotWriter::create(shared.clone(), dirs, Zxid(zxid), compression)?.without_pauses();
    let mut bytes = Vec::new();
    encode_prologue(&[(LEADERS, 4000)], &[(1, vec![Acl::open()])], &mut bytes);
    for path in std::iter::once(String::new()).chain((1..=zxid).map(|z| format!("/z{z}"))) {
        SnapshotNode { path: &path, data: Some(b"leader's"), acl: 1, stat: stat() }.encode(&mut bytes);
    }
    writer.write(&bytes)?;
    install(shared, dirs, writer, None, Some(Zxid(zxid))).map(drop)
}

/// Whether recovery finds the leader's state at `zxid`, or this member's own: anything else fails.
fn is_installed(shared: &SharedDisk, zxid: i64, context: &str) -> bool {
    let (_, seen) = recovered(shared).unwrap_or_else(|e| panic!("{context}: {e}"));
    let (_, contents) = seen.snapshot.as_ref().unwrap_or_else(|| panic!("{context}: no snapshot"));
    let installed = contents.sessions.iter().any(|(id, _)| *id == LEADERS);
    let last = if installed { zxid } else { 10 };
    assert_eq!(seen.zxids(), (1..=last).collect::<Vec<_>>(), "{context}: installed {installed}");
    assert!(!installed || seen.log.is_empty(), "{context}: old entries behind the leader's snapshot");
    installed
}

fn files(shared: &SharedDisk) -> Vec<String> {
    let names = shared.list(Path::new(LOGS)).unwrap().into_iter().map(|e| e.name);
    names.filter(|n| !n.ends_with("lock")).collect()
}

#[test]
fn hc_18_an_installed_snapshot_leaves_no_other_record_on_disk() {
    // Behind, among, at and beyond what this member has.
    for zxid in [3, 5, 7, 8, 10, 20] {
        let (_, shared, dirs) = history();
        install_at(&shared, &dirs, zxid).unwrap();
        assert_eq!(files(&shared), [format!("snapshot.{zxid:x}")]);
        drop(dirs);
        assert!(is_installed(&shared, zxid, &format!("at {zxid}")));
    }
}

#[test]
fn hc_31_the_log_written_after_an_installation_is_contiguous_with_it() {
    for zxid in [3, 8, 20] {
        let (_, shared, dirs) = history();
        install_at(&shared, &dirs, zxid).unwrap();
        let mut log = TxnLog::open(shared.clone(), dirs.log_dir(), options()).unwrap();
        drop(dirs);
        append(&mut log, zxid + 1..=zxid + 4);
        log.close().unwrap();
        let (found, seen) = recovered(&shared).unwrap();
        assert_eq!(found.last_zxid, Zxid(zxid + 4));
        assert_eq!(seen.zxids(), (1..=zxid + 4).collect::<Vec<_>>());
        assert_eq!(seen.log.len(), 4);
    }
}

#[test]
fn hc_31_a_gap_between_an_installed_snapshot_and_the_log_is_refused() {
    let (_, shared, dirs) = history();
    install_at(&shared, &dirs, 20).unwrap();
    let mut log = TxnLog::open(shared.clone(), dirs.log_dir(), options()).unwrap();
    drop(dirs);
    append(&mut log, 22..=23);
    log.close().unwrap();
    assert!(matches!(recovered(&shared), Err(StorageError::Corrupt { .. })));
}

#[test]
fn a_log_of_a_newer_epoch_follows_an_installed_snapshot() {
    let (_, shared, dirs) = history();
    install_at(&shared, &dirs, 20).unwrap();
    let mut log = TxnLog::open(shared.clone(), dirs.log_dir(), options()).unwrap();
    drop(dirs);
    let first = Zxid::new(4, 1).0;
    append(&mut log, first..=first + 1);
    log.close().unwrap();
    let (found, seen) = recovered(&shared).unwrap();
    assert_eq!((found.last_zxid, seen.log.len()), (Zxid::new(4, 2), 2));
}

#[test]
fn hc_29_hc_18_a_power_loss_after_any_operation_leaves_the_old_state_or_the_new_and_never_both() {
    for zxid in [7, 8, 20] {
        let operations = {
            let (sim, shared, dirs) = history();
            let before = sim.operations();
            install_at(&shared, &dirs, zxid).unwrap();
            sim.operations() - before
        };
        assert!(operations > 15, "{operations}");
        let mut both = [0; 2];
        for point in 0..operations {
            for seed in 0..6 {
                let (sim, shared, dirs) = history();
                sim.power_off_after(point);
                assert!(install_at(&shared, &dirs, zxid).is_err(), "power off after {point}");
                drop(dirs);
                sim.power_loss(seed);
                let context = format!("to {zxid}, power off after {point}, seed {seed}");
                // Recovery may lose power too.
                sim.power_off_after(seed);
                let _ = recovered(&shared);
                sim.power_loss(seed + 50);
                let installed = is_installed(&shared, zxid, &context);
                both[usize::from(installed)] += 1;
                go_on(&shared, if installed { zxid } else { 10 }, &context);
            }
        }
        assert!(both[0] > 0 && both[1] > 0, "{both:?}");
    }
}

/// The log written afterwards belongs to the state that was found.
fn go_on(shared: &SharedDisk, last: i64, context: &str) {
    let dirs = dirs(shared);
    let mut log = TxnLog::open(shared.clone(), dirs.log_dir(), options()).unwrap();
    drop(dirs);
    append(&mut log, last + 1..=last + 2);
    log.close().unwrap();
    let (_, seen) = recovered(shared).unwrap_or_else(|e| panic!("{context}: {e}"));
    assert_eq!(seen.zxids(), (1..=last + 2).collect::<Vec<_>>(), "{context}");
}

#[test]
fn hc_29_an_installation_that_fails_before_it_counts_leaves_the_old_state() {
    let (sim, shared, dirs) = history();
    sim.set_capacity(Some(0));
    assert!(install_at(&shared, &dirs, 20).is_err());
    sim.set_capacity(None);
    drop(dirs);
    assert!(!is_installed(&shared, 20, "disk full"));
}

/// The state in which the power went right after the marker was durable.
fn half_installed() -> (SimDisk, SharedDisk) {
    for point in 0.. {
        let (sim, shared, dirs) = history();
        sim.power_off_after(point);
        if install_at(&shared, &dirs, 20).is_ok() {
            break;
        }
        drop(dirs);
        sim.power_loss(0);
        if files(&shared).contains(&"zabra.install".to_owned()) {
            return (sim, shared);
        }
    }
    panic!("there is no such point");
}

#[test]
fn files_written_by_another_server_in_between_are_not_removed() {
    for name in ["log.b", "snapshot.b"] {
        let (sim, shared) = half_installed();
        sim.put(&Path::new(LOGS).join(name), b"unknown to the installation");
        let outcome = recovered(&shared);
        assert!(matches!(outcome, Err(StorageError::Refused { .. })), "{outcome:?}");
        let left = files(&shared);
        assert!(left.contains(&name.to_owned()) && left.contains(&"log.9".to_owned()), "{left:?}");
    }
}

#[test]
fn a_damaged_snapshot_is_not_put_in_the_place_of_a_log() {
    let (sim, shared) = half_installed();
    sim.rot(&Path::new(LOGS).join("tmp.snapshot.14"), 60, 1);
    let outcome = recovered(&shared);
    assert!(matches!(outcome, Err(StorageError::Corrupt { .. })), "{outcome:?}");
    assert!(files(&shared).contains(&"log.9".to_owned()));

    let (_, shared) = half_installed();
    shared.remove(&Path::new(LOGS).join("tmp.snapshot.14")).unwrap();
    let outcome = recovered(&shared);
    assert!(matches!(outcome, Err(StorageError::Refused { .. })), "{outcome:?}");
}

#[test]
fn hc_19_after_a_truncation_no_later_snapshot_is_left_whatever_is_in_the_log() {
    for target in 0..=10 {
        let (_, shared, dirs) = history();
        assert!(truncate(&shared, &dirs, Zxid(target)).unwrap());
        assert!(dirs.snapshots(&shared).unwrap().iter().all(|f| f.zxid <= Zxid(target)), "to {target}");
    }
}

#[test]
fn hc_19_a_snapshot_of_an_uncommitted_end_taken_at_a_start_goes_with_it() {
    // At a start the whole log is replayed, and a snapshot taken then has the last zxid of all.
    let (_, shared, dirs) = history();
    write_snapshot(&shared, &dirs, 10, Compression::None).unwrap();
    assert!(truncate(&shared, &dirs, Zxid(9)).unwrap());
    drop(dirs);
    let (found, seen) = recovered(&shared).unwrap();
    assert_eq!((found.last_zxid, found.snapshot.unwrap().1), (Zxid(9), Zxid(8)));
    assert_eq!(seen.zxids(), (1..=9).collect::<Vec<_>>());
}

#[test]
fn hc_45_a_truncation_to_a_snapshot_that_no_entry_is_named_after_cuts_the_log_that_goes_on() {
    let (_, shared) = disk();
    let (dirs, mut log) = fresh(&shared, options());
    append(&mut log, 1..=5);
    let start = Zxid::new(2, 0);
    let next = Zxid::new(3, 1).0;
    append(&mut log, next..=next + 2);
    log.close().unwrap();
    assert!(!truncate(&shared, &dirs, start).unwrap(), "nothing is known of that epoch");
    // A leader without transactions of its own takes its snapshot under this name.
    install_like(&shared, &dirs, start);
    assert!(truncate(&shared, &dirs, start).unwrap());
    drop(dirs);
    let (found, seen) = recovered(&shared).unwrap();
    assert_eq!((found.last_zxid, seen.log.len()), (start, 0));
}

fn install_like(shared: &SharedDisk, dirs: &DataDirs, zxid: Zxid) {
    let mut writer = SnapshotWriter::create(shared.clone(), dirs, zxid, Compression::None).unwrap();
    let mut bytes = Vec::new();
    encode_prologue(&[], &[], &mut bytes);
    SnapshotNode { path: "", data: None, acl: -1, stat: stat() }.encode(&mut bytes);
    writer.write(&bytes).unwrap();
    writer.finish(None, None).unwrap();
}

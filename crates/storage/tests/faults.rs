//! Failing disks under the writer, the purge and the truncation.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod common;

use common::{DATA, append, disk, entry, fresh, log_path, options, recovered, snapshot_path, write_snapshot};
use proto::Zxid;
use std::path::Path;
use std::time::Duration;
use storage::disk::OpenMode;
use storage::disk::fault::{Fault, Operation};
use storage::{Compression, DataDirs, LogOptions, StorageError, TxnLog, purge, truncate};

fn last_zxid(disk: &storage::SharedDisk) -> i64 {
    recovered(disk).unwrap().0.last_zxid.0
}

#[test]
fn hc_123_after_one_failed_sync_nothing_is_acknowledged_any_more() {
    let (sim, shared) = disk();
    let (dirs, mut log) = fresh(&shared, options());
    append(&mut log, 1..=3);
    sim.inject(Operation::Sync, 0, Fault::ErrorOnce);
    log.append(Zxid(4), &entry(4, 100));
    assert!(matches!(log.sync(), Err(StorageError::SyncFailed { .. })));
    // The disk would say yes again: it must not be asked.
    let operations = sim.operations();
    log.append(Zxid(5), &entry(5, 100));
    assert!(matches!(log.sync(), Err(StorageError::SyncFailed { .. })));
    assert!(log.roll().is_err());
    assert!(log.settle().is_err());
    assert!(log.close().is_err());
    assert_eq!(sim.operations(), operations);
    // The pages were dropped: the record was readable, and is gone after the power.
    drop(dirs);
    sim.power_loss(1);
    assert_eq!(last_zxid(&shared), 3);
}

#[test]
fn hc_122_a_full_disk_or_an_io_error_poisons_the_log_and_keeps_what_was_acknowledged() {
    for full in [true, false] {
        let (sim, shared) = disk();
        let (_, mut log) = fresh(&shared, options());
        append(&mut log, 1..=3);
        if full {
            let used: u64 = shared.list(Path::new(common::LOGS)).unwrap().iter().map(|f| f.bytes).sum();
            sim.set_capacity(Some(used + 1000));
        } else {
            sim.inject(Operation::Write, 0, Fault::ErrorAlways);
        }
        log.append(Zxid(4), &entry(4, 40_000));
        assert!(matches!(log.sync(), Err(StorageError::Io { .. })), "full {full}");
        assert!(log.sync().is_err(), "full {full}");
        drop(log);
        sim.process_death();
        sim.set_capacity(None);
        assert_eq!(last_zxid(&shared), 3, "full {full}");
    }
}

#[test]
fn hc_122_a_log_that_cannot_be_created_is_an_error_and_leaves_nothing_in_the_way() {
    for operation in [Operation::Create, Operation::Write, Operation::Sync, Operation::SyncDir] {
        let (sim, shared) = disk();
        let (_, mut log) = fresh(&shared, options());
        sim.inject(operation, 0, Fault::ErrorOnce);
        log.append(Zxid(1), &entry(1, 100));
        assert!(log.sync().is_err(), "{operation:?}");
        drop(log);
        assert_eq!(last_zxid(&shared), 0, "{operation:?}");
        let mut log = TxnLog::open(shared.clone(), Path::new(common::LOGS), options()).unwrap();
        append(&mut log, 1..=1);
        drop(log);
        assert_eq!(last_zxid(&shared), 1, "{operation:?}");
    }
}

#[test]
fn short_writes_are_continued() {
    let (sim, shared) = disk();
    let (_, mut log) = fresh(&shared, options());
    append(&mut log, 1..=1);
    for bytes in [1, 7, 100] {
        sim.inject(Operation::Write, 0, Fault::ShortWrite(bytes));
    }
    append(&mut log, 2..=4);
    log.close().unwrap();
    assert_eq!(last_zxid(&shared), 4);
}

#[test]
fn hc_124_a_new_log_is_durable_by_name_before_its_first_record_counts() {
    let (sim, shared) = disk();
    let (_, mut log) = fresh(&shared, options());
    append(&mut log, 1..=1);
    sim.power_loss(0);
    assert_eq!(last_zxid(&shared), 1);
}

#[test]
fn hc_125_the_header_is_durable_before_the_padding_is_written() {
    let (sim, shared) = disk();
    let (dirs, mut log) = fresh(&shared, options());
    let before = sim.operations();
    // Create, header, sync, directory: then the power goes and keeps all that was written.
    sim.power_off_after(4);
    log.append(Zxid(1), &entry(1, 100));
    assert!(log.sync().is_err());
    assert_eq!(sim.operations(), before + 4);
    drop((log, dirs));
    sim.power_loss(0);
    assert_eq!(sim.contents(&log_path(1)).len(), 16);
    assert_eq!(last_zxid(&shared), 0);
}

#[test]
fn hc_133_a_slow_sync_is_reported() {
    let (sim, shared) = disk();
    let options = LogOptions { fsync_warning: Duration::from_millis(1), ..options() };
    let (_, mut log) = fresh(&shared, options);
    sim.set_sync_delay(Duration::from_millis(3));
    log.append(Zxid(1), &entry(1, 100));
    let stats = log.sync().unwrap();
    assert!(stats.slow && stats.duration >= Duration::from_millis(3), "{stats:?}");
    assert_eq!(stats.bytes as usize, 12 + entry(1, 100).len() + 1);
}

#[test]
fn one_batch_is_one_write_and_one_sync() {
    let (sim, shared) = disk();
    let (_, mut log) = fresh(&shared, LogOptions::default());
    append(&mut log, 1..=1);
    let before = sim.operations();
    for zxid in 2..=500 {
        log.append(Zxid(zxid), &entry(zxid, 100));
    }
    assert!(log.buffered_bytes() > 499 * 100);
    log.sync().unwrap();
    assert_eq!(sim.operations() - before, 2);
    assert_eq!(log.sync().unwrap().bytes, 0, "nothing to do");
    assert_eq!(sim.operations() - before, 2);
    assert_eq!(log.bytes_since_roll(), 500 * (12 + entry(1, 100).len() as u64 + 1));
}

/// Snapshots at 0, 5 and 8, logs 1, 6 and 9, up to 10.
fn history() -> (storage::disk::fault::SimDisk, storage::SharedDisk, DataDirs) {
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

fn left(disk: &storage::SharedDisk) -> Vec<String> {
    let names = disk.list(Path::new(common::LOGS)).unwrap().into_iter().map(|e| e.name);
    names.filter(|n| !n.ends_with("lock")).collect()
}

#[test]
fn hc_119_every_log_that_a_kept_snapshot_needs_stays() {
    let (_, shared, dirs) = history();
    purge(&shared, &dirs, 3).unwrap();
    assert_eq!(left(&shared), ["log.1", "log.6", "log.9", "snapshot.0", "snapshot.5", "snapshot.8"]);
    let removed = purge(&shared, &dirs, 2).unwrap();
    assert_eq!(removed, [snapshot_path(0)]);
    purge(&shared, &dirs, 1).unwrap();
    assert_eq!(left(&shared), ["log.6", "log.9", "snapshot.8"], "log.6 spans the snapshot");
    drop(dirs);
    assert_eq!(last_zxid(&shared), 10);
}

#[test]
fn hc_120_invalid_snapshots_do_not_count_when_purging() {
    let (sim, shared, dirs) = history();
    sim.rot(&snapshot_path(5), 60, 1);
    sim.rot(&snapshot_path(8), 60, 1);
    assert_eq!(purge(&shared, &dirs, 1).unwrap(), Vec::<std::path::PathBuf>::new());
    sim.rot(&snapshot_path(0), 60, 1);
    assert_eq!(purge(&shared, &dirs, 1).unwrap(), Vec::<std::path::PathBuf>::new(), "none is valid");
    sim.rot(&snapshot_path(0), 60, 1);
    drop(dirs);
    assert_eq!(last_zxid(&shared), 10);
}

#[test]
fn hc_45_records_written_after_a_truncation_are_readable_after_a_restart() {
    for target in 0..=10 {
        let (_, shared, dirs) = history();
        assert!(truncate(&shared, &dirs, Zxid(target)).unwrap(), "to {target}");
        let mut log = TxnLog::open(shared.clone(), dirs.log_dir(), options()).unwrap();
        drop(dirs);
        assert_eq!(last_zxid(&shared), target);
        append(&mut log, target + 1..=target + 3);
        log.close().unwrap();
        let (_, seen) = recovered(&shared).unwrap();
        assert_eq!(seen.zxids(), (1..=target + 3).collect::<Vec<_>>(), "to {target}");
    }
}

#[test]
fn a_truncation_to_what_was_never_here_changes_nothing() {
    let (_, shared, dirs) = history();
    let before = left(&shared);
    assert!(!truncate(&shared, &dirs, Zxid(11)).unwrap(), "the future");
    shared.remove(&log_path(1)).unwrap();
    shared.remove(&snapshot_path(0)).unwrap();
    assert!(!truncate(&shared, &dirs, Zxid(3)).unwrap(), "purged");
    assert_eq!(left(&shared).len(), before.len() - 2);
}

#[test]
fn hc_46_a_truncation_that_fails_or_loses_power_leaves_an_unbroken_history() {
    let operations = {
        let (sim, shared, dirs) = history();
        let before = sim.operations();
        truncate(&shared, &dirs, Zxid(3)).unwrap();
        sim.operations() - before
    };
    for point in 0..operations {
        for seed in 0..6 {
            let (sim, shared, dirs) = history();
            sim.power_off_after(point);
            assert!(truncate(&shared, &dirs, Zxid(3)).is_err(), "power off after {point}");
            drop(dirs);
            sim.power_loss(seed);
            let (found, seen) =
                recovered(&shared).unwrap_or_else(|e| panic!("point {point}, seed {seed}: {e}"));
            assert!(found.last_zxid >= Zxid(3));
            assert_eq!(
                seen.zxids(),
                (1..=found.last_zxid.0).collect::<Vec<_>>(),
                "point {point}, seed {seed}"
            );
        }
    }
}

#[test]
fn hc_131_looking_at_a_directory_changes_nothing() {
    let (sim, shared, dirs) = history();
    drop(dirs);
    let before = sim.operations();
    let dirs = DataDirs::at(Path::new(DATA), None);
    assert_eq!(dirs.snapshots(&shared).unwrap().len(), 3);
    assert_eq!(dirs.logs(&shared).unwrap().iter().map(|f| f.zxid.0).collect::<Vec<_>>(), [1, 6, 9]);
    let (snapshots, logs) = dirs.sizes(&shared).unwrap();
    assert!(snapshots > 0 && logs > 0);
    assert_eq!(sim.operations(), before);
}

#[test]
fn hc_50_what_a_dead_process_wrote_and_did_not_sync_is_durable_before_it_counts() {
    let longer = {
        let (sim, shared) = disk();
        let (_, mut log) = fresh(&shared, options());
        append(&mut log, 1..=4);
        sim.contents(&log_path(1))
    };
    for seed in 0..20 {
        let (sim, shared) = disk();
        let (_, mut log) = fresh(&shared, options());
        append(&mut log, 1..=3);
        drop(log);
        // The process dies between the write and the sync of the fourth entry.
        shared.open(&log_path(1), OpenMode::Write).unwrap().write_all_at(0, &longer).unwrap();
        sim.process_death();
        assert_eq!(last_zxid(&shared), 4, "still in memory");
        sim.power_loss(seed);
        assert_eq!(last_zxid(&shared), 4, "seed {seed}: it was spoken of");
    }
}

//! The power goes after every single disk operation, and keeps any part of what was not synced.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod common;

use common::{DATA, entry, options, recovered, write_snapshot};
use proto::Zxid;
use std::path::Path;
use std::sync::Arc;
use storage::disk::fault::SimDisk;
use storage::{
    Compression, DataDirs, LogOptions, RecoverOptions, SharedDisk, StorageError, TxnLog, purge, recover,
};

/// Subsets of unsynced sectors tried for every crash point.
const SUBSETS: u64 = 12;

/// What a run promised before it ended.
#[derive(Debug, Default, Clone, Copy)]
struct Promised {
    /// The last transaction whose sync returned.
    acknowledged: i64,
    /// The last one that was handed over.
    appended: i64,
}

/// A server's life: recover, snapshot if asked to, append in batches, roll, snapshot, purge, stop.
fn live(disk: &SharedDisk, options: &LogOptions, promised: &mut Promised) -> Result<(), StorageError> {
    let dirs = DataDirs::prepare(disk, Path::new(DATA), None, true)?;
    let mut seen = common::Seen::default();
    let recovered = recover(disk, &dirs, &RecoverOptions::default(), &mut seen)?;
    if recovered.needs_snapshot {
        write_snapshot(disk, &dirs, recovered.last_zxid.0, Compression::None)?;
    }
    let mut log = TxnLog::open(disk.clone(), dirs.log_dir(), options.clone())?;
    let mut zxid = recovered.last_zxid.0;
    // Sizes that end batches before, on and behind sector borders, and fill a file.
    for (round, sizes) in
        [&[40, 700, 90][..], &[1300, 5], &[400], &[9000, 20_000], &[60; 9]].iter().enumerate()
    {
        for size in *sizes {
            zxid += 1;
            log.append(Zxid(zxid), &entry(zxid, *size));
            promised.appended = zxid;
        }
        log.sync()?;
        promised.acknowledged = zxid;
        if round == 1 {
            log.roll()?;
            write_snapshot(disk, &dirs, zxid, Compression::None)?;
        }
        if round == 2 {
            log.settle()?;
        }
        if round == 3 {
            purge(disk, &dirs, 1)?;
        }
    }
    log.close()
}

/// Everything acknowledged is there, nothing that was never appended, in order and without holes.
fn check(disk: &SharedDisk, promised: Promised, context: &str) -> i64 {
    let (recovered, seen) = recovered(disk).unwrap_or_else(|e| panic!("{context}: {e}"));
    let zxids = seen.zxids();
    let expected: Vec<i64> = (1..=recovered.last_zxid.0).collect();
    assert_eq!(zxids, expected, "{context}");
    let last = recovered.last_zxid.0;
    assert!(last >= promised.acknowledged, "{context}: {promised:?} but only {last} came back");
    assert!(last <= promised.appended, "{context}: {promised:?} but {last} came back");
    last
}

fn crash_everywhere(options: &LogOptions) {
    let whole = SimDisk::new();
    let mut promised = Promised::default();
    live(&(Arc::new(whole.clone()) as SharedDisk), options, &mut promised).unwrap();
    let operations = whole.operations();
    assert!(operations >= 40, "the story has {operations} operations");

    for point in 0..operations {
        for seed in 0..SUBSETS {
            let sim = SimDisk::new();
            let disk: SharedDisk = Arc::new(sim.clone());
            let mut promised = Promised::default();
            sim.power_off_after(point);
            assert!(live(&disk, options, &mut promised).is_err(), "the power went at {point}");
            sim.power_loss(seed);
            let context = format!("crash after operation {point}, seed {seed}");
            let last = check(&disk, promised, &context);

            // Life goes on from there, through a second crash of another kind.
            let mut second = Promised { acknowledged: last, appended: last };
            sim.power_off_after(point / 2 + seed);
            let _ = live(&disk, options, &mut second);
            sim.power_loss(seed + 100);
            check(&disk, second, &format!("{context}, second crash"));
        }
    }
}

#[test]
fn hc_113_hc_114_hc_124_hc_125_a_power_loss_after_any_operation_loses_nothing_acknowledged() {
    crash_everywhere(&options());
}

#[test]
fn without_padding_a_power_loss_after_any_operation_loses_nothing_acknowledged() {
    crash_everywhere(&LogOptions { prealloc_bytes: 0, ..options() });
}

#[test]
fn with_files_of_limited_size_a_power_loss_loses_nothing_acknowledged() {
    crash_everywhere(&LogOptions { roll_bytes: Some(1500), ..options() });
}

#[test]
fn hc_126_a_clean_stop_replays_in_full_even_when_the_power_goes_right_after() {
    let sim = SimDisk::new();
    let disk: SharedDisk = Arc::new(sim.clone());
    let mut promised = Promised::default();
    live(&disk, &options(), &mut promised).unwrap();
    sim.power_loss(0);
    let last = check(&disk, promised, "after the stop");
    assert_eq!(last, promised.appended);
}

#[test]
fn a_killed_process_loses_nothing_that_was_written() {
    let sim = SimDisk::new();
    let disk: SharedDisk = Arc::new(sim.clone());
    let mut promised = Promised::default();
    sim.power_off_after(35);
    assert!(live(&disk, &options(), &mut promised).is_err());
    sim.process_death();
    check(&disk, promised, "after the kill");
}

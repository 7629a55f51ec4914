//! The epoch files: what every crash and every mistake leaves of them.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{DATA, dirs, disk};
use proto::Zxid;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage::disk::fault::SimDisk;
use storage::{DataDirs, EpochFile, Epochs, SharedDisk, StorageError, load_epochs, store_epoch};

fn path(name: &str) -> PathBuf {
    Path::new(DATA).join("version-2").join(name)
}

/// A directory with these two files, and whatever `load_epochs` says of it.
fn load(files: &[(&str, &str)], last: Zxid) -> (SimDisk, Result<Epochs, StorageError>) {
    let (sim, shared) = disk();
    let dirs = dirs(&shared);
    for (name, text) in files {
        sim.put(&path(name), text.as_bytes());
    }
    let loaded = load_epochs(&shared, &dirs, last);
    (sim, loaded)
}

fn refused(outcome: Result<Epochs, StorageError>) -> PathBuf {
    match outcome {
        Err(StorageError::Refused { path, .. }) => path,
        other => panic!("{other:?}"),
    }
}

#[test]
fn hc_44_missing_files_are_written_from_the_last_transaction_as_the_reference_writes_them() {
    for (last, epoch) in [(Zxid::new(27, 4), 27), (Zxid::new(27, 0), 27), (Zxid(-1), 0), (Zxid::ZERO, 0)] {
        let (sim, loaded) = load(&[], last);
        assert_eq!(loaded.unwrap(), Epochs { accepted: epoch, current: epoch, warnings: Vec::new() });
        for name in ["acceptedEpoch", "currentEpoch"] {
            assert_eq!(sim.contents(&path(name)), epoch.to_string().as_bytes());
        }
    }
}

#[test]
fn hc_42_a_file_that_cannot_be_true_is_named() {
    let last = Zxid::new(5, 1);
    let (_, low) = load(&[("acceptedEpoch", "4"), ("currentEpoch", "4")], last);
    assert_eq!(refused(low), path("currentEpoch"), "transactions of an epoch that was never accepted");
    let (_, crossed) = load(&[("acceptedEpoch", "5"), ("currentEpoch", "6")], last);
    assert_eq!(refused(crossed), path("acceptedEpoch"));
    for text in ["", "six", "-1", "4294967296", "5 5", "0x5"] {
        let (_, bad) = load(&[("acceptedEpoch", "9"), ("currentEpoch", text)], last);
        assert_eq!(refused(bad), path("currentEpoch"), "{text:?}");
    }
    let (_, long) = load(&[("acceptedEpoch", &"9".repeat(1000))], last);
    assert!(matches!(long, Err(StorageError::Corrupt { .. })), "{long:?}");
}

#[test]
fn hc_42_a_history_newer_than_current_epoch_is_kept_only_when_its_epoch_was_accepted() {
    let last = Zxid::new(5, 1);
    let (_, newer) = load(&[("acceptedEpoch", "6\n"), ("currentEpoch", "4\n")], last);
    let newer = newer.unwrap();
    assert_eq!((newer.accepted, newer.current, newer.warnings.len()), (6, 4, 1));

    let planned = [("acceptedEpoch", "5"), ("currentEpoch", "4"), ("currentEpoch.tmp", "5")];
    let (sim, planned) = load(&planned, last);
    assert_eq!(planned.unwrap(), Epochs { accepted: 5, current: 5, warnings: Vec::new() });
    assert_eq!(sim.contents(&path("currentEpoch")), b"5");

    let other = [("acceptedEpoch", "4"), ("currentEpoch", "4"), ("currentEpoch.tmp", "6")];
    assert_eq!(refused(load(&other, last).1), path("currentEpoch"), "planned for another epoch");
    let never = [("acceptedEpoch", "4"), ("currentEpoch", "4"), ("currentEpoch.tmp", "5")];
    let (sim, never) = load(&never, last);
    assert_eq!(refused(never), path("acceptedEpoch"), "planned, and never accepted");
    assert_eq!(sim.contents(&path("currentEpoch")), b"4");
}

#[test]
fn an_epoch_never_decreases_and_the_same_one_again_touches_nothing() {
    let (sim, shared) = disk();
    let dirs = dirs(&shared);
    store_epoch(&shared, &dirs, EpochFile::Accepted, 7).unwrap();
    let before = sim.operations();
    store_epoch(&shared, &dirs, EpochFile::Accepted, 7).unwrap();
    assert_eq!(sim.operations(), before);
    let lower = store_epoch(&shared, &dirs, EpochFile::Accepted, 6);
    assert!(matches!(lower, Err(StorageError::Refused { .. })), "{lower:?}");
    assert_eq!(sim.contents(&path("acceptedEpoch")), b"7");
}

/// What a member does when it joins epoch 3 and then 4.
fn live(disk: &SharedDisk, done: &mut u32) -> Result<(), StorageError> {
    let dirs = DataDirs::prepare(disk, Path::new(DATA), None, true)?;
    load_epochs(disk, &dirs, Zxid::new(2, 9))?;
    for epoch in 3..=4 {
        store_epoch(disk, &dirs, EpochFile::Accepted, epoch)?;
        *done += 1;
        store_epoch(disk, &dirs, EpochFile::Current, epoch)?;
        *done += 1;
    }
    Ok(())
}

#[test]
fn hc_42_hc_124_a_power_loss_after_any_operation_leaves_epochs_that_were_promised() {
    let whole = SimDisk::new();
    live(&(Arc::new(whole.clone()) as SharedDisk), &mut 0).unwrap();
    let operations = whole.operations();
    assert!(operations > 20, "{operations}");
    for point in 0..operations {
        for seed in 0..8 {
            let sim = SimDisk::new();
            let shared: SharedDisk = Arc::new(sim.clone());
            sim.power_off_after(point);
            let mut done = 0;
            assert!(live(&shared, &mut done).is_err());
            sim.power_loss(seed);
            let context = format!("power off after {point}, seed {seed}, {done} done");
            let found = load_epochs(&shared, &dirs(&shared), Zxid::new(2, 9)).expect(&context);
            // The file being written may have either number.
            let (accepted, current) = (2 + done.div_ceil(2), 2 + done / 2);
            let next = done % 2 == 0;
            assert!(
                found.accepted == accepted || next && found.accepted == accepted + 1,
                "{context}: {found:?}"
            );
            assert!(
                found.current == current || !next && found.current == current + 1,
                "{context}: {found:?}"
            );
        }
    }
}

//! Torn tails are cut, rotten records are refused, and the two are told apart.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod common;

use common::{
    DATA, append, dirs, disk, entry, fresh, log_path, options, recovered, snapshot_path, write_snapshot,
};
use proto::Zxid;
use std::path::Path;
use storage::disk::fault::SimDisk;
use storage::{Compression, LogOptions, SharedDisk, StorageError, TxnLog};

/// A database with `1..=last` in one log of ours, one batch each; the log is left as a killed
/// process leaves it. Returns where each entry begins, and where the last ends.
fn written(last: i64, options: LogOptions) -> (SimDisk, SharedDisk, Vec<usize>) {
    let (sim, shared) = disk();
    let (_, mut log) = fresh(&shared, options);
    append(&mut log, 1..=last);
    drop(log);
    let frame = 12 + entry(1, 100).len() + 1;
    (sim, shared, (0..=last as usize).map(|i| 16 + i * frame).collect())
}

/// The same as the reference leaves it: no marks, padded with zeros.
fn written_by_java(last: i64) -> (SimDisk, SharedDisk, Vec<usize>) {
    let (sim, shared, at) = written(last, LogOptions { prealloc_bytes: 0, ..options() });
    let mut bytes = sim.contents(&log_path(1));
    bytes.truncate(at[last as usize]);
    bytes.resize(16 + (32 << 10), 0);
    sim.put(&log_path(1), &bytes);
    (sim, shared, at)
}

fn damage(sim: &SimDisk, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = sim.contents(&log_path(1));
    change(&mut bytes);
    sim.put(&log_path(1), &bytes);
}

fn comes_back(disk: &SharedDisk, last: i64, context: &str) {
    let (recovered, seen) = recovered(disk).unwrap_or_else(|e| panic!("{context}: {e}"));
    assert_eq!(recovered.last_zxid, Zxid(last), "{context}");
    assert_eq!(seen.zxids(), (1..=last).collect::<Vec<_>>(), "{context}");
}

fn is_refused(disk: &SharedDisk, offset: usize, context: &str) {
    match recovered(disk) {
        Err(StorageError::Corrupt { path, offset: at, .. }) => {
            assert_eq!((path, at), (log_path(1), offset as u64), "{context}");
        }
        other => panic!("{context}: {other:?}"),
    }
}

#[test]
fn a_tail_torn_at_any_byte_of_the_last_record_is_cut_in_a_log_of_ours() {
    let (whole, _, at) = written(5, options());
    let bytes = whole.contents(&log_path(1));
    for cut in at[4]..at[5] {
        // The rest never reached the disk: it is what was there before, padding.
        let (sim, shared, _) = written(4, options());
        let mut torn = sim.contents(&log_path(1));
        torn[at[4]..cut].copy_from_slice(&bytes[at[4]..cut]);
        sim.put(&log_path(1), &torn);
        comes_back(&shared, 4, &format!("torn at {cut}"));
        comes_back(&shared, 4, &format!("torn at {cut}, second start"));
    }
}

#[test]
fn a_tail_torn_at_any_byte_of_the_last_record_is_cut_in_a_log_of_the_reference() {
    for padded in [true, false] {
        let (whole, _, at) = written_by_java(5);
        let bytes = whole.contents(&log_path(1));
        for cut in at[4]..at[5] {
            let (sim, shared) = disk();
            write_snapshot(&shared, &dirs(&shared), 0, Compression::None).unwrap();
            let mut torn = bytes[..cut].to_vec();
            if padded {
                torn.resize(bytes.len(), 0);
            }
            sim.put(&log_path(1), &torn);
            let context = format!("torn at {cut}, padded {padded}");
            comes_back(&shared, 4, &context);
            // The reference can read it too: nothing but entries and padding is left.
            let left = sim.contents(&log_path(1));
            assert_eq!(left[..at[4]], bytes[..at[4]], "{context}");
            assert!(left.len() < at[4] + 12 || left[at[4]..at[4] + 12] == [0; 12], "{context}");
        }
    }
}

#[test]
fn what_is_cut_is_kept_beside_and_reported() {
    let (sim, shared, at) = written_by_java(5);
    damage(&sim, |bytes| bytes[at[4] + 20] ^= 1);
    let torn = recovered(&shared).unwrap().0.torn_tail.unwrap();
    assert_eq!((torn.offset, torn.bytes), (at[4] as u64, (at[5] - at[4]) as u64));
    let kept = torn.kept.unwrap();
    assert_eq!(sim.contents(&kept).len(), at[5] - at[4]);
    assert!(!kept.file_name().unwrap().to_str().unwrap().starts_with("log."), "or it would be read as a log");
}

#[test]
fn hc_114_a_last_batch_with_a_hole_is_cut_even_when_its_later_records_are_valid() {
    // Three records in one batch, the middle of the first lost.
    let (sim, shared) = disk();
    let (_, mut log) = fresh(&shared, options());
    append(&mut log, 1..=2);
    for zxid in 3..=5 {
        log.append(Zxid(zxid), &entry(zxid, 3000));
    }
    log.sync().unwrap();
    drop(log);
    damage(&sim, |bytes| bytes[1024..1536].fill(0));
    comes_back(&shared, 2, "hole in the last batch");
}

#[test]
fn hc_114_a_last_batch_that_lost_its_mark_is_cut_although_a_later_record_is_whole() {
    let (sim, shared) = disk();
    let (_, mut log) = fresh(&shared, options());
    append(&mut log, 1..=2);
    for zxid in 3..=5 {
        log.append(Zxid(zxid), &entry(zxid, 3000));
    }
    log.sync().unwrap();
    drop(log);
    let end = 16 + 2 * (13 + entry(1, 100).len()) + 3 * (13 + entry(3, 3000).len());
    damage(&sim, |bytes| {
        bytes[1024..1536].fill(0);
        bytes[end / 512 * 512..end + 100].fill(0);
    });
    comes_back(&shared, 2, "neither the first record nor the mark reached the disk");
}

#[test]
fn hc_114_a_rotten_last_batch_is_refused_once_it_was_noted_as_durable() {
    for stop in ["settle", "close", "roll"] {
        let (sim, shared) = disk();
        let (_, mut log) = fresh(&shared, options());
        append(&mut log, 1..=5);
        match stop {
            "settle" => log.settle().unwrap(),
            "close" => log.close().unwrap(),
            _ => log.roll().unwrap(),
        }
        let at = 16 + 4 * (12 + entry(1, 100).len() + 1);
        sim.rot(&log_path(1), at as u64 + 40, 1);
        is_refused(&shared, at, stop);
    }
}

#[test]
fn hc_115_a_rotten_record_with_valid_ones_after_it_is_refused() {
    for (name, (sim, shared, at)) in [("ours", written(6, options())), ("java", written_by_java(6))] {
        for record in 0..5 {
            for offset in [0, 8, 11, 12, 40, at[1] - at[0] - 1] {
                sim.rot(&log_path(1), (at[record] + offset) as u64, 0x40);
                is_refused(&shared, at[record], &format!("{name}, record {record}, byte {offset}"));
                sim.rot(&log_path(1), (at[record] + offset) as u64, 0x40);
            }
        }
        comes_back(&shared, 6, "repaired");
    }
}

#[test]
fn hc_115_a_zeroed_sector_in_the_middle_is_not_the_end_of_the_log() {
    for (name, (sim, shared, at)) in [("ours", written(30, options())), ("java", written_by_java(30))] {
        damage(&sim, |bytes| bytes[512..1024].fill(0));
        let first_hit = *at.iter().rfind(|a| **a <= 512).unwrap();
        is_refused(&shared, first_hit, name);
        // Even when the hole begins exactly where a record does.
        let (sim, shared, at) = if name == "ours" { written(30, options()) } else { written_by_java(30) };
        damage(&sim, |bytes| bytes[at[7]..at[9]].fill(0));
        is_refused(&shared, at[7], name);
    }
}

#[test]
fn hc_115_evidence_is_kept_when_a_log_is_refused() {
    let (sim, shared, at) = written(6, options());
    sim.rot(&log_path(1), at[2] as u64 + 30, 1);
    let before = sim.contents(&log_path(1));
    assert!(recovered(&shared).is_err());
    assert_eq!(sim.contents(&log_path(1)), before);
}

#[test]
fn hc_115_damage_in_an_older_log_shows_as_a_gap_and_names_the_damage() {
    let (sim, shared) = disk();
    let (_, mut log) = fresh(&shared, options());
    append(&mut log, 1..=5);
    log.roll().unwrap();
    append(&mut log, 6..=9);
    log.close().unwrap();
    let at = 16 + 3 * (12 + entry(1, 100).len() + 1);
    sim.rot(&log_path(1), at as u64 + 20, 4);
    is_refused(&shared, at, "rot in the older file");
}

#[test]
fn hc_115_the_first_transaction_of_an_epoch_hides_no_damage_before_it() {
    let (sim, shared) = disk();
    let (_, mut log) = fresh(&shared, options());
    append(&mut log, 1..=5);
    log.roll().unwrap();
    let epoch = Zxid::new(1, 0).0;
    append(&mut log, epoch + 1..=epoch + 3);
    log.close().unwrap();
    assert!(recovered(&shared).is_ok(), "an epoch may follow anything");
    let at = 16 + 3 * (12 + entry(1, 100).len() + 1);
    sim.rot(&log_path(1), at as u64 + 20, 4);
    is_refused(&shared, at, "rot in the older file, entries behind it");
}

#[test]
fn an_unfinished_tail_of_an_older_log_is_fine_when_the_next_goes_on_from_it() {
    // The reference leaves a torn tail where it is and begins the next file with the lost zxid.
    let (sim, shared, at) = written_by_java(5);
    damage(&sim, |bytes| bytes[at[4] + 8..at[5]].fill(0));
    let dirs = storage::DataDirs::at(Path::new(DATA), None);
    let mut log = TxnLog::open(shared.clone(), dirs.log_dir(), options()).unwrap();
    append(&mut log, 5..=8);
    drop(log);
    comes_back(&shared, 8, "a zero length");
    damage(&sim, |bytes| bytes[at[4] + 11] = 200);
    comes_back(&shared, 8, "a record without end");
    assert_eq!(recovered(&shared).unwrap().0.warnings.len(), 1);
}

#[test]
fn hc_127_the_last_zxid_is_that_of_the_last_valid_record_not_of_the_newest_file() {
    let (sim, shared) = disk();
    let (_, mut log) = fresh(&shared, options());
    append(&mut log, 1..=5);
    log.roll().unwrap();
    log.append(Zxid(6), &entry(6, 100));
    log.sync().unwrap();
    drop(log);
    // All of the newest file's only record is unreadable.
    sim.rot(&log_path(6), 40, 1);
    comes_back(&shared, 5, "newest file without a valid record");
    // Its name is free again for the same zxid.
    let mut log = TxnLog::open(shared.clone(), Path::new(common::LOGS), options()).unwrap();
    append(&mut log, 6..=7);
    log.close().unwrap();
    comes_back(&shared, 7, "after going on");
}

#[test]
fn hc_130_a_record_larger_than_any_client_limit_is_read_and_a_lying_length_costs_nothing() {
    let (sim, shared) = disk();
    let (_, mut log) = fresh(&shared, LogOptions::default());
    log.append(Zxid(1), &entry(1, 5 << 20));
    log.append(Zxid(2), &entry(2, 10));
    log.close().unwrap();
    comes_back(&shared, 2, "a record of 5 MiB");
    for length in [[0x7F, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0xFF], [0x80, 0, 0, 0]] {
        damage(&sim, |bytes| bytes[24..28].copy_from_slice(&length));
        is_refused(&shared, 16, "a lying length");
    }
}

#[test]
fn hc_132_a_file_under_another_name_is_refused() {
    let (sim, shared, _) = written(5, options());
    sim.put(&log_path(2), &sim.contents(&log_path(1)));
    shared.remove(&log_path(1)).unwrap();
    match recovered(&shared) {
        Err(error @ StorageError::Corrupt { .. }) => assert!(error.to_string().contains("0x1"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn hc_118_an_older_snapshot_is_used_only_when_the_logs_reach_back_to_it() {
    let (sim, shared) = disk();
    let (dirs, mut log) = fresh(&shared, options());
    append(&mut log, 1..=5);
    log.roll().unwrap();
    write_snapshot(&shared, &dirs, 5, Compression::None).unwrap();
    append(&mut log, 6..=8);
    log.roll().unwrap();
    write_snapshot(&shared, &dirs, 8, Compression::None).unwrap();
    append(&mut log, 9..=9);
    log.close().unwrap();
    drop(dirs);
    comes_back(&shared, 9, "all sound");
    sim.rot(&snapshot_path(8), 100, 1);
    comes_back(&shared, 9, "newest snapshot rotten");
    shared.remove(&log_path(6)).unwrap();
    match recovered(&shared) {
        Err(StorageError::Corrupt { path, .. }) => assert_eq!(path, log_path(9)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn hc_134_a_missing_log_in_the_middle_is_refused() {
    let (_, shared) = disk();
    let (_, mut log) = fresh(&shared, options());
    append(&mut log, 1..=2);
    log.roll().unwrap();
    append(&mut log, 3..=4);
    log.roll().unwrap();
    append(&mut log, 5..=6);
    log.close().unwrap();
    comes_back(&shared, 6, "complete");
    shared.remove(&log_path(3)).unwrap();
    assert!(matches!(recovered(&shared), Err(StorageError::Corrupt { offset: 16, .. })));
}

#[test]
fn hc_135_a_zxid_used_twice_for_different_things_is_refused() {
    let (_, shared) = disk();
    let (_, mut log) = fresh(&shared, options());
    append(&mut log, 1..=2);
    log.append(Zxid(2), &entry(2, 100));
    log.close().unwrap();
    let (again, _) = recovered(&shared).unwrap();
    assert_eq!((again.last_zxid, again.replayed, again.warnings.len()), (Zxid(2), 2, 1), "the same twice");

    let (_, shared) = disk();
    let (_, mut log) = fresh(&shared, options());
    append(&mut log, 1..=2);
    log.append(Zxid(2), &entry(2, 101));
    log.close().unwrap();
    assert!(matches!(recovered(&shared), Err(StorageError::Corrupt { .. })), "another under its zxid");
}

#[test]
fn a_sound_entry_that_nobody_understands_is_refused_not_cut() {
    let (_, shared) = disk();
    let (_, mut log) = fresh(&shared, options());
    append(&mut log, 1..=2);
    let mut strange = entry(3, 10);
    strange[28..32].copy_from_slice(&4711i32.to_be_bytes());
    log.append(Zxid(3), &strange);
    log.close().unwrap();
    match recovered(&shared) {
        Err(error @ StorageError::Corrupt { .. }) => assert!(error.to_string().contains("4711"), "{error}"),
        other => panic!("{other:?}"),
    }
}

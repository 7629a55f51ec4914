//! The log as a leader reads it for a learner.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::*;
use proto::Zxid;
use storage::disk::fault::SimDisk;
use storage::{Compression, DataDirs, LogOptions, SharedDisk, TxnLog, newest_snapshot_bytes, read_history};

const ANY: u64 = u64::MAX;

/// Snapshot 0, logs 1, 6 and 9, up to 10.
fn history() -> (SimDisk, SharedDisk, DataDirs, TxnLog) {
    let (sim, shared) = disk();
    let (dirs, mut log) = fresh(&shared, options());
    for (first, last) in [(1, 5), (6, 8), (9, 10)] {
        append(&mut log, first..=last);
        if last != 10 {
            log.roll().unwrap();
        }
    }
    (sim, shared, dirs, log)
}

fn zxids(shared: &SharedDisk, dirs: &DataDirs, after: Zxid, max: u64) -> Option<Vec<i64>> {
    let entries = read_history(shared, dirs, after, max).unwrap()?;
    Some(entries.iter().map(|(zxid, _)| zxid.0).collect())
}

#[test]
fn the_entry_a_learner_has_and_all_later_ones_are_read_while_the_log_is_open() {
    let (_, shared, dirs, _log) = history();
    for after in 1..=10 {
        assert_eq!(zxids(&shared, &dirs, Zxid(after), ANY), Some((after..=10).collect()), "{after}");
    }
    assert_eq!(zxids(&shared, &dirs, Zxid::ZERO, ANY), Some((1..=10).collect()), "all there ever was");
    let entries = read_history(&shared, &dirs, Zxid(7), ANY).unwrap().unwrap();
    assert_eq!(&*entries[1].1, entry(8, 100));
}

#[test]
fn a_learner_that_is_ahead_or_between_gets_the_greatest_entry_before_it() {
    let (_, shared, dirs, mut log) = history();
    assert_eq!(zxids(&shared, &dirs, Zxid(12), ANY), Some(vec![10]));
    let newer = Zxid::new(3, 1).0;
    append(&mut log, newer..=newer + 1);
    assert_eq!(zxids(&shared, &dirs, Zxid::new(2, 7), ANY), Some(vec![10, newer, newer + 1]));
}

#[test]
fn hc_34_hc_36_a_log_that_does_not_reach_back_says_nothing() {
    let (_, shared, dirs, _log) = history();
    shared.remove(&log_path(1)).unwrap();
    assert_eq!(zxids(&shared, &dirs, Zxid(4), ANY), None);
    assert_eq!(zxids(&shared, &dirs, Zxid::ZERO, ANY), None, "from nothing is not from the first");
    assert_eq!(zxids(&shared, &dirs, Zxid(5), ANY), Some((6..=10).collect()), "the direct successor");
    assert_eq!(zxids(&shared, &dirs, Zxid(6), ANY), Some((6..=10).collect()));
}

#[test]
fn hc_36_the_first_entry_of_a_newer_epoch_does_not_show_what_came_before_it() {
    let (_, shared) = disk();
    let (dirs, mut log) = fresh(&shared, options());
    let first = Zxid::new(3, 1).0;
    append(&mut log, first..=first + 1);
    assert_eq!(zxids(&shared, &dirs, Zxid::new(2, 9), ANY), None);
    assert_eq!(zxids(&shared, &dirs, Zxid::new(3, 0), ANY), Some(vec![first, first + 1]));
}

#[test]
fn hc_34_a_hole_between_files_says_nothing() {
    let (_, shared, dirs, _log) = history();
    shared.remove(&log_path(6)).unwrap();
    assert_eq!(zxids(&shared, &dirs, Zxid(3), ANY), None);
    assert_eq!(zxids(&shared, &dirs, Zxid(9), ANY), Some(vec![9, 10]));
}

#[test]
fn hc_34_damage_within_the_history_says_nothing_and_at_its_end_ends_it() {
    let (sim, shared, dirs, _log) = history();
    sim.rot(&log_path(6), 60, 1);
    assert_eq!(zxids(&shared, &dirs, Zxid(3), ANY), None);
    sim.rot(&log_path(6), 60, 1);
    let frame = 12 + entry(9, 100).len() as u64 + 1;
    sim.rot(&log_path(9), 16 + frame + 40, 1);
    assert_eq!(zxids(&shared, &dirs, Zxid(3), ANY), Some((3..=9).collect()));
}

#[test]
fn more_bytes_than_allowed_are_no_answer_and_the_entry_before_does_not_count() {
    let (_, shared, dirs, _log) = history();
    let one = entry(5, 100).len() as u64;
    assert_eq!(zxids(&shared, &dirs, Zxid(7), 4 * one), Some(vec![7, 8, 9, 10]));
    assert_eq!(zxids(&shared, &dirs, Zxid(7), 3 * one), None);
    assert_eq!(zxids(&shared, &dirs, Zxid(10), 0), Some(vec![10]));
}

#[test]
fn a_file_just_begun_is_no_hole() {
    for bytes in [&b""[..], &[0; 7], b"ZKLG\0\0\0\x02\0\0\0\0\0\0\0\0"] {
        let (sim, shared, dirs, _log) = history();
        sim.put(&log_path(11), bytes);
        for after in [3, 10, 11, 30] {
            let expected = (after.min(10)..=10).collect();
            assert_eq!(zxids(&shared, &dirs, Zxid(after), ANY), Some(expected), "{after}, {bytes:?}");
        }
    }
}

#[test]
fn every_length_of_a_growing_file_reads_as_its_whole_entries() {
    let (sim, shared) = disk();
    let (dirs, mut log) = fresh(&shared, LogOptions { prealloc_bytes: 0, ..options() });
    append(&mut log, 1..=4);
    let whole = sim.contents(&log_path(1));
    let frame = 12 + entry(1, 100).len() + 1;
    for len in 16..=whole.len() {
        sim.put(&log_path(1), &whole[..len]);
        let entries = ((len - 16) / frame).min(4) as i64;
        let expected = (entries > 0).then(|| (1..=entries).collect());
        assert_eq!(zxids(&shared, &dirs, Zxid(0), ANY), expected, "{len} bytes");
    }
}

#[test]
fn an_empty_log_says_nothing() {
    let (_, shared) = disk();
    let (dirs, _log) = fresh(&shared, options());
    assert_eq!(zxids(&shared, &dirs, Zxid::ZERO, ANY), None);
}

#[test]
fn the_newest_snapshot_is_measured() {
    let (_, shared) = disk();
    let dirs = dirs(&shared);
    assert_eq!(newest_snapshot_bytes(&shared, &dirs).unwrap(), None);
    write_snapshot(&shared, &dirs, 0, Compression::None).unwrap();
    write_snapshot(&shared, &dirs, 9, Compression::None).unwrap();
    let bytes = dirs.snapshots(&shared).unwrap()[1].bytes;
    assert_eq!(newest_snapshot_bytes(&shared, &dirs).unwrap(), Some(bytes));
}

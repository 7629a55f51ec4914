//! What a directory may look like at start, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod common;

use common::{
    DATA, LOGS, append, disk, fresh, log_path, options, recovered, recovered_with, snapshot_path,
    write_snapshot,
};
use proto::Zxid;
use std::path::Path;
use std::sync::Arc;
use storage::disk::fault::{Fault, Operation};
use storage::{
    Compression, DataDirs, LogOptions, RealDisk, RecoverOptions, SharedDisk, StorageError, TxnLog,
};

#[test]
fn hc_113_an_unborn_last_file_is_removed_and_any_other_is_refused() {
    for len in 0..16 {
        let (sim, shared) = disk();
        let (_, mut log) = fresh(&shared, options());
        append(&mut log, 1..=3);
        log.close().unwrap();
        let header = &sim.contents(&log_path(1))[..len];
        sim.put(&log_path(4), header);
        let (found, seen) = recovered(&shared).unwrap();
        assert_eq!((found.last_zxid, seen.log.len(), found.warnings.len()), (Zxid(3), 3, 1), "{len} bytes");
        assert!(!shared.exists(&log_path(4)).unwrap());

        // In the middle it is a hole in history.
        sim.put(&log_path(2), header);
        assert!(recovered(&shared).is_ok(), "in front of the log that is read it does not matter");
    }
    let (sim, shared) = disk();
    let (_, mut log) = fresh(&shared, options());
    append(&mut log, 1..=3);
    log.close().unwrap();
    sim.put(&log_path(4), b"");
    sim.put(&log_path(5), &sim.contents(&log_path(1)));
    match recovered(&shared) {
        Err(StorageError::Corrupt { path, .. }) => assert_eq!(path, log_path(4)),
        other => panic!("an empty file in the middle: {other:?}"),
    }
    sim.put(&log_path(5), b"not a log at all");
    shared.remove(&log_path(4)).unwrap();
    assert!(matches!(recovered(&shared), Err(StorageError::Corrupt { offset: 0, .. })), "a bad magic");
}

#[test]
fn hc_113_a_padded_last_file_without_a_header_was_never_used() {
    let (sim, shared) = disk();
    let (_, mut log) = fresh(&shared, options());
    append(&mut log, 1..=3);
    log.close().unwrap();
    sim.put(&log_path(4), &[0; 4096]);
    assert_eq!(recovered(&shared).unwrap().0.last_zxid, Zxid(3));
    assert!(!shared.exists(&log_path(4)).unwrap());
}

#[test]
fn hc_116_logs_without_a_valid_snapshot_are_refused() {
    let (sim, shared) = disk();
    let (_, mut log) = fresh(&shared, options());
    append(&mut log, 1..=3);
    log.close().unwrap();
    for snapshot in [None, Some(&b""[..]), Some(b"ZKSN")] {
        shared.remove(&snapshot_path(0)).unwrap();
        sim.put(&snapshot_path(0), snapshot.unwrap_or_default());
        if snapshot.is_none() {
            shared.remove(&snapshot_path(0)).unwrap();
        }
        assert!(matches!(recovered(&shared), Err(StorageError::Refused { .. })), "{snapshot:?}");
        sim.put(&snapshot_path(0), b"");
    }
}

#[test]
fn hc_117_the_override_replays_everything_and_asks_for_a_snapshot() {
    let (_, shared) = disk();
    let (_, mut log) = fresh(&shared, options());
    append(&mut log, 1..=3);
    log.close().unwrap();
    shared.remove(&snapshot_path(0)).unwrap();
    let trusting = RecoverOptions { trust_empty: true, ..RecoverOptions::default() };
    let (found, seen) = recovered_with(&shared, &trusting).unwrap();
    assert_eq!((found.last_zxid, seen.log.len(), found.needs_snapshot), (Zxid(3), 3, true));
}

#[test]
fn snapshots_none_of_which_is_valid_are_refused_but_for_a_first_start_cut_short() {
    let (sim, shared) = disk();
    sim.put(&snapshot_path(0), b"");
    let (found, _) = recovered(&shared).unwrap();
    assert_eq!((found.last_zxid, found.needs_snapshot), (Zxid(0), true));
    sim.put(&snapshot_path(0x77), b"ZKSN");
    assert!(matches!(recovered(&shared), Err(StorageError::Refused { .. })));
}

#[test]
fn an_empty_directory_is_a_new_database_only_when_declared_or_allowed() {
    let strict = RecoverOptions { db_autocreate: false, ..RecoverOptions::default() };
    let (sim, shared) = disk();
    let (found, _) = recovered_with(&shared, &strict).unwrap();
    assert_eq!((found.last_zxid, found.needs_snapshot), (Zxid(-1), false));
    let marker = Path::new(DATA).join("initialize");
    sim.put(&marker, b"");
    let (found, _) = recovered_with(&shared, &strict).unwrap();
    assert_eq!((found.last_zxid, found.needs_snapshot), (Zxid(0), true));
    assert!(!shared.exists(&marker).unwrap(), "the marker is good for one start");
}

#[test]
fn hc_118_every_cut_of_a_snapshot_in_front_of_its_first_seal_is_invalid() {
    let (sim, shared) = disk();
    let dirs = common::dirs(&shared);
    write_snapshot(&shared, &dirs, 0, Compression::None).unwrap();
    write_snapshot(&shared, &dirs, 3, Compression::None).unwrap();
    drop(dirs);
    let whole = sim.contents(&snapshot_path(3));
    let sealed = whole.len() - 33 - 21;
    for len in 0..sealed {
        sim.put(&snapshot_path(3), &whole[..len]);
        assert_eq!(recovered(&shared).unwrap().0.snapshot.unwrap().1, Zxid(0), "cut to {len}");
    }
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        sim.put(&snapshot_path(3), &bytes);
        let loaded = recovered(&shared).unwrap().0.snapshot.unwrap().1;
        // The text of a seal is not covered by anything, as in the reference.
        let in_seal_text =
            [sealed, sealed + 33, sealed + 54].iter().any(|end| (end - 5..*end).contains(&(bit / 8)));
        assert!(loaded == Zxid(0) || in_seal_text, "bit {bit}");
    }
}

#[test]
fn snapshots_with_any_of_the_later_blocks_are_read() {
    use proto::snapshot::ZxidDigest;
    let digest = ZxidDigest { zxid: Zxid(4), version: 2, digest: 5 };
    for (digest, last) in
        [(None, None), (Some(digest), None), (None, Some(Zxid(9))), (Some(digest), Some(Zxid(9)))]
    {
        let (_, shared) = disk();
        let dirs = common::dirs(&shared);
        let mut writer =
            storage::SnapshotWriter::create(shared.clone(), &dirs, Zxid(4), Compression::None).unwrap();
        let mut bytes = Vec::new();
        proto::snapshot::encode_prologue(&[], &[], &mut bytes);
        writer.write(&bytes).unwrap();
        let path = writer.finish(digest, last).unwrap();
        let mut contents = common::Contents::default();
        let found = storage::SnapshotReader::open(&shared, &path).unwrap().read_into(&mut contents).unwrap();
        assert_eq!((contents.digest, found), (digest, last));
    }
}

#[test]
fn hc_121_a_snapshot_that_fails_leaves_no_file_and_an_unfinished_one_is_removed_at_start() {
    let (sim, shared) = disk();
    let dirs = common::dirs(&shared);
    write_snapshot(&shared, &dirs, 0, Compression::None).unwrap();
    let before = shared.list(Path::new(LOGS)).unwrap();
    for operation in [Operation::Create, Operation::Write, Operation::Sync, Operation::Rename] {
        sim.inject(operation, 0, Fault::ErrorOnce);
        assert!(write_snapshot(&shared, &dirs, 5, Compression::None).is_err(), "{operation:?}");
        assert_eq!(shared.list(Path::new(LOGS)).unwrap(), before, "{operation:?}");
    }
    sim.set_capacity(Some(1000));
    assert!(write_snapshot(&shared, &dirs, 50, Compression::None).is_err());
    sim.set_capacity(None);
    assert_eq!(shared.list(Path::new(LOGS)).unwrap(), before, "full disk");
    drop(dirs);
    sim.put(&Path::new(LOGS).join("tmp.snapshot.9"), b"half");
    assert_eq!(recovered(&shared).unwrap().0.snapshot.unwrap().1, Zxid(0));
    assert_eq!(shared.list(Path::new(LOGS)).unwrap(), before, "leftover");
}

#[test]
fn hc_128_swapped_directories_are_refused() {
    let (sim, shared) = disk();
    let prepare =
        |shared: &SharedDisk| DataDirs::prepare(shared, Path::new("/d"), Some(Path::new("/l")), true);
    drop(prepare(&shared).unwrap());
    sim.put(Path::new("/l/version-2/snapshot.0"), b"");
    assert!(matches!(prepare(&shared), Err(StorageError::Refused { .. })), "a snapshot among the logs");
    shared.remove(Path::new("/l/version-2/snapshot.0")).unwrap();
    sim.put(Path::new("/d/version-2/log.1"), b"");
    assert!(matches!(prepare(&shared), Err(StorageError::Refused { .. })), "a log among the snapshots");
    let one = DataDirs::prepare(&shared, Path::new("/d"), Some(Path::new("/d")), true);
    assert!(one.is_ok(), "one directory for both may hold both");
}

#[test]
fn hc_129_missing_and_unusable_directories_are_clear_errors() {
    let (_, shared) = disk();
    let missing = DataDirs::prepare(&shared, Path::new("/none"), None, false);
    assert!(matches!(missing, Err(StorageError::Refused { .. })));
    assert!(!shared.exists(Path::new("/none")).unwrap(), "nothing half-created");

    let real: SharedDisk = Arc::new(RealDisk);
    let file = std::env::temp_dir().join(format!("zabra-storage-{}-file", std::process::id()));
    std::fs::write(&file, b"in the way").unwrap();
    let error = DataDirs::prepare(&real, &file, None, true).unwrap_err();
    std::fs::remove_file(&file).unwrap();
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
}

#[test]
fn a_second_server_on_the_same_directory_is_refused_until_the_first_is_gone() {
    let (_, shared) = disk();
    let first = DataDirs::prepare(&shared, Path::new(DATA), None, true).unwrap();
    let second = DataDirs::prepare(&shared, Path::new(DATA), None, true);
    assert!(matches!(second, Err(StorageError::Locked { .. })));
    drop(first);
    assert!(DataDirs::prepare(&shared, Path::new(DATA), None, true).is_ok());
}

#[test]
fn on_a_real_disk_a_life_with_a_restart_works() {
    let dir = std::env::temp_dir().join(format!("zabra-storage-{}-life", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let real: SharedDisk = Arc::new(RealDisk);
    for start in 0..3 {
        let dirs = DataDirs::prepare(&real, &dir, None, true).unwrap();
        assert!(matches!(DataDirs::prepare(&real, &dir, None, true), Err(StorageError::Locked { .. })));
        let mut seen = common::Seen::default();
        let found = storage::recover(&real, &dirs, &RecoverOptions::default(), &mut seen).unwrap();
        assert_eq!(found.last_zxid, Zxid(start * 10));
        if found.needs_snapshot {
            write_snapshot(&real, &dirs, 0, Compression::Snappy).unwrap();
        }
        let mut log = TxnLog::open(real.clone(), dirs.log_dir(), LogOptions::default()).unwrap();
        append(&mut log, start * 10 + 1..=start * 10 + 10);
        if start == 1 {
            log.close().unwrap();
        }
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

//! Files written by the reference server are read in full, and ours have the same bytes.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod common;

use common::{Contents, DATA, LOGS, Seen, dirs, disk, log_path, recovered, snapshot_path};
use proto::snapshot::{SnapshotNode, encode_prologue};
use proto::txn::{Txn, decode_entry, encode_entry};
use proto::{OpCode, Zxid};
use std::fs;
use std::path::{Path, PathBuf};
use storage::disk::fault::SimDisk;
use storage::txnlog::{EndCause, Step};
use storage::{Compression, LogOptions, SharedDisk, SnapshotReader, SnapshotWriter, TxnLog, TxnLogReader};

fn fixture(packing: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/java-3.8.0-{packing}"))
}

/// A disk with the files the reference left.
fn java(packing: &str) -> (SimDisk, SharedDisk) {
    let (sim, shared) = disk();
    for entry in fs::read_dir(fixture(packing)).unwrap() {
        let path = entry.unwrap().path();
        sim.put(&Path::new(LOGS).join(path.file_name().unwrap()), &fs::read(&path).unwrap());
    }
    (sim, shared)
}

fn entries(disk: &SharedDisk, path: &Path) -> Vec<Vec<u8>> {
    let mut reader = TxnLogReader::open(disk, path).unwrap();
    let mut entries = Vec::new();
    loop {
        match reader.step().unwrap() {
            Step::Entry { bytes, .. } => entries.push(bytes.to_vec()),
            Step::End { cause, .. } => {
                assert_eq!(cause, EndCause::Padding);
                return entries;
            }
        }
    }
}

fn contents(disk: &SharedDisk, path: &Path) -> Contents {
    let mut contents = Contents::default();
    SnapshotReader::open(disk, path).unwrap().read_into(&mut contents).unwrap();
    contents
}

/// Paths with data, the part of a tree that does not depend on when it was made.
fn nodes(contents: &Contents) -> Vec<(&str, Option<&[u8]>)> {
    contents.nodes.iter().map(|(path, data, ..)| (path.as_str(), data.as_deref())).collect()
}

#[test]
fn a_directory_of_the_reference_comes_back_whole() {
    for packing in ["plain", "gz", "snappy"] {
        let (sim, shared) = java(packing);
        let before = sim.contents(&log_path(0x1d));
        let (recovered, seen) = recovered(&shared).unwrap();
        assert_eq!(recovered.last_zxid, Zxid(0x1f), "{packing}");
        assert_eq!(recovered.snapshot.as_ref().unwrap().1, Zxid(0x1c), "{packing}");
        assert_eq!((recovered.replayed, recovered.torn_tail), (3, None), "{packing}");
        assert!(recovered.warnings.is_empty(), "{packing}: {:?}", recovered.warnings);
        let kinds: Vec<i32> = seen.log.iter().map(|(h, ..)| h.kind).collect();
        assert_eq!(kinds, [-10, 1, -11], "{packing}");
        assert_eq!(sim.contents(&log_path(0x1d)), before, "a sound file is left alone");
        let (_, contents) = seen.snapshot.unwrap();
        assert_eq!(contents.digest.unwrap().version, 2);
        for wanted in [("/a", &b"multi"[..]), ("/cont", b"c"), ("/ttl", b"t"), ("/secret", b"x"), ("", b"")] {
            assert!(nodes(&contents).contains(&(wanted.0, Some(wanted.1))), "{packing}: {wanted:?}");
        }
        assert_eq!(contents.sessions.len(), 1, "{packing}: the killed client's session");
    }
}

#[test]
fn packed_snapshots_of_the_reference_hold_the_same_tree() {
    let plain = contents(&java("plain").1, &snapshot_path(0x1c));
    for (packing, extension) in [("gz", "1c.gz"), ("snappy", "1c.snappy")] {
        let path = Path::new(LOGS).join(format!("snapshot.{extension}"));
        let packed = contents(&java(packing).1, &path);
        assert_eq!(nodes(&packed), nodes(&plain), "{packing}");
        assert_eq!(packed.acls, plain.acls, "{packing}");
    }
}

#[test]
fn every_log_entry_of_the_reference_encodes_to_the_same_bytes() {
    let (_, shared) = java("plain");
    let all = [entries(&shared, &log_path(1)), entries(&shared, &log_path(0x1d))].concat();
    assert_eq!(all.len(), 0x1f);
    let mut kinds = Vec::new();
    for bytes in &all {
        let (header, txn, digest) = decode_entry(bytes).unwrap();
        let mut again = Vec::new();
        encode_entry(&header, &txn, digest, &mut again);
        assert_eq!(&again, bytes, "{header:?} {txn:?}");
        kinds.push(header.kind);
    }
    for op in [OpCode::Multi, OpCode::CreateTtl, OpCode::CreateContainer, OpCode::CloseSession, OpCode::Error]
    {
        assert!(kinds.contains(&op.code()), "the fixture has {op:?}");
    }
    let with_paths = |bytes: &Vec<u8>| matches!(decode_entry(bytes), Ok((_, Txn::CloseSession(Some(p)), _)) if !p.is_empty());
    assert!(all.iter().any(with_paths), "a session closed with its ephemeral node");
}

#[test]
fn a_log_of_ours_begins_with_the_bytes_of_the_reference() {
    let (sim, shared) = java("plain");
    let java_bytes = sim.contents(&log_path(1));
    let (ours, our_disk) = disk();
    let dirs = dirs(&our_disk);
    let options = LogOptions { prealloc_bytes: 8 << 10, ..LogOptions::default() };
    let mut log = TxnLog::open(our_disk.clone(), dirs.log_dir(), options).unwrap();
    for bytes in entries(&shared, &log_path(1)) {
        let (header, ..) = decode_entry(&bytes).unwrap();
        log.append(header.zxid, &bytes);
        log.sync().unwrap();
    }
    let our_bytes = ours.contents(&log_path(1));
    let end = java_bytes.iter().rposition(|b| *b != 0).unwrap() + 1;
    assert_eq!(our_bytes[..end], java_bytes[..end]);
    // What stands behind reads as an entry of length 0 there: the end.
    assert_eq!(our_bytes[end..end + 12], [0; 12]);
    assert_eq!(entries(&our_disk, &log_path(1)), entries(&shared, &log_path(1)));
}

#[test]
fn a_snapshot_of_ours_has_the_bytes_of_the_reference() {
    let (sim, shared) = java("plain");
    let read = contents(&shared, &snapshot_path(0x1c));
    for compression in [Compression::None, Compression::Gzip, Compression::Snappy] {
        let (ours, our_disk) = disk();
        let dirs = dirs(&our_disk);
        let mut writer = SnapshotWriter::create(our_disk.clone(), &dirs, Zxid(0x1c), compression).unwrap();
        let mut bytes = Vec::new();
        encode_prologue(&read.sessions, &read.acls, &mut bytes);
        for (path, data, acl, stat) in &read.nodes {
            SnapshotNode { path, data: data.as_deref(), acl: *acl, stat: *stat }.encode(&mut bytes);
        }
        writer.write(&bytes).unwrap();
        let path = writer.finish(read.digest, None).unwrap();
        assert_eq!(contents(&our_disk, &path), read, "{compression:?}");
        if compression == Compression::None {
            assert_eq!(ours.contents(&path), sim.contents(&snapshot_path(0x1c)));
        }
    }
}

#[test]
fn hc_118_a_damaged_snapshot_of_the_reference_falls_back_to_the_one_before() {
    for offset in [0, 20, 700, 3000, 3360] {
        let (sim, shared) = java("plain");
        sim.rot(&snapshot_path(0x1c), offset, 0x10);
        let (recovered, seen) = recovered(&shared).unwrap();
        assert_eq!(recovered.snapshot.unwrap().1, Zxid(0), "rot at {offset}");
        assert_eq!((recovered.last_zxid, recovered.replayed), (Zxid(0x1f), 0x1f), "rot at {offset}");
        assert_eq!(recovered.warnings.len(), 1, "rot at {offset}");
        assert_eq!(seen.log.len(), 0x1f);
    }
}

#[test]
fn a_log_of_ours_after_the_reference_goes_on_where_it_ended() {
    let (_, shared) = java("plain");
    assert_eq!(recovered(&shared).unwrap().0.last_zxid, Zxid(0x1f));
    let dirs = storage::DataDirs::at(Path::new(DATA), None);
    let mut log = TxnLog::open(shared.clone(), dirs.log_dir(), common::options()).unwrap();
    common::append(&mut log, 0x20..=0x25);
    log.close().unwrap();
    let (recovered, seen): (_, Seen) = recovered(&shared).unwrap();
    assert_eq!((recovered.last_zxid, seen.log.len()), (Zxid(0x25), 9));
}

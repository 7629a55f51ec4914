//! Where the files are: names, listings, and the check that the directories are what they should be.

use crate::disk::DiskLock;
use crate::{Compression, SharedDisk, StorageError};
use proto::Zxid;
use std::io::ErrorKind::NotADirectory;
use std::path::{Path, PathBuf};

/// Name of the format's directory under dataDir and dataLogDir.
const VERSION_DIR: &str = "version-2";
/// Held locked while a server uses the directory; Java does not know it and leaves it alone.
const LOCK_FILE: &str = "zabra.lock";
/// Leading part of a log file's name.
const LOG: &str = "log";
/// Leading part of a snapshot's name.
const SNAPSHOT: &str = "snapshot";
/// Leading part of an unfinished snapshot's name. The reference appends `.tmp` instead, but its own
/// name parser then takes the unfinished file for a snapshot.
pub(crate) const TEMPORARY: &str = "tmp.";

/// The directories of one member, locked against a second process while this value lives.
#[derive(Debug)]
pub struct DataDirs {
    snap_dir: PathBuf,
    log_dir: PathBuf,
    _locks: Vec<Box<dyn DiskLock>>,
}

/// A log or snapshot file by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// The zxid in its name.
    pub zxid: Zxid,
    /// Full path.
    pub path: PathBuf,
    /// Length in bytes.
    pub bytes: u64,
}

impl DataDirs {
    /// Finds or creates `version-2` under both directories (the log's defaults to the data's),
    /// checks that neither holds the other's files, and locks them.
    ///
    /// # Errors
    /// [`StorageError::Refused`] for missing directories without `autocreate` and for swapped
    /// ones, [`StorageError::Locked`] when another server runs on them, [`StorageError::Io`].
    pub fn prepare(
        disk: &SharedDisk,
        data_dir: &Path,
        data_log_dir: Option<&Path>,
        autocreate: bool,
    ) -> Result<Self, StorageError> {
        let mut dirs = Self::at(data_dir, data_log_dir);
        for dir in dirs.distinct() {
            ensure(disk, dir, autocreate)?;
        }
        if dirs.log_dir != dirs.snap_dir {
            refuse_foreign(disk, &dirs.log_dir, SNAPSHOT, "snapshots in the transaction log directory")?;
            refuse_foreign(disk, &dirs.snap_dir, LOG, "transaction logs in the snapshot directory")?;
        }
        let mut locks = Vec::new();
        for dir in dirs.distinct() {
            let path = dir.join(LOCK_FILE);
            match disk.lock(&path).map_err(StorageError::io("lock", &path))? {
                Some(lock) => locks.push(lock),
                None => return Err(StorageError::Locked { path }),
            }
        }
        dirs._locks = locks;
        Ok(dirs)
    }

    /// The same places without creating, checking or locking anything: for tools that only look.
    pub fn at(data_dir: &Path, data_log_dir: Option<&Path>) -> Self {
        Self {
            snap_dir: data_dir.join(VERSION_DIR),
            log_dir: data_log_dir.unwrap_or(data_dir).join(VERSION_DIR),
            _locks: Vec::new(),
        }
    }

    /// Where the snapshots are: `<dataDir>/version-2`.
    pub fn snap_dir(&self) -> &Path {
        &self.snap_dir
    }

    /// Where the logs are: `<dataLogDir>/version-2`.
    pub fn log_dir(&self) -> &Path {
        &self.log_dir
    }

    /// The snapshots by zxid, oldest first, without looking inside.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn snapshots(&self, disk: &SharedDisk) -> Result<Vec<NamedFile>, StorageError> {
        named(disk, &self.snap_dir, parse_snapshot_name)
    }

    /// The logs by zxid, oldest first, without looking inside.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn logs(&self, disk: &SharedDisk) -> Result<Vec<NamedFile>, StorageError> {
        named(disk, &self.log_dir, parse_log_name)
    }

    /// Bytes in the snapshot directory and in the log directory, as file lengths.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn sizes(&self, disk: &SharedDisk) -> Result<(u64, u64), StorageError> {
        let sum = |files: Vec<NamedFile>| files.iter().map(|f| f.bytes).sum();
        Ok((sum(self.snapshots(disk)?), sum(self.logs(disk)?)))
    }

    /// Both directories, or the one that is both.
    fn distinct(&self) -> Vec<&Path> {
        if self.log_dir == self.snap_dir { vec![&self.snap_dir] } else { vec![&self.snap_dir, &self.log_dir] }
    }
}

fn ensure(disk: &SharedDisk, dir: &Path, autocreate: bool) -> Result<(), StorageError> {
    let above = dir.parent().filter(|above| disk.exists(above).unwrap_or(false));
    if let Some(file) = above.filter(|above| disk.list(above).is_err_and(|e| e.kind() == NotADirectory)) {
        return Err(StorageError::Refused {
            path: file.to_path_buf(),
            what: "this is a file, and a directory is needed".into(),
            remedy: "name another data directory, or move the file away",
        });
    }
    if disk.exists(dir).map_err(StorageError::io("look for", dir))? {
        return Ok(());
    }
    if !autocreate {
        return Err(StorageError::Refused {
            path: dir.to_path_buf(),
            what: "the directory is missing and datadir.autocreate is off".into(),
            remedy: "create it, or mount the disk it is on",
        });
    }
    disk.create_dir_all(dir).map_err(StorageError::io("create", dir))?;
    // The new names must survive a power loss, or the files inside would not.
    for parent in dir.ancestors().skip(1).take(2).filter(|p| !p.as_os_str().is_empty()) {
        disk.sync_dir(parent).map_err(StorageError::io("sync", parent))?;
    }
    Ok(())
}

fn refuse_foreign(disk: &SharedDisk, dir: &Path, kind: &str, what: &str) -> Result<(), StorageError> {
    let entries = disk.list(dir).map_err(StorageError::io("list", dir))?;
    let foreign = entries.iter().find(|e| e.name.split_once('.').is_some_and(|(head, _)| head == kind));
    match foreign {
        None => Ok(()),
        Some(entry) => Err(StorageError::Refused {
            path: dir.join(&entry.name),
            what: what.into(),
            remedy: "check dataDir and dataLogDir, they look swapped, and move the file where it belongs",
        }),
    }
}

fn named(
    disk: &SharedDisk,
    dir: &Path,
    parse: impl Fn(&str) -> Option<Zxid>,
) -> Result<Vec<NamedFile>, StorageError> {
    let entries = disk.list(dir).map_err(StorageError::io("list", dir))?;
    let mut files: Vec<_> = entries
        .into_iter()
        .filter_map(|e| Some(NamedFile { zxid: parse(&e.name)?, path: dir.join(&e.name), bytes: e.bytes }))
        .collect();
    files.sort_by_key(|f| f.zxid);
    Ok(files)
}

fn parse_hex(text: &str) -> Option<Zxid> {
    let value = text.bytes().all(|b| b.is_ascii_hexdigit()).then(|| i64::from_str_radix(text, 16))?;
    value.ok().map(Zxid)
}

pub(crate) fn parse_log_name(name: &str) -> Option<Zxid> {
    name.strip_prefix(LOG)?.strip_prefix('.').and_then(parse_hex)
}

pub(crate) fn parse_snapshot_name(name: &str) -> Option<Zxid> {
    let rest = name.strip_prefix(SNAPSHOT)?.strip_prefix('.')?;
    let (hex, extension) = rest.split_once('.').unwrap_or((rest, ""));
    Compression::from_extension(extension)?;
    parse_hex(hex)
}

pub(crate) fn log_name(first: Zxid) -> String {
    format!("{LOG}.{:x}", first.0)
}

pub(crate) fn snapshot_name(zxid: Zxid, compression: Compression) -> String {
    match compression.extension() {
        "" => format!("{SNAPSHOT}.{:x}", zxid.0),
        extension => format!("{SNAPSHOT}.{:x}.{extension}", zxid.0),
    }
}

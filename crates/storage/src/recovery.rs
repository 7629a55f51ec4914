//! Bringing back the newest state: the newest valid snapshot, then every later log entry in order.

use crate::dirs::{NamedFile, TEMPORARY, parse_snapshot_name};
use crate::{DataDirs, SharedDisk, SnapshotReader, StorageError, install, txnlog};
use proto::Zxid;
use proto::snapshot::SnapshotSink;
use proto::txn::{Txn, TxnDigest, TxnHeader};
use std::path::{Path, PathBuf};

/// Snapshots tried before giving up, as the reference does.
const CANDIDATES_MAX: usize = 100;
/// File in dataDir or dataLogDir that declares an empty directory a new database.
const INITIALIZE: &str = "initialize";

/// What recovery is allowed to take for granted.
#[derive(Debug, Clone)]
pub struct RecoverOptions {
    /// Replay a log without any snapshot from an empty tree (`snapshot.trust.empty`).
    pub trust_empty: bool,
    /// Take an empty directory for a new database (`db.autocreate`) without the `initialize` file.
    pub db_autocreate: bool,
}

impl Default for RecoverOptions {
    fn default() -> Self {
        Self { trust_empty: false, db_autocreate: true }
    }
}

/// The state being rebuilt.
pub trait Recovery {
    /// Receives a snapshot's contents.
    type Sink: SnapshotSink;

    /// A fresh sink; asked for again when a snapshot turns out to be invalid half-way.
    fn sink(&mut self) -> Self::Sink;

    /// A snapshot was read to its end and is valid. Not called when there is none: then the state
    /// is that of an empty tree.
    ///
    /// # Errors
    /// A sentence saying why the contents make no sense; an older snapshot is then tried.
    fn loaded(&mut self, sink: Self::Sink, zxid: Zxid) -> Result<(), String>;

    /// The next log entry after the snapshot, in order, each zxid once.
    ///
    /// # Errors
    /// A sentence saying why it cannot be applied; recovery then fails.
    fn replay(&mut self, header: &TxnHeader, txn: Txn, digest: Option<TxnDigest>) -> Result<(), String>;
}

/// An unfinished end of the last log file that was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// The file.
    pub path: PathBuf,
    /// Its length after the cut.
    pub offset: u64,
    /// Bytes dropped, trailing zeros not counted.
    pub bytes: u64,
    /// Where a copy of them is, if one could be kept.
    pub kept: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The last valid transaction; -1 for an empty directory that is not known to be a new
    /// database, 0 for a new one.
    pub last_zxid: Zxid,
    /// The snapshot that was loaded, and its zxid.
    pub snapshot: Option<(PathBuf, Zxid)>,
    /// Log entries replayed.
    pub replayed: u64,
    /// A snapshot has to be written before serving: the database is new, or its log was replayed
    /// without one.
    pub needs_snapshot: bool,
    /// The unfinished end, if there was one.
    pub torn_tail: Option<TornTail>,
    /// What an operator should read: one sentence each.
    pub warnings: Vec<String>,
}

/// Rebuilds the state from the directories and leaves them ready for a [`crate::TxnLog`]: an
/// unfinished end is cut, leftovers of a crash are removed, an interrupted [`crate::install()`] is finished.
///
/// # Errors
/// [`StorageError::Corrupt`] and [`StorageError::Refused`] when acknowledged transactions may be
/// missing or changed, [`StorageError::Io`]. Nothing but empty files was touched then.
pub fn recover<R: Recovery>(
    disk: &SharedDisk,
    dirs: &DataDirs,
    options: &RecoverOptions,
    state: &mut R,
) -> Result<Recovered, StorageError> {
    let mut warnings = Vec::new();
    // Before anything else: its snapshot may still have a temporary name.
    warnings.extend(install::finish_interrupted(disk, dirs)?);
    remove_temporary(disk, dirs)?;
    let mut logs = dirs.logs(disk)?;
    warnings.extend(txnlog::drop_unborn(disk, &mut logs)?);
    let snapshots = dirs.snapshots(disk)?;
    let loaded = load_newest(disk, &snapshots, state, &mut warnings)?;
    let initialize = take_initialize_marker(disk, dirs)?;

    let Some((path, zxid)) = loaded else {
        return without_snapshot(disk, &logs, &snapshots, options, initialize, state, warnings);
    };
    let replayed = txnlog::replay(disk, &logs, zxid, false, &mut |h, txn, d| state.replay(h, txn, d))?;
    warnings.extend(replayed.warnings);
    Ok(Recovered {
        last_zxid: replayed.last,
        snapshot: Some((path, zxid)),
        replayed: replayed.entries,
        needs_snapshot: false,
        torn_tail: replayed.torn,
        warnings,
    })
}

/// Loads the newest snapshot that is valid throughout (HC-118). Whether the logs reach back far
/// enough for an older one shows when they are replayed.
fn load_newest<R: Recovery>(
    disk: &SharedDisk,
    snapshots: &[NamedFile],
    state: &mut R,
    warnings: &mut Vec<String>,
) -> Result<Option<(PathBuf, Zxid)>, StorageError> {
    for file in snapshots.iter().rev().take(CANDIDATES_MAX) {
        let mut sink = state.sink();
        let outcome = SnapshotReader::open(disk, &file.path).and_then(|reader| reader.read_into(&mut sink));
        let problem = match outcome {
            Ok(_) => match state.loaded(sink, file.zxid) {
                Ok(()) => return Ok(Some((file.path.clone(), file.zxid))),
                Err(what) => format!("{}: {what}", file.path.display()),
            },
            Err(error @ StorageError::Corrupt { .. }) => error.to_string(),
            Err(error) => return Err(error),
        };
        warnings.push(format!("skipped an invalid snapshot: {problem}"));
    }
    Ok(None)
}

/// Decides what a directory without a valid snapshot means.
fn without_snapshot<R: Recovery>(
    disk: &SharedDisk,
    logs: &[NamedFile],
    snapshots: &[NamedFile],
    options: &RecoverOptions,
    initialize: bool,
    state: &mut R,
    mut warnings: Vec<String>,
) -> Result<Recovered, StorageError> {
    let refused = |path: &Path, what: &str, remedy| {
        Err(StorageError::Refused { path: path.to_path_buf(), what: what.into(), remedy })
    };
    // Which snapshots there are and why they will not do went into the warnings.
    let skipped = warnings.iter().fold(String::new(), |all, warning| format!("{all} ({warning})"));
    if let Some(log) = logs.first() {
        if !options.trust_empty {
            return refused(
                &log.path,
                &format!("there are transaction logs but no valid snapshot they could follow{skipped}"),
                "restore a snapshot; only when upgrading from 3.4 and the logs are complete, set \
                 snapshot.trust.empty=true",
            );
        }
        let empty = Zxid::ZERO;
        let replayed = txnlog::replay(disk, logs, empty, true, &mut |h, txn, d| state.replay(h, txn, d))?;
        warnings.push("replayed the log from an empty tree because snapshot.trust.empty is set".into());
        warnings.extend(replayed.warnings);
        return Ok(Recovered {
            last_zxid: replayed.last,
            snapshot: None,
            replayed: replayed.entries,
            needs_snapshot: true,
            torn_tail: replayed.torn,
            warnings,
        });
    }
    // A crash during the very first start leaves an unfinished snapshot of the empty tree.
    if let Some(snapshot) = snapshots.iter().rev().find(|f| f.zxid != Zxid::ZERO) {
        return refused(
            &snapshot.path,
            &format!("there are snapshots, but none of them is valid{skipped}"),
            "restore a backup, or let an ensemble fill an empty directory",
        );
    }
    let known_new = initialize || options.db_autocreate;
    if !known_new {
        warnings.push("the directory is empty and not known to be a new database".into());
    }
    Ok(Recovered {
        last_zxid: if known_new { Zxid::ZERO } else { Zxid(-1) },
        snapshot: None,
        replayed: 0,
        needs_snapshot: known_new,
        torn_tail: None,
        warnings,
    })
}

/// The marker says that an empty directory is a new database; it is good for one start. The
/// reference looks for it under dataLogDir, its own script puts it into dataDir.
fn take_initialize_marker(disk: &SharedDisk, dirs: &DataDirs) -> Result<bool, StorageError> {
    let mut found = false;
    for dir in [dirs.snap_dir(), dirs.log_dir()].into_iter().filter_map(Path::parent) {
        let marker = dir.join(INITIALIZE);
        if disk.exists(&marker).map_err(StorageError::io("look for", &marker))? {
            disk.remove(&marker).map_err(StorageError::io("remove", &marker))?;
            found = true;
        }
    }
    Ok(found)
}

/// Snapshots that were never finished.
fn remove_temporary(disk: &SharedDisk, dirs: &DataDirs) -> Result<(), StorageError> {
    let dir = dirs.snap_dir();
    for entry in disk.list(dir).map_err(StorageError::io("list", dir))? {
        if entry.name.strip_prefix(TEMPORARY).is_some_and(|name| parse_snapshot_name(name).is_some()) {
            let path = dir.join(&entry.name);
            disk.remove(&path).map_err(StorageError::io("remove", &path))?;
        }
    }
    Ok(())
}

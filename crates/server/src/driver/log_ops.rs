//! What the log thread performs beside appending: small files, truncations, snapshots from a leader.
//!
//! Before any of it the log is synced, so what the node put out first is durable first. Nobody else may
//! touch snapshots and logs while files disappear: see [`Snapshots::suspend`].
//!
//! [`Snapshots::suspend`]: crate::driver::snapshots::Snapshots::suspend

use crate::driver::recovery;
use crate::driver::server::log_options;
use crate::driver::shared::Shared;
use crate::driver::snapshots;
use proto::Zxid;
use std::path::{Path, PathBuf};
use std::time::Instant;
use storage::{ConfigFiles, EpochFile, SnapshotWriter, StorageError, TxnLog};
use tree::Tree;
use zab::Record;

/// Writes a small file.
///
/// # Errors
/// The disk fails or an epoch would decrease. That a membership cannot be written is only reported, as
/// by the reference: a configuration may well lie where nothing can be written.
pub(super) fn record(shared: &Shared, record: Record) -> Result<(), StorageError> {
    let store = |file, epoch| storage::store_epoch(&shared.disk, &shared.dirs, file, epoch);
    match record {
        Record::AcceptedEpoch(epoch) => store(EpochFile::Accepted, epoch),
        Record::CurrentEpoch(epoch) => store(EpochFile::Current, epoch),
        Record::Config { text, committed } => {
            if let Some(files) = config_files(shared) {
                let done = if committed { files.commit(&text) } else { files.store_next(&text) };
                if let Err(error) = done {
                    tracing::error!(%error, "the membership could not be written; a restart finds an older one");
                }
            }
            Ok(())
        }
    }
}

/// The files of the membership, when it may change and there is a configuration file to point to them.
fn config_files(shared: &Shared) -> Option<ConfigFiles> {
    let ensemble = shared.config.ensemble.as_ref().filter(|_| shared.config.reconfig_enabled)?;
    let path = absolute(ensemble.static_file.as_ref()?);
    Some(ConfigFiles::at(shared.disk.clone(), path, ensemble.me.0))
}

/// The same file by a path that holds from any working directory.
fn absolute(path: &Path) -> PathBuf {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (dir.canonicalize(), path.file_name()) {
        (Ok(dir), Some(name)) => dir.join(name),
        _ => path.to_path_buf(),
    }
}

/// Takes back what comes after `to`, and reads the tree back from the disk if asked to.
///
/// # Errors
/// [`StorageError::Refused`] when there is no transaction `to`; whatever the disk says. The server must
/// stop (HC-46).
pub(super) fn truncate(
    shared: &Shared,
    log: &mut TxnLog,
    to: Zxid,
    reload: bool,
) -> Result<Option<Box<Tree>>, StorageError> {
    let _alone = shared.snapshots.suspend();
    // Closed before the file is cut, and another one opened after: a writer that goes on would leave a
    // hole (HC-45). The new one touches nothing before its first entry.
    std::mem::replace(log, open(shared)?).close()?;
    if !storage::truncate(&shared.disk, &shared.dirs, to)? {
        return Err(StorageError::Refused {
            path: shared.dirs.log_dir().to_path_buf(),
            what: format!("the leader asks to go back to {to}, and there is no such transaction here"),
            remedy: "empty the data directory and let the ensemble fill it again",
        });
    }
    tracing::warn!(%to, "took back transactions that the leader does not have");
    if !reload {
        return Ok(None);
    }
    let (tree, recovered) = recovery::load(&shared.disk, &shared.dirs, &shared.config)?;
    if recovered.last_zxid != to {
        return Err(StorageError::Refused {
            path: shared.dirs.log_dir().to_path_buf(),
            what: format!("after a truncation to {to} the history ends at {}", recovered.last_zxid),
            remedy: "empty the data directory and let the ensemble fill it again",
        });
    }
    if recovered.needs_snapshot {
        shared.snapshots.request();
    }
    Ok(Some(Box::new(tree)))
}

/// Makes `tree` the only thing on disk.
///
/// # Errors
/// Whatever the disk says; the server must stop.
pub(super) fn install(
    shared: &Shared,
    log: &mut TxnLog,
    zxid: Zxid,
    tree: &Tree,
) -> Result<(), StorageError> {
    let started = Instant::now();
    let _alone = shared.snapshots.suspend();
    std::mem::replace(log, open(shared)?).close()?;
    let storage = &shared.config.storage;
    let compression = snapshots::compression(storage.snapshot_compression);
    let writer = SnapshotWriter::create(shared.disk.clone(), &shared.dirs, zxid, compression)?;
    let mut writer = writer.without_pauses();
    let mut cursor = tree.snapshot_begin();
    let mut chunk = Vec::new();
    loop {
        let done = tree.snapshot_step(&mut cursor, usize::MAX, &mut chunk);
        writer.write(&chunk)?;
        chunk.clear();
        if done {
            break;
        }
    }
    let digest = tree.settings().digest.then(|| tree.zxid_digest());
    let last = storage.serialize_last_zxid.then_some(zxid);
    let path = storage::install(&shared.disk, &shared.dirs, writer, digest, last)?;
    let ms = started.elapsed().as_millis() as u64;
    tracing::info!(%zxid, path = %path.display(), ms, "installed the leader's snapshot in place of everything else");
    Ok(())
}

fn open(shared: &Shared) -> Result<TxnLog, StorageError> {
    TxnLog::open(shared.disk.clone(), shared.dirs.log_dir(), log_options(&shared.config))
}

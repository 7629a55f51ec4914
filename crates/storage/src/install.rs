//! Making a snapshot received from a leader the only truth.
//!
//! The old files and the new snapshot must never be combined: the logs may hold transactions that the
//! ensemble does not know, behind or before the snapshot's zxid (HC-18), and the snapshot alone without
//! its removal of them would be replayed with them. So a marker says what is to become of every file.
//! Once the marker is durable, the new state is the one that counts, and recovery finishes what is left
//! to do; before that, everything is as it was (HC-29):
//!
//! | step | a crash after it leaves |
//! | --- | --- |
//! | write `tmp.snapshot.X`, sync it and its name | the old state |
//! | write `zabra.install`, sync it and its name | the new state, to be finished at the next start |
//! | rename to `snapshot.X`, sync the directory | the same |
//! | remove every log and every other snapshot, sync the directories | the same |
//! | remove `zabra.install`, sync the directory | the new state |
//!
//! Older snapshots go too. One of them may hold what only this member believed, and as the first
//! transaction of a newer epoch may follow anything, it could be continued by the log that is written
//! after the installed snapshot, should that one rot. A member without a fallback asks the ensemble.
//!
//! The marker lists the files by name, so that a server that does not know it can run in between
//! without harm: files that are not in the list are not removed, the start is refused instead.

use crate::snapshot::verify;
use crate::{DataDirs, SharedDisk, SnapshotWriter, StorageError, small_file};
use proto::Zxid;
use proto::snapshot::ZxidDigest;
use std::path::{Path, PathBuf};

/// Says that a snapshot is being installed. Lies beside the snapshots.
const MARKER: &str = "zabra.install";
/// First line of the marker.
const TITLE: &str = "installing a snapshot; do not remove this file";
/// Longest marker that makes sense: some hundred thousand names.
const MARKER_BYTES_MAX: usize = 16 << 20;

/// What is to be done with every file.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    /// Name of the snapshot that stays.
    snapshot: String,
    /// Names of the files that go.
    remove: Vec<String>,
}

/// Ends the snapshot that `writer` was given and makes it replace every log and every other snapshot,
/// durably (HC-31). The [`crate::TxnLog`] must have been closed before, and opened anew after. Returns
/// the snapshot's path. `digest` and `last_zxid` are as for [`SnapshotWriter::finish`].
///
/// # Errors
/// [`StorageError`]; the directory must then not be used before [`crate::recover`] has put it in order.
pub fn install(
    disk: &SharedDisk,
    dirs: &DataDirs,
    writer: SnapshotWriter,
    digest: Option<ZxidDigest>,
    last_zxid: Option<Zxid>,
) -> Result<PathBuf, StorageError> {
    let (temporary, path) = writer.complete(digest, last_zxid)?;
    sync(disk, dirs.snap_dir())?;
    let mut remove = Vec::new();
    for file in dirs.snapshots(disk)?.into_iter().chain(dirs.logs(disk)?) {
        remove.extend(name_of(&file.path).filter(|_| file.path != path));
    }
    let snapshot = name_of(&path).expect("a snapshot's path has a name");
    let plan = Plan { snapshot, remove };
    small_file::replace(disk, &dirs.snap_dir().join(MARKER), plan.encode().as_bytes())?;
    disk.rename(&temporary, &path).map_err(StorageError::io("rename", &temporary))?;
    sync(disk, dirs.snap_dir())?;
    plan.clear_away(disk, dirs)?;
    Ok(path)
}

/// Finishes an installation that a crash interrupted; says so when there was one.
///
/// # Errors
/// [`StorageError::Refused`] when files have appeared that the installation knows nothing of, or its
/// snapshot is gone; [`StorageError::Corrupt`] when that is damaged; [`StorageError::Io`].
pub(crate) fn finish_interrupted(disk: &SharedDisk, dirs: &DataDirs) -> Result<Option<String>, StorageError> {
    let marker = dirs.snap_dir().join(MARKER);
    let Some(bytes) = small_file::read(disk, &marker, MARKER_BYTES_MAX)? else { return Ok(None) };
    let refused = |what: String| {
        let remedy = "empty the directory and let the ensemble fill it again";
        Err(StorageError::Refused { path: marker.clone(), what, remedy })
    };
    let Some(plan) = Plan::decode(&bytes) else { return refused("it cannot be read".into()) };
    for file in dirs.snapshots(disk)?.into_iter().chain(dirs.logs(disk)?) {
        let name = name_of(&file.path).unwrap_or_default();
        if name != plan.snapshot && !plan.remove.contains(&name) {
            let path = file.path.display();
            return refused(format!(
                "{} was being installed, and {path} was written since, perhaps by another server",
                plan.snapshot
            ));
        }
    }
    let path = dirs.snap_dir().join(&plan.snapshot);
    let temporary = dirs.snap_dir().join(format!("{}{}", crate::dirs::TEMPORARY, plan.snapshot));
    if exists(disk, &temporary)? {
        verify(disk, &temporary)?;
        disk.rename(&temporary, &path).map_err(StorageError::io("rename", &temporary))?;
        sync(disk, dirs.snap_dir())?;
    } else if exists(disk, &path)? {
        verify(disk, &path)?;
    } else {
        return refused(format!("{} was being installed and is not there", plan.snapshot));
    }
    plan.clear_away(disk, dirs)?;
    Ok(Some(format!("a crash interrupted the installation of {} from a leader; finished it", path.display())))
}

impl Plan {
    /// Removes what goes, then the marker: it must not go first.
    fn clear_away(&self, disk: &SharedDisk, dirs: &DataDirs) -> Result<(), StorageError> {
        for name in &self.remove {
            let dir = if is_log(name) { dirs.log_dir() } else { dirs.snap_dir() };
            let path = dir.join(name);
            if exists(disk, &path)? {
                disk.remove(&path).map_err(StorageError::io("remove", &path))?;
            }
        }
        for dir in [dirs.snap_dir(), dirs.log_dir()] {
            sync(disk, dir)?;
        }
        small_file::remove(disk, &dirs.snap_dir().join(MARKER))
    }

    fn encode(&self) -> String {
        let mut text = format!("{TITLE}\nkeep {}\n", self.snapshot);
        for name in &self.remove {
            text.push_str(&format!("remove {name}\n"));
        }
        text
    }

    /// `None` for anything that [`Plan::encode`] does not write; above all for names that lead elsewhere.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines();
        lines.next().filter(|line| *line == TITLE)?;
        let snapshot = lines.next()?.strip_prefix("keep ")?.to_owned();
        crate::dirs::parse_snapshot_name(&snapshot)?;
        let remove = lines.map(|line| {
            let name = line.strip_prefix("remove ")?;
            let known = is_log(name) || crate::dirs::parse_snapshot_name(name).is_some();
            known.then(|| name.to_owned())
        });
        Some(Self { snapshot, remove: remove.collect::<Option<_>>()? })
    }
}

fn is_log(name: &str) -> bool {
    crate::dirs::parse_log_name(name).is_some()
}

fn name_of(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}

fn exists(disk: &SharedDisk, path: &Path) -> Result<bool, StorageError> {
    disk.exists(path).map_err(StorageError::io("look for", path))
}

fn sync(disk: &SharedDisk, dir: &Path) -> Result<(), StorageError> {
    disk.sync_dir(dir).map_err(StorageError::io("sync", dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_that_names_anything_but_logs_and_snapshots_is_not_followed() {
        let plan =
            Plan { snapshot: "snapshot.5.gz".into(), remove: vec!["log.1".into(), "snapshot.0".into()] };
        let text = plan.encode();
        assert_eq!(Plan::decode(text.as_bytes()), Some(plan));
        for bad in ["remove ../../etc/passwd\n", "remove myid\n", "remove \n", "log.1\n", "remove log./x\n"] {
            assert_eq!(Plan::decode(format!("{text}{bad}").as_bytes()), None, "{bad:?}");
        }
        assert_eq!(Plan::decode(text.replace("snapshot.5.gz", "log.5").as_bytes()), None);
        assert_eq!(Plan::decode(&text.as_bytes()[1..]), None);
        assert_eq!(Plan::decode(b"\xff"), None);
    }
}

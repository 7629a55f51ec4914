//! The real storage code under a member: its logs, snapshots, epoch files, truncation, installation and
//! recovery, on a disk in memory that loses power.
//!
//! What must survive is known from [`super::Contents`]; after each crash the files are recovered and must
//! show that, and at most a beginning of what was under way.

use super::contents::{Op, Snapshot};
use crate::rng::Rng;
use proto::Zxid;
use proto::txn::{Txn, TxnDigest, TxnHeader};
use std::path::Path;
use std::sync::Arc;
use storage::disk::fault::SimDisk;
use storage::{
    Compression, DataDirs, EpochFile, LogOptions, RecoverOptions, Recovery, SharedDisk, SnapshotWriter,
    StorageError, TxnLog,
};
use tree::{Loader, Settings, Tree};
use zab::Record;

const DATA: &str = "/data";
/// Snapshots kept, as in the model.
const SNAPSHOTS_KEPT: usize = 3;
/// More steps than any batch takes.
const STEPS_MAX: u64 = 40;

/// What the files show.
pub(super) struct Shown {
    pub(super) tree: Tree,
    pub(super) last: Zxid,
    pub(super) accepted_epoch: u32,
    pub(super) current_epoch: u32,
}

pub(super) struct Files {
    sim: SimDisk,
    disk: SharedDisk,
    open: Option<(DataDirs, TxnLog)>,
    settings: Settings,
    /// Whether an empty directory is a new database.
    new: bool,
}

struct Rebuild {
    settings: Settings,
    tree: Tree,
}

impl Recovery for Rebuild {
    type Sink = Loader;

    fn sink(&mut self) -> Loader {
        Loader::new(self.settings.clone())
    }

    fn loaded(&mut self, sink: Loader, zxid: Zxid) -> Result<(), String> {
        self.tree = sink.finish(zxid)?;
        Ok(())
    }

    fn replay(&mut self, header: &TxnHeader, txn: Txn, _: Option<TxnDigest>) -> Result<(), String> {
        self.tree.replay(header, &txn);
        Ok(())
    }
}

fn options() -> LogOptions {
    LogOptions { prealloc_bytes: 16 << 10, ..LogOptions::default() }
}

impl Files {
    /// An empty disk. One that is not known to be new belongs to a member that has lost its data.
    pub(super) fn new(settings: Settings, new: bool) -> Self {
        let sim = SimDisk::new();
        let disk: SharedDisk = Arc::new(sim.clone());
        Self { sim, disk, open: None, settings, new }
    }

    /// Reads everything back and leaves the log open.
    ///
    /// # Errors
    /// Why the process refuses to start.
    pub(super) fn start(&mut self) -> Result<Shown, StorageError> {
        self.open = None;
        self.sim.process_death();
        let dirs = DataDirs::prepare(&self.disk, Path::new(DATA), None, true)?;
        let tree = Tree::new(self.settings.clone());
        let mut rebuild = Rebuild { settings: self.settings.clone(), tree };
        let options_ = RecoverOptions { trust_empty: false, db_autocreate: self.new };
        let recovered = storage::recover(&self.disk, &dirs, &options_, &mut rebuild)?;
        let epochs = storage::load_epochs(&self.disk, &dirs, recovered.last_zxid)?;
        if recovered.needs_snapshot {
            self.write(&dirs, &Snapshot::of(&rebuild.tree))?
                .finish(Some(rebuild.tree.zxid_digest()), None)?;
        }
        let log = TxnLog::open(self.disk.clone(), dirs.log_dir(), options())?;
        self.open = Some((dirs, log));
        Ok(Shown {
            tree: rebuild.tree,
            last: recovered.last_zxid,
            accepted_epoch: epochs.accepted,
            current_epoch: epochs.current,
        })
    }

    fn write(&self, dirs: &DataDirs, snapshot: &Snapshot) -> Result<SnapshotWriter, StorageError> {
        let none = Compression::None;
        let mut writer = SnapshotWriter::create(self.disk.clone(), dirs, snapshot.zxid, none)?;
        writer.write(&snapshot.bytes)?;
        Ok(writer)
    }

    /// Performs a batch as the log thread does: in order, durable at its end.
    ///
    /// # Errors
    /// The process ends.
    pub(super) fn perform(&mut self, batch: &[Op]) -> Result<(), StorageError> {
        for op in batch {
            let Some((dirs, log)) = &mut self.open else { return Ok(()) };
            match op {
                Op::Append(zxid, entry) => log.append(*zxid, entry),
                Op::Record(Record::AcceptedEpoch(epoch)) => {
                    log.sync()?;
                    storage::store_epoch(&self.disk, dirs, EpochFile::Accepted, *epoch)?;
                }
                Op::Record(Record::CurrentEpoch(epoch)) => {
                    log.sync()?;
                    storage::store_epoch(&self.disk, dirs, EpochFile::Current, *epoch)?;
                }
                Op::Record(Record::Config { .. }) => {}
                Op::Truncate { to, .. } => self.truncate(*to)?,
                Op::Install { zxid, tree } => self.install(*zxid, tree)?,
            }
        }
        match &mut self.open {
            Some((_, log)) => log.sync().map(|_| ()),
            None => Ok(()),
        }
    }

    fn reopen(&mut self, dirs: DataDirs) -> Result<(), StorageError> {
        let log = TxnLog::open(self.disk.clone(), dirs.log_dir(), options())?;
        self.open = Some((dirs, log));
        Ok(())
    }

    fn truncate(&mut self, to: Zxid) -> Result<(), StorageError> {
        let Some((dirs, log)) = self.open.take() else { return Ok(()) };
        log.close()?;
        let done = storage::truncate(&self.disk, &dirs, to)?;
        let path = dirs.log_dir().to_path_buf();
        self.reopen(dirs)?;
        match done {
            true => Ok(()),
            false => {
                let what = format!("there is no {to} to go back to");
                Err(StorageError::Refused { path, what, remedy: "" })
            }
        }
    }

    fn install(&mut self, zxid: Zxid, tree: &Tree) -> Result<(), StorageError> {
        let Some((dirs, log)) = self.open.take() else { return Ok(()) };
        log.close()?;
        let writer = self.write(&dirs, &Snapshot { zxid, ..Snapshot::of(tree) })?;
        storage::install(&self.disk, &dirs, writer, None, None)?;
        self.reopen(dirs)
    }

    /// A snapshot was taken; what nobody needs any more goes.
    ///
    /// # Errors
    /// It was not.
    pub(super) fn add_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), StorageError> {
        let Some((dirs, _)) = &self.open else { return Ok(()) };
        self.write(dirs, snapshot)?.finish(snapshot.digest, None)?;
        storage::purge(&self.disk, dirs, SNAPSHOTS_KEPT).map(|_| ())
    }

    /// A bit rots in a snapshot or log, not in the last log, whose end could not be told from a write that was
    /// under way.
    pub(super) fn rot(&mut self, rng: &mut Rng) {
        let Some((dirs, _)) = &self.open else { return };
        let mut logs = dirs.logs(&self.disk).unwrap_or_default();
        logs.pop();
        let snapshots = dirs.snapshots(&self.disk).unwrap_or_default();
        let paths: Vec<_> = logs.into_iter().chain(snapshots).map(|file| file.path).collect();
        if paths.is_empty() {
            return;
        }
        let path = &paths[rng.index(paths.len())];
        let used = self.sim.contents(path).iter().rposition(|byte| *byte != 0).unwrap_or(0);
        if used > 1 {
            self.sim.rot(path, rng.below(used as u64 / 2), 1 << rng.below(8));
        }
    }

    /// A snapshot begins: the log goes on in another file.
    ///
    /// # Errors
    /// The process ends.
    pub(super) fn roll(&mut self) -> Result<(), StorageError> {
        self.open.as_mut().map_or(Ok(()), |(_, log)| log.roll())
    }

    /// The process ends somewhere in this batch; then the files are looked at.
    ///
    /// # Errors
    /// They cannot be used any more, which no crash may bring about.
    pub(super) fn crash(&mut self, batch: &[Op], rng: &mut Rng) -> Result<Shown, StorageError> {
        self.sim.power_off_after(rng.below(STEPS_MAX));
        // It fails at some point, or not: both are a crash.
        let _ = self.perform(batch);
        self.open = None;
        match rng.permille(800) {
            true => self.sim.power_loss(rng.next()),
            false => self.sim.process_death(),
        }
        self.start()
    }
}

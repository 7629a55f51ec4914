//! When to take a snapshot, and the thread that takes it while writes go on.
//!
//! A snapshot is named after its start, but may hold what was applied until its end. So none may span a
//! moment in which the tree loses anything (HC-19). None is taken while the member has no leader; one
//! that is being taken when the role changes is given up and taken later; and from the moment in which
//! the log thread takes transactions back or installs another tree on disk, there is none until the
//! node, which gets its tree only then, says that it is up to date.
//!
//! //= java: SyncRequestProcessor.shouldSnapshot

use crate::config;
use crate::driver::shared::Shared;
use node::Role;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::path::PathBuf;
use std::time::Instant;
use storage::{Compression, SnapshotWriter, StorageError};

/// Nodes serialized while the tree is held once: bounds how long a write can wait.
const NODES_PER_SLICE: usize = 256;
/// Serialized bytes gathered before they go to the disk.
const CHUNK_BYTES: usize = 256 * 1024;

/// Decides by counting, and carries the request to the snapshot thread.
#[derive(Debug)]
pub(crate) struct Snapshots {
    count_max: u64,
    bytes_max: Option<u64>,
    state: Mutex<State>,
    requested: Condvar,
    /// Held by whoever adds or removes snapshots and old logs.
    files: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    count: u64,
    bytes: u64,
    count_limit: u64,
    bytes_limit: Option<u64>,
    wanted: bool,
    /// None may be taken now.
    forbidden: bool,
    /// How often that may have changed: one that began before is given up.
    generation: u64,
    closed: bool,
}

impl Snapshots {
    pub(crate) fn new(storage: &config::Storage) -> Self {
        let snapshots = Self {
            count_max: storage.snap_count,
            bytes_max: storage.snap_size_limit_bytes,
            state: Mutex::default(),
            requested: Condvar::new(),
            files: Mutex::default(),
        };
        snapshots.draw_limits(&mut snapshots.state.lock());
        snapshots
    }

    /// Half of the limit plus a random part of the other half, so that the members of an ensemble
    /// do not all snapshot at once.
    fn draw_limits(&self, state: &mut State) {
        let draw = |max: u64| max / 2 + if max / 2 > 0 { fastrand::u64(..max / 2) } else { 0 };
        state.count = 0;
        state.bytes = 0;
        state.count_limit = draw(self.count_max);
        state.bytes_limit = self.bytes_max.map(draw);
    }

    /// Counts logged entries; `true` when it is time to roll the log and take a snapshot.
    pub(crate) fn is_due(&self, count: u64, bytes: u64) -> bool {
        let mut state = self.state.lock();
        state.count += count;
        state.bytes += bytes;
        let due =
            state.count > state.count_limit || state.bytes_limit.is_some_and(|limit| state.bytes > limit);
        if due {
            self.draw_limits(&mut state);
        }
        due
    }

    /// Asks for a snapshot; one that is already being taken is not asked for twice.
    pub(crate) fn request(&self) {
        self.state.lock().wanted = true;
        self.requested.notify_one();
    }

    /// The member does something else now: gives up a snapshot that is being taken. It is taken later,
    /// in a role in which the tree holds what is committed and nothing else.
    pub(crate) fn role_changed(&self, role: Role) {
        let mut state = self.state.lock();
        state.generation += 1;
        state.forbidden = matches!(role, Role::Looking | Role::ReadOnly);
        self.requested.notify_one();
    }

    /// Gives up a snapshot that is being taken, waits until it is, and lets none begin before the next
    /// [`Snapshots::role_changed`]. While the guard lives, nobody else adds or removes files.
    pub(crate) fn suspend(&self) -> MutexGuard<'_, ()> {
        let mut state = self.state.lock();
        state.generation += 1;
        state.forbidden = true;
        drop(state);
        self.files()
    }

    /// Keeps everybody else from adding or removing snapshots and old logs.
    pub(crate) fn files(&self) -> MutexGuard<'_, ()> {
        self.files.lock()
    }

    /// Whether a snapshot that began in this generation may go on.
    pub(super) fn may_go_on(&self, generation: u64) -> bool {
        let state = self.state.lock();
        state.generation == generation && !state.forbidden
    }

    pub(super) fn generation(&self) -> u64 {
        self.state.lock().generation
    }

    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.requested.notify_one();
    }

    fn wait(&self) -> bool {
        let mut state = self.state.lock();
        while !state.closed && (state.forbidden || !state.wanted) {
            self.requested.wait(&mut state);
        }
        !state.closed
    }
}

/// Takes snapshots on request until closed. A failed one costs disk space at worst: the log has
/// everything, and serving goes on (HC-121).
pub(crate) fn run(shared: &Shared) {
    while shared.snapshots.wait() {
        match take(shared) {
            Ok(Some(path)) => tracing::info!(path = %path.display(), "snapshot taken"),
            Ok(None) => {
                // Still wanted, when the role allows it.
                tracing::debug!("snapshot given up: the role changed");
                continue;
            }
            Err(error) => {
                tracing::error!(%error, "snapshot failed; the log keeps growing until one succeeds")
            }
        }
        shared.snapshots.state.lock().wanted = false;
    }
}

/// Writes one snapshot of the tree as it stands, in slices; `None` when it was given up half-way.
pub(crate) fn take(shared: &Shared) -> Result<Option<PathBuf>, StorageError> {
    let started = Instant::now();
    let snapshots = &shared.snapshots;
    let _alone = snapshots.files();
    let generation = snapshots.generation();
    if !snapshots.may_go_on(generation) {
        return Ok(None);
    }
    let mut cursor = shared.store.view().tree.snapshot_begin();
    let zxid = cursor.zxid();
    let storage = &shared.config.storage;
    let compression = compression(storage.snapshot_compression);
    let mut writer = SnapshotWriter::create(shared.disk.clone(), &shared.dirs, zxid, compression)?;
    let mut chunk = Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4);
    loop {
        if !snapshots.may_go_on(generation) {
            return Ok(None);
        }
        let done = shared.store.view().tree.snapshot_step(&mut cursor, NODES_PER_SLICE, &mut chunk);
        if chunk.len() >= CHUNK_BYTES || done {
            writer.write(&chunk)?;
            chunk.clear();
        }
        if done {
            break;
        }
    }
    let (digest, last) = {
        let view = shared.store.view();
        (view.tree.settings().digest.then(|| view.tree.zxid_digest()), view.tree.last_zxid())
    };
    if !snapshots.may_go_on(generation) {
        return Ok(None);
    }
    let path = writer.finish(digest, storage.serialize_last_zxid.then_some(last))?;
    tracing::debug!(%zxid, ms = started.elapsed().as_millis() as u64, "snapshot written");
    Ok(Some(path))
}

pub(super) fn compression(method: config::Compression) -> Compression {
    match method {
        config::Compression::None => Compression::None,
        config::Compression::Gzip => Compression::Gzip,
        config::Compression::Snappy => Compression::Snappy,
    }
}

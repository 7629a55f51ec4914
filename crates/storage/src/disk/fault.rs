//! A disk in memory that does what disks do on bad days.
//!
//! Contents and names are kept twice: as programs see them and as they are durable. A power loss
//! keeps any subset of what was not synced, sector by sector, chosen from a seed; names change in
//! order, so a power loss keeps a beginning of their changes. A failed sync follows what kernels
//! do: the data stays readable, counts as clean, and is never written.

use super::medium::{Change, Dice, Inode, overwrite};
use super::{DirEntry, Disk, DiskFile, DiskLock, OpenMode};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

/// An operation that changes the disk or makes changes durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A file comes to be or is emptied.
    Create,
    /// Bytes are written.
    Write,
    /// A file is cut or extended.
    SetSize,
    /// A file's contents are made durable.
    Sync,
    /// A file is renamed.
    Rename,
    /// A file is removed.
    Remove,
    /// A directory's names are made durable.
    SyncDir,
    /// Bytes are read; not counted among the changes.
    Read,
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An input/output error, once.
    ErrorOnce,
    /// An input/output error, from now on.
    ErrorAlways,
    /// Only this many bytes of one write are taken; no error.
    ShortWrite(usize),
}

/// The disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    dirs: BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    name_changes: Vec<NameChange>,
    inodes: Vec<Inode>,
    locks: BTreeSet<PathBuf>,
    faults: Vec<(Operation, u64, Fault)>,
    operations: u64,
    power_off_after: Option<u64>,
    capacity_bytes: Option<u64>,
    sync_delay: Duration,
}

#[derive(Debug, Clone)]
struct NameChange {
    dir: PathBuf,
    path: PathBuf,
    /// `None` for a name that goes away.
    inode: Option<usize>,
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes and syncs completed so far.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Lets `count` more operations complete; everything after fails until [`SimDisk::power_loss`].
    pub fn power_off_after(&self, count: u64) {
        let mut state = self.lock();
        state.power_off_after = Some(state.operations + count);
    }

    /// Loses what was not synced, but for a subset that `seed` chooses, and comes back without
    /// faults and locks. Seeds 0 and 1 keep nothing and everything.
    pub fn power_loss(&self, seed: u64) {
        let mut state = self.lock();
        let mut dice = Dice(seed);
        // One in four sectors, half of them, or three in four: each kind finds other bugs.
        let chance = match seed {
            0 => 0,
            1 => 4,
            _ => 1 + dice.roll(3),
        };
        let changes = std::mem::take(&mut state.name_changes);
        let kept = match chance {
            0 => 0,
            4 => changes.len(),
            _ => dice.roll(changes.len() as u64 + 1) as usize,
        };
        for change in &changes[..kept] {
            change.apply(&mut state.durable_names);
        }
        state.names = state.durable_names.clone();
        for inode in &mut state.inodes {
            for change in std::mem::take(&mut inode.pending) {
                change.apply_some(&mut inode.durable, || dice.roll(4) < chance);
            }
            inode.seen = inode.durable.clone();
        }
        state.locks.clear();
        state.faults.clear();
        state.power_off_after = None;
        state.capacity_bytes = None;
    }

    /// A process killed: locks are gone, everything written is still there.
    pub fn process_death(&self) {
        let mut state = self.lock();
        state.locks.clear();
        state.faults.clear();
        state.power_off_after = None;
    }

    /// Makes the operation of this kind fail that comes after `skip` others of its kind.
    pub fn inject(&self, operation: Operation, skip: u64, fault: Fault) {
        self.lock().faults.push((operation, skip, fault));
    }

    /// Limits the bytes of all files together; writes beyond fail for lack of space.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity_bytes = bytes;
    }

    /// Makes every sync take at least this long.
    pub fn set_sync_delay(&self, delay: Duration) {
        self.lock().sync_delay = delay;
    }

    /// Changes a byte behind everybody's back: `mask` says which bits.
    ///
    /// # Panics
    /// When there is no such byte.
    pub fn rot(&self, path: &Path, offset: u64, mask: u8) {
        let mut state = self.lock();
        let inode = state.names[path];
        let inode = &mut state.inodes[inode];
        inode.seen[offset as usize] ^= mask;
        if let Some(byte) = inode.durable.get_mut(offset as usize) {
            *byte ^= mask;
        }
    }

    /// A file's contents as programs see them.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn contents(&self, path: &Path) -> Vec<u8> {
        let state = self.lock();
        state.inodes[state.names[path]].seen.clone()
    }

    /// Puts a file there, durable at once, directories included.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.lock();
        for dir in path.ancestors().skip(1) {
            state.dirs.insert(dir.to_path_buf());
        }
        let inode = Inode { seen: bytes.to_vec(), durable: bytes.to_vec(), ..Inode::default() };
        state.inodes.push(inode);
        let id = state.inodes.len() - 1;
        state.names.insert(path.to_path_buf(), id);
        state.durable_names.insert(path.to_path_buf(), id);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self.inode {
            Some(inode) => names.insert(self.path.clone(), inode),
            None => names.remove(&self.path),
        };
    }
}

impl State {
    /// Lets an operation through, or fails it. A short write's length is returned.
    fn begin(&mut self, operation: Operation) -> io::Result<Option<usize>> {
        if self.power_off_after.is_some_and(|limit| self.operations >= limit) {
            return Err(power_is_off());
        }
        let mut outcome = Ok(None);
        self.faults.retain_mut(|(kind, skip, fault)| {
            if *kind != operation || outcome.is_err() {
                return true;
            }
            if *skip > 0 {
                *skip -= 1;
                return true;
            }
            match fault {
                Fault::ErrorOnce | Fault::ErrorAlways => {
                    outcome = Err(io::Error::other("injected I/O error"))
                }
                Fault::ShortWrite(bytes) => outcome = Ok(Some(*bytes)),
            }
            *fault == Fault::ErrorAlways
        });
        if operation != Operation::Read && outcome.is_ok() {
            self.operations += 1;
        }
        outcome
    }

    fn change_name(&mut self, path: &Path, inode: Option<usize>) {
        let dir = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let change = NameChange { dir, path: path.to_path_buf(), inode };
        change.apply(&mut self.names);
        self.name_changes.push(change);
    }

    fn inode(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(not_found)
    }

    fn free_bytes(&self) -> u64 {
        let used: u64 = self.names.values().map(|id| self.inodes[*id].seen.len() as u64).sum();
        self.capacity_bytes.map_or(u64::MAX, |capacity| capacity.saturating_sub(used))
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock();
        let known = state.inode(path).ok();
        let inode = match (mode, known) {
            (OpenMode::Read | OpenMode::Write, None) => return Err(not_found()),
            (OpenMode::Read | OpenMode::Write, Some(inode)) => inode,
            (OpenMode::CreateNew, Some(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            (OpenMode::Replace | OpenMode::Stream, Some(inode)) => {
                state.begin(Operation::Create)?;
                state.inodes[inode].seen.clear();
                state.inodes[inode].pending.push(Change::SetSize(0));
                inode
            }
            (_, None) => {
                if !path.parent().is_some_and(|dir| state.dirs.contains(dir)) {
                    return Err(not_found());
                }
                state.begin(Operation::Create)?;
                state.inodes.push(Inode::default());
                let inode = state.inodes.len() - 1;
                state.change_name(path, Some(inode));
                inode
            }
        };
        Ok(Box::new(SimFile { disk: self.clone(), inode, writable: mode != OpenMode::Read }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.lock();
        let inode = state.inode(from)?;
        state.begin(Operation::Rename)?;
        // One change on disk, written as two: the new name comes first, so none is ever missing.
        state.change_name(to, Some(inode));
        state.change_name(from, None);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.inode(path)?;
        state.begin(Operation::Remove)?;
        state.change_name(path, None);
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let mut state = self.lock();
        state.begin(Operation::Read)?;
        if !state.dirs.contains(dir) {
            return Err(not_found());
        }
        let inside = state.names.iter().filter(|(path, _)| path.parent() == Some(dir));
        Ok(inside
            .filter_map(|(path, inode)| {
                let name = path.file_name()?.to_str()?.to_owned();
                Some(DirEntry { name, bytes: state.inodes[*inode].seen.len() as u64 })
            })
            .collect())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.begin(Operation::SyncDir)?;
        let (now, later) = std::mem::take(&mut state.name_changes).into_iter().partition(|c| c.dir == dir);
        state.name_changes = later;
        let now: Vec<NameChange> = now;
        for change in now {
            change.apply(&mut state.durable_names);
        }
        Ok(())
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.begin(Operation::Create)?;
        for dir in dir.ancestors() {
            state.dirs.insert(dir.to_path_buf());
        }
        Ok(())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.lock();
        state.begin(Operation::Read)?;
        Ok(state.names.contains_key(path) || state.dirs.contains(path))
    }

    fn modified(&self, path: &Path) -> io::Result<SystemTime> {
        let state = self.lock();
        let inode = state.inode(path)?;
        Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(state.inodes[inode].changed_secs))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        let mut state = SimDisk::lock(self);
        state.begin(Operation::Read)?;
        if !state.locks.insert(path.to_path_buf()) {
            return Ok(None);
        }
        Ok(Some(Box::new(SimLock { disk: self.clone(), path: path.to_path_buf() })))
    }
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.lock().locks.remove(&self.path);
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: usize,
    writable: bool,
}

impl SimFile {
    fn writable(&self) -> io::Result<()> {
        self.writable.then_some(()).ok_or_else(|| io::ErrorKind::PermissionDenied.into())
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.disk.lock();
        state.begin(Operation::Read)?;
        let seen = &state.inodes[self.inode].seen;
        let start = seen.len().min(offset as usize);
        let n = into.len().min(seen.len() - start);
        into[..n].copy_from_slice(&seen[start..start + n]);
        Ok(n)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.writable()?;
        let mut state = self.disk.lock();
        let short = state.begin(Operation::Write)?;
        let len = state.inodes[self.inode].seen.len() as u64;
        let room = len.saturating_add(state.free_bytes()).saturating_sub(offset);
        if room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let n = bytes.len().min(short.unwrap_or(usize::MAX)).min(usize::try_from(room).unwrap_or(usize::MAX));
        let secs = state.operations;
        let inode = &mut state.inodes[self.inode];
        overwrite(&mut inode.seen, offset, &bytes[..n]);
        inode.pending.push(Change::Write { offset, bytes: bytes[..n].to_vec() });
        inode.changed_secs = secs;
        Ok(n)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.lock().inodes[self.inode].seen.len() as u64)
    }

    fn set_size(&self, bytes: u64) -> io::Result<()> {
        self.writable()?;
        let mut state = self.disk.lock();
        state.begin(Operation::SetSize)?;
        let inode = &mut state.inodes[self.inode];
        inode.seen.resize(bytes as usize, 0);
        inode.pending.push(Change::SetSize(bytes));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.lock();
        let delay = state.sync_delay;
        let outcome = state.begin(Operation::Sync);
        let off = state.power_off_after.is_some_and(|limit| state.operations >= limit && outcome.is_err());
        let inode = &mut state.inodes[self.inode];
        match outcome {
            Ok(_) => {
                for change in std::mem::take(&mut inode.pending) {
                    change.apply_some(&mut inode.durable, || true);
                }
            }
            // The kernel dropped the pages: readable until the power goes, and never written.
            Err(_) if !off => inode.pending.clear(),
            Err(_) => {}
        }
        drop(state);
        if !delay.is_zero() {
            thread::sleep(delay);
        }
        outcome.map(drop)
    }
}

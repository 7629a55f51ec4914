//! A member's disk: operations are queued, performed strictly in order in batches, and a crash keeps
//! what was durable and a beginning of the batch under way.

mod contents;
mod files;

pub(crate) use contents::{Contents, Done, Op, Snapshot};

use crate::rng::Rng;
use files::{Files, Shown};
use proto::Zxid;
use proto::mutant::{Mutant, is_on};
use std::collections::VecDeque;
use tree::{Settings, Tree};

/// A batch that has become durable.
pub(crate) struct Batch {
    /// How many operations are durable since the process started.
    pub(crate) stored: u64,
    /// What is to be told first.
    pub(crate) done: Done,
}

pub(crate) struct Disk {
    pub(crate) durable: Contents,
    /// The real storage code, on some seeds; what is durable must be what it shows.
    files: Option<Files>,
    settings: Settings,
    waiting: VecDeque<Op>,
    writing: Vec<Op>,
    busy: bool,
    stored: u64,
    /// Something that was durable cannot be read any more.
    pub(crate) rotten: bool,
    /// The next sync fails.
    pub(crate) failing: bool,
    /// What is left when a snapshot that was never synced is lost.
    unsynced: Option<Box<Contents>>,
    /// Syncs take this many times as long.
    pub(crate) slowness: u64,
}

impl Disk {
    pub(crate) fn new(contents: Contents, settings: Settings) -> Self {
        Self {
            durable: contents,
            files: None,
            settings,
            waiting: VecDeque::new(),
            writing: Vec::new(),
            busy: false,
            stored: 0,
            rotten: false,
            failing: false,
            unsynced: None,
            slowness: 1,
        }
    }

    /// Puts the real storage code underneath.
    pub(crate) fn with_files(mut self) -> Self {
        self.files = Some(Files::new(self.settings.clone(), true));
        self
    }

    pub(crate) fn push(&mut self, op: Op) {
        self.waiting.push_back(op);
    }

    /// Begins a batch if there is something to do and nothing under way. Whatever changes the log
    /// otherwise than by appending is a batch of its own.
    pub(crate) fn begin(&mut self) -> bool {
        if self.busy || self.waiting.is_empty() {
            return false;
        }
        self.busy = true;
        let alone = |op: &Op| matches!(op, Op::Truncate { .. } | Op::Install { .. });
        while let Some(op) = self.waiting.pop_front_if(|op| self.writing.is_empty() || !alone(op)) {
            let last = alone(&op);
            self.writing.push(op);
            if last {
                break;
            }
        }
        true
    }

    /// Whether a batch is under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy
    }

    /// The batch under way is durable now.
    ///
    /// # Errors
    /// Why it is not: the process ends.
    pub(crate) fn finish(&mut self) -> Result<Batch, String> {
        self.busy = false;
        let mut lost = false;
        if std::mem::take(&mut self.failing) {
            if !is_on(Mutant::SyncErrorIgnored) {
                return Err("the sync failed".into());
            }
            lost = true;
        }
        if let Some(files) = &mut self.files {
            files.perform(&self.writing).map_err(|error| error.to_string())?;
        }
        let mut done = Done::Nothing;
        for op in self.writing.drain(..) {
            self.stored += 1;
            if lost && matches!(op, Op::Append(..) | Op::Record(_)) {
                continue;
            }
            if is_on(Mutant::SnapWithoutSync) && matches!(op, Op::Install { .. }) {
                self.unsynced = Some(Box::new(self.durable.clone()));
            }
            done = self.durable.perform(op, &self.settings)?;
        }
        Ok(Batch { stored: self.stored, done })
    }

    /// The process is gone: some of the batch under way may have reached the disk, in order.
    ///
    /// # Errors
    /// The files show something else than what was durable and a beginning of that batch.
    pub(crate) fn crash(&mut self, rng: &mut Rng) -> Result<(), String> {
        if let Some(before) = self.unsynced.take() {
            self.durable = *before;
        }
        self.waiting.clear();
        (self.busy, self.failing, self.stored) = (false, false, 0);
        let writing = std::mem::take(&mut self.writing);
        if let Some(files) = self.files.as_mut().filter(|_| !self.rotten) {
            let shown = files.crash(&writing, rng).map_err(|error| error.to_string())?;
            return self.follow(writing, &shown);
        }
        let survivors = rng.below(writing.len() as u64 + 1) as usize;
        for op in writing.into_iter().take(survivors) {
            // What cannot be performed is as if the crash had come before it.
            if self.durable.perform(op, &self.settings).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Finds out how much of a batch the files show.
    fn follow(&mut self, batch: Vec<Op>, shown: &Shown) -> Result<(), String> {
        let before = (self.last(), self.epochs());
        let mut batch = batch.into_iter();
        loop {
            let here = (self.last(), self.durable.accepted_epoch, self.durable.current_epoch);
            if here == (shown.last, shown.accepted_epoch, shown.current_epoch) {
                return Ok(());
            }
            let Some(op) = batch.next() else { break };
            if self.durable.perform(op, &self.settings).is_err() {
                break;
            }
        }
        let Shown { last, accepted_epoch, current_epoch, .. } = shown;
        Err(format!(
            "the files show {last}, epochs {accepted_epoch} and {current_epoch}; durable was {before:?}"
        ))
    }

    /// Reads everything back, as a start does.
    ///
    /// # Errors
    /// Why the process refuses to start.
    pub(crate) fn recover(&mut self) -> Result<Tree, String> {
        if self.rotten && self.files.is_none() {
            return Err("a checksum is wrong".into());
        }
        let tree = match &mut self.files {
            Some(files) => {
                let shown = files.start().map_err(|error| error.to_string())?;
                // What starts in spite of the damage must show everything, but for a last batch that was rotten
                // before it was noted as durable: that looks like an unfinished write (HC-114).
                let is_excused = std::mem::take(&mut self.rotten) && shown.last < self.durable.last();
                let (last, epochs) = (shown.last, (shown.accepted_epoch, shown.current_epoch));
                if last != self.durable.last() || epochs != self.epochs() {
                    self.rotten = is_excused;
                    return Err(format!(
                        "the files show {last} and {epochs:?}, not {:?}",
                        self.durable.last()
                    ));
                }
                shown.tree
            }
            None => self.durable.rebuild(&self.settings, usize::MAX)?,
        };
        if self.durable.log.last().is_none_or(|(last, _)| *last < tree.last_zxid()) {
            self.durable.log.clear();
            self.durable.log_from = self.durable.log_from.max(tree.last_zxid());
        }
        Ok(tree)
    }

    /// Nothing is left.
    pub(crate) fn wipe(&mut self) {
        let files = self.files.as_ref().map(|_| Files::new(self.settings.clone(), false));
        *self = Self { files, ..Self::new(Contents::default(), self.settings.clone()) };
    }

    /// Something durable is damaged.
    pub(crate) fn rot(&mut self, rng: &mut Rng) {
        self.rotten = true;
        if let Some(files) = &mut self.files {
            files.rot(rng);
        }
    }

    /// A snapshot begins: the log goes on in another file.
    pub(crate) fn roll(&mut self) {
        if let Some(files) = &mut self.files {
            // A failure shows at the next batch.
            let _ = files.roll();
        }
    }

    /// A snapshot was taken.
    pub(crate) fn add_snapshot(&mut self, snapshot: Snapshot) {
        let is_newer = self.durable.snapshots.last().is_none_or(|last| last.zxid < snapshot.zxid);
        if let Some(files) = self.files.as_mut().filter(|_| is_newer) {
            let _ = files.add_snapshot(&snapshot);
        }
        self.durable.add_snapshot(snapshot);
    }

    /// The newest snapshot is gone, if the log reaches back to the one before.
    pub(crate) fn lose_newest_snapshot(&mut self) -> bool {
        let len = self.durable.snapshots.len();
        if self.files.is_some() || len < 2 || self.durable.snapshots[len - 2].zxid < self.durable.log_from {
            return false;
        }
        self.durable.snapshots.pop();
        true
    }

    /// The last durable transaction.
    pub(crate) fn last(&self) -> Zxid {
        self.durable.last()
    }

    /// `acceptedEpoch` and `currentEpoch`.
    pub(crate) fn epochs(&self) -> (u32, u32) {
        (self.durable.accepted_epoch, self.durable.current_epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::SessionId;
    use proto::peer::Entry;
    use proto::txn::{Txn, TxnHeader, encode_entry};
    use zab::Record;

    fn entry(zxid: Zxid) -> Op {
        let txn = Txn::Error(-101);
        let header = TxnHeader { client_id: SessionId(1), cxid: 1, zxid, time: 0, kind: txn.kind() };
        let mut bytes = Vec::new();
        encode_entry(&header, &txn, None, &mut bytes);
        Op::Append(zxid, Entry::from(bytes))
    }

    #[test]
    fn the_files_show_what_was_durable_after_every_crash() {
        let mut rng = Rng::new(1, 1);
        let settings = Settings::default();
        let mut disk = Disk::new(Contents::fresh(&settings), settings).with_files();
        disk.recover().unwrap();
        for epoch in 1..=60 {
            disk.push(Op::Record(Record::AcceptedEpoch(epoch)));
            disk.push(Op::Record(Record::CurrentEpoch(epoch)));
            for counter in 1..=1 + rng.below(9) {
                disk.push(entry(Zxid::new(epoch, counter as u32)));
            }
            let before = disk.last();
            assert!(disk.begin());
            if rng.permille(400) {
                disk.finish().unwrap();
                assert_eq!(disk.last().epoch(), epoch);
            }
            disk.crash(&mut rng).unwrap();
            assert!(disk.last() >= before);
            assert_eq!(disk.recover().unwrap().last_zxid(), disk.last());
        }
        assert!(disk.last().epoch() > 50);
    }
}

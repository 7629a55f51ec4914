//! A member's disk: operations are queued, performed strictly in order in batches, and a crash keeps
//! what was durable and a beginning of the batch under way.

mod contents;

pub(crate) use contents::{Contents, Done, Op, Snapshot};

use crate::rng::Rng;
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
    pub(crate) fn crash(&mut self, rng: &mut Rng) {
        if let Some(before) = self.unsynced.take() {
            self.durable = *before;
        }
        let survivors = rng.below(self.writing.len() as u64 + 1) as usize;
        for op in self.writing.drain(..).take(survivors) {
            // What cannot be performed is as if the crash had come before it.
            if self.durable.perform(op, &self.settings).is_err() {
                break;
            }
        }
        self.writing.clear();
        self.waiting.clear();
        self.busy = false;
        self.failing = false;
        self.stored = 0;
    }

    /// Reads everything back, as a start does.
    ///
    /// # Errors
    /// Why the process refuses to start.
    pub(crate) fn recover(&mut self) -> Result<Tree, String> {
        if self.rotten {
            return Err("a checksum is wrong".into());
        }
        let tree = self.durable.rebuild(&self.settings, usize::MAX)?;
        if self.durable.log.last().is_none_or(|(last, _)| *last < tree.last_zxid()) {
            self.durable.log.clear();
            self.durable.log_from = self.durable.log_from.max(tree.last_zxid());
        }
        Ok(tree)
    }

    /// Nothing is left.
    pub(crate) fn wipe(&mut self) {
        *self = Self::new(Contents::default(), self.settings.clone());
    }

    /// The newest snapshot is gone, if the log reaches back to the one before.
    pub(crate) fn lose_newest_snapshot(&mut self) -> bool {
        let len = self.durable.snapshots.len();
        if len < 2 || self.durable.snapshots[len - 2].zxid < self.durable.log_from {
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

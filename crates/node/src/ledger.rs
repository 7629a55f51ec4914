//! What was handed to the log, and what of it is durable.

use crate::delivery::Outbox;
use crate::member::Node;
use crate::roles::Duty;
use proto::Zxid;
use proto::mutant::{Mutant, is_on};
use proto::peer::Entry;
use std::collections::VecDeque;
use tree::Tree;
use zab::Record;

/// One thing on its way to the disk.
#[derive(Debug)]
enum Item {
    Entry(Zxid),
    Record(Record),
    /// A truncation or an installed snapshot.
    Rewrite,
}

/// The order of things stored, by count.
#[derive(Debug)]
pub(crate) struct Ledger {
    issued: u64,
    waiting: VecDeque<(u64, Item)>,
    /// Trees on their way back from the disk: nothing may be applied before.
    reloading: u32,
    last_logged: Zxid,
    durable: Zxid,
    /// Whether entries go to the disk.
    keeps_entries: bool,
    /// The last transaction on disk, when there are later ones in memory only.
    kept: Option<Zxid>,
    /// Nothing before this can be cut off: there is no snapshot before it.
    floor: Zxid,
    accepted_epoch: u32,
    current_epoch: u32,
}

impl Ledger {
    pub(crate) fn new(last_logged: Zxid, (accepted_epoch, current_epoch): (u32, u32)) -> Self {
        Self {
            issued: 0,
            waiting: VecDeque::new(),
            reloading: 0,
            last_logged,
            durable: last_logged,
            keeps_entries: true,
            kept: None,
            floor: Zxid::ZERO,
            accepted_epoch,
            current_epoch,
        }
    }

    /// The last entry handed to the log.
    pub(crate) fn last_logged(&self) -> Zxid {
        self.last_logged
    }

    /// The last entry known to be durable.
    pub(crate) fn durable(&self) -> Zxid {
        self.durable
    }

    /// `acceptedEpoch` and `currentEpoch`, as they are on disk (HC-42).
    pub(crate) fn epochs(&self) -> (u32, u32) {
        (self.accepted_epoch, self.current_epoch)
    }

    /// The oldest transaction to which the log can be cut.
    pub(crate) fn floor(&self) -> Zxid {
        self.floor
    }

    pub(crate) fn set_floor(&mut self, floor: Zxid) {
        self.floor = floor;
    }

    /// Whether everything handed to the log is durable.
    pub(crate) fn is_settled(&self) -> bool {
        self.waiting.is_empty() && self.reloading == 0
    }

    /// Whether the tree is being read back.
    pub(crate) fn is_reloading(&self) -> bool {
        self.reloading > 0
    }

    fn issue(&mut self, item: Item) {
        self.issued += 1;
        self.waiting.push_back((self.issued, item));
    }

    /// Whether entries go to the disk from now on: not those of an observer without a log. Epochs, memberships
    /// and snapshots from a leader always do.
    pub(crate) fn keep_entries(&mut self, keeps: bool) {
        self.keeps_entries = keeps;
    }

    /// Whether there is something in memory that the disk does not have.
    pub(crate) fn lacks_entries(&self) -> bool {
        self.kept.is_some()
    }

    /// Goes back to what is on disk, if there is more in memory: what no log has must not be voted with, nor be
    /// followed by entries in a log. Says how far that is.
    pub(crate) fn forget_unkept(&mut self, out: &mut impl Outbox) -> Option<Zxid> {
        let kept = self.kept?;
        self.truncate(kept, true, out);
        Some(kept)
    }

    /// Appends an entry.
    pub(crate) fn append(&mut self, zxid: Zxid, entry: Entry, out: &mut impl Outbox) {
        if !self.keeps_entries {
            self.kept.get_or_insert(self.last_logged);
            self.last_logged = zxid;
            self.durable = zxid;
            return;
        }
        self.issue(Item::Entry(zxid));
        self.last_logged = zxid;
        out.append(zxid, entry);
    }

    /// Records something beside the log.
    pub(crate) fn record(&mut self, record: Record, out: &mut impl Outbox) {
        self.issue(Item::Record(record.clone()));
        out.record(record);
    }

    /// Takes back what comes after `to`.
    pub(crate) fn truncate(&mut self, to: Zxid, reload: bool, out: &mut impl Outbox) {
        self.issue(Item::Rewrite);
        self.kept = None;
        self.reloading += u32::from(reload);
        self.last_logged = to;
        self.durable = to;
        out.truncate(to, reload);
    }

    /// Replaces everything by a snapshot.
    pub(crate) fn install(&mut self, zxid: Zxid, tree: Box<Tree>, out: &mut impl Outbox) {
        self.issue(Item::Rewrite);
        self.kept = None;
        self.reloading += 1;
        self.last_logged = zxid;
        self.durable = zxid;
        self.floor = zxid;
        out.install(zxid, tree);
    }
}

impl Node {
    /// The first `count` things are durable.
    pub(crate) fn on_stored(&mut self, count: u64, out: &mut impl Outbox) {
        let mut newest = None;
        while let Some((_, item)) = self.ledger.waiting.pop_front_if(|(ticket, _)| *ticket <= count) {
            match item {
                Item::Entry(zxid) => newest = Some(zxid),
                Item::Record(record) => {
                    self.report_stored(newest.take(), out);
                    self.on_recorded(&record, out);
                }
                Item::Rewrite => {}
            }
        }
        self.report_stored(newest, out);
        self.apply_committed(out);
        self.move_on(out);
        self.look_when_settled(out);
    }

    fn report_stored(&mut self, newest: Option<Zxid>, out: &mut impl Outbox) {
        let Some(zxid) = newest else { return };
        self.ledger.durable = zxid;
        match &mut self.duty {
            Duty::Alone(broadcast) => {
                broadcast.ack(self.me, zxid);
            }
            Duty::Leading(_) => self.lead(out, |leader, events, out| leader.on_stored(zxid, events, out)),
            Duty::Learning(learner) => learner.on_stored(zxid, out),
            Duty::Leaving { .. } | Duty::Looking { .. } => {}
        }
    }

    fn on_recorded(&mut self, record: &Record, out: &mut impl Outbox) {
        match record {
            Record::AcceptedEpoch(epoch) => self.ledger.accepted_epoch = *epoch,
            Record::CurrentEpoch(epoch) => self.ledger.current_epoch = *epoch,
            Record::Config { .. } => {}
        }
        match &mut self.duty {
            Duty::Leading(_) => self.lead(out, |leader, events, out| leader.on_recorded(record, events, out)),
            Duty::Learning(learner) => learner.on_recorded(record, out),
            _ => {}
        }
    }

    /// The disk has given a tree back.
    pub(crate) fn on_reloaded(&mut self, tree: Option<Box<Tree>>, out: &mut impl Outbox) {
        let Some(tree) = tree else { return };
        self.ledger.reloading = self.ledger.reloading.saturating_sub(1);
        if !(is_on(Mutant::KeepTreeOverSnapshot) && self.store.view().tree.last_zxid() < tree.last_zxid()) {
            self.store.replace(*tree);
        }
        if self.ledger.reloading == 0 {
            self.apply_committed(out);
            self.look_when_settled(out);
        }
    }
}

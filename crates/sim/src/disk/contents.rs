//! What is on a disk, as values: the newest things that survive a crash.

use crate::snapshot;
use proto::Zxid;
use proto::mutant::{Mutant, is_on};
use proto::peer::Entry;
use proto::snapshot::ZxidDigest;
use proto::txn::{Txn, decode_entry};
use std::sync::Arc;
use tree::{Outcome, Settings, Tree};
use zab::Record;

/// Snapshots kept; older ones go, and log entries only they need.
const SNAPSHOTS_KEPT: usize = 3;

/// Something for the disk, in the order the member put it out.
pub(crate) enum Op {
    Append(Zxid, Entry),
    Record(Record),
    Truncate { to: Zxid, reload: bool },
    Install { zxid: Zxid, tree: Box<Tree> },
}

/// What performing an operation gives back to the member.
pub(crate) enum Done {
    Nothing,
    Truncated(Option<Box<Tree>>),
    Installed(Box<Tree>),
}

#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) zxid: Zxid,
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) digest: Option<ZxidDigest>,
}

impl Snapshot {
    /// Of a tree that stands still.
    pub(crate) fn of(tree: &Tree) -> Self {
        let mut bytes = Vec::new();
        let mut cursor = tree.snapshot_begin();
        while !tree.snapshot_step(&mut cursor, usize::MAX, &mut bytes) {}
        Self { zxid: cursor.zxid(), bytes: bytes.into(), digest: Some(tree.zxid_digest()) }
    }
}

/// Everything durable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contents {
    /// Oldest first.
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) log: Vec<(Zxid, Entry)>,
    /// All entries after this one are in the log.
    pub(crate) log_from: Zxid,
    pub(crate) accepted_epoch: u32,
    pub(crate) current_epoch: u32,
    pub(crate) config: Option<String>,
    pub(crate) next_config: Option<String>,
}

impl Contents {
    /// A new database.
    pub(crate) fn fresh(settings: &Settings) -> Self {
        let tree = Tree::new(settings.clone());
        Self { snapshots: vec![Snapshot::of(&tree)], ..Self::default() }
    }

    /// The last transaction; -1 when there is nothing.
    pub(crate) fn last(&self) -> Zxid {
        let snapshot = self.snapshots.last().map_or(Zxid(-1), |s| s.zxid);
        self.log.last().map_or(snapshot, |(zxid, _)| snapshot.max(*zxid))
    }

    /// Whether a transaction is in the log or in a snapshot.
    pub(crate) fn holds(&self, zxid: Zxid, entry: &Entry) -> bool {
        match self.log.binary_search_by_key(&zxid, |(z, _)| *z) {
            Ok(at) => Arc::ptr_eq(&self.log[at].1, entry) || self.log[at].1 == *entry,
            Err(_) => zxid <= self.log_from,
        }
    }

    /// Performs an operation, whole.
    ///
    /// # Errors
    /// Why it cannot be: the process ends then.
    pub(crate) fn perform(&mut self, op: Op, settings: &Settings) -> Result<Done, String> {
        match op {
            Op::Append(zxid, entry) => self.log.push((zxid, entry)),
            Op::Record(Record::AcceptedEpoch(epoch)) => self.accepted_epoch = epoch,
            Op::Record(Record::CurrentEpoch(epoch)) => self.current_epoch = epoch,
            Op::Record(Record::Config { text, committed: true }) => {
                self.config = Some(text);
                self.next_config = None;
            }
            Op::Record(Record::Config { text, committed: false }) => self.next_config = Some(text),
            Op::Truncate { to, reload } if is_on(Mutant::TruncNotOnDisk) => {
                let mut cut = self.clone();
                cut.truncate(to)?;
                let tree = reload.then(|| cut.rebuild(settings, usize::MAX)).transpose()?;
                return Ok(Done::Truncated(tree.map(Box::new)));
            }
            Op::Truncate { to, reload } => {
                self.truncate(to)?;
                let tree = reload.then(|| self.rebuild(settings, usize::MAX)).transpose()?;
                return Ok(Done::Truncated(tree.map(Box::new)));
            }
            Op::Install { zxid, tree } => {
                let mut snapshot = Snapshot::of(&tree);
                (snapshot.zxid, snapshot.digest) = (zxid, None);
                self.snapshots = vec![snapshot];
                self.log.retain(|(z, _)| is_on(Mutant::KeepLogUnderSnapshot) && *z > zxid);
                self.log_from = zxid;
                return Ok(Done::Installed(tree));
            }
        }
        Ok(Done::Nothing)
    }

    fn truncate(&mut self, to: Zxid) -> Result<(), String> {
        let keep = self.log.partition_point(|(zxid, _)| *zxid <= to);
        if self.log_from > to {
            return Err(format!("the log cannot be cut after {to}: it begins after {}", self.log_from));
        }
        self.log.truncate(keep);
        self.snapshots.retain(|s| s.zxid <= to);
        match self.snapshots.is_empty() && self.log_from > Zxid::ZERO {
            true => Err(format!("no snapshot is left below {to}")),
            false => Ok(()),
        }
    }

    /// A snapshot was finished; what nobody needs any more goes.
    pub(crate) fn add_snapshot(&mut self, snapshot: Snapshot) {
        if self.snapshots.last().is_some_and(|last| last.zxid >= snapshot.zxid) {
            return;
        }
        self.snapshots.push(snapshot);
        if self.snapshots.len() > SNAPSHOTS_KEPT {
            self.snapshots.remove(0);
            let kept = if is_on(Mutant::PurgeNeededLog) { self.snapshots.len() - 1 } else { 0 };
            let needless = self.snapshots[kept].zxid;
            let oldest = self.snapshots[0].zxid;
            let unneeded = self.log.partition_point(|(zxid, _)| *zxid <= needless);
            self.log.drain(..unneeded);
            self.log_from = self.log_from.max(oldest);
        }
    }

    /// The tree from one of the newest `candidates` snapshots, the oldest of them, and the log.
    ///
    /// # Errors
    /// What is wrong with the contents.
    pub(crate) fn rebuild(&self, settings: &Settings, snapshot: usize) -> Result<Tree, String> {
        let at = snapshot.min(self.snapshots.len().saturating_sub(1));
        let Some(snapshot) = self.snapshots.get(at) else { return Ok(Tree::new(settings.clone())) };
        let mut tree = snapshot::decode(&snapshot.bytes, snapshot.zxid, snapshot.digest, settings)?;
        let mut was_exact = false;
        let first = self.log.partition_point(|(zxid, _)| *zxid <= snapshot.zxid);
        for (zxid, entry) in &self.log[first..] {
            let (header, txn, digest) =
                decode_entry(entry).map_err(|error| format!("entry {zxid}: {error}"))?;
            let exact = std::mem::replace(&mut was_exact, tree.is_exact());
            let outcome = tree.replay(&header, &txn);
            if let (true, Outcome::Error(code), false) = (exact, outcome, matches!(txn, Txn::Error(_))) {
                return Err(format!("{zxid} does not fit the state before it: {code:?}"));
            }
            // What came over a link has no mark of its end: it may be ahead of its name for a while.
            if tree.is_exact() && digest.is_some_and(|digest| !tree.agrees_with(digest)) {
                return Err(format!("the tree differs from the digest in the log after {zxid}"));
            }
        }
        match tree.agreed_with_snapshot() {
            true => Ok(tree),
            false => Err("the tree differs from the digest of its snapshot".into()),
        }
    }

    /// The entry at or before `after`, if there is one, and all later ones, when the log has them all
    /// and they are not more than `bytes_max`.
    pub(crate) fn history(&self, after: Zxid, bytes_max: usize) -> Option<Vec<(Zxid, Entry)>> {
        if self.log_from > after {
            return None;
        }
        let first = self.log.partition_point(|(zxid, _)| *zxid <= after).saturating_sub(1);
        let entries = &self.log[first..];
        let bytes: usize = entries.iter().map(|(_, entry)| entry.len()).sum();
        (bytes <= bytes_max).then(|| entries.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(zxid: i64) -> Op {
        Op::Append(Zxid(zxid), Arc::from(zxid.to_be_bytes()))
    }

    fn with(entries: &[i64]) -> Contents {
        let settings = Settings::default();
        let mut contents = Contents::fresh(&settings);
        for zxid in entries {
            assert!(contents.perform(entry(*zxid), &settings).is_ok());
        }
        contents
    }

    #[test]
    fn truncating_takes_back_entries_and_refuses_what_the_log_does_not_reach() {
        let settings = Settings::default();
        let mut contents = with(&[1, 2, 3]);
        assert!(contents.perform(Op::Truncate { to: Zxid(2), reload: false }, &settings).is_ok());
        assert_eq!(contents.last(), Zxid(2));
        contents.log_from = Zxid(2);
        assert!(contents.perform(Op::Truncate { to: Zxid(1), reload: false }, &settings).is_err());
    }

    #[test]
    fn history_begins_at_or_before_what_the_learner_has() {
        let contents = with(&[1, 2, 5]);
        let zxids = |after, max| {
            contents.history(Zxid(after), max).map(|h| h.iter().map(|(z, _)| z.0).collect::<Vec<_>>())
        };
        assert_eq!(zxids(3, 100), Some(vec![2, 5]));
        assert_eq!(zxids(0, 100), Some(vec![1, 2, 5]));
        assert_eq!(zxids(0, 23), None);
    }
}

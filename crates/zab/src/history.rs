//! The transactions a leader keeps in memory: those not yet committed, and the latest that are, for
//! learners that are a little behind.

use proto::Zxid;
use proto::peer::Entry;
use std::collections::VecDeque;

/// Whether `next` may directly follow `last` in a log: the next counter, or the first of a newer epoch.
pub fn follows(last: Zxid, next: Zxid) -> bool {
    last.next() == Some(next) || (next.epoch() > last.epoch() && next.counter() == 1)
}

/// A contiguous end of the log.
#[derive(Debug, Default)]
pub(crate) struct History {
    entries: VecDeque<(Zxid, Entry)>,
    /// The transaction directly before the first, when that is known.
    base: Option<Zxid>,
    bytes: usize,
}

/// Bytes kept for learners beyond what is needed for other reasons (HC-172).
const BYTES_MAX: usize = 32 << 20;

impl History {
    /// Nothing yet; `base` is the last transaction in the log.
    pub(crate) fn after_log(base: Zxid) -> Self {
        Self { base: Some(base), ..Self::default() }
    }

    /// The transaction directly before the first, when that is known.
    pub(crate) fn base(&self) -> Option<Zxid> {
        self.base
    }

    /// Adds the newest transaction.
    pub(crate) fn push(&mut self, zxid: Zxid, entry: Entry) {
        self.bytes += entry.len();
        self.entries.push_back((zxid, entry));
    }

    /// Forgets the oldest transactions beyond `count`, but none after `needed`.
    pub(crate) fn trim(&mut self, count: usize, needed: Zxid) {
        while self.entries.front().is_some_and(|(zxid, _)| *zxid <= needed)
            && (self.entries.len() > count || self.bytes > BYTES_MAX)
        {
            if let Some((zxid, entry)) = self.entries.pop_front() {
                self.bytes -= entry.len();
                self.base = Some(zxid);
            }
        }
    }

    /// Puts entries from the disk in front, those that are not here and not after `last`. `false` when they do
    /// not meet what is here, or `last` (HC-34).
    pub(crate) fn extend_back(&mut self, mut read: Vec<(Zxid, Entry)>, last: Zxid) -> bool {
        let first = self.entries.front().map(|(zxid, _)| *zxid);
        read.retain(|(zxid, _)| *zxid <= last && first.is_none_or(|first| *zxid < first));
        let Some(end) = read.last().map(|(zxid, _)| *zxid) else { return false };
        let known = self.base.is_none_or(|base| base == end);
        let meets = first.map_or(end == last, |first| follows(end, first) && known);
        if meets {
            self.base = None;
            for (zxid, entry) in read.into_iter().rev() {
                self.bytes += entry.len();
                self.entries.push_front((zxid, entry));
            }
        }
        meets
    }

    /// Everything after `zxid`, oldest first.
    pub(crate) fn after(&self, zxid: Zxid) -> impl DoubleEndedIterator<Item = &(Zxid, Entry)> {
        let from = self.entries.partition_point(|(at, _)| *at <= zxid);
        self.entries.range(from..)
    }

    /// Everything up to and including `zxid`, oldest first.
    pub(crate) fn up_to(&self, zxid: Zxid) -> impl DoubleEndedIterator<Item = &(Zxid, Entry)> {
        let to = self.entries.partition_point(|(at, _)| *at <= zxid);
        self.entries.range(..to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(counters: std::ops::Range<u32>) -> Vec<(Zxid, Entry)> {
        counters.map(|n| (Zxid::new(1, n), Entry::from([0; 8]))).collect()
    }

    #[test]
    fn hc_34_entries_from_disk_and_memory_meet_without_a_gap() {
        for (read, meets) in [(1..5, true), (1..9, true), (1..4, false), (7..9, false)] {
            let mut history = History::after_log(Zxid::new(1, 4));
            for (zxid, entry) in entries(5..8) {
                history.push(zxid, entry);
            }
            assert_eq!(history.extend_back(entries(read.clone()), Zxid::new(1, 7)), meets, "{read:?}");
            let counters: Vec<u32> = history.after(Zxid::ZERO).map(|(zxid, _)| zxid.counter()).collect();
            let expected: Vec<u32> = if meets { (1..8).collect() } else { (5..8).collect() };
            assert_eq!(counters, expected);
        }
    }

    #[test]
    fn what_is_needed_is_kept_however_much_it_is() {
        let mut history = History::after_log(Zxid::ZERO);
        for (zxid, entry) in entries(1..10) {
            history.push(zxid, entry);
        }
        history.trim(2, Zxid::new(1, 4));
        assert_eq!(history.base(), Some(Zxid::new(1, 4)));
        history.trim(2, Zxid::new(1, 9));
        assert_eq!((history.base(), history.up_to(Zxid::new(1, 9)).count()), (Some(Zxid::new(1, 7)), 2));
    }
}

//! The server's totals, each event loop counting for itself.
//!
//! A count of its own costs a loop an ordinary store; a shared one would bounce between the cores
//! with every request. Readers add the loops up.

use node::ConnectionStats;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What one event loop has counted since the start or the last reset. Only that loop writes.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Counters {
    received: AtomicU64,
    sent: AtomicU64,
    measured: AtomicU64,
    total_latency_ms: AtomicU64,
    min_latency_ms: AtomicU64,
    max_latency_ms: AtomicU64,
    last_reply_bytes: AtomicU64,
    min_reply_bytes: AtomicU64,
    max_reply_bytes: AtomicU64,
    /// Set by whoever resets; the loop starts over when it next counts.
    cleared: AtomicBool,
}

impl Default for Counters {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            received: zero(),
            sent: zero(),
            measured: zero(),
            total_latency_ms: zero(),
            min_latency_ms: AtomicU64::new(u64::MAX),
            max_latency_ms: zero(),
            last_reply_bytes: zero(),
            min_reply_bytes: AtomicU64::new(u64::MAX),
            max_reply_bytes: zero(),
            cleared: AtomicBool::new(false),
        }
    }
}

/// The totals at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) measured: u64,
    pub(crate) total_latency_ms: u64,
    pub(crate) min_latency_ms: u64,
    pub(crate) max_latency_ms: u64,
    /// Bytes of the last, smallest and largest reply; `None` before the first.
    pub(crate) reply_bytes: Option<[u64; 3]>,
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Changes a counter that nobody else writes.
fn change(counter: &AtomicU64, with: impl FnOnce(u64) -> u64) {
    counter.store(with(load(counter)), Ordering::Relaxed);
}

impl Counters {
    /// Adds what a connection did between two looks at its statistics.
    pub(crate) fn add(&self, before: &ConnectionStats, after: &ConnectionStats) {
        self.start_over_if_cleared();
        change(&self.received, |n| n + (after.received - before.received));
        change(&self.sent, |n| n + (after.sent - before.sent));
        if after.measured == before.measured {
            return;
        }
        change(&self.measured, |n| n + (after.measured - before.measured));
        change(&self.total_latency_ms, |n| n + (after.total_latency_ms - before.total_latency_ms));
        change(&self.min_latency_ms, |n| n.min(after.last_latency_ms));
        change(&self.max_latency_ms, |n| n.max(after.last_latency_ms));
        change(&self.last_reply_bytes, |_| after.last_reply_bytes);
        change(&self.min_reply_bytes, |n| n.min(after.min_reply_bytes));
        change(&self.max_reply_bytes, |n| n.max(after.max_reply_bytes));
    }

    /// A four-letter word is a packet too.
    pub(crate) fn count_word(&self) {
        self.start_over_if_cleared();
        change(&self.received, |n| n + 1);
    }

    /// Back to the state at the start (`srst`).
    pub(crate) fn clear(&self) {
        self.cleared.store(true, Ordering::Relaxed);
    }

    fn start_over_if_cleared(&self) {
        if !self.cleared.load(Ordering::Relaxed) {
            return;
        }
        let fresh = Self::default();
        for (counter, start) in self.all().into_iter().zip(fresh.all()) {
            counter.store(load(start), Ordering::Relaxed);
        }
        self.cleared.store(false, Ordering::Relaxed);
    }

    fn all(&self) -> [&AtomicU64; 9] {
        [
            &self.received,
            &self.sent,
            &self.measured,
            &self.total_latency_ms,
            &self.min_latency_ms,
            &self.max_latency_ms,
            &self.last_reply_bytes,
            &self.min_reply_bytes,
            &self.max_reply_bytes,
        ]
    }

    /// Adds up what all loops have counted.
    pub(crate) fn totals(loops: &[Self]) -> Totals {
        let mut sum = Totals { min_latency_ms: u64::MAX, ..Totals::default() };
        for counters in loops.iter().filter(|c| !c.cleared.load(Ordering::Relaxed)) {
            sum.received += load(&counters.received);
            sum.sent += load(&counters.sent);
            sum.measured += load(&counters.measured);
            sum.total_latency_ms += load(&counters.total_latency_ms);
            sum.min_latency_ms = sum.min_latency_ms.min(load(&counters.min_latency_ms));
            sum.max_latency_ms = sum.max_latency_ms.max(load(&counters.max_latency_ms));
            let (last, min, max) = (
                load(&counters.last_reply_bytes),
                load(&counters.min_reply_bytes),
                load(&counters.max_reply_bytes),
            );
            if last > 0 {
                let [_, least, most] = sum.reply_bytes.unwrap_or([0, u64::MAX, 0]);
                sum.reply_bytes = Some([last, least.min(min), most.max(max)]);
            }
        }
        if sum.measured == 0 {
            sum.min_latency_ms = 0;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(received: u64, latency_ms: u64, bytes: u64) -> ConnectionStats {
        ConnectionStats {
            received,
            sent: received,
            measured: received,
            total_latency_ms: latency_ms * received,
            last_latency_ms: latency_ms,
            last_reply_bytes: bytes,
            min_reply_bytes: bytes,
            max_reply_bytes: bytes,
            ..ConnectionStats::default()
        }
    }

    #[test]
    fn loops_add_up_and_a_cleared_one_counts_from_nothing() {
        let loops = [Counters::default(), Counters::default()];
        assert_eq!(Counters::totals(&loops), Totals::default());
        loops[0].add(&ConnectionStats::default(), &stats(3, 5, 20));
        loops[1].add(&ConnectionStats::default(), &stats(2, 1, 90));
        let totals = Counters::totals(&loops);
        assert_eq!((totals.received, totals.total_latency_ms), (5, 17));
        assert_eq!((totals.min_latency_ms, totals.max_latency_ms), (1, 5));
        assert_eq!(totals.reply_bytes, Some([90, 20, 90]));
        loops.iter().for_each(Counters::clear);
        assert_eq!(Counters::totals(&loops), Totals::default());
        loops[0].count_word();
        assert_eq!(Counters::totals(&loops).received, 1);
    }
}

//! The server's totals, and how one event loop adds to them.

use node::ConnectionStats;
use std::sync::atomic::{AtomicU64, Ordering};

/// Totals since the start or the last reset.
#[derive(Debug)]
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
    /// Log syncs slower than the threshold.
    pub(crate) slow_syncs: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            measured: AtomicU64::new(0),
            total_latency_ms: AtomicU64::new(0),
            min_latency_ms: AtomicU64::new(u64::MAX),
            max_latency_ms: AtomicU64::new(0),
            last_reply_bytes: AtomicU64::new(0),
            min_reply_bytes: AtomicU64::new(u64::MAX),
            max_reply_bytes: AtomicU64::new(0),
            slow_syncs: AtomicU64::new(0),
        }
    }
}

/// The totals at one moment.
#[derive(Debug, Clone, Copy, Default)]
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

impl Counters {
    /// Adds what a connection did between two looks at its statistics.
    pub(crate) fn add(&self, before: &ConnectionStats, after: &ConnectionStats) {
        let add = |counter: &AtomicU64, delta: u64| {
            if delta > 0 {
                counter.fetch_add(delta, Ordering::Relaxed);
            }
        };
        add(&self.received, after.received - before.received);
        add(&self.sent, after.sent - before.sent);
        add(&self.total_latency_ms, after.total_latency_ms - before.total_latency_ms);
        let measured = after.measured - before.measured;
        add(&self.measured, measured);
        if measured > 0 {
            self.min_latency_ms.fetch_min(after.last_latency_ms, Ordering::Relaxed);
            self.max_latency_ms.fetch_max(after.last_latency_ms, Ordering::Relaxed);
            self.last_reply_bytes.store(after.last_reply_bytes, Ordering::Relaxed);
            self.min_reply_bytes.fetch_min(after.min_reply_bytes, Ordering::Relaxed);
            self.max_reply_bytes.fetch_max(after.max_reply_bytes, Ordering::Relaxed);
        }
    }

    /// A four-letter word is a packet too.
    pub(crate) fn count_word(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// Back to the state at the start (`srst`).
    pub(crate) fn reset(&self) {
        for counter in
            [&self.received, &self.sent, &self.measured, &self.total_latency_ms, &self.max_latency_ms]
        {
            counter.store(0, Ordering::Relaxed);
        }
        self.last_reply_bytes.store(0, Ordering::Relaxed);
        self.max_reply_bytes.store(0, Ordering::Relaxed);
        self.min_reply_bytes.store(u64::MAX, Ordering::Relaxed);
        self.min_latency_ms.store(u64::MAX, Ordering::Relaxed);
    }

    pub(crate) fn totals(&self) -> Totals {
        let min = self.min_latency_ms.load(Ordering::Relaxed);
        let reply_bytes = [&self.last_reply_bytes, &self.min_reply_bytes, &self.max_reply_bytes];
        let reply_bytes = reply_bytes.map(|bytes| bytes.load(Ordering::Relaxed));
        Totals {
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            measured: self.measured.load(Ordering::Relaxed),
            total_latency_ms: self.total_latency_ms.load(Ordering::Relaxed),
            min_latency_ms: if min == u64::MAX { 0 } else { min },
            max_latency_ms: self.max_latency_ms.load(Ordering::Relaxed),
            reply_bytes: (reply_bytes[0] > 0).then_some(reply_bytes),
        }
    }
}

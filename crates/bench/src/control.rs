//! What the thread that directs a run shares with the threads that carry it out.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// Where latencies are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Lane {
    /// Nowhere: warming up.
    #[default]
    Warmup = 0,
    /// In the measured stretch.
    Measure = 1,
    /// In the measured stretch, while a marked condition holds.
    Marked = 2,
    /// Nothing new is sent; replies are awaited.
    Drain = 3,
}

/// The shared state of one run: phase from above, counts from below.
#[derive(Debug)]
pub(crate) struct Control {
    start: Instant,
    lane: AtomicU8,
    abort: AtomicBool,
    open: AtomicUsize,
    ops: Vec<AtomicU64>,
}

impl Control {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            start: Instant::now(),
            lane: AtomicU8::new(Lane::Warmup as u8),
            abort: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            ops: (0..threads).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Nanoseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    pub(crate) fn lane(&self) -> Lane {
        match self.lane.load(Ordering::Relaxed) {
            0 => Lane::Warmup,
            1 => Lane::Measure,
            2 => Lane::Marked,
            _ => Lane::Drain,
        }
    }

    pub(crate) fn set_lane(&self, lane: Lane) {
        self.lane.store(lane as u8, Ordering::Relaxed);
    }

    /// Ends all threads of the run because one failed.
    pub(crate) fn abort(&self) {
        self.abort.store(true, Ordering::Relaxed);
    }

    pub(crate) fn aborted(&self) -> bool {
        self.abort.load(Ordering::Relaxed)
    }

    /// Thread `thread` has done `ops` operations in all and opened `opened` more sessions.
    pub(crate) fn count(&self, thread: usize, ops: u64, opened: usize) {
        self.ops[thread].store(ops, Ordering::Relaxed);
        if opened > 0 {
            self.open.fetch_add(opened, Ordering::Relaxed);
        }
    }

    /// Operations of all threads so far.
    pub(crate) fn ops(&self) -> u64 {
        self.ops.iter().map(|n| n.load(Ordering::Relaxed)).sum()
    }

    /// Sessions that stand.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

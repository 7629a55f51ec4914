//! What a run counts: latency histograms per kind of request, totals, errors.

use hdrhistogram::Histogram;
use std::time::Duration;

/// Longest latency told apart; longer ones count as this.
const MAX_NANOS: u64 = 600_000_000_000;

/// Latencies in nanoseconds, three significant digits.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, MAX_NANOS, 3).expect("constant bounds are valid"))
    }
}

impl Latencies {
    /// Counts one latency.
    pub(crate) fn record(&mut self, nanos: u64) {
        self.0.saturating_record(nanos.max(1));
    }

    /// Adds the counts of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("equal bounds");
    }

    /// How many latencies were counted.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency that `percent` of all did not exceed; zero when nothing was counted.
    pub fn percentile(&self, percent: f64) -> Duration {
        Duration::from_nanos(if self.0.is_empty() { 0 } else { self.0.value_at_percentile(percent) })
    }

    /// The longest latency.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }

    /// The arithmetic mean.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.0.mean() as u64)
    }
}

/// Latencies of one stretch of a run, reads and writes (or events) apart.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Requests that change nothing.
    pub reads: Latencies,
    /// Requests that change something.
    pub writes: Latencies,
    /// Watch events, from the change being sent to the event being read.
    pub events: Latencies,
    /// Replies with an error code.
    pub errors: u64,
}

impl Tally {
    /// Adds the counts of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.reads.merge(&other.reads);
        self.writes.merge(&other.writes);
        self.events.merge(&other.events);
        self.errors += other.errors;
    }
}

/// What one run measured.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What was run, as a name for tables.
    pub name: String,
    /// Replies and events in the measured stretch.
    pub ops: u64,
    /// Length of the measured stretch.
    pub elapsed: Duration,
    /// CPU time the server used in it, when its process is known.
    pub server_cpu: Option<Duration>,
    /// Cache flushes the machine's disks did in it.
    pub flushes: Option<u64>,
    /// Server memory after it, bytes, when its process is known.
    pub server_rss: Option<u64>,
    /// Latencies of the measured stretch.
    pub tally: Tally,
    /// Latencies while the marked condition held (a snapshot being written), else empty.
    pub marked: Tally,
}

impl Outcome {
    /// Operations per second.
    pub fn rate(&self) -> f64 {
        self.ops as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Server CPU time per operation, microseconds.
    pub fn cpu_per_op_us(&self) -> Option<f64> {
        let cpu = self.server_cpu?.as_secs_f64();
        (self.ops > 0).then(|| cpu * 1e6 / self.ops as f64)
    }

    /// Mean number of operations per disk flush.
    pub fn ops_per_flush(&self) -> Option<f64> {
        let flushes = self.flushes?;
        (flushes > 0).then(|| self.ops as f64 / flushes as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_keep_three_digits() {
        let mut latencies = Latencies::default();
        (1..=1000u64).for_each(|n| latencies.record(n * 1000));
        let p99 = latencies.percentile(99.0).as_nanos() as f64;
        assert!((p99 - 990_000.0).abs() < 1000.0, "{p99}");
        assert_eq!(latencies.count(), 1000);
    }

    #[test]
    fn an_empty_run_divides_by_nothing() {
        let outcome = Outcome { flushes: Some(0), server_cpu: Some(Duration::ZERO), ..Outcome::default() };
        assert_eq!(outcome.cpu_per_op_us(), None);
        assert_eq!(outcome.ops_per_flush(), None);
        assert_eq!(outcome.tally.reads.percentile(99.0), Duration::ZERO);
    }
}

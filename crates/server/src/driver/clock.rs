//! The two clocks the node is told about.

use node::Now;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Reads the clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The time now. The monotonic clock starts at one second, so that 0 can mean "never".
    pub(crate) fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { monotonic_ms: self.start.elapsed().as_millis() as u64 + 1000, wall_ms: wall.as_millis() as i64 }
    }

    /// Milliseconds since the process started serving.
    pub(crate) fn uptime_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }
}

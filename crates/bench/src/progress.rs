//! The bar that shows a person how far a run is; nothing at all when no person watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// A bar on standard error, hidden when that is not a terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    start: Instant,
    timed: bool,
}

impl Progress {
    /// A run of known length.
    pub(crate) fn timed(label: &str, length: Duration) -> Self {
        Self::new(label, length.as_millis() as u64, true)
    }

    /// A run of known work.
    pub(crate) fn counted(label: &str, total: u64) -> Self {
        Self::new(label, total, false)
    }

    fn new(label: &str, length: u64, timed: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(5));
        let style = ProgressStyle::with_template("{prefix:28} {bar:30} {msg}").expect("a constant template");
        bar.set_style(style);
        bar.set_prefix(label.to_owned());
        Self { bar, start: Instant::now(), timed }
    }

    /// `ops` operations are done.
    pub(crate) fn show(&mut self, ops: u64) {
        if self.bar.is_hidden() {
            return;
        }
        let elapsed = self.start.elapsed();
        self.bar.set_position(if self.timed { elapsed.as_millis() as u64 } else { ops });
        self.bar.set_message(format!("{:.0} op/s", ops as f64 / elapsed.as_secs_f64().max(0.001)));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

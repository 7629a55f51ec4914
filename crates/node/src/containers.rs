//! When to look for containers and TTL nodes that are due, and how fast to delete them.
//!
//! //= java: ContainerManager

use crate::settings::Settings;
use std::collections::VecDeque;

/// The sweep's clock and what it still has to delete.
#[derive(Debug)]
pub(crate) struct Sweep {
    interval_ms: u64,
    gap_ms: u64,
    next_check_ms: u64,
    next_delete_ms: u64,
    candidates: VecDeque<String>,
}

impl Sweep {
    pub(crate) fn new(settings: &Settings, now_ms: u64) -> Self {
        let interval_ms = settings.container_check_interval_ms.max(1);
        Self {
            interval_ms,
            gap_ms: 60_000 / settings.container_max_per_minute.max(1),
            next_check_ms: now_ms + interval_ms,
            next_delete_ms: 0,
            candidates: VecDeque::new(),
        }
    }

    /// Starts over: another server may have swept meanwhile.
    pub(crate) fn restart(&mut self, now_ms: u64) {
        self.candidates.clear();
        self.next_check_ms = now_ms + self.interval_ms;
    }

    /// Whether it is time to look for candidates; `fill` finds them.
    pub(crate) fn check(&mut self, now_ms: u64, find: impl FnOnce() -> Vec<String>) {
        if now_ms >= self.next_check_ms && self.candidates.is_empty() {
            self.candidates = find().into();
            self.next_check_ms = now_ms + self.interval_ms;
            self.next_delete_ms = now_ms;
        }
    }

    /// The next node to delete, if one is due: deletions are spread evenly.
    pub(crate) fn due(&mut self, now_ms: u64) -> Option<String> {
        if now_ms < self.next_delete_ms {
            return None;
        }
        let path = self.candidates.pop_front()?;
        self.next_delete_ms += self.gap_ms;
        Some(path)
    }

    pub(crate) fn next_deadline(&self) -> u64 {
        if self.candidates.is_empty() { self.next_check_ms } else { self.next_delete_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletions_are_spread_and_checks_wait_for_the_interval() {
        let settings = Settings { container_max_per_minute: 60, ..Settings::default() };
        let mut sweep = Sweep::new(&settings, 0);
        sweep.check(59_999, || vec!["/early".into()]);
        assert_eq!(sweep.due(59_999), None);
        sweep.check(60_000, || vec!["/a".into(), "/b".into()]);
        assert_eq!(sweep.due(60_000).as_deref(), Some("/a"));
        assert_eq!(sweep.due(60_500), None);
        assert_eq!(sweep.next_deadline(), 61_000);
        assert_eq!(sweep.due(61_000).as_deref(), Some("/b"));
        assert_eq!(sweep.next_deadline(), 120_000);
    }
}

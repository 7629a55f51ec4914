//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// Waits that grow with each failed attempt, each drawn at random below its bound, so that clients that
/// lost one server together do not come back together.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
    random: fastrand::Rng,
}

impl Backoff {
    /// Bounds grow from `first` to `most`, doubling.
    pub(crate) fn new(first: Duration, most: Duration, seed: u64) -> Self {
        Self { first, most, failures: 0, random: fastrand::Rng::with_seed(seed) }
    }

    /// A connection came about: the next attempt after it is made at once.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait before the next attempt: none before the first.
    pub(crate) fn next(&mut self) -> Duration {
        let doublings = self.failures;
        self.failures = self.failures.saturating_add(1);
        if doublings == 0 {
            return Duration::ZERO;
        }
        let bound = 2u32.checked_pow(doublings - 1).and_then(|factor| self.first.checked_mul(factor));
        let bound = bound.unwrap_or(self.most).min(self.most);
        bound.mul_f64(self.random.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use std::time::Duration;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn waits_grow_to_a_bound_and_start_over_after_success() {
        let mut backoff = Backoff::new(20 * MS, 1000 * MS, 7);
        assert_eq!(backoff.next(), Duration::ZERO);
        for bound in [20, 40, 80, 160, 320, 640, 1000, 1000] {
            assert!(backoff.next() <= bound * MS);
        }
        for _ in 0..100 {
            assert!(backoff.next() <= 1000 * MS);
        }
        backoff.reset();
        assert_eq!(backoff.next(), Duration::ZERO);
    }

    #[test]
    fn clients_with_different_seeds_wait_differently() {
        let waits = |seed| {
            let mut backoff = Backoff::new(20 * MS, 1000 * MS, seed);
            (0..5).map(|_| backoff.next()).collect::<Vec<_>>()
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }
}

//! Who may connect: bounds per address and in total, and the token bucket in front of sessions.
//!
//! //= java: BlueThrottle, NIOServerCnxnFactory.AcceptThread

use crate::config::{self, Config, ConnectionThrottle};
use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Why a connection is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `maxClientCnxns` reached for this address.
    PerAddress,
    /// `maxCnxns` reached.
    Total,
    /// The process has no file descriptor to spare.
    Descriptors,
}

/// Descriptors that connections may not take: the log, snapshots and words need some (HC-166).
const RESERVED_DESCRIPTORS: u64 = 64;

/// Connections the process may have by its descriptor limit, which is raised as far as allowed.
fn descriptors_for_connections() -> u32 {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        // Without the right to raise it, the limit stays what it was.
        let _ = setrlimit(Resource::Nofile, raised);
    }
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    u32::try_from(allowed.saturating_sub(RESERVED_DESCRIPTORS).max(1)).unwrap_or(u32::MAX)
}

/// Counts connections and hands out places.
#[derive(Debug)]
pub(crate) struct Admission {
    per_address_max: Option<u32>,
    total_max: Option<u32>,
    descriptors_max: u32,
    counts: Mutex<Counts>,
    throttle: Option<Mutex<Throttle>>,
}

#[derive(Debug, Default)]
struct Counts {
    by_address: BTreeMap<IpAddr, u32>,
    total: u32,
}

impl Admission {
    pub(crate) fn new(config: &Config) -> Self {
        let throttle = &config.connection_throttle;
        Self {
            per_address_max: config.limits.max_connections_per_address,
            total_max: config.limits.max_connections,
            descriptors_max: descriptors_for_connections(),
            counts: Mutex::default(),
            throttle: throttle.tokens.map(|tokens| Mutex::new(Throttle::new(tokens, throttle.clone()))),
        }
    }

    /// Takes a place for one more connection from `address`; [`Admission::leave`] gives it back.
    pub(crate) fn enter(&self, address: IpAddr) -> Result<(), Refusal> {
        let mut counts = self.counts.lock();
        if self.total_max.is_some_and(|max| counts.total >= max) {
            return Err(Refusal::Total);
        }
        if counts.total >= self.descriptors_max {
            return Err(Refusal::Descriptors);
        }
        let here = counts.by_address.entry(address).or_insert(0);
        if self.per_address_max.is_some_and(|max| *here >= max) {
            return Err(Refusal::PerAddress);
        }
        *here += 1;
        counts.total += 1;
        Ok(())
    }

    /// Gives a place back.
    pub(crate) fn leave(&self, address: IpAddr) {
        let mut counts = self.counts.lock();
        counts.total = counts.total.saturating_sub(1);
        if let Some(here) = counts.by_address.get_mut(&address) {
            *here -= 1;
            if *here == 0 {
                counts.by_address.remove(&address);
            }
        }
    }

    /// Whether a session may be opened now (`renew`: taken up again), by the token bucket.
    pub(crate) fn may_open(&self, renew: bool) -> bool {
        let Some(throttle) = &self.throttle else { return true };
        throttle.lock().take(renew, Instant::now(), fastrand::f64())
    }

    /// The probability with which connections are dropped at the moment.
    pub(crate) fn drop_probability(&self) -> f64 {
        self.throttle.as_ref().map_or(0.0, |t| t.lock().drop)
    }
}

/// Bounds the bytes of large requests in flight (`largeRequestThreshold`, `largeRequestMaxBytes`).
#[derive(Debug)]
pub(crate) struct LargeRequests {
    threshold: Option<u64>,
    max_bytes: u64,
    in_flight: AtomicU64,
}

impl LargeRequests {
    pub(crate) fn new(limits: &config::Limits) -> Self {
        Self {
            threshold: limits.large_request_threshold,
            max_bytes: limits.large_request_max_bytes,
            in_flight: AtomicU64::new(0),
        }
    }

    /// Whether a request of `bytes` may come in; if it counts as large, it is added to `held`.
    pub(crate) fn admit(&self, bytes: usize, held: &mut u64) -> bool {
        let bytes = bytes as u64;
        if self.threshold.is_none_or(|threshold| bytes <= threshold) {
            return true;
        }
        let before = self.in_flight.fetch_add(bytes, Ordering::Relaxed);
        let fits = before + bytes <= self.max_bytes;
        match fits {
            true => *held += bytes,
            false => drop(self.in_flight.fetch_sub(bytes, Ordering::Relaxed)),
        }
        fits
    }

    /// Gives back what a connection holds.
    pub(crate) fn release(&self, held: &mut u64) {
        let bytes = std::mem::take(held);
        if bytes > 0 {
            self.in_flight.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

/// A token bucket that, when it runs dry again and again, drops a growing share at random.
#[derive(Debug)]
struct Throttle {
    settings: ConnectionThrottle,
    max: u64,
    tokens: u64,
    filled: Option<Instant>,
    adjusted: Option<Instant>,
    drop: f64,
}

impl Throttle {
    fn new(max: u32, settings: ConnectionThrottle) -> Self {
        let max = u64::from(max);
        Self { settings, max, tokens: max, filled: None, adjusted: None, drop: 0.0 }
    }

    fn take(&mut self, renew: bool, now: Instant, draw: f64) -> bool {
        let s = &self.settings;
        let need = match (s.weight_enabled, renew) {
            (false, _) => 1,
            (true, true) => u64::from(s.renew_session_weight),
            (true, false) => u64::from(s.global_session_weight),
        };
        self.fill(now);
        self.adjust(now);
        if draw < self.drop || self.tokens < need {
            return false;
        }
        self.tokens -= need;
        true
    }

    fn fill(&mut self, now: Instant) {
        let since = now.duration_since(*self.filled.get_or_insert(now));
        let periods = since.as_millis() / self.settings.fill_time.as_millis().max(1);
        if periods > 0 {
            let refill = periods.saturating_mul(u128::from(self.settings.fill_count));
            self.tokens = self.tokens.saturating_add(u64::try_from(refill).unwrap_or(u64::MAX)).min(self.max);
            self.filled = Some(now);
        }
    }

    fn adjust(&mut self, now: Instant) {
        let Some(period) = self.settings.freeze_time else { return };
        let last = *self.adjusted.get_or_insert(now);
        if now.duration_since(last) < period.max(Duration::from_millis(1)) {
            return;
        }
        self.adjusted = Some(now);
        if self.tokens == 0 {
            self.drop = (self.drop + self.settings.drop_increase).min(1.0);
        } else if self.tokens as f64 > self.max as f64 * self.settings.decrease_ratio {
            self.drop = (self.drop - self.settings.drop_decrease).max(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn admission(edit: impl FnOnce(&mut Config)) -> Admission {
        let mut config = Config::standalone_default(PathBuf::from("data"));
        edit(&mut config);
        Admission::new(&config)
    }

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn hc_170_places_are_counted_per_address_and_in_total_and_given_back() {
        let admission = admission(|c| {
            c.limits.max_connections_per_address = Some(2);
            c.limits.max_connections = Some(3);
        });
        assert_eq!((admission.enter(A), admission.enter(A)), (Ok(()), Ok(())));
        assert_eq!(admission.enter(A), Err(Refusal::PerAddress));
        assert_eq!(admission.enter(B), Ok(()));
        assert_eq!(admission.enter(B), Err(Refusal::Total));
        admission.leave(A);
        assert_eq!(admission.enter(B), Ok(()));
        for address in [A, B, B] {
            admission.leave(address);
        }
        assert!(admission.counts.lock().by_address.is_empty());
    }

    #[test]
    fn hc_66_hc_170_large_requests_are_bounded_by_their_bytes_and_the_count_returns_to_zero() {
        let mut limits = Config::standalone_default(PathBuf::from("data")).limits;
        limits.large_request_threshold = Some(100);
        limits.large_request_max_bytes = 500;
        let large = LargeRequests::new(&limits);
        let (mut a, mut b) = (0, 0);
        assert!(large.admit(100, &mut a) && a == 0, "not large");
        assert!(large.admit(300, &mut a));
        assert!(!large.admit(300, &mut b));
        assert!(large.admit(200, &mut b));
        large.release(&mut a);
        large.release(&mut a);
        large.release(&mut b);
        assert_eq!(large.in_flight.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_bucket_empties_and_fills_again() {
        let mut settings = Config::standalone_default(PathBuf::from("data")).connection_throttle;
        settings.fill_time = Duration::from_millis(10);
        settings.fill_count = 1;
        let mut throttle = Throttle::new(2, settings);
        let start = Instant::now();
        assert!(throttle.take(false, start, 0.5));
        assert!(throttle.take(false, start, 0.5));
        assert!(!throttle.take(false, start, 0.5));
        assert!(throttle.take(false, start + Duration::from_millis(10), 0.5));
    }

    #[test]
    fn an_empty_bucket_raises_the_drop_probability_and_a_full_one_lowers_it() {
        let mut settings = Config::standalone_default(PathBuf::from("data")).connection_throttle;
        settings.freeze_time = Some(Duration::from_millis(5));
        settings.fill_time = Duration::from_secs(1);
        settings.drop_increase = 0.5;
        settings.drop_decrease = 0.25;
        let mut throttle = Throttle::new(1, settings);
        let start = Instant::now();
        assert!(throttle.take(false, start, 0.9));
        throttle.take(false, start + Duration::from_millis(6), 0.9);
        assert_eq!(throttle.drop, 0.5);
        throttle.take(true, start + Duration::from_secs(2), 0.1);
        assert_eq!(throttle.drop, 0.25);
    }
}

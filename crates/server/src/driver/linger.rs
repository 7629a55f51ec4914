//! Whether to look for work a moment longer before going to sleep.
//!
//! Waking a thread costs as much as a fast disk takes to sync, so a thread that expects its next
//! piece of work very soon does better to look for it. On a busy machine it does worse, because the
//! one it waits for needs the core. Which of the two it is shows in whether looking pays.

use std::time::{Duration, Instant};

/// The most rounds to leave out after one in vain.
const SKIP_MAX: u32 = 1024;

/// Remembers whether looking has paid.
#[derive(Debug)]
pub(crate) struct Linger {
    window: Duration,
    /// Rounds still to be left out.
    skip: u32,
    /// Rounds left out after the next failure.
    penalty: u32,
    since: Option<Instant>,
}

impl Linger {
    /// Looks for at most `window` at a time; never when that is zero.
    pub(crate) fn new(window: Duration) -> Self {
        let alone = std::thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
        // A single core is needed by whoever is waited for.
        let window = if alone { Duration::ZERO } else { window };
        Self { window, skip: 0, penalty: 1, since: None }
    }

    /// A round begins: something was handed on whose answer is awaited.
    pub(crate) fn begin(&mut self, now: Instant) {
        if self.window.is_zero() {
            return;
        }
        match self.skip {
            0 => self.since = Some(now),
            _ => self.skip -= 1,
        }
    }

    /// Whether to go on looking.
    pub(crate) fn goes_on(&mut self, now: Instant) -> bool {
        let Some(since) = self.since else { return false };
        if now.duration_since(since) < self.window {
            return true;
        }
        self.since = None;
        self.skip = self.penalty;
        self.penalty = (self.penalty * 2).min(SKIP_MAX);
        false
    }

    /// What was awaited is there, or something else is to be done.
    pub(crate) fn end(&mut self, found: bool) {
        if self.since.take().is_some() && found {
            self.penalty = (self.penalty / 2).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_micros(100);

    fn linger() -> Linger {
        Linger { window: WINDOW, skip: 0, penalty: 1, since: None }
    }

    /// Rounds out of `of` in which it looked, when looking is always in vain or always pays.
    fn looked(linger: &mut Linger, of: u32, pays: bool) -> u32 {
        let start = Instant::now();
        let mut count = 0;
        for _ in 0..of {
            linger.begin(start);
            if linger.goes_on(start) {
                count += 1;
                match pays {
                    true => linger.end(true),
                    false => assert!(!linger.goes_on(start + WINDOW)),
                }
            }
        }
        count
    }

    #[test]
    fn while_it_pays_it_looks_every_time() {
        assert_eq!(looked(&mut linger(), 1000, true), 1000);
    }

    #[test]
    fn in_vain_it_soon_looks_hardly_ever_and_comes_back_when_it_pays_again() {
        let mut linger = linger();
        assert!(looked(&mut linger, 10_000, false) < 25);
        assert!(looked(&mut linger, 10_000, true) > 8_000);
    }
}

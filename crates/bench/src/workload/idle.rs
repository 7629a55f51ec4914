//! Sessions that do nothing but stay alive.

use crate::control::Lane;
use crate::engine::{Context, Driver};
use crate::link::{Arrival, Outbox};

/// Pings every session of a thread three times per negotiated timeout, evenly spread.
#[derive(Default)]
pub(crate) struct Idle {
    open: Vec<usize>,
    timeout_ms: u64,
    next: usize,
    due: u64,
    pings: u64,
}

impl Idle {
    /// The timeout the server granted, milliseconds.
    pub(crate) fn timeout_ms(&self) -> u64 {
        self.timeout_ms
    }

    fn interval(&self) -> u64 {
        self.timeout_ms * 1_000_000 / 3 / self.open.len().max(1) as u64
    }
}

impl Driver for Idle {
    fn on_arrival(&mut self, at: usize, _outbox: &mut Outbox, arrival: Arrival, _cx: &mut Context) {
        if let Arrival::Opened { timeout_ms } = arrival {
            self.timeout_ms = u64::from(timeout_ms);
            self.open.push(at);
        }
    }

    fn on_visit(&mut self, _at: usize, outbox: &mut Outbox, _cx: &mut Context) {
        outbox.ping();
        self.pings += 1;
    }

    fn on_turn(&mut self, cx: &mut Context) -> bool {
        while self.due <= cx.now && !self.open.is_empty() {
            cx.visit.push(self.open[self.next % self.open.len()]);
            self.next = (self.next + 1) % self.open.len();
            self.due = self.due.max(cx.now.saturating_sub(1_000_000_000)) + self.interval();
        }
        cx.lane != Lane::Drain
    }

    fn ops(&self) -> u64 {
        self.pings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_session_is_pinged_three_times_per_timeout() {
        let mut idle = Idle { open: vec![0, 1, 2, 3], timeout_ms: 3000, ..Idle::default() };
        let mut pings = [0; 4];
        for ms in 0..3000u64 {
            let mut cx = Context { now: ms * 1_000_000, ..Context::default() };
            assert!(idle.on_turn(&mut cx));
            cx.visit.iter().for_each(|at| pings[*at] += 1);
        }
        assert_eq!(pings, [3; 4]);
    }
}

//! The closed loop: every connection keeps a fixed number of requests outstanding.

use super::requests::{READ, Requests};
use crate::control::Lane;
use crate::engine::{Context, Driver};
use crate::link::{Arrival, Outbox, Sent};
use crate::stats::Tally;
use std::collections::BTreeMap;

/// Drives the connections of one thread with requests from their streams.
pub(crate) struct ClosedLoop {
    streams: Vec<Requests>,
    pipeline: usize,
    outstanding: usize,
    ended: usize,
    draining: bool,
    ops: u64,
    errors: BTreeMap<i32, u64>,
    measured: Tally,
    marked: Tally,
}

impl ClosedLoop {
    /// One stream per connection, `pipeline` requests outstanding on each.
    pub(crate) fn new(streams: Vec<Requests>, pipeline: usize) -> Self {
        Self {
            streams,
            pipeline: pipeline.max(1),
            outstanding: 0,
            ended: 0,
            draining: false,
            ops: 0,
            errors: BTreeMap::new(),
            measured: Tally::default(),
            marked: Tally::default(),
        }
    }

    /// The latencies of the measured stretch, of the marked part of it, and all errors by code.
    pub(crate) fn into_parts(self) -> (Tally, Tally, BTreeMap<i32, u64>) {
        (self.measured, self.marked, self.errors)
    }

    /// All counted numbers from here on are unused.
    pub(crate) fn position(&self) -> u32 {
        self.streams.iter().map(Requests::position).max().unwrap_or(0)
    }

    /// Sends one more request on connection `at`; false when there is none to send.
    fn refill(&mut self, at: usize, outbox: &mut Outbox, now: u64) -> bool {
        if self.draining {
            return false;
        }
        let sent = self.streams[at].send_next(outbox, now);
        if sent {
            self.outstanding += 1;
        } else if outbox.outstanding() == 0 {
            self.ended += 1;
        }
        sent
    }

    fn record(&mut self, sent: Sent, err: i32, cx: &Context) {
        let tally = match cx.lane {
            Lane::Measure => &mut self.measured,
            Lane::Marked => &mut self.marked,
            Lane::Warmup | Lane::Drain => return,
        };
        let latency = cx.now.saturating_sub(sent.at);
        if sent.tag == READ {
            tally.reads.record(latency)
        } else {
            tally.writes.record(latency)
        }
        tally.errors += u64::from(err != 0);
    }
}

impl Driver for ClosedLoop {
    fn on_arrival(&mut self, at: usize, outbox: &mut Outbox, arrival: Arrival, cx: &mut Context) {
        match arrival {
            Arrival::Opened { .. } => {
                let mut room = self.pipeline;
                while room > 0 && self.refill(at, outbox, cx.now) {
                    room -= 1;
                }
            }
            Arrival::Reply { sent, err } => {
                self.outstanding -= 1;
                self.ops += 1;
                self.record(sent, err, cx);
                if err != 0 {
                    *self.errors.entry(err).or_default() += 1;
                }
                self.refill(at, outbox, cx.now);
            }
            Arrival::Event => {}
        }
    }

    fn on_turn(&mut self, cx: &mut Context) -> bool {
        self.draining = cx.lane == Lane::Drain;
        let all_sent = self.draining || self.ended >= self.streams.len();
        !all_sent || self.outstanding > 0
    }

    fn ops(&self) -> u64 {
        self.ops
    }
}

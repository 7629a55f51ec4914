//! Watch fan-out: many sessions watch one node, one changes it, the events' travel time is measured.

use crate::control::Lane;
use crate::engine::{Context, Driver};
use crate::link::{Arrival, Outbox};
use crate::stats::Tally;
use crate::template::{Pattern, Template};
use proto::OpCode;

const ARM: u32 = 0;
const CHANGE: u32 = 1;

/// Connection 0 writes, all others watch. Rounds follow each other: arm, change, deliver.
pub(crate) struct FanOut {
    change: Template,
    arm: Template,
    persistent: bool,
    watchers: usize,
    writer_open: bool,
    armed: usize,
    awaited: usize,
    changing: bool,
    changed_at: u64,
    events: u64,
    measured: Tally,
}

impl FanOut {
    /// `watchers` sessions on the node at `path`, each change setting `data`.
    pub(crate) fn new(path: &str, data: &[u8], watchers: usize, persistent: bool) -> Self {
        let path = Pattern::new(path);
        let arm = if persistent {
            Template::add_watch(&path)
        } else {
            Template::read(OpCode::GetData, &path, true)
        };
        Self {
            change: Template::set(&path, data),
            arm,
            persistent,
            watchers,
            writer_open: false,
            armed: 0,
            awaited: 0,
            changing: false,
            changed_at: 0,
            events: 0,
            measured: Tally::default(),
        }
    }

    /// The events' and the changes' latencies.
    pub(crate) fn into_tally(self) -> Tally {
        self.measured
    }

    fn round_is_over(&self) -> bool {
        self.writer_open && self.armed == self.watchers && self.awaited == 0 && !self.changing
    }
}

impl Driver for FanOut {
    fn on_arrival(&mut self, at: usize, outbox: &mut Outbox, arrival: Arrival, cx: &mut Context) {
        let counted = cx.lane == Lane::Measure;
        match arrival {
            Arrival::Opened { .. } if at == 0 => self.writer_open = true,
            Arrival::Opened { .. } => outbox.send(&self.arm, &[], ARM, cx.now),
            Arrival::Reply { sent, err } => {
                self.measured.errors += u64::from(err != 0);
                if sent.tag == ARM {
                    self.armed += 1;
                } else {
                    self.changing = false;
                    if counted {
                        self.measured.writes.record(cx.now - sent.at);
                    }
                }
            }
            Arrival::Event => {
                self.events += 1;
                self.awaited = self.awaited.saturating_sub(1);
                if counted {
                    self.measured.events.record(cx.now - self.changed_at);
                }
                if !self.persistent {
                    self.armed -= 1;
                    outbox.send(&self.arm, &[], ARM, cx.now);
                }
            }
        }
    }

    fn on_visit(&mut self, _at: usize, outbox: &mut Outbox, cx: &mut Context) {
        self.changed_at = cx.now;
        self.changing = true;
        self.awaited = self.watchers;
        outbox.send(&self.change, &[], CHANGE, cx.now);
    }

    fn on_turn(&mut self, cx: &mut Context) -> bool {
        let over = self.round_is_over();
        if over && cx.lane != Lane::Drain {
            cx.visit.push(0);
        }
        !(over && cx.lane == Lane::Drain)
    }

    fn ops(&self) -> u64 {
        self.events
    }
}

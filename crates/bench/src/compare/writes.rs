//! Durable writes: pipelined against the disk at the same batch, alone against a single sync.

use super::figure::{Figure, Goal, Unit, median};
use super::lab::{Lab, Side, note};
use super::reads::{SIZE, Samples, load};
use crate::error::Error;
use crate::floor::fsync::{self, Ahead};
use crate::process::Process;
use crate::rawclient::four_letter_word;
use crate::workload::{self, Kind};
use std::time::Duration;

/// Connections and outstanding requests of the pipelined load; no batch can be larger.
const PIPELINED: (usize, usize) = (16, 32);

/// A path as long as those of the load.
const PATH: &str = "/zabra-bench/n00000000";

/// Both figures about writes, and what goes with them.
pub(super) fn figures(lab: &Lab) -> Result<Vec<Figure>, Error> {
    note("writes: starting the servers");
    let mut servers = Vec::new();
    for side in lab.sides() {
        let process = lab.start(side)?;
        workload::prepare(&lab.target(&process, 16, 32), &load(lab, Kind::Set))?;
        servers.push((side, process));
    }
    let echo = lab.start_echo(SIZE, true)?;
    let mut all = All::default();
    for round in 1..=lab.rounds {
        note(format!("writes: round {round} of {}", lab.rounds));
        let mut batch = None;
        for (side, process) in &servers {
            let seen = all.pipelined(lab, *side, process)?;
            if *side == Side::Zabra {
                batch = seen;
            }
            all.alone(lab, *side, process)?;
        }
        all.durable_echo(lab, &echo)?;
        all.floors(lab, batch.unwrap_or((PIPELINED.0 * PIPELINED.1) as f64))?;
    }
    Ok(all.figures())
}

/// Syncs of the log that a server has counted, if it counts them.
fn syncs(process: &Process) -> Option<u64> {
    let answer = four_letter_word(process.address(), "mntr", Duration::from_secs(2)).ok()?;
    let value = answer.lines().find_map(|line| line.strip_prefix("zk_cnt_fsynctime"))?;
    value.trim().parse().ok()
}

#[derive(Default)]
struct All {
    rate: Samples,
    cpu: Samples,
    p99: Samples,
    median: Samples,
    alone_p99: Samples,
    batches: Vec<f64>,
    echo_rate: Vec<f64>,
    echo_median: Vec<f64>,
}

impl All {
    /// Returns how many writes a sync of the log carried.
    fn pipelined(&mut self, lab: &Lab, side: Side, process: &Process) -> Result<Option<f64>, Error> {
        lab.await_quiet();
        let target = lab.target(process, PIPELINED.0, PIPELINED.1);
        let mut before = None;
        let mut at_begin = || {
            before = before.or_else(|| syncs(process));
            false
        };
        let (outcome, _) = workload::run(&target, &load(lab, Kind::Set), Some(&mut at_begin))?;
        let counted = before.zip(syncs(process)).filter(|(before, after)| after > before);
        let per_sync = counted.map(|(before, after)| outcome.ops as f64 / (after - before) as f64);
        // Flushes are the whole machine's, so the server's own count goes first.
        let batch = per_sync.or_else(|| outcome.ops_per_flush());
        self.rate.of(Some(side)).push(outcome.rate());
        self.cpu.of(Some(side)).extend(outcome.cpu_per_op_us());
        self.p99.of(Some(side)).push(outcome.tally.writes.percentile(99.0).as_secs_f64() * 1e6);
        note(format!("  {side:?}: {:.0} writes/s, {:.0} per sync", outcome.rate(), batch.unwrap_or(0.0)));
        Ok(batch.map(|n| n.clamp(1.0, (PIPELINED.0 * PIPELINED.1) as f64)))
    }

    fn alone(&mut self, lab: &Lab, side: Side, process: &Process) -> Result<(), Error> {
        lab.await_quiet();
        let (outcome, _) = workload::run(&lab.target(process, 1, 1), &load(lab, Kind::Set), None)?;
        self.median.of(Some(side)).push(outcome.tally.writes.percentile(50.0).as_secs_f64() * 1e6);
        self.alone_p99.of(Some(side)).push(outcome.tally.writes.percentile(99.0).as_secs_f64() * 1e6);
        Ok(())
    }

    fn durable_echo(&mut self, lab: &Lab, echo: &Process) -> Result<(), Error> {
        lab.await_quiet();
        let target = lab.target(echo, PIPELINED.0, PIPELINED.1);
        let (many, _) = workload::run(&target, &load(lab, Kind::Set), None)?;
        let (one, _) = workload::run(&lab.target(echo, 1, 1), &load(lab, Kind::Set), None)?;
        self.echo_rate.push(many.rate());
        self.echo_median.push(one.tally.writes.percentile(50.0).as_secs_f64() * 1e6);
        self.cpu.of(None).extend(many.cpu_per_op_us());
        self.p99.of(None).push(many.tally.writes.percentile(99.0).as_secs_f64() * 1e6);
        Ok(())
    }

    /// The floor of a round is the better of both ways to make room ahead.
    fn floors(&mut self, lab: &Lab, batch: f64) -> Result<(), Error> {
        self.batches.push(batch);
        let record = fsync::record_len(PATH, SIZE);
        let length = lab.length / 2;
        let (mut rate, mut alone, mut alone_p99) = (0f64, f64::MAX, f64::MAX);
        for ahead in [Ahead::Zeroed, Ahead::Reserved] {
            lab.await_quiet();
            let many = fsync::run(lab.dir(), record, batch.round() as usize, ahead, length)?;
            let one = fsync::run(lab.dir(), record, 1, ahead, length)?;
            rate = rate.max(many.rate());
            alone = alone.min(one.tally.writes.percentile(50.0).as_secs_f64() * 1e6);
            alone_p99 = alone_p99.min(one.tally.writes.percentile(99.0).as_secs_f64() * 1e6);
        }
        self.rate.of(None).push(rate);
        self.median.of(None).push(alone);
        self.alone_p99.of(None).push(alone_p99);
        let own = fsync::run_own_log(lab.dir(), PATH, SIZE, batch.round() as usize, length)?;
        note(format!("  floor: {rate:.0} writes/s; Zabra's log alone: {:.0}", own.rate()));
        Ok(())
    }

    fn figures(self) -> Vec<Figure> {
        let batch = median(self.batches).unwrap_or(0.0);
        let rate = self.rate.figure(
            &format!("durable 1 KiB writes, 16 × 32 (floor: batches of {batch:.0})"),
            Unit::Rate,
            &[Goal::TimesJavaIfFloorCan(3.0), Goal::ShareOfFloor(0.8)],
        );
        let alone = self.median.figure(
            "durable 1 KiB write, 1 × 1: median latency",
            Unit::Micros,
            &[Goal::TimesFloor(1.3)],
        );
        let against_echo = |what: &str, of: &Figure, echo| {
            let floor = median(echo);
            Figure { what: what.into(), java: None, floor, goals: Vec::new(), ..of.clone() }
        };
        let rate_echo = against_echo("... floor: the durable echo", &rate, self.echo_rate);
        let alone_echo = against_echo("... floor: the durable echo", &alone, self.echo_median);
        vec![
            rate,
            rate_echo,
            self.cpu.figure("... server CPU per write (floor: the durable echo)", Unit::Micros, &[]),
            self.p99.figure("... 99th percentile (floor: the durable echo)", Unit::Micros, &[]),
            alone,
            alone_echo,
            self.alone_p99.figure("... 99th percentile", Unit::Micros, &[]),
        ]
    }
}

//! Durable writes: pipelined against the disk at the same batch, alone against a single sync.

use super::figure::{Figure, Goal, Unit};
use super::lab::{Lab, Side, note};
use super::reads::{SIZE, Samples, load};
use crate::error::Error;
use crate::floor::fsync::{self, Ahead};
use crate::process::Process;
use crate::workload::{self, Kind};

/// Connections and outstanding requests of the pipelined load; no batch can be larger.
const PIPELINED: (usize, usize) = (16, 32);

/// Both figures about writes, and what goes with them.
pub(super) fn figures(lab: &Lab) -> Result<Vec<Figure>, Error> {
    note("writes: starting the servers");
    let mut servers = Vec::new();
    for side in lab.sides() {
        let process = lab.start(side)?;
        workload::prepare(&lab.target(&process, 16, 32), &load(lab, Kind::Set))?;
        servers.push((side, process));
    }
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
        all.floors(lab, batch.unwrap_or((PIPELINED.0 * PIPELINED.1) as f64))?;
    }
    Ok(all.figures())
}

#[derive(Default)]
struct All {
    rate: Samples,
    cpu: Samples,
    p99: Samples,
    median: Samples,
    alone_p99: Samples,
    batches: Vec<f64>,
}

impl All {
    /// Returns how many writes a disk flush carried.
    fn pipelined(&mut self, lab: &Lab, side: Side, process: &Process) -> Result<Option<f64>, Error> {
        let target = lab.target(process, PIPELINED.0, PIPELINED.1);
        let (outcome, _) = workload::run(&target, &load(lab, Kind::Set), None)?;
        self.rate.of(Some(side)).push(outcome.rate());
        self.cpu.of(Some(side)).extend(outcome.cpu_per_op_us());
        self.p99.of(Some(side)).push(outcome.tally.writes.percentile(99.0).as_secs_f64() * 1e6);
        let per_flush = outcome.ops_per_flush();
        note(format!(
            "  {side:?}: {:.0} writes/s, {:.0} per disk flush",
            outcome.rate(),
            per_flush.unwrap_or(0.0)
        ));
        Ok(per_flush.map(|n| n.clamp(1.0, (PIPELINED.0 * PIPELINED.1) as f64)))
    }

    fn alone(&mut self, lab: &Lab, side: Side, process: &Process) -> Result<(), Error> {
        let (outcome, _) = workload::run(&lab.target(process, 1, 1), &load(lab, Kind::Set), None)?;
        self.median.of(Some(side)).push(outcome.tally.writes.percentile(50.0).as_secs_f64() * 1e6);
        self.alone_p99.of(Some(side)).push(outcome.tally.writes.percentile(99.0).as_secs_f64() * 1e6);
        Ok(())
    }

    fn floors(&mut self, lab: &Lab, batch: f64) -> Result<(), Error> {
        let record = fsync::record_len("/zabra-bench/n00000000".len(), SIZE);
        let many = fsync::run(lab.dir(), record, batch.round() as usize, Ahead::Zeroed, lab.length)?;
        self.rate.of(None).push(many.rate());
        self.batches.push(batch);
        let one = fsync::run(lab.dir(), record, 1, Ahead::Zeroed, lab.length)?;
        self.median.of(None).push(one.tally.writes.percentile(50.0).as_secs_f64() * 1e6);
        self.alone_p99.of(None).push(one.tally.writes.percentile(99.0).as_secs_f64() * 1e6);
        Ok(())
    }

    fn figures(self) -> Vec<Figure> {
        let batch = super::figure::median(self.batches).unwrap_or(0.0);
        vec![
            self.rate.figure(
                &format!("durable 1 KiB writes, 16 × 32 (floor: batches of {batch:.0})"),
                Unit::Rate,
                &[Goal::TimesJavaIfFloorCan(3.0), Goal::ShareOfFloor(0.8)],
            ),
            self.cpu.figure("... server CPU per write", Unit::Micros, &[]),
            self.p99.figure("... 99th percentile", Unit::Micros, &[]),
            self.median.figure(
                "durable 1 KiB write, 1 × 1: median latency",
                Unit::Micros,
                &[Goal::TimesFloor(1.3)],
            ),
            self.alone_p99.figure("... 99th percentile", Unit::Micros, &[]),
        ]
    }
}

//! Rates of an ensemble whose three servers all have clients.

use super::trio::Trio;
use crate::compare::figure::{Figure, Goal, Unit};
use crate::compare::lab::{Lab, note};
use crate::compare::reads::{Samples, load};
use crate::error::Error;
use crate::workload::{self, Kind};

/// Connections and outstanding requests.
const PIPELINED: (usize, usize) = (16, 32);

#[derive(Default)]
struct Shape {
    rate: Samples,
    cpu: Samples,
    p99: Samples,
}

impl Shape {
    fn round(&mut self, lab: &Lab, trio: &Trio, kind: Kind) -> Result<(), Error> {
        lab.await_quiet();
        let (outcome, _) =
            workload::run(&trio.target(lab, PIPELINED.0, PIPELINED.1), &load(lab, kind), None)?;
        let side = Some(trio.side());
        self.rate.of(side).push(outcome.rate());
        self.cpu.of(side).extend(outcome.cpu_per_op_us());
        self.p99.of(side).push(outcome.tally.writes.percentile(99.0).as_secs_f64() * 1e6);
        note(format!("  {:?}: {:.0} of {}/s", trio.side(), outcome.rate(), outcome.name));
        Ok(())
    }
}

/// Durable writes, and reads with writes among them.
pub(super) fn figures(lab: &Lab, trios: &[Trio]) -> Result<Vec<Figure>, Error> {
    for trio in trios {
        workload::prepare(&trio.target(lab, PIPELINED.0, PIPELINED.1), &load(lab, Kind::Set))?;
    }
    let (mut writes, mut mixed) = (Shape::default(), Shape::default());
    for round in 1..=lab.rounds {
        note(format!("load: round {round} of {}", lab.rounds));
        for trio in trios {
            writes.round(lab, trio, Kind::Set)?;
            mixed.round(lab, trio, Kind::Mixed(90))?;
        }
    }
    let goal = [Goal::TimesJava(3.0)];
    Ok(vec![
        writes.rate.figure("durable 1 KiB writes, 16 × 32 over three servers", Unit::Rate, &goal),
        writes.cpu.figure("... CPU of all servers per write", Unit::Micros, &[]),
        writes.p99.figure("... 99th percentile", Unit::Micros, &[]),
        mixed.rate.figure("90 % reads, 10 % writes of 1 KiB, 16 × 32 over three servers", Unit::Rate, &goal),
        mixed.cpu.figure("... CPU of all servers per request", Unit::Micros, &[]),
        mixed.p99.figure("... 99th percentile of its writes", Unit::Micros, &[]),
    ])
}

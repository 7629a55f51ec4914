//! Reads: pipelined, from many patient clients, and what they cost the server.

use super::figure::{Figure, Goal, Unit, median};
use super::lab::{Lab, Side, note};
use crate::error::Error;
use crate::process::Process;
use crate::stats::Outcome;
use crate::workload::{self, Kind, Load};
use std::time::Duration;

/// Bytes in a node.
pub(super) const SIZE: usize = 1024;

/// Everybody who serves, in the order of their turns.
struct Field {
    zabra: Option<Process>,
    java: Option<Process>,
    floor: Process,
}

/// A value of each for one figure, one per round.
#[derive(Default)]
pub(super) struct Samples {
    zabra: Vec<f64>,
    java: Vec<f64>,
    floor: Vec<f64>,
}

impl Samples {
    /// The values of a server, or without one of the floor.
    pub(super) fn of(&mut self, side: Option<Side>) -> &mut Vec<f64> {
        match side {
            Some(Side::Zabra) => &mut self.zabra,
            Some(Side::Java) => &mut self.java,
            None => &mut self.floor,
        }
    }

    pub(super) fn figure(self, what: &str, unit: Unit, goals: &[Goal]) -> Figure {
        let mut figure = Figure::new(what, unit, goals);
        (figure.zabra, figure.java, figure.floor) =
            (median(self.zabra), median(self.java), median(self.floor));
        figure
    }
}

/// The three figures about reads, and the latencies that go with them.
pub(super) fn figures(lab: &Lab) -> Result<Vec<Figure>, Error> {
    let field = prepare(lab)?;
    let (mut pipelined, mut patient) = (Shape::default(), Shape::default());
    for round in 1..=lab.rounds {
        note(format!("reads: round {round} of {}", lab.rounds));
        pipelined.round(lab, &field, 16, 32)?;
        patient.round(lab, &field, 100, 1)?;
    }
    Ok(vec![
        pipelined.rate.figure(
            "1 KiB reads, 16 connections × 32 outstanding",
            Unit::Rate,
            &[Goal::TimesJava(10.0), Goal::ShareOfFloor(0.5)],
        ),
        pipelined.cpu.figure("... server CPU per read", Unit::Micros, &[Goal::ShareOfJava(0.1)]),
        pipelined.p99.figure("... 99th percentile", Unit::Micros, &[]),
        patient.rate.figure(
            "1 KiB reads, 100 connections × 1 outstanding",
            Unit::Rate,
            &[Goal::ShareOfFloor(0.8)],
        ),
        patient.cpu.figure("... server CPU per read", Unit::Micros, &[]),
        patient.p99.figure("... 99th percentile", Unit::Micros, &[]),
    ])
}

/// What is taken of one shape of load.
#[derive(Default)]
struct Shape {
    rate: Samples,
    cpu: Samples,
    p99: Samples,
}

impl Shape {
    fn round(&mut self, lab: &Lab, field: &Field, connections: usize, pipeline: usize) -> Result<(), Error> {
        let load = load(lab, Kind::Get);
        let run = |process: &Process| {
            lab.await_quiet();
            workload::run(&lab.target(process, connections, pipeline), &load, None)
                .map(|(outcome, _)| outcome)
        };
        if let Some(java) = &field.java {
            self.take(Some(Side::Java), &run(java)?);
        }
        if let Some(zabra) = &field.zabra {
            self.take(Some(Side::Zabra), &run(zabra)?);
        }
        self.take(None, &run(&field.floor)?);
        Ok(())
    }

    fn take(&mut self, side: Option<Side>, outcome: &Outcome) {
        self.rate.of(side).push(outcome.rate());
        self.cpu.of(side).extend(outcome.cpu_per_op_us());
        self.p99.of(side).push(outcome.tally.reads.percentile(99.0).as_secs_f64() * 1e6);
    }
}

fn prepare(lab: &Lab) -> Result<Field, Error> {
    note("reads: starting the servers");
    let mut field = Field { zabra: None, java: None, floor: lab.start_echo(SIZE, false)? };
    for side in lab.sides() {
        let process = lab.start(side)?;
        workload::prepare(&lab.target(&process, 16, 32), &load(lab, Kind::Get))?;
        if side == Side::Java {
            note("reads: letting the virtual machine compile what is hot");
            let long = Load { warmup: Duration::ZERO, length: lab.length * 2, ..load(lab, Kind::Get) };
            workload::run(&lab.target(&process, 16, 32), &long, None)?;
        }
        match side {
            Side::Zabra => field.zabra = Some(process),
            Side::Java => field.java = Some(process),
        }
    }
    Ok(field)
}

/// A load on a thousand nodes of 1 KiB.
pub(super) fn load(lab: &Lab, kind: Kind) -> Load {
    Load { kind, root: "/zabra-bench".into(), keys: 1000, size: SIZE, warmup: lab.warmup, length: lab.length }
}

//! Many znodes: the memory they take, and how long a server needs to have them again.

use super::figure::{Figure, Goal, Unit, median};
use super::lab::{Lab, Side, copy_dir, note};
use crate::error::Error;
use crate::proc;
use crate::process::Process;
use crate::workload;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes in each node.
const SIZE: usize = 100;
/// Children of a directory, two levels deep.
const WIDTH: u32 = 1000;
/// How long memory settles before it is read.
const SETTLE: Duration = Duration::from_secs(3);
/// The memory goal, for a million nodes; it says nothing of fewer, because a server alone takes some.
const MEMORY_GOAL: f64 = 250e6;

/// A data directory per server, full of nodes.
pub(super) struct Filled {
    dirs: Vec<(Side, PathBuf)>,
    rss: Vec<(Side, u64)>,
}

impl Filled {
    /// Fills an empty server of each kind and stops it.
    pub(super) fn new(lab: &Lab) -> Result<Self, Error> {
        let mut filled = Self { dirs: Vec::new(), rss: Vec::new() };
        for side in lab.sides() {
            note(format!("nodes: filling {side:?} with {} nodes", lab.nodes));
            let settings = lab.settings("filled");
            let process = Process::start(&lab.program(side, None)?, &settings)?;
            let target = lab.target(&process, 16, 32);
            let outcome = workload::fill(&target, "", 2, WIDTH, lab.nodes, SIZE)?;
            std::thread::sleep(SETTLE);
            filled.rss.extend(proc::rss(process.pid()).map(|rss| (side, rss)));
            note(format!("  {:.0} creates/s", outcome.rate()));
            process.stop()?;
            filled.dirs.push((side, settings.data_dir()));
        }
        Ok(filled)
    }

    /// Where all servers start from: the reference server's directory when there is one, so that
    /// both read the very same snapshot and log.
    pub(super) fn common(&self) -> Option<&Path> {
        let java = self.dirs.iter().find(|(side, _)| *side == Side::Java);
        java.or(self.dirs.first()).map(|(_, dir)| dir.as_path())
    }

    fn rss(&self, wanted: Side) -> Option<f64> {
        self.rss.iter().find(|(side, _)| *side == wanted).map(|(_, rss)| *rss as f64)
    }
}

/// Memory after the nodes were created, and after they were loaded.
pub(super) fn memory(lab: &Lab, filled: &Filled) -> Result<Vec<Figure>, Error> {
    let goals: &[Goal] = if lab.nodes >= 1_000_000 { &[Goal::AtMost(MEMORY_GOAL)] } else { &[] };
    let count = crate::report::thousands(f64::from(lab.nodes));
    let mut created =
        Figure::new(format!("memory, {count} nodes of 100 B, after their creation"), Unit::Bytes, goals);
    (created.zabra, created.java) = (filled.rss(Side::Zabra), filled.rss(Side::Java));
    let mut loaded = Figure::new("... after a restart", Unit::Bytes, goals);
    for side in lab.sides() {
        let rss = started(lab, filled, side, None)?.1;
        match side {
            Side::Zabra => loaded.zabra = rss,
            Side::Java => loaded.java = rss,
        }
    }
    let mut small = Figure::new(format!("... Java with -Xmx{}", lab.java_small_heap), Unit::Bytes, &[]);
    small.zabra = loaded.zabra;
    if lab.sides().contains(&Side::Java) {
        // A heap too small ends the server: that is an answer, not a failure.
        match started(lab, filled, Side::Java, Some(&lab.java_small_heap)) {
            Ok((_, rss)) => small.java = rss,
            Err(error) => note(format!("  Java with -Xmx{}: {error}", lab.java_small_heap)),
        }
    }
    Ok(vec![created, loaded, small])
}

/// Times to the first answer: with all nodes, and empty.
pub(super) fn start(lab: &Lab, filled: &Filled) -> Result<Vec<Figure>, Error> {
    let count = crate::report::thousands(f64::from(lab.nodes));
    let mut full =
        Figure::new(format!("start to first answer, {count} nodes"), Unit::Micros, &[Goal::ShareOfJava(0.1)]);
    let mut empty = Figure::new("start to first answer, empty", Unit::Micros, &[Goal::AtMost(50_000.0)]);
    for side in lab.sides() {
        let (mut with_nodes, mut without) = (Vec::new(), Vec::new());
        for round in 1..=lab.rounds.min(3) {
            note(format!("start: {side:?}, round {round}"));
            lab.await_quiet();
            with_nodes.push(started(lab, filled, side, None)?.0);
            lab.await_quiet();
            let process = lab.start(side)?;
            without.push(process.first_answer().as_secs_f64() * 1e6);
            process.stop()?;
        }
        match side {
            Side::Zabra => (full.zabra, empty.zabra) = (median(with_nodes), median(without)),
            Side::Java => (full.java, empty.java) = (median(with_nodes), median(without)),
        }
    }
    Ok(vec![full, empty])
}

/// Starts a server on a copy of the filled directory: microseconds to the first answer, and memory.
fn started(lab: &Lab, filled: &Filled, side: Side, heap: Option<&str>) -> Result<(f64, Option<f64>), Error> {
    let settings = lab.settings("loaded");
    if let Some(from) = filled.common() {
        copy_dir(from, &settings.data_dir())?;
    }
    let process = Process::start(&lab.program(side, heap)?, &settings)?;
    std::thread::sleep(SETTLE);
    let rss = proc::rss(process.pid()).map(|rss| rss as f64);
    let first_answer = process.first_answer().as_secs_f64() * 1e6;
    process.stop()?;
    let _ = std::fs::remove_dir_all(&settings.dir);
    Ok((first_answer, rss))
}

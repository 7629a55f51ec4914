//! Three servers of each kind on this machine: load, the loss of a leader, a follower that is behind.
//!
//! Both ensembles stand from beginning to end and take turns; the one whose turn it is not only keeps its heartbeats.

mod catchup;
mod failover;
mod load;
mod trio;

use super::figure::{Figure, Goal, Unit};
use super::lab::{Lab, Side, note};
use crate::args::{CompareEnsembleArgs, EnsembleGroup};
use crate::error::Error;
use std::time::Duration;
use trio::Trio;

/// How long a server settles before its memory is read.
const SETTLE: Duration = Duration::from_secs(5);
/// The memory goal: 20 MB.
const IDLE_GOAL: f64 = 20e6;

/// All wanted figures.
pub(super) fn figures(lab: &Lab, args: &CompareEnsembleArgs) -> Result<Vec<Figure>, Error> {
    let wanted = |group| args.only.is_empty() || args.only.contains(&group);
    note("ensembles: starting");
    let mut trios =
        lab.sides().into_iter().map(|side| Trio::start(lab, side)).collect::<Result<Vec<_>, _>>()?;
    let mut figures = Vec::new();
    if wanted(EnsembleGroup::Idle) {
        figures.push(idle(&trios));
    }
    if wanted(EnsembleGroup::Load) {
        figures.extend(load::figures(lab, &trios)?);
    }
    if wanted(EnsembleGroup::Failover) {
        let kills = if args.common.quick { args.kills.min(3) } else { args.kills };
        figures.extend(failover::figures(lab, &mut trios, kills)?);
    }
    if wanted(EnsembleGroup::CatchUp) {
        figures.extend(catchup::figures(lab, &mut trios, lab.scaled(args.behind))?);
    }
    for trio in trios {
        trio.stop()?;
    }
    Ok(figures)
}

/// The most that any of the three takes.
fn idle(trios: &[Trio]) -> Figure {
    std::thread::sleep(SETTLE);
    let mut figure = Figure::new(
        "memory of an idle server, the largest of three",
        Unit::Bytes,
        &[Goal::AtMost(IDLE_GOAL)],
    );
    for trio in trios {
        let most = trio.processes().filter_map(|process| crate::proc::rss(process.pid())).max();
        let most = most.map(|bytes| bytes as f64);
        match trio.side() {
            Side::Zabra => figure.zabra = most,
            Side::Java => figure.java = most,
        }
    }
    figure
}

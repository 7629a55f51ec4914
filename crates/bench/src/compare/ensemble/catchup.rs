//! How long a follower takes that was away while the others went on.

use super::trio::{SIZE, Trio};
use crate::compare::figure::{Figure, Goal, Unit};
use crate::compare::lab::{Lab, note};
use crate::compare::reads::Samples;
use crate::error::Error;
use crate::report::thousands;
use crate::workload;
use std::time::Instant;

/// Bytes in each node.
const SIZE_OF_NODE: usize = 100;
/// Children of a directory.
const WIDTH: u32 = 1000;
/// Rounds; each leaves its nodes behind, for both ensembles alike.
const ROUNDS: usize = 3;

/// From the start of the process until it has applied what the leader has.
pub(super) fn figures(lab: &Lab, trios: &mut [Trio], behind: u32) -> Result<Vec<Figure>, Error> {
    let mut times = Samples::default();
    for round in 1..=lab.rounds.min(ROUNDS) {
        note(format!("catching up: round {round} of {}", lab.rounds.min(ROUNDS)));
        for trio in trios.iter_mut() {
            let leader = trio.leader()?;
            let away = (leader + round) % SIZE;
            let away = if away == leader { (leader + 1) % SIZE } else { away };
            trio.stop_one(away)?;
            let root = format!("/zabra-bench-behind{round}");
            workload::fill(&trio.target(lab, 16, 32), &root, 2, WIDTH, behind, SIZE_OF_NODE)?;
            lab.await_quiet();
            let wanted = trio.until("the leader says how far it is", || trio.zxid(leader))?;
            let begin = Instant::now();
            trio.spawn(away)?;
            // Sessions that end meanwhile take both of them further.
            trio.until("the follower is as far as the leader was", || {
                trio.zxid(away).filter(|zxid| *zxid >= wanted)
            })?;
            let took = begin.elapsed();
            note(format!("  {:?}: {:.0} ms", trio.side(), took.as_secs_f64() * 1e3));
            times.of(Some(trio.side())).push(took.as_secs_f64() * 1e6);
        }
    }
    let what = format!(
        "start of a follower {} transactions behind, until it has them",
        thousands(f64::from(behind))
    );
    Ok(vec![times.figure(&what, Unit::Micros, &[Goal::ShareOfJava(0.333)])])
}

//! What it costs to be there: an idle server, and sessions that do nothing.

use super::figure::{Figure, Goal, Unit};
use super::lab::{Lab, Side, note};
use crate::error::Error;
use crate::{proc, workload};
use std::time::Duration;

/// Memory of an idle server, and of each of many idle sessions.
pub(super) fn figures(lab: &Lab) -> Result<Vec<Figure>, Error> {
    let mut idle =
        Figure::new("memory of an idle server", Unit::Bytes, &[Goal::AtMost(15.0 * 1024.0 * 1024.0)]);
    let mut each = Figure::new(
        format!("memory of each of {} idle sessions", crate::report::thousands(f64::from(lab.sessions))),
        Unit::Bytes,
        &[Goal::AtMost(8192.0)],
    );
    for side in lab.sides() {
        note(format!("idle: {side:?}"));
        let process = lab.start(side)?;
        std::thread::sleep(Duration::from_secs(2));
        let alone = proc::rss(process.pid()).map(|rss| rss as f64);
        let target = lab.target(&process, lab.sessions as usize, 1);
        let sessions = workload::idle(&target, lab.length.max(Duration::from_secs(5)))?;
        let per_session = sessions.bytes_per_session().map(|bytes| bytes as f64);
        process.stop()?;
        match side {
            Side::Zabra => (idle.zabra, each.zabra) = (alone, per_session),
            Side::Java => (idle.java, each.java) = (alone, per_session),
        }
    }
    Ok(vec![idle, each])
}

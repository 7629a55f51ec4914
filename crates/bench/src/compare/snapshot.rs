//! Writes while a snapshot of many nodes is taken.
//!
//! A small `snapCount` makes the server take one snapshot after the other; the growing file in its
//! data directory shows when one is under way.

use super::figure::{Figure, Goal, Unit};
use super::lab::{Lab, Side, copy_dir, note};
use super::nodes::Filled;
use crate::error::Error;
use crate::process::Process;
use crate::stats::Latencies;
use crate::workload::{self, Kind, Load};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Writes between two snapshots, and so many that there is none.
const OFTEN: u32 = 20_000;
const NEVER: u32 = 1_000_000_000;
/// A file that has not grown for so long is finished.
const QUIET: Duration = Duration::from_millis(60);

/// The 99th percentile of writes with a snapshot under way, against the same without.
pub(super) fn figures(lab: &Lab, filled: &Filled) -> Result<Vec<Figure>, Error> {
    let mut with = Figure::new("99th percentile of writes during a snapshot", Unit::Micros, &[]);
    let mut without = Figure::new("99th percentile of writes without one", Unit::Micros, &[]);
    let mut zabra = None;
    for side in lab.sides() {
        note(format!("snapshot: {side:?}"));
        let quiet = run(lab, filled, side, NEVER)?.0;
        let busy = run(lab, filled, side, OFTEN)?.1;
        note(format!("  {} writes without, {} while snapshots were taken", quiet.count(), busy.count()));
        let p99 = |l: &Latencies| (l.count() > 0).then(|| l.percentile(99.0).as_secs_f64() * 1e6);
        match side {
            Side::Zabra => {
                (without.zabra, with.zabra) = (p99(&quiet), p99(&busy));
                zabra = p99(&quiet);
            }
            Side::Java => (without.java, with.java) = (p99(&quiet), p99(&busy)),
        }
    }
    // The figure's floor is the server's own latency without a snapshot.
    with.floor = zabra;
    with.goals.push(Goal::TimesFloor(2.0));
    Ok(vec![with, without])
}

/// Latencies outside and inside of snapshots.
fn run(lab: &Lab, filled: &Filled, side: Side, snap_count: u32) -> Result<(Latencies, Latencies), Error> {
    let mut settings = lab.settings("snapshot");
    settings.snap_count = Some(snap_count);
    if let Some(from) = filled.common() {
        copy_dir(from, &settings.data_dir())?;
    }
    let process = Process::start(&lab.program(side, None)?, &settings)?;
    let target = lab.target(&process, 16, 1);
    let load = Load {
        kind: Kind::Set,
        root: "/zabra-bench".into(),
        keys: 1000,
        size: 100,
        warmup: lab.warmup * 2,
        length: lab.length * 4,
    };
    workload::prepare(&target, &load)?;
    let mut watch = SnapshotWatch::new(&settings.data_dir());
    let mut mark = || watch.is_growing();
    lab.await_quiet();
    let (outcome, _) = workload::run(&target, &load, Some(&mut mark))?;
    process.stop()?;
    let _ = std::fs::remove_dir_all(&settings.dir);
    Ok((outcome.tally.writes, outcome.marked.writes))
}

/// Tells from the files whether a snapshot is being written.
struct SnapshotWatch {
    dir: PathBuf,
    sizes: BTreeMap<PathBuf, u64>,
    grew: Option<Instant>,
}

impl SnapshotWatch {
    fn new(data_dir: &Path) -> Self {
        let mut watch = Self { dir: data_dir.join("version-2"), sizes: BTreeMap::new(), grew: None };
        watch.sizes = watch.look();
        watch
    }

    fn look(&self) -> BTreeMap<PathBuf, u64> {
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        entries
            .filter(|entry| entry.file_name().to_string_lossy().contains("snapshot"))
            .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?.len())))
            .collect()
    }

    fn is_growing(&mut self) -> bool {
        let now = self.look();
        let grown = now.iter().any(|(path, size)| self.sizes.get(path).is_none_or(|before| before < size));
        self.sizes = now;
        if grown {
            self.grew = Some(Instant::now());
        }
        self.grew.is_some_and(|at| at.elapsed() < QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growing_snapshot_is_seen_and_a_finished_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("version-2");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(inner.join("snapshot.1"), b"old").unwrap();
        let mut watch = SnapshotWatch::new(dir.path());
        assert!(!watch.is_growing());
        std::fs::write(inner.join("log.1"), b"not a snapshot").unwrap();
        assert!(!watch.is_growing());
        std::fs::write(inner.join("snapshot.2"), b"n").unwrap();
        assert!(watch.is_growing());
        watch.grew = Some(Instant::now() - QUIET);
        assert!(!watch.is_growing());
        std::fs::write(inner.join("snapshot.2"), b"new").unwrap();
        assert!(watch.is_growing());
    }
}

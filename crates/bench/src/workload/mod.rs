//! The loads this generator can put on a server, and the nodes they need.

mod closed;
mod fanout;
mod idle;
mod requests;
mod shape;

use crate::drive::{Measured, Span, Target, drive};
use crate::error::Error;
use crate::stats::{Outcome, Tally};
use closed::ClosedLoop;
use fanout::FanOut;
use idle::Idle;
use proto::{ErrorCode, OpCode};
use requests::{Numbering, Requests};
use shape::Shape;
use std::collections::BTreeMap;
use std::time::Duration;

/// More nodes than any run creates; fits the eight digits of a name.
const ENDLESS: u32 = 99_999_999;

/// What the requests of a closed loop do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `getData` of one of the keys.
    Get,
    /// `setData` of one of the keys.
    Set,
    /// `exists` of one of the keys.
    Exists,
    /// `getChildren2` of the parent of all keys.
    Children,
    /// `create` of ever new nodes.
    Create,
    /// `delete` of the keys, each once; ends when they are gone.
    Delete,
    /// `create` and `delete` of the same node in turn.
    Churn,
    /// `getData` in so many of a hundred cases, else `setData`.
    Mixed(u32),
}

impl Kind {
    fn name(self) -> String {
        match self {
            Self::Mixed(percent) => format!("mixed {percent}% get"),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    fn needs_keys(self) -> bool {
        !matches!(self, Self::Create | Self::Churn)
    }
}

/// A closed-loop load.
#[derive(Debug, Clone)]
pub struct Load {
    /// What requests do.
    pub kind: Kind,
    /// The node under which everything happens; empty for the root.
    pub root: String,
    /// How many nodes the requests are about.
    pub keys: u32,
    /// Bytes of data in a node.
    pub size: usize,
    /// Time before the measured stretch.
    pub warmup: Duration,
    /// The measured stretch.
    pub length: Duration,
}

impl Load {
    fn shape(&self) -> Shape {
        match self.kind.needs_keys() {
            true => Shape::flat(&self.root),
            false => Shape::flat(&format!("{}/new", self.root)),
        }
    }

    fn requests(&self, data: &[u8]) -> Requests {
        let shape = self.shape();
        let random = Numbering::random(self.keys);
        match self.kind {
            Kind::Get => Requests::read(OpCode::GetData, &shape, 1, random),
            Kind::Exists => Requests::read(OpCode::Exists, &shape, 1, random),
            Kind::Children => Requests::read(OpCode::GetChildren2, &shape, 0, random),
            Kind::Set => Requests::set(&shape, data, random),
            Kind::Mixed(percent) => Requests::mixed(&shape, data, percent, random),
            Kind::Create => Requests::create(&shape, 1, data, Numbering::counted(ENDLESS)),
            Kind::Churn => Requests::churn(&shape, data, Numbering::counted(ENDLESS)),
            Kind::Delete => Requests::delete(&shape, 1, Numbering::counted(self.keys)),
        }
    }
}

/// Creates the nodes that `load` needs and gives them data of its size.
///
/// # Errors
/// A failing connection, or an error code other than "node exists".
pub fn prepare(target: &Target, load: &Load) -> Result<(), Error> {
    let data = value(load.size);
    make_parents(target, &load.root)?;
    let shape = load.shape();
    if !load.kind.needs_keys() {
        return counted(target, Requests::create(&shape, 0, b"", Numbering::counted(1)), 1, &CREATING)
            .map(drop);
    }
    let create = Requests::create(&shape, 1, &data, Numbering::counted(load.keys));
    let step = counted(target, create, load.keys, &CREATING)?;
    if step.errors.contains_key(&ErrorCode::NodeExists.code()) {
        let set = Requests::set(&shape, &data, Numbering::counted(load.keys));
        counted(target, set, load.keys, &Step { what: "setting keys", ignore: None })?;
    }
    Ok(())
}

/// Runs `load`. `mark` is asked every few milliseconds; while it says yes, latencies count apart.
///
/// Returns the outcome and how many of the numbered nodes exist at most, for [`cleanup`].
///
/// # Errors
/// A failing connection.
pub fn run(
    target: &Target,
    load: &Load,
    mark: Option<&mut dyn FnMut() -> bool>,
) -> Result<(Outcome, u32), Error> {
    let requests = load.requests(&value(load.size));
    let span = match load.kind {
        Kind::Delete => Span::Counted { total: u64::from(load.keys) },
        _ => Span::Timed { warmup: load.warmup, length: load.length, mark },
    };
    let name = load.kind.name();
    let (drivers, measured) = drive(target, closed_loops(target, &requests), span, &name)?;
    let nodes = drivers.iter().map(ClosedLoop::position).max().unwrap_or(0);
    let (mut tally, mut marked) = (Tally::default(), Tally::default());
    for driver in drivers {
        let (measured, while_marked, _) = driver.into_parts();
        tally.merge(&measured);
        marked.merge(&while_marked);
    }
    Ok((Outcome { tally, marked, ..outcome(name, measured) }, nodes))
}

/// Removes what [`prepare`] and [`run`] left behind; `nodes` as [`run`] returned it.
///
/// # Errors
/// A failing connection.
pub fn cleanup(target: &Target, load: &Load, nodes: u32) -> Result<(), Error> {
    let shape = load.shape();
    let count = if load.kind.needs_keys() { load.keys } else { nodes };
    counted(target, Requests::delete(&shape, 1, Numbering::counted(count)), count, &DELETING)?;
    let own_directory = if load.kind.needs_keys() { None } else { Some(shape) };
    for parent in own_directory.into_iter().chain(parents(&load.root).into_iter().rev()) {
        counted(target, Requests::delete(&parent, 0, Numbering::counted(1)), 1, &DELETING)?;
    }
    Ok(())
}

/// Creates `count` nodes of `size` bytes, `levels` deep under `root`, `width` in each directory.
///
/// # Errors
/// A failing connection, or an error code other than "node exists".
pub fn fill(
    target: &Target,
    root: &str,
    levels: u32,
    width: u32,
    count: u32,
    size: usize,
) -> Result<Outcome, Error> {
    make_parents(target, root)?;
    let shape = Shape::new(root, levels, width);
    for level in 1..shape.levels() {
        let directories = shape.count(level, count);
        counted(
            target,
            Requests::create(&shape, level, b"", Numbering::counted(directories)),
            directories,
            &CREATING,
        )?;
    }
    let data = value(size);
    let leaves = Requests::create(&shape, shape.levels(), &data, Numbering::counted(count));
    let step = counted(target, leaves, count, &CREATING)?;
    Ok(Outcome { tally: step.tally, ..outcome("fill".into(), step.measured) })
}

/// Lets `target.connections - 1` sessions watch one node that the remaining one changes.
///
/// # Errors
/// A failing connection, or a node that cannot be created.
pub fn fan_out(target: &Target, load: &Load, persistent: bool) -> Result<Outcome, Error> {
    if target.connections < 2 {
        return Err(Error::Usage("a fan-out needs at least one watcher: use --connections 2 or more".into()));
    }
    let load = Load { kind: Kind::Set, keys: 1, ..load.clone() };
    prepare(target, &load)?;
    let target = Target { threads: 1, ..target.clone() };
    let path = load.shape().pattern(1).text().to_owned();
    let driver = FanOut::new(&path, &value(load.size), target.connections - 1, persistent);
    let span = Span::Timed { warmup: load.warmup, length: load.length, mark: None };
    let (drivers, measured) = drive(&target, vec![driver], span, "watch")?;
    let mut tally = Tally::default();
    drivers.into_iter().for_each(|driver| tally.merge(&driver.into_tally()));
    Ok(Outcome { tally, ..outcome("watch".into(), measured) })
}

/// What idle sessions cost.
#[derive(Debug, Clone, Copy)]
pub struct IdleOutcome {
    /// Sessions that stood.
    pub sessions: usize,
    /// The timeout the server granted.
    pub session_timeout: Duration,
    /// Server memory before and with them, bytes, when its process is known.
    pub rss: Option<(u64, u64)>,
    /// CPU time the server used per second to keep them alive, when its process is known.
    pub cpu_per_second: Option<Duration>,
}

impl IdleOutcome {
    /// Server memory per session, bytes.
    pub fn bytes_per_session(&self) -> Option<u64> {
        let (before, with) = self.rss?;
        Some(with.saturating_sub(before) / self.sessions.max(1) as u64)
    }
}

/// Opens `target.connections` sessions and keeps them alive for `length`.
///
/// # Errors
/// A failing connection: a refused or lost session.
pub fn idle(target: &Target, length: Duration) -> Result<IdleOutcome, Error> {
    let before = target.sum(crate::proc::rss);
    let drivers = (0..target.threads()).map(|_| Idle::default()).collect();
    let span = Span::Timed { warmup: Duration::from_secs(1), length, mark: None };
    let (drivers, measured) = drive(target, drivers, span, "idle")?;
    let seconds = measured.elapsed.as_secs_f64().max(0.001);
    Ok(IdleOutcome {
        sessions: target.connections,
        session_timeout: Duration::from_millis(drivers.first().map_or(0, Idle::timeout_ms)),
        rss: before.zip(measured.server_rss),
        cpu_per_second: measured.server_cpu.map(|cpu| cpu.div_f64(seconds)),
    })
}

/// A preparing or clearing step.
struct Step {
    what: &'static str,
    ignore: Option<ErrorCode>,
}

const CREATING: Step = Step { what: "creating nodes", ignore: Some(ErrorCode::NodeExists) };
const DELETING: Step = Step { what: "deleting nodes", ignore: Some(ErrorCode::NoNode) };

struct StepOutcome {
    measured: Measured,
    tally: Tally,
    errors: BTreeMap<i32, u64>,
}

/// Sends all of `requests` as fast as they go.
fn counted(target: &Target, requests: Requests, total: u32, step: &Step) -> Result<StepOutcome, Error> {
    // Fewer than 1,000 outstanding in all: the reference throttles beyond that.
    let target = Target { connections: if total < 64 { 1 } else { 8 }, pipeline: 64, ..target.clone() };
    let span = Span::Counted { total: u64::from(total) };
    let (drivers, measured) = drive(&target, closed_loops(&target, &requests), span, step.what)?;
    let mut outcome = StepOutcome { measured, tally: Tally::default(), errors: BTreeMap::new() };
    for driver in drivers {
        let (tally, _, errors) = driver.into_parts();
        outcome.tally.merge(&tally);
        for (code, count) in errors {
            *outcome.errors.entry(code).or_default() += count;
        }
    }
    let ignored = step.ignore.map(ErrorCode::code);
    match outcome.errors.keys().find(|code| Some(**code) != ignored) {
        // A root that is not empty belongs to somebody else.
        Some(code) if *code == ErrorCode::NotEmpty.code() => Ok(outcome),
        Some(code) => Err(Error::Setup { what: step.what.to_owned(), code: *code }),
        None => Ok(outcome),
    }
}

fn closed_loops(target: &Target, requests: &Requests) -> Vec<ClosedLoop> {
    (0..target.threads())
        .map(|thread| {
            let streams = target.share(thread).map(|at| requests.part(at, target.connections)).collect();
            ClosedLoop::new(streams, target.pipeline)
        })
        .collect()
}

fn make_parents(target: &Target, root: &str) -> Result<(), Error> {
    for parent in parents(root) {
        counted(target, Requests::create(&parent, 0, b"", Numbering::counted(1)), 1, &CREATING)?;
    }
    Ok(())
}

/// Every ancestor of `root` from the top, and `root` itself.
fn parents(root: &str) -> Vec<Shape> {
    let root = root.trim_end_matches('/');
    let ends = root.match_indices('/').map(|(at, _)| at).skip(1).chain([root.len()]);
    ends.filter(|end| *end > 0).map(|end| Shape::flat(&root[..end])).collect()
}

/// `size` bytes that do not look like nothing.
fn value(size: usize) -> Vec<u8> {
    (0..size).map(|i| b'a' + (i % 26) as u8).collect()
}

fn outcome(name: String, measured: Measured) -> Outcome {
    Outcome {
        name,
        ops: measured.ops,
        elapsed: measured.elapsed,
        server_cpu: measured.server_cpu,
        flushes: measured.flushes,
        server_rss: measured.server_rss,
        ..Outcome::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ancestors_of_the_root_are_made_from_the_top() {
        let paths = |root| parents(root).iter().map(|p| p.pattern(0).text().to_owned()).collect::<Vec<_>>();
        assert_eq!(paths("/a/b/c"), ["/a", "/a/b", "/a/b/c"]);
        assert_eq!(paths("/a/"), ["/a"]);
        assert!(paths("").is_empty());
        assert!(paths("/").is_empty());
    }
}

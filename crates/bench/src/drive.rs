//! Carries out one run: a thread per driver, and this thread to time the phases and take samples.

use crate::control::{Control, Lane};
use crate::engine::{self, Driver, Job};
use crate::error::Error;
use crate::proc;
use crate::progress::Progress;
use std::iter::Sum;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Whom a run loads, and through how many connections.
#[derive(Debug, Clone)]
pub struct Target {
    /// The servers, at least one; connections are dealt out to them in turn.
    pub servers: Vec<SocketAddr>,
    /// Their processes, when they run on this machine, for CPU time and memory.
    pub pids: Vec<u32>,
    /// Sessions, one connection each.
    pub connections: usize,
    /// Requests kept outstanding on each.
    pub pipeline: usize,
    /// Generator threads.
    pub threads: usize,
    /// Wanted session timeout.
    pub session_timeout: Duration,
}

impl Target {
    /// Connections of generator thread `thread`: their numbers among all.
    pub(crate) fn share(&self, thread: usize) -> impl Iterator<Item = usize> {
        (thread..self.connections).step_by(self.threads())
    }

    /// Something of all the servers' processes together; `None` when one of them, or all, are unknown.
    pub(crate) fn sum<T: Sum>(&self, of: impl Fn(u32) -> Option<T>) -> Option<T> {
        if self.pids.is_empty() { None } else { self.pids.iter().map(|pid| of(*pid)).sum() }
    }

    /// Never more threads than connections.
    pub(crate) fn threads(&self) -> usize {
        self.threads.clamp(1, self.connections.max(1))
    }
}

/// When a run is measured and when it ends.
pub(crate) enum Span<'a> {
    /// Measured for `length` after `warmup`.
    Timed {
        /// Not measured.
        warmup: Duration,
        /// Measured.
        length: Duration,
        /// Asked every few milliseconds whether the marked condition holds.
        mark: Option<&'a mut dyn FnMut() -> bool>,
    },
    /// Measured from the first request to the last reply of `total` operations.
    Counted {
        /// How many operations the drivers have.
        total: u64,
    },
}

/// What the directing thread saw.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measured {
    pub(crate) ops: u64,
    pub(crate) elapsed: Duration,
    pub(crate) server_cpu: Option<Duration>,
    pub(crate) flushes: Option<u64>,
    pub(crate) server_rss: Option<u64>,
}

/// Runs `drivers` against `target` and gives them back with what was measured.
///
/// # Errors
/// The first connection that fails.
pub(crate) fn drive<D: Driver + Send>(
    target: &Target,
    mut drivers: Vec<D>,
    span: Span<'_>,
    label: &str,
) -> Result<(Vec<D>, Measured), Error> {
    let control = Control::new(drivers.len());
    if matches!(span, Span::Counted { .. }) {
        control.set_lane(Lane::Measure);
    }
    let left = AtomicUsize::new(drivers.len());
    let mut failure = None;
    // Before the threads begin: a short counted run must not have its first replies left out.
    let before = Sample::take(target, &control);
    let measured = std::thread::scope(|scope| {
        let mut handles = Vec::new();
        for (thread, driver) in drivers.iter_mut().enumerate() {
            let job = Job {
                servers: target.share(thread).map(|at| target.servers[at % target.servers.len()]).collect(),
                timeout_ms: target.session_timeout.as_millis() as i32,
                thread,
            };
            let (control, left) = (&control, &left);
            handles.push(scope.spawn(move || {
                let result = engine::run(job, control, driver);
                if result.is_err() {
                    control.abort();
                }
                left.fetch_sub(1, Ordering::Release);
                result
            }));
        }
        let measured = Director { target, control: &control, left: &left }.direct(before, span, label);
        for handle in handles {
            if let Err(error) = handle.join().expect("generator threads do not panic") {
                failure.get_or_insert(error);
            }
        }
        measured
    });
    match failure {
        Some(error) => Err(Error::link(&target.servers, &error)),
        None => Ok((drivers, measured)),
    }
}

struct Director<'a> {
    target: &'a Target,
    control: &'a Control,
    left: &'a AtomicUsize,
}

impl Director<'_> {
    fn direct(&self, before: Sample, span: Span<'_>, label: &str) -> Measured {
        match span {
            Span::Timed { warmup, length, mark } => self.timed(warmup, length, mark, label),
            Span::Counted { total } => self.counted(&before, total, label),
        }
    }

    fn timed(
        &self,
        warmup: Duration,
        length: Duration,
        mut mark: Option<&mut dyn FnMut() -> bool>,
        label: &str,
    ) -> Measured {
        let mut progress = Progress::timed(label, warmup + length);
        while self.running() && self.control.open() < self.target.connections {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.wait(warmup, Duration::from_millis(50), &mut progress, || ());
        let before = Sample::take(self.target, self.control);
        self.control.set_lane(Lane::Measure);
        let step = Duration::from_millis(if mark.is_some() { 2 } else { 50 });
        self.wait(length, step, &mut progress, || {
            if let Some(mark) = &mut mark {
                self.control.set_lane(if mark() { Lane::Marked } else { Lane::Measure });
            }
        });
        let measured = before.until(&Sample::take(self.target, self.control));
        self.control.set_lane(Lane::Drain);
        measured
    }

    fn wait(&self, length: Duration, step: Duration, progress: &mut Progress, mut each: impl FnMut()) {
        let end = Instant::now() + length;
        while self.running() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(step));
            progress.show(self.control.ops());
            each();
        }
    }

    fn counted(&self, before: &Sample, total: u64, label: &str) -> Measured {
        let mut progress = Progress::counted(label, total);
        while self.running() && self.control.ops() < total {
            std::thread::sleep(Duration::from_millis(1));
            progress.show(self.control.ops());
        }
        let measured = before.until(&Sample::take(self.target, self.control));
        self.control.set_lane(Lane::Drain);
        measured
    }

    fn running(&self) -> bool {
        self.left.load(Ordering::Acquire) > 0 && !self.control.aborted()
    }
}

struct Sample {
    at: Instant,
    ops: u64,
    cpu: Option<Duration>,
    flushes: Option<u64>,
    rss: Option<u64>,
}

impl Sample {
    fn take(target: &Target, control: &Control) -> Self {
        Self {
            cpu: target.sum(proc::cpu_time),
            flushes: proc::disk_flushes(),
            rss: target.sum(proc::rss),
            ops: control.ops(),
            at: Instant::now(),
        }
    }

    fn until(&self, end: &Self) -> Measured {
        Measured {
            ops: end.ops - self.ops,
            elapsed: end.at - self.at,
            server_cpu: end.cpu.zip(self.cpu).map(|(end, start)| end.saturating_sub(start)),
            flushes: end.flushes.zip(self.flushes).map(|(end, start)| end.saturating_sub(start)),
            server_rss: end.rss,
        }
    }
}

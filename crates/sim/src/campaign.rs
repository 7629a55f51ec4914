//! Many seeds, one after the other on each of a few threads.

use crate::{Fault, Options, Outcome};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The seeds that ever found something.
const CORPUS: &str = include_str!("../seeds.txt");

/// Every seed that ever failed.
pub fn corpus() -> Vec<u64> {
    let first = |line: &str| line.split_whitespace().next().and_then(|word| word.parse().ok());
    CORPUS.lines().filter_map(first).collect()
}

/// Which seeds to run, and for how long.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// The first seed; the others follow it.
    pub first: u64,
    /// How many.
    pub runs: u64,
    /// These seeds instead.
    pub chosen: Option<Vec<u64>>,
    /// Threads.
    pub jobs: usize,
    /// No run begins after this much real time.
    pub time: Option<Duration>,
    /// Where to note how far it has come, and to go on from.
    pub resume: Option<PathBuf>,
    /// How each run is set up.
    pub options: Options,
}

/// What many runs came to.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Runs finished.
    pub runs: u64,
    /// Events processed.
    pub events: u64,
    /// Virtual time, microseconds.
    pub time: u64,
    /// Real time of all threads together.
    pub spent: Duration,
    /// Faults by kind, in the order of [`Fault::ALL`].
    pub faults: [u64; Fault::ALL.len()],
    /// Requests answered.
    pub answered: u64,
    /// Transactions committed.
    pub committed: u64,
    /// Leaders established.
    pub terms: u64,
    /// Learners synchronized by DIFF, TRUNC, SNAP.
    pub syncs: [u64; 3],
    /// The runs that broke a promise.
    pub failed: Vec<Outcome>,
}

impl Summary {
    /// Adds a run.
    pub fn add(&mut self, outcome: &Outcome, spent: Duration) {
        self.runs += 1;
        self.events += outcome.events;
        self.time += outcome.time;
        self.spent += spent;
        self.answered += outcome.answered;
        self.committed += outcome.committed;
        self.terms += outcome.terms;
        for (sum, more) in self.faults.iter_mut().zip(outcome.faults) {
            *sum += more;
        }
        for (sum, more) in self.syncs.iter_mut().zip(outcome.syncs) {
            *sum += more;
        }
        if outcome.violation.is_some() {
            self.failed.push(outcome.clone());
        }
    }

    /// Several lines for a person.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let seconds = self.spent.as_secs_f64().max(1e-9);
        let faults: u64 = self.faults.iter().sum();
        let [diff, trunc, snap] = self.syncs;
        let _ = writeln!(
            text,
            "{} runs, {:.1} simulated hours, {faults} faults, {} answers, {} transactions, {} terms, syncs \
             {diff} DIFF {trunc} TRUNC {snap} SNAP, {:.0} events/s a core, {:.2} runs/s a core, {} violations",
            self.runs,
            self.time as f64 / 3.6e9,
            self.answered,
            self.committed,
            self.terms,
            self.events as f64 / seconds,
            self.runs as f64 / seconds,
            self.failed.len(),
        );
        let by_kind: Vec<_> = Fault::ALL
            .iter()
            .zip(self.faults)
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| format!("{kind:?} {count}"))
            .collect();
        let _ = writeln!(text, "faults: {}", by_kind.join(", "));
        text
    }
}

/// One line that says what broke and how to see it again.
pub fn replay_line(outcome: &Outcome, options: Options) -> Option<String> {
    let violation = outcome.violation.as_ref()?;
    let alone = if options.alone { " --alone" } else { "" };
    Some(format!(
        "seed {}: {} at {}.{:06}: {}  [cargo run --release -p sim -- replay {}{alone} --trace]",
        outcome.seed,
        violation.check,
        violation.at / 1_000_000,
        violation.at % 1_000_000,
        violation.what,
        outcome.seed
    ))
}

/// Names the seed a thread is at, should it panic.
fn announce_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let seed = SEED.get();
        println!("seed {seed}: Panic: {info}  [cargo run --release -p sim -- replay {seed} --trace]");
        before(info);
    }));
}

thread_local! {
    static SEED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

impl Campaign {
    /// Runs the seeds; each that fails is told at once to `told`, which may end the campaign by
    /// answering `false`.
    pub fn run(&self, told: impl Fn(&Outcome) -> bool + Sync) -> Summary {
        announce_panics();
        let done = self.resume.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        let done: u64 = done.and_then(|text| text.trim().parse().ok()).unwrap_or(0).min(self.runs);
        let next = AtomicU64::new(done);
        let stop = AtomicBool::new(false);
        let summary = Mutex::new(Summary::default());
        let began = Instant::now();
        let work = || {
            while !stop.load(Ordering::Relaxed) && self.time.is_none_or(|time| began.elapsed() < time) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.runs {
                    return;
                }
                let chosen = self.chosen.as_ref().map(|chosen| chosen.get(number as usize).copied());
                let Some(seed) = chosen.unwrap_or(Some(self.first + number)) else { return };
                SEED.set(seed);
                let started = Instant::now();
                let outcome = crate::run(seed, self.options);
                if outcome.violation.is_some() && !told(&outcome) {
                    stop.store(true, Ordering::Relaxed);
                }
                let mut summary = summary.lock().unwrap_or_else(|e| e.into_inner());
                summary.add(&outcome, started.elapsed());
                if let Some(path) = &self.resume {
                    // Runs under way are repeated after a restart.
                    let finished = number.saturating_sub(self.jobs as u64);
                    let _ = std::fs::write(path, format!("{finished}\n"));
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(work);
            }
        });
        summary.into_inner().unwrap_or_else(|e| e.into_inner())
    }
}

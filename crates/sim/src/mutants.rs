//! How good the simulator is: known bugs are put back one at a time, and seeds are run until it notices.
//!
//! Each runs in a process of its own, since some of them end in a panic, and that counts as noticed.

use proto::mutant::{Mutant, switch_on};
use std::collections::VecDeque;
use std::io;
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// What became of one mutant.
#[derive(Debug, Clone)]
struct Found {
    mutant: Mutant,
    /// The run that noticed, counted from 1, and by what.
    by: Option<(u64, String)>,
}

/// Makes the mistake of this name from now on.
///
/// # Errors
/// There is none.
pub fn put_back(name: &str) -> Result<(), String> {
    let known = Mutant::ALL.iter().find(|mutant| format!("{mutant:?}") == name);
    known.map(|mutant| switch_on(*mutant)).ok_or_else(|| format!("there is no mutant {name}"))
}

/// Runs every mutant, or those whose name contains `only`, for at most `runs_max` seeds from `first` on;
/// prints a line for each and returns how many were never noticed.
///
/// # Errors
/// This program cannot be run again.
pub fn grade(first: u64, runs_max: u64, jobs: usize, only: &str) -> io::Result<usize> {
    let program = std::env::current_exe()?;
    let chosen = Mutant::ALL.iter().copied().filter(|mutant| format!("{mutant:?}").contains(only));
    let todo = Mutex::new(chosen.collect::<VecDeque<_>>());
    let found = Mutex::new(Vec::new());
    let work = || -> io::Result<()> {
        loop {
            let next = todo.lock().unwrap_or_else(|e| e.into_inner()).pop_front();
            let Some(mutant) = next else { return Ok(()) };
            let output = Command::new(&program)
                .args(["--mutant", &format!("{mutant:?}"), "--jobs", "1"])
                .args(["--seed", &first.to_string(), "--runs", &runs_max.to_string()])
                .stderr(Stdio::null())
                .output()?;
            let text = String::from_utf8_lossy(&output.stdout);
            let by = text.lines().find_map(|line| noticed(line, first));
            let result = Found { mutant, by };
            println!("{}", result.line());
            found.lock().unwrap_or_else(|e| e.into_inner()).push(result);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| Err(io::Error::other("a worker panicked")))
        })
    })?;
    let found = found.into_inner().unwrap_or_else(|e| e.into_inner());
    let mut needed: Vec<u64> = found.iter().filter_map(|f| f.by.as_ref().map(|(run, _)| *run)).collect();
    needed.sort_unstable();
    let median = needed.get(needed.len() / 2).copied().unwrap_or(0);
    println!("{} of {} mutants noticed, median {median} runs", needed.len(), found.len());
    Ok(found.len() - needed.len())
}

impl Found {
    fn line(&self) -> String {
        match &self.by {
            Some((run, check)) => format!("{:<24} run {run:>5}  {check}", format!("{:?}", self.mutant)),
            None => format!("{:<24} NOT NOTICED", format!("{:?}", self.mutant)),
        }
    }
}

/// Which run of a campaign failed, and the name of the check, from the line that says so.
fn noticed(line: &str, first: u64) -> Option<(u64, String)> {
    let (seed, rest) = line.strip_prefix("seed ")?.split_once(": ")?;
    let check: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
    Some((seed.parse::<u64>().ok()?.checked_sub(first)? + 1, check))
}

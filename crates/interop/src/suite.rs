//! Runs named cases one after another and reports them the way `.ci/run` counts them.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// A running tally of cases.
#[derive(Debug, Default)]
pub struct Suite {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Suite {
    /// Nothing run yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs one case; an error or a panic fails it and the suite goes on.
    pub fn case(&mut self, name: &str, body: impl FnOnce() -> io::Result<()>) {
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(body));
        let seconds = started.elapsed().as_secs_f64();
        match outcome {
            Ok(Ok(())) => {
                self.passed += 1;
                println!("ok      {name} ({seconds:.1} s)");
            }
            Ok(Err(error)) => {
                self.failed += 1;
                println!("FAILED  {name}: {error}");
            }
            Err(_) => {
                self.failed += 1;
                println!("FAILED  {name}: panicked");
            }
        }
    }

    /// Counts a case this machine cannot run.
    pub fn skip(&mut self, name: &str, why: &str) {
        self.skipped += 1;
        println!("SKIPPED {name}: {why}");
    }

    /// Prints the totals; the exit status is a failure if any case failed.
    pub fn finish(self) -> std::process::ExitCode {
        println!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped);
        if self.failed == 0 { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
    }
}

/// The value after `--name` on the command line, or `default`.
///
/// # Panics
/// The value is missing or not of the type asked for.
pub fn argument<T: std::str::FromStr>(name: &str, default: T) -> T {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    match (arguments.next(), arguments.next()) {
        (None, _) => default,
        (Some(_), Some(value)) => value.parse().unwrap_or_else(|_| panic!("{name} does not take {value:?}")),
        (Some(_), None) => panic!("{name} needs a value"),
    }
}

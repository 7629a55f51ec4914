//! Runs random sequences against two servers until the time is up and prints what they answered differently.
//!
//! `differential --seconds 120 --left java39 --right zabra`; `ZABRA_SEED` replays a run. With `--keep-going` every
//! difference is shrunk and printed; without it the first one ends the run.

use std::collections::HashSet;
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use interop::differential::compare::{Mismatch, Outcome, Pair};
use interop::differential::{Profile, Step, generate};
use interop::rng::Rng;
use interop::server::Kind;
use interop::suite::argument;

/// How many differences end a run that keeps going; those that look alike are printed once.
const DIFFERENCES_MAX: usize = 200;
/// Sequences run on one pair of servers before the other profile has its turn.
const TURN: usize = 60;

fn main() -> ExitCode {
    let left = argument("--left", Kind::Java39);
    let right = argument("--right", Kind::Zabra);
    for kind in [left, right] {
        if !kind.is_installed() {
            println!("SKIPPED differential: {kind} is not installed\n0 passed, 0 failed, 1 skipped");
            return ExitCode::SUCCESS;
        }
    }
    match run(left, right) {
        Ok((sequences, 0)) => {
            println!("{sequences} passed, 0 failed, 0 skipped");
            ExitCode::SUCCESS
        }
        Ok((sequences, differences)) => {
            println!("{} passed, {differences} failed, 0 skipped", sequences - differences);
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("FAILED  differential: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(left: Kind, right: Kind) -> io::Result<(usize, usize)> {
    let seconds = argument("--seconds", 30);
    let keep_going = std::env::args().any(|argument| argument == "--keep-going");
    let seed = Rng::seed_from_environment();
    println!("ZABRA_SEED={seed} {left} beside {right}, {seconds} s");
    let dir = tempfile::tempdir()?;
    let with_38 = [left, right].contains(&Kind::Java38);
    let mut seeds = Rng::new(seed);
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let (mut sequences, mut steps, mut differences) = (0, 0, 0);
    let mut full = false;
    let mut seen = HashSet::new();
    while Instant::now() < deadline {
        full = !full;
        let profile = Profile { with_38, extended_types: full, enforce_quota: full };
        let mut pair = Pair::start(left, right, dir.path(), profile)?;
        for _ in 0..TURN {
            let sequence = generate::sequence(seeds.bits(), profile);
            let outcome = pair.run(&sequence).inspect_err(|_| print_steps(&sequence))?;
            sequences += 1;
            steps += sequence.len();
            if outcome == Outcome::BothSilent {
                pair.restart(dir.path())?;
            }
            if let Outcome::Different(mismatch) = outcome {
                differences += 1;
                let (shrunk, mismatch) = pair.shrink(sequence, mismatch, dir.path())?;
                if seen.insert(signature(&shrunk, &mismatch)) {
                    report(left, right, profile, &shrunk, &mismatch);
                }
                if !keep_going || differences == DIFFERENCES_MAX {
                    return Ok((sequences, differences));
                }
                pair.restart(dir.path())?;
            }
            if Instant::now() >= deadline {
                break;
            }
        }
    }
    println!("{sequences} sequences, {steps} steps");
    Ok((sequences, differences))
}

fn print_steps(steps: &[Step]) {
    for step in steps {
        println!("  {step:?}");
    }
}

/// What two differences of one cause have in common: the last step's shape and the error codes.
fn signature(steps: &[Step], mismatch: &Mismatch) -> String {
    let step = steps.last().map(|step| format!("{:?}", step.action)).unwrap_or_default();
    let shape: String = step.chars().filter(|c| c.is_ascii_alphabetic()).take(40).collect();
    let answers = |lines: &[String]| {
        let words = lines.iter().flat_map(|line| line.split(' '));
        words
            .filter(|word| word.starts_with("err=") || word.starts_with("kind="))
            .collect::<Vec<_>>()
            .join(" ")
    };
    format!("{shape} / {} / {}", answers(&mismatch.left), answers(&mismatch.right))
}

fn report(left: Kind, right: Kind, profile: Profile, steps: &[Step], mismatch: &Mismatch) {
    println!("\n== difference with {profile:?}");
    print_steps(steps);
    if mismatch.step >= steps.len() {
        println!("  (the trees differ at the end)");
    }
    for (kind, lines) in [(left, &mismatch.left), (right, &mismatch.right)] {
        println!(" {kind}:");
        for line in lines {
            println!("    {line}");
        }
    }
}

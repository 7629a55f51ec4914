//! The simulator's command line.

use clap::{Parser, Subcommand};
use sim::Options;
use sim::campaign::{Campaign, replay_line};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Runs ensembles through faults, all in one thread and from one seed, and checks what they promise.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    runs: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Begin no run after so many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// Go on where the last campaign with this file stopped.
    #[arg(long)]
    resume: Option<PathBuf>,
    /// Go on after a seed has failed.
    #[arg(long)]
    all: bool,
    /// Make this known mistake.
    #[cfg(feature = "mutants")]
    #[arg(long, global = true)]
    mutant: Option<String>,
    /// One standalone server instead of an ensemble.
    #[arg(long, global = true)]
    alone: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one seed.
    Replay {
        /// Which.
        seed: u64,
        /// Print everything that happens.
        #[arg(long)]
        trace: bool,
        /// Print from this second on.
        #[arg(long, default_value_t = 0)]
        from: u64,
    },
    /// Run every seed that ever found something.
    Corpus,
    /// Put known bugs back, one at a time, and tell how many runs it takes to notice each.
    #[cfg(feature = "mutants")]
    Mutants {
        /// Runs after which a mutant has survived.
        #[arg(long, default_value_t = 2000)]
        runs_max: u64,
        /// Only those whose name contains this.
        #[arg(long, default_value = "")]
        only: String,
    },
}

fn main() -> ExitCode {
    let args = Args::parse();
    let options = Options { alone: args.alone, ..Options::default() };
    #[cfg(feature = "mutants")]
    if let Some(Err(what)) = args.mutant.as_deref().map(sim::mutants::put_back) {
        eprintln!("{what}");
        return ExitCode::FAILURE;
    }
    match args.command {
        Some(Command::Replay { seed, trace, from }) => {
            let options = Options { trace, trace_from: from, ..options };
            let outcome = sim::run(seed, options);
            println!(
                "seed {seed}: {} events, {} answers, {} transactions, {} terms, hash {:016x}",
                outcome.events, outcome.answered, outcome.committed, outcome.terms, outcome.hash
            );
            match replay_line(&outcome, options) {
                Some(line) => {
                    println!("{line}");
                    ExitCode::FAILURE
                }
                None => ExitCode::SUCCESS,
            }
        }
        #[cfg(feature = "mutants")]
        Some(Command::Mutants { runs_max, only }) => {
            match sim::mutants::grade(args.seed, runs_max, args.jobs, &only) {
                Ok(0) => ExitCode::SUCCESS,
                Ok(_) => ExitCode::FAILURE,
                Err(error) => {
                    eprintln!("{error}");
                    ExitCode::FAILURE
                }
            }
        }
        corpus_or_none => {
            let chosen = corpus_or_none.is_some().then(sim::campaign::corpus);
            let campaign = Campaign {
                first: args.seed,
                runs: chosen.as_ref().map_or(args.runs, |chosen| chosen.len() as u64),
                chosen,
                jobs: args.jobs,
                time: args.seconds.map(Duration::from_secs),
                resume: args.resume,
                options,
            };
            let summary = campaign.run(|outcome| {
                if let Some(line) = replay_line(outcome, options) {
                    println!("{line}");
                }
                args.all
            });
            print!("{}", summary.to_text());
            if summary.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}

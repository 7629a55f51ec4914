//! The one binary people install. Every subcommand is a thin call into the crate that does it.

mod serve;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// ZooKeeper's service, served by Zabra.
#[derive(Debug, Parser)]
#[command(name = "zabra", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a server.
    Serve(serve::Args),
    /// Put load on any ZooKeeper server and measure it.
    Bench(Box<bench::Args>),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Some(Command::Serve(args)) => serve::run(args),
        Some(Command::Bench(args)) => bench::run(&args),
        None => {
            // A closed standard output leaves nobody to tell.
            let _ = Cli::command().print_help();
            ExitCode::SUCCESS
        }
    }
}

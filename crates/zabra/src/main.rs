//! The one binary people install. Every subcommand is a thin call into the crate that does it.

mod serve;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  zabra serve                    a server on 127.0.0.1:2181, data in ./zabra-data
  zabra serve /path/to/zoo.cfg   the server ZooKeeper's file describes
  zabra serve --help-config      every key such a file can have";

/// ZooKeeper's service, served by Zabra.
#[derive(Debug, Parser)]
#[command(name = "zabra", version, max_term_width = 100, after_help = EXAMPLES)]
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

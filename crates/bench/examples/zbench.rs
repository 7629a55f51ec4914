//! `zabra bench` without the server, for work on the generator itself.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let Command::Bench(args) = Line::parse().command;
    bench::run(&args)
}

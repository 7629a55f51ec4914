//! Carries out what the command line asks for.

use crate::args::{Args, Command, FillArgs, FloorCommand, LoadArgs, OutputArgs, TargetArgs, seconds};
use crate::error::Error;
use crate::floor::{echo, fsync};
use crate::stats::Outcome;
use crate::workload::{self, Kind};
use crate::{compare, report};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Runs one `zabra bench` command and prints its report.
pub fn run(args: &Args) -> ExitCode {
    raise_file_limit();
    match command(&args.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("zabra bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn command(command: &Command) -> Result<(), Error> {
    match command {
        Command::Get(load) => closed_loop(load, Kind::Get),
        Command::Set(load) => closed_loop(load, Kind::Set),
        Command::Exists(load) => closed_loop(load, Kind::Exists),
        Command::Children(load) => closed_loop(load, Kind::Children),
        Command::Create(load) => closed_loop(load, Kind::Create),
        Command::Delete(load) => closed_loop(load, Kind::Delete),
        Command::Churn(load) => closed_loop(load, Kind::Churn),
        Command::Mixed { read_percent, load } => closed_loop(load, Kind::Mixed(*read_percent)),
        Command::Watch { persistent, load } => watch(load, *persistent),
        Command::Fill(fill_args) => fill(fill_args),
        Command::Idle { duration, target, output } => idle(target, *duration, output),
        Command::Floor { floor } => self::floor(floor),
        Command::Compare(args) => compare::run(args),
        Command::CompareEnsemble(args) => compare::run_ensemble(args),
    }
}

fn closed_loop(args: &LoadArgs, kind: Kind) -> Result<(), Error> {
    let (target, load) = (args.target.target()?, args.load(kind)?);
    workload::prepare(&target, &load)?;
    let (outcome, nodes) = workload::run(&target, &load, None)?;
    print(&outcome, &args.output);
    if args.keep { Ok(()) } else { workload::cleanup(&target, &load, nodes) }
}

fn watch(args: &LoadArgs, persistent: bool) -> Result<(), Error> {
    let (target, load) = (args.target.target()?, args.load(Kind::Set)?);
    let outcome = workload::fan_out(&target, &load, persistent)?;
    print(&outcome, &args.output);
    if args.keep { Ok(()) } else { workload::cleanup(&target, &load, 0) }
}

fn fill(args: &FillArgs) -> Result<(), Error> {
    let target = args.target.target()?;
    let outcome = workload::fill(&target, &args.root()?, args.levels, args.width, args.count, args.size)?;
    print(&outcome, &args.output);
    Ok(())
}

fn idle(target: &TargetArgs, duration: f64, output: &OutputArgs) -> Result<(), Error> {
    let outcome = workload::idle(&target.target()?, seconds(duration)?)?;
    match output.json {
        true => println!("{}", report::machine_idle(&outcome)),
        false => print!("{}", report::human_idle(&outcome)),
    }
    Ok(())
}

fn floor(floor: &FloorCommand) -> Result<(), Error> {
    match floor {
        FloorCommand::Echo { listen, threads, durable, size } => match durable {
            Some(dir) => echo::Echo::bind_durable(*listen, dir, *size)?.serve(),
            None => echo::Echo::bind(*listen, threads.unwrap_or_else(echo::default_threads), *size)?.serve(),
        },
        FloorCommand::Fsync { dir, size, batch, duration, output } => {
            fsync_floors(dir, *size, batch, seconds(*duration)?, output)
        }
    }
}

fn fsync_floors(
    dir: &Path,
    size: usize,
    batches: &[u32],
    length: Duration,
    output: &OutputArgs,
) -> Result<(), Error> {
    const PATH: &str = "/zabra-bench/n00000000";
    let mut all = Vec::new();
    for batch in batches {
        let batch = *batch as usize;
        let record = fsync::record_len(PATH, size);
        for outcome in [
            fsync::run(dir, record, batch, fsync::Ahead::Zeroed, length)?,
            fsync::run(dir, record, batch, fsync::Ahead::Reserved, length)?,
            fsync::run_own_log(dir, PATH, size, batch, length)?,
        ] {
            match output.json {
                true => all.push(report::machine(&outcome)),
                false => print!("{}", report::human(&outcome)),
            }
        }
    }
    if output.json {
        println!("{}", json!({ "name": "fsync floor", "runs": Value::Array(all) }));
    }
    Ok(())
}

fn print(outcome: &Outcome, output: &OutputArgs) {
    match output.json {
        true => println!("{}", report::machine(outcome)),
        false => print!("{}", report::human(outcome)),
    }
}

/// As many sockets as the system lets this process and its children have.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Without it only runs with thousands of connections fail, and those say so.
    let _ = setrlimit(Resource::Nofile, limit);
}

//! Ensembles of real processes under every fault that needs no special machine, judged by what clients saw.
//!
//! `ensemble [--long] [--seed via ZABRA_SEED] [--as java39] [scenario...]`: without names all scenarios run, in a form
//! short enough for every change; `--long` repeats the faults. `--as KIND` puts another server in Zabra's place, to
//! see whether a complaint is about Zabra or about the scenario. `--list` names the scenarios.

mod basic;
mod disk;
mod faults;
mod mixed;
mod network;
mod operations;
mod trial;

use std::process::ExitCode;

use interop::rng::Rng;
use interop::server::Kind;
use interop::suite::{Suite, argument};
use trial::{Cx, Scenario};

fn scenarios() -> Vec<Scenario> {
    let groups = [
        basic::scenarios(),
        mixed::scenarios(),
        faults::scenarios(),
        network::scenarios(),
        disk::scenarios(),
        operations::scenarios(),
    ];
    groups.into_iter().flatten().collect()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seed = Rng::seed_from_environment();
    let mut cx = Cx {
        rng: Rng::new(seed),
        long: arguments.iter().any(|argument| argument == "--long"),
        zabra: argument("--as", Kind::Zabra),
    };
    let named: Vec<&String> =
        arguments.iter().filter(|name| scenarios().iter().any(|scenario| scenario.name == **name)).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        scenarios().iter().for_each(|scenario| println!("{}", scenario.name));
        return ExitCode::SUCCESS;
    }
    println!("ZABRA_SEED={seed}");
    let mut suite = Suite::new();
    for scenario in scenarios() {
        let wanted =
            if named.is_empty() { !scenario.on_demand } else { named.iter().any(|n| *n == scenario.name) };
        if !wanted {
            continue;
        }
        if let Some(kind) = scenario.kinds.iter().find(|kind| !kind.is_installed()) {
            suite.skip(scenario.name, &format!("{kind} is not installed"));
            continue;
        }
        match scenario.obstacle.and_then(|obstacle| obstacle()) {
            Some(why) => suite.skip(scenario.name, &why),
            None => suite.case(scenario.name, || (scenario.run)(&mut cx)),
        }
    }
    suite.finish()
}

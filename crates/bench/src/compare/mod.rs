//! This server, the reference server and the floors side by side, in one run on one machine.
//!
//! Servers take turns within a round and the median of the rounds counts, so that whatever else
//! the machine does meets all of them alike.

mod ensemble;
mod figure;
mod idle;
mod lab;
mod machine;
mod nodes;
mod reads;
mod snapshot;
mod writes;

use crate::args::{CompareArgs, CompareEnsembleArgs, Group};
use crate::error::Error;
use figure::Figure;
use lab::Lab;
use serde_json::json;

/// Measures the wanted groups and prints the table.
pub(crate) fn run(args: &CompareArgs) -> Result<(), Error> {
    let lab = Lab::new(&args.common)?.with_sizes(args);
    if lab.java_description().is_none() && !args.common.no_java {
        lab::note("no reference server found (set ZOOKEEPER_HOME): going on without it");
    }
    let machine = machine::describe(&lab);
    let figures = measure(&lab, &args.only)?;
    print(&machine, &figures, args.common.output.json);
    Ok(())
}

/// Measures the wanted groups of figures about ensembles and prints the table.
pub(crate) fn run_ensemble(args: &CompareEnsembleArgs) -> Result<(), Error> {
    let lab = Lab::new(&args.common)?;
    let machine = machine::describe(&lab);
    let figures = ensemble::figures(&lab, args)?;
    print(&machine, &figures, args.common.output.json);
    Ok(())
}

fn print(machine: &str, figures: &[Figure], as_json: bool) {
    if as_json {
        let rows: Vec<_> = figures.iter().map(Figure::machine).collect();
        println!("{}", json!({ "name": "compare", "machine": machine, "figures": rows }));
    } else {
        println!("{machine}\n{}", figure::table(figures));
    }
}

fn measure(lab: &Lab, only: &[Group]) -> Result<Vec<Figure>, Error> {
    let wanted = |group| only.is_empty() || only.contains(&group);
    let mut figures = Vec::new();
    if wanted(Group::Reads) {
        figures.extend(reads::figures(lab)?);
    }
    if wanted(Group::Writes) {
        figures.extend(writes::figures(lab)?);
    }
    if [Group::Memory, Group::Start, Group::Snapshot].into_iter().any(wanted) {
        let filled = nodes::Filled::new(lab)?;
        if wanted(Group::Memory) {
            figures.extend(nodes::memory(lab, &filled)?);
        }
        if wanted(Group::Start) {
            figures.extend(nodes::start(lab, &filled)?);
        }
        if wanted(Group::Snapshot) {
            figures.extend(snapshot::figures(lab, &filled)?);
        }
    }
    if wanted(Group::Idle) {
        figures.extend(idle::figures(lab)?);
    }
    Ok(figures)
}

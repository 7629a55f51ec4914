//! Chores of the repository, run as `cargo run -p xtask -- <command>`.
//!
//! `compat` writes the settings of COMPATIBILITY.md from the server's own table; `hard-cases` lists which
//! situations of docs/hard-cases.tsv have a named test. With `--check` both only look, and fail when
//! something is stale or missing. `tidy` checks the house rules that no compiler knows.

mod compat;
mod files;
mod hard_cases;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo run -p xtask -- compat [--check] | hard-cases [--check] | tidy";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = root();
    let outcome = match arguments[..] {
        ["compat"] => compat::write(&root),
        ["compat", "--check"] => compat::check(&root),
        ["hard-cases"] => hard_cases::report(&root, false),
        ["hard-cases", "--check"] => hard_cases::report(&root, true),
        ["tidy"] => tidy::run(&root),
        _ => Err(USAGE.to_string()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The repository, two folders above this crate.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Reads a text file with its name in the message when it cannot be read.
fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

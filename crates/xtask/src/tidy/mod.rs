//! House rules that no compiler knows: the floors of ARCHITECTURE.md, the purity of the core, the shape
//! of files. Prints every violation as `file:line: what and what instead`.

mod edges;
mod purity;
mod sources;
mod std_paths;

use crate::{files, read};
use std::fmt;
use std::path::Path;

/// Crates without I/O, clocks, threads and randomness, so that a run can be repeated exactly.
const PURE: [&str; 4] = ["node", "proto", "tree", "zab"];

/// Something a rule has to say about a place.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// Relative to the repository.
    file: String,
    /// From 1.
    line: usize,
    what: String,
    /// Only worth a look: does not fail the run.
    note: bool,
}

impl Finding {
    fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.into(), line, what: what.into(), note: false }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let note = if self.note { "note: " } else { "" };
        write!(f, "{}:{}: {note}{}", self.file, self.line, self.what)
    }
}

/// Checks everything.
///
/// # Errors
/// A rule is broken, or something cannot be read.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let mut findings = edges::check(root)?;
    let sources = files::ending_in(root, &[".rs"])?;
    for path in &sources {
        let shown = path.strip_prefix(root).unwrap_or(path);
        let text = read(path)?;
        sources::check(shown, &text, &mut findings);
        if is_pure(shown) {
            purity::check(shown, &text, &mut findings);
        }
    }
    findings.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    for finding in &findings {
        println!("{finding}");
    }
    match findings.iter().filter(|finding| !finding.note).count() {
        0 => {
            println!("tidy: {} files and the edges between crates are in order", sources.len());
            Ok(())
        }
        broken => Err(format!("tidy: {broken} violations")),
    }
}

/// Whether a file is part of a pure crate itself: its tests and examples may do what they like.
fn is_pure(path: &Path) -> bool {
    PURE.iter().any(|name| path.starts_with(format!("crates/{name}/src")))
}

#[cfg(test)]
mod tests {
    use super::is_pure;
    use std::path::Path;

    #[test]
    fn only_the_source_of_pure_crates_is_pure() {
        assert!(is_pure(Path::new("crates/tree/src/ops/create.rs")));
        for other in ["crates/tree/examples/a.rs", "crates/node/tests/a.rs", "crates/server/src/lib.rs"] {
            assert!(!is_pure(Path::new(other)), "{other}");
        }
    }

    #[test]
    fn the_repository_is_tidy() {
        assert_eq!(super::run(&crate::root()), Ok(()));
    }
}

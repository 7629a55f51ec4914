//! The shape of source files: a first line that says what they are, a size one can hold, nothing left
//! undone.

use super::Finding;
use crate::files::tests_start;
use std::path::Path;

/// Lines outside tests at which a file has to be split.
const LINES_MAX: usize = 800;
/// Lines from which a second idea is likely in it.
const LINES_NOTED: usize = 600;

/// What must not stay in a file, and why. In two halves, so that this file does not find itself.
const UNDONE: [((&str, &str), &str); 5] = [
    (("to", "do!"), "finish it, or leave it out and say so in COMPATIBILITY.md"),
    (("unimple", "mented!"), "finish it, or leave it out and say so in COMPATIBILITY.md"),
    (("#[ig", "nore"), "a test that does not run proves nothing: mend it or delete it"),
    (("FIX", "ME"), "fix it, or file it"),
    (("XX", "X"), "say what the matter is"),
];

/// Checks one file.
pub(super) fn check(path: &Path, text: &str, findings: &mut Vec<Finding>) {
    let file = path.display().to_string();
    if !text.starts_with("//!") {
        findings.push(Finding::new(&file, 1, "open the file with `//!`: what it is, and its place"));
    }
    let lines = text[..tests_start(path, text)].lines().count();
    if lines > LINES_MAX {
        let what = format!("{lines} lines outside tests, at most {LINES_MAX}: split off the second idea");
        findings.push(Finding::new(&file, LINES_MAX + 1, what));
    } else if lines > LINES_NOTED {
        let what = format!("{lines} lines outside tests: is there a second idea in it?");
        findings.push(Finding { note: true, ..Finding::new(&file, LINES_NOTED + 1, what) });
    }
    for (at, line) in text.lines().enumerate() {
        for ((head, tail), instead) in &UNDONE {
            let mark = format!("{head}{tail}");
            if has_word(line, &mark) {
                findings.push(Finding::new(&file, at + 1, format!("`{mark}`: {instead}")));
            }
        }
    }
}

/// Whether `word` stands in `line` and is not part of a longer word.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + word.len()..]);
        !(before.ends_with(is_part) && word.starts_with(is_part)
            || after.starts_with(is_part) && word.ends_with(is_part))
    })
}

#[cfg(test)]
mod tests {
    use super::{check, has_word};
    use std::path::Path;

    fn found(text: &str) -> Vec<(usize, bool)> {
        let mut findings = Vec::new();
        check(Path::new("crates/a/src/b.rs"), text, &mut findings);
        findings.iter().map(|finding| (finding.line, finding.note)).collect()
    }

    #[test]
    fn a_file_says_first_what_it_is() {
        assert_eq!(found("//! Something.\nfn a() {}\n"), []);
        assert_eq!(found("fn a() {}\n"), [(1, false)]);
    }

    #[test]
    fn long_files_are_noted_longer_ones_refused_and_tests_not_counted() {
        let file = |lines: usize, tests: usize| {
            format!("//! a\n{}#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(lines - 1), "\n".repeat(tests))
        };
        assert_eq!(found(&file(600, 900)), []);
        assert_eq!(found(&file(601, 0)), [(601, true)]);
        assert_eq!(found(&file(800, 0)), [(601, true)]);
        assert_eq!(found(&file(801, 0)), [(801, false)]);
    }

    #[test]
    fn what_is_undone_is_found_in_tests_too() {
        let undone = format!("//! a\n#[cfg(test)]\nmod tests {{\n  #[ig{}]\n  to{}()\n}}\n", "nore", "do!");
        assert_eq!(found(&undone), [(4, false), (5, false)]);
    }

    #[test]
    fn a_word_is_not_found_inside_another() {
        assert!(has_word("a // rand::x", "rand::") && has_word("(rand::x)", "rand::"));
        assert!(!has_word("fastrand::x", "rand::") && !has_word("Instants", "Instant"));
    }
}

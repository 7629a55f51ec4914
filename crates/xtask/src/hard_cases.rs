//! Which rows of docs/hard-cases.tsv have a named test.
//!
//! A test names its case in its own name (`hc_113_a_short_header_...`, several as `hc_96_97_...`) or in a
//! comment beside it (`HC-113`). Only test code counts: files under `tests/`, files called `tests.rs`, what
//! follows `cfg(test)` in other Rust files, and Python and Java files, which are all tests here.

use crate::{files, read};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const LIST: &str = "docs/hard-cases.tsv";

/// One row of the list.
#[derive(Debug, PartialEq, Eq)]
struct Case {
    number: u32,
    area: String,
    title: String,
    /// Why it has to wait; `None` for what this release has to meet.
    later: Option<String>,
}

/// Prints what is covered and what is not.
///
/// # Errors
/// The list cannot be read; with `strict`, also when a case this release has to meet has no test.
pub(crate) fn report(root: &Path, strict: bool) -> Result<(), String> {
    let cases = parse(&read(&root.join(LIST))?)?;
    let named = named_in_tests(root)?;
    let due: Vec<&Case> = cases.iter().filter(|case| case.later.is_none()).collect();
    let (covered, open): (Vec<&Case>, Vec<&Case>) =
        due.iter().partition(|case| named.contains_key(&case.number));
    for case in &covered {
        println!("covered    {}  {}", label(case), named[&case.number].join(", "));
    }
    for case in cases.iter().filter(|case| case.later.is_some()) {
        let state = if named.contains_key(&case.number) { "ahead    " } else { "later    " };
        println!("{state}  {}  ({})", label(case), case.later.as_deref().unwrap_or_default());
    }
    for case in &open {
        println!("UNCOVERED  {}", label(case));
    }
    for number in named.keys().filter(|number| **number > 188 || **number == 0) {
        println!("unknown    HC-{number} is named by a test and is no case");
    }
    println!("\n{} of {} cases have a test", covered.len(), due.len());
    if strict && !open.is_empty() {
        return Err(format!("{} cases of {LIST} have no named test", open.len()));
    }
    Ok(())
}

fn label(case: &Case) -> String {
    format!("HC-{:<3} {:<9} {}", case.number, case.area, case.title)
}

fn parse(text: &str) -> Result<Vec<Case>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(index, line)| row(line).ok_or_else(|| format!("{LIST}:{}: expected four columns", index + 1)))
        .collect()
}

fn row(line: &str) -> Option<Case> {
    let mut columns = line.split('\t');
    let number = columns.next()?.strip_prefix("HC-")?.parse().ok()?;
    let (area, title) = (columns.next()?.to_string(), columns.next()?.to_string());
    let later = match columns.next()? {
        "now" => None,
        scope => Some(scope.strip_prefix("later:")?.to_string()),
    };
    columns.next().is_none().then_some(Case { number, area, title, later })
}

/// The case numbers named in test code, each with the files that name it.
fn named_in_tests(root: &Path) -> Result<BTreeMap<u32, Vec<String>>, String> {
    let mut named: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for path in files::ending_in(root, &[".rs", ".py", ".java"])? {
        let shown = path.strip_prefix(root).unwrap_or(&path);
        let text = read(&path)?;
        for number in numbers(&text[files::tests_start(shown, &text)..]) {
            named.entry(number).or_default().push(shown.display().to_string());
        }
    }
    Ok(named)
}

/// Every case named in `text`, as `HC-12`, `hc_12` or one of several in `hc_12_13_name`.
fn numbers(text: &str) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    for marker in ["HC-", "hc_"] {
        for (start, _) in text.match_indices(marker) {
            let starts_a_word = !text[..start].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let mut rest = &text[start + marker.len()..];
            while starts_a_word && rest.starts_with(|c: char| c.is_ascii_digit()) {
                let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                found.extend(rest[..end].parse::<u32>());
                rest = if marker == "hc_" { rest[end..].strip_prefix('_').unwrap_or_default() } else { "" };
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Case, numbers, parse};

    #[test]
    fn cases_are_found_in_names_and_comments() {
        let text = "fn h\u{63}_96_97_a_name() {} // H\u{43}-04, H\u{43}-113: h\u{63}_x nohc_9 h\u{63}_188() h\u{63}_7_3a";
        assert_eq!(numbers(text).into_iter().collect::<Vec<_>>(), [3, 4, 7, 96, 97, 113, 188]);
    }

    #[test]
    fn the_list_in_the_repository_is_well_formed() {
        let text = crate::read(&crate::root().join(super::LIST)).unwrap();
        let cases = parse(&text).unwrap();
        assert!(cases.len() > 100);
        assert!(cases.windows(2).all(|pair| pair[0].number < pair[1].number));
    }

    #[test]
    fn a_row_has_four_columns_and_a_scope() {
        let case = |later: Option<&str>| Case {
            number: 7,
            area: "disk".into(),
            title: "a b".into(),
            later: later.map(str::to_string),
        };
        assert_eq!(parse("# c\n\nHC-7\tdisk\ta b\tnow"), Ok(vec![case(None)]));
        assert_eq!(parse("HC-7\tdisk\ta b\tlater:TLS"), Ok(vec![case(Some("TLS"))]));
        for bad in ["HC-7\tdisk\ta b", "HC-x\td\tt\tnow", "HC-7\td\tt\tsoon", "HC-7\td\tt\tnow\tmore"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}

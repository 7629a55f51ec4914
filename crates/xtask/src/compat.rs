//! The settings section of COMPATIBILITY.md, made from the server's table.

use crate::read;
use std::fmt::Write;
use std::path::Path;
use zabra_server::config::table::{AREAS, Area, Key, Place, State, keys};

const BEGIN: &str = "<!-- settings: written by `cargo run -p xtask -- compat` -->\n";
const END: &str = "<!-- end of settings -->";
const FILE: &str = "COMPATIBILITY.md";

/// Rewrites the section in place.
///
/// # Errors
/// The file cannot be read or written, or its markers are missing.
pub(crate) fn write(root: &Path) -> Result<(), String> {
    let path = root.join(FILE);
    let text = with_section(&read(&path)?)?;
    std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Fails when the section is not what [`write()`] would write.
///
/// # Errors
/// The section is stale, or the file cannot be read.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let text = read(&root.join(FILE))?;
    if with_section(&text)? == text {
        return Ok(());
    }
    Err(format!("{FILE} is stale; run `cargo run -p xtask -- compat` and commit the result"))
}

/// The document with a fresh section between its markers.
fn with_section(text: &str) -> Result<String, String> {
    let missing = || format!("{FILE} must contain the lines\n{BEGIN}{END}");
    let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", section()))
}

fn section() -> String {
    let count = |wanted: fn(State) -> bool| keys().filter(|key| wanted(key.state)).count();
    let mut out = format!(
        "\n{} keys: {} supported, {} without a meaning here, {} supported and for ensembles only, {} ignored with a warning until a later release, {} \
         refused until a later release.\n",
        keys().count(),
        count(|state| matches!(state, State::Supported)),
        count(|state| matches!(state, State::Meaningless(_))),
        count(|state| matches!(state, State::EnsembleOnly)),
        count(|state| matches!(state, State::NotYet(_))),
        count(|state| matches!(state, State::Refused(_))),
    );
    AREAS.iter().for_each(|area| table(&mut out, area));
    out
}

fn table(out: &mut String, area: &Area) {
    let _ = write!(out, "\n### {}\n\n", area.title);
    out.push_str("| Key | Default | Values | Here |\n| --- | --- | --- | --- |\n");
    for key in area.keys {
        let default = if key.default.is_empty() { String::new() } else { format!("`{}`", cell(key.default)) };
        let values = cell(&key.kind.allowed());
        let _ = writeln!(
            out,
            "| `{}`<br>{} | {default} | {values} | {} |",
            key.name,
            about(key),
            state(key.state)
        );
    }
    out.push('\n');
}

/// What the key does, when it came, and where it may stand beyond ZooKeeper's own rules.
fn about(key: &Key) -> String {
    let mut text = cell(key.doc);
    if !key.since.is_empty() {
        let _ = write!(text, " (since {})", key.since);
    }
    if key.place == Place::Raw && matches!(key.state, State::Supported) {
        text.push_str("; in ZooKeeper only as `-D`, here also in the file");
    }
    text
}

fn state(state: State) -> String {
    match state {
        State::Supported => "supported".into(),
        State::Meaningless(why) => format!("no effect: {}", cell(why)),
        State::EnsembleOnly => "supported, in an ensemble".into(),
        State::NotYet(why) => format!("ignored with a warning: {}", cell(why)),
        State::Refused(why) => format!("refused: {}", cell(why)),
    }
}

/// Text that cannot end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, section, with_section};
    use zabra_server::config::table::keys;

    #[test]
    fn only_the_text_between_the_markers_changes() {
        let text = format!("head\n{BEGIN}old\n{END}\ntail\n");
        let fresh = with_section(&text).unwrap();
        assert!(fresh.starts_with(&format!("head\n{BEGIN}")) && fresh.ends_with(&format!("{END}\ntail\n")));
        assert!(!fresh.contains("old\n<"));
        assert_eq!(with_section(&fresh).unwrap(), fresh);
    }

    #[test]
    fn a_document_without_markers_is_refused() {
        assert!(with_section("no markers").is_err());
        assert!(with_section(BEGIN).is_err());
    }

    #[test]
    fn every_key_has_a_row_of_four_cells() {
        let text = section();
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(rows.len(), keys().count());
        for row in rows {
            assert_eq!(row.replace("\\|", "").matches('|').count(), 5, "{row}");
        }
    }
}

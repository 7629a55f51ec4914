//! The table as text for `--help-config`.

use super::table::{AREAS, Key, State};
use std::fmt::Write;

/// Every key, grouped, with its type, default, first release and how far it is supported.
pub fn help() -> String {
    let mut out = String::from(
        "Settings, as ZooKeeper's configuration file spells them. From weakest to strongest they come from:\n\
         defaults, environment (ZOOKEEPER_TICK_TIME for tickTime), -Dzookeeper.KEY=VALUE, the file, the command\n\
         line. In the file a key may carry the prefix zookeeper. or not.\n",
    );
    for area in AREAS {
        let _ = write!(out, "\n{}\n", area.title);
        for key in area.keys {
            entry(&mut out, key);
        }
    }
    out
}

fn entry(out: &mut String, key: &Key) {
    let _ = write!(out, "  {}\n      {}\n      {}", key.name, key.doc, key.kind.allowed());
    if !key.default.is_empty() {
        let _ = write!(out, "; default {}", key.default);
    }
    if !key.since.is_empty() {
        let _ = write!(out, "; since {}", key.since);
    }
    out.push('\n');
    let _ = match key.state {
        State::Supported => Ok(()),
        State::Meaningless(why) => writeln!(out, "      no effect here: {why}"),
        State::EnsembleOnly => writeln!(out, "      matters in an ensemble only"),
        State::NotYet(why) => writeln!(out, "      ignored with a warning: {why}"),
        State::Refused(why) => writeln!(out, "      refused: {why}"),
    };
}

#[cfg(test)]
mod tests {
    use super::help;
    use crate::config::table;

    #[test]
    fn help_names_every_key_and_no_line_is_too_wide() {
        let text = help();
        for key in table::keys() {
            assert!(text.contains(&format!("\n  {}\n", key.name)), "{}", key.name);
        }
        let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > 120).collect();
        assert!(wide.is_empty(), "{wide:?}");
    }
}

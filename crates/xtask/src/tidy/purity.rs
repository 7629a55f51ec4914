//! What the source of a pure crate must not name. Clippy finds the same through types, where it runs;
//! this also sees macros, and code that is switched off.

use super::Finding;
use super::sources::has_word;
use super::std_paths::std_paths;
use std::path::Path;

/// Parts of the standard library that make two runs differ, and what to do instead.
const STD: [(&str, &str); 15] = [
    (
        "std::collections::HashMap",
        "its order differs from run to run: BTreeMap, or hashbrown with a fixed seed",
    ),
    (
        "std::collections::HashSet",
        "its order differs from run to run: BTreeSet, or hashbrown with a fixed seed",
    ),
    (
        "std::collections::hash_map",
        "its order differs from run to run: BTreeMap, or hashbrown with a fixed seed",
    ),
    (
        "std::collections::hash_set",
        "its order differs from run to run: BTreeSet, or hashbrown with a fixed seed",
    ),
    ("std::env", "settings come in as values"),
    ("std::fs", "files belong to storage"),
    ("std::hash::RandomState", "its order differs from run to run: a fixed seed"),
    ("std::net::TcpListener", "sockets belong to the driver"),
    ("std::net::TcpStream", "sockets belong to the driver"),
    ("std::net::ToSocketAddrs", "names are resolved by the driver"),
    ("std::net::UdpSocket", "sockets belong to the driver"),
    ("std::process", "ending is the driver's decision: return an error"),
    ("std::thread", "threads belong to the driver"),
    ("std::time::Instant", "time comes in as a value, `Now`"),
    ("std::time::SystemTime", "time comes in as a value, `Now`"),
];

/// Words that do the same without naming the standard library.
const WORDS: [(&str, &str); 7] = [
    ("println!", "output belongs to the driver: return it"),
    ("eprintln!", "output belongs to the driver: return it"),
    ("print!", "output belongs to the driver: return it"),
    ("eprint!", "output belongs to the driver: return it"),
    ("rand::", "randomness comes in as a value"),
    ("fastrand::", "randomness comes in as a value"),
    ("getrandom::", "randomness comes in as a value"),
];

/// Checks one file of a pure crate.
pub(super) fn check(path: &Path, text: &str, findings: &mut Vec<Finding>) {
    let file = path.display().to_string();
    for (line, named) in std_paths(text) {
        let is_banned = |banned: &str| {
            named.strip_prefix(banned).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        if let Some((banned, instead)) = STD.iter().find(|(banned, _)| is_banned(banned)) {
            findings.push(Finding::new(&file, line, format!("`{banned}` in a pure crate: {instead}")));
        }
    }
    for (at, line) in text.lines().enumerate() {
        let code = line.split_once("//").map_or(line, |(code, _)| code);
        for (word, instead) in WORDS.iter().filter(|(word, _)| has_word(code, word)) {
            findings.push(Finding::new(&file, at + 1, format!("`{word}` in a pure crate: {instead}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use std::path::Path;

    fn lines(text: &str) -> Vec<usize> {
        let mut findings = Vec::new();
        check(Path::new("crates/tree/src/a.rs"), text, &mut findings);
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn sockets_files_clocks_threads_and_hash_order_are_found() {
        for bad in [
            "use std::net::TcpStream;",
            "let text = std::fs::read(path);",
            "use std::{sync::Arc, thread};",
            "let now = std::time::Instant::now();",
            "use std::collections::{BTreeMap, HashMap};",
            "println!(\"x\");",
            "let x = rand::random();",
        ] {
            assert_eq!(lines(bad), [1], "{bad}");
        }
    }

    #[test]
    fn addresses_durations_and_ordered_maps_are_fine() {
        let fine = "use std::net::{IpAddr, Ipv4Addr};\nuse std::time::Duration;\nuse std::collections::BTreeMap;\n\
                    use hashbrown::HashMap;\nlet operand = 1; // println!(\"no\")\n";
        assert_eq!(lines(fine), [0; 0]);
    }
}

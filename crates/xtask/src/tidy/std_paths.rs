//! Every path into the standard library that a source names, groups in braces taken apart.

/// The paths that start with `std::` in `text`, each with its line from 1. Comments are not looked at.
pub(super) fn std_paths(text: &str) -> Vec<(usize, String)> {
    let code: String = text.lines().map(|line| without_comment(line).to_owned() + "\n").collect();
    let mut found = Vec::new();
    for (start, root) in code.match_indices("std::") {
        if code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let line = code[..start].matches('\n').count() + 1;
        let mut paths = Vec::new();
        expand("std", &code[start + root.len()..], &mut paths);
        found.extend(paths.into_iter().map(|path| (line, path)));
    }
    found
}

fn without_comment(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

/// Takes apart what follows `prefix::`; returns what stands behind it.
fn expand<'a>(prefix: &str, rest: &'a str, paths: &mut Vec<String>) -> &'a str {
    if let Some(group) = rest.strip_prefix('{') {
        let mut rest = group;
        loop {
            rest = rest.trim_start_matches([' ', '\n', ',']);
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            let after = expand(prefix, rest, paths);
            if after.len() == rest.len() {
                // Nothing that belongs into a group of names.
                return rest;
            }
            rest = after;
        }
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '*').unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    if name.is_empty() {
        return rest;
    }
    let path = format!("{prefix}::{name}");
    match rest.strip_prefix("::") {
        Some(rest) => expand(&path, rest, paths),
        None => {
            paths.push(path);
            rest
        }
    }
}

#[cfg(test)]
mod tests {
    use super::std_paths;

    #[test]
    fn groups_are_taken_apart_over_lines_and_levels() {
        let text =
            "use std::{\n    fs,\n    net::{IpAddr, TcpStream},\n};\nlet x = std::time::Instant::now();\n";
        let found: Vec<(usize, String)> = std_paths(text);
        let paths: Vec<&str> = found.iter().map(|(_, path)| path.as_str()).collect();
        let expected = ["std::fs", "std::net::IpAddr", "std::net::TcpStream", "std::time::Instant::now"];
        assert_eq!(paths, expected);
        assert_eq!(found[3].0, 5);
    }

    #[test]
    fn comments_and_other_crates_do_not_count() {
        assert_eq!(std_paths("// std::fs\n/// [`std::fs`]\nuse my_std::fs; // std::fs\n"), []);
    }

    #[test]
    fn half_a_statement_ends_quietly() {
        assert_eq!(std_paths("use std::{"), []);
        assert_eq!(std_paths("use std::{fs, (").len(), 1);
    }
}

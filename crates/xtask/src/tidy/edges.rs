//! Which crate may use which: the floors of ARCHITECTURE.md, checked against the manifests.

use super::{Finding, PURE};
use crate::read;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Every crate and the crates of this repository it uses. A new edge is argued for in ARCHITECTURE.md
/// first. Tests may use more.
const EDGES: [(&str, &[&str]); 12] = [
    ("bench", &["proto", "storage"]),
    ("interop", &[]),
    ("node", &["proto", "tree", "zab"]),
    ("proto", &[]),
    ("sim", &["node", "proto", "storage", "tree", "zab"]),
    ("storage", &["proto"]),
    ("tree", &["proto"]),
    ("xtask", &["zabra-server"]),
    ("zab", &["proto"]),
    ("zabra", &["bench", "zabra-server"]),
    ("zabra-client", &["proto"]),
    ("zabra-server", &["node", "proto", "storage", "tree", "zab"]),
];

/// What gives a crate sockets, files, clocks, threads, logs or randomness.
const IMPURE: [&str; 12] = [
    "fastrand",
    "getrandom",
    "libc",
    "mio",
    "nix",
    "rand",
    "rustix",
    "smol",
    "socket2",
    "tempfile",
    "tokio",
    "tracing",
];

/// One dependency as a manifest declares it.
struct Dependency<'a> {
    name: &'a str,
    /// A crate of this repository.
    is_ours: bool,
    for_tests: bool,
}

/// Compares all manifests of the workspace with the table.
///
/// # Errors
/// Cargo cannot describe the workspace.
pub(super) fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let told = Command::new(&cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("{}: {error}", cargo.display()))?;
    if !told.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&told.stderr)));
    }
    let metadata: Value =
        serde_json::from_slice(&told.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
    let mut findings = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let path = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        let shown = path.strip_prefix(root).unwrap_or(path).display().to_string();
        check_package(name, &dependencies(package), &shown, &read(path)?, &mut findings);
    }
    Ok(findings)
}

fn dependencies(package: &Value) -> Vec<Dependency<'_>> {
    let all = package["dependencies"].as_array().into_iter().flatten();
    all.map(|dependency| Dependency {
        name: dependency["name"].as_str().unwrap_or_default(),
        is_ours: dependency["path"].is_string(),
        for_tests: dependency["kind"] == "dev",
    })
    .collect()
}

fn check_package(
    name: &str,
    dependencies: &[Dependency<'_>],
    file: &str,
    manifest: &str,
    findings: &mut Vec<Finding>,
) {
    let Some((_, allowed)) = EDGES.iter().find(|(known, _)| *known == name) else {
        let what = format!("crate {name} has no row in ARCHITECTURE.md and in xtask's table of edges");
        return findings.push(Finding::new(file, 1, what));
    };
    for used in dependencies.iter().filter(|used| !used.for_tests) {
        let at = line_of(manifest, used.name);
        if used.is_ours && !allowed.contains(&used.name) {
            let what = format!("{name} may not use {}: argue for the edge in ARCHITECTURE.md", used.name);
            findings.push(Finding::new(file, at, what));
        }
        if PURE.contains(&name) && IMPURE.contains(&used.name) {
            let what = format!("{name} is pure and may not use {}: the driver has it", used.name);
            findings.push(Finding::new(file, at, what));
        }
    }
    for expected in allowed.iter() {
        if !dependencies.iter().any(|used| used.name == *expected && !used.for_tests) {
            let what = format!("{name} no longer uses {expected}: take the edge out of the table");
            findings.push(Finding::new(file, 1, what));
        }
    }
}

/// The line that declares a dependency.
fn line_of(manifest: &str, name: &str) -> usize {
    let declares = |line: &str| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
            || line.ends_with(&format!("dependencies.{name}]"))
    };
    manifest.lines().position(declares).map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::{Dependency, Finding, check_package};

    fn found(name: &str, uses: &[(&str, bool, bool)]) -> Vec<String> {
        let uses: Vec<_> = uses
            .iter()
            .map(|(name, is_ours, for_tests)| Dependency { name, is_ours: *is_ours, for_tests: *for_tests })
            .collect();
        let mut findings = Vec::new();
        check_package(
            name,
            &uses,
            "Cargo.toml",
            "[dependencies]\nproto = 1\ntree.workspace = true\n",
            &mut findings,
        );
        findings.iter().map(Finding::to_string).collect()
    }

    #[test]
    fn an_edge_that_is_not_in_the_table_is_named_with_its_line() {
        let found = found("storage", &[("proto", true, false), ("tree", true, false)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("Cargo.toml:3: storage may not use tree"), "{}", found[0]);
    }

    #[test]
    fn an_edge_that_is_gone_and_a_crate_nobody_knows_are_found() {
        assert!(found("storage", &[])[0].contains("no longer uses proto"));
        assert!(found("manager", &[])[0].contains("no row"));
    }

    #[test]
    fn pure_crates_use_nothing_impure_outside_of_tests() {
        assert_eq!(found("zab", &[("proto", true, false), ("mio", false, true)]), [""; 0]);
        assert!(found("zab", &[("proto", true, false), ("mio", false, false)])[0].contains("is pure"));
    }
}

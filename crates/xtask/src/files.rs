//! Finding the repository's source files, and telling code from tests in them.

use std::path::{Path, PathBuf};

/// All files below `root` whose names end in one of `endings`, sorted. Build output, data directories
/// and hidden folders are left out.
///
/// # Errors
/// A folder cannot be read.
pub(crate) fn ending_in(root: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    collect(root, endings, &mut files)?;
    files.sort();
    Ok(files)
}

fn collect(folder: &Path, endings: &[&str], files: &mut Vec<PathBuf>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() && !matches!(&*name, "target" | "data") && !name.starts_with('.') {
            collect(&path, endings, files)?;
        } else if kind.is_file() && endings.iter().any(|end| name.ends_with(end)) {
            files.push(path);
        }
    }
    Ok(())
}

/// Where the test code of a file begins, as an offset into `text`. Files under `tests/`, files called
/// `tests.rs` and what is not Rust are tests from the start.
pub(crate) fn tests_start(path: &Path, text: &str) -> usize {
    let is_rust = path.extension().is_some_and(|extension| extension == "rs");
    let is_test_file =
        path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")));
    if !is_rust || is_test_file {
        return 0;
    }
    let inline = |(start, mark): &(usize, &str)| {
        // `#[cfg(test)] mod tests;` only points at another file.
        let after = &text[start + mark.len()..];
        after.find(['{', ';']).is_some_and(|end| after[end..].starts_with('{'))
    };
    text.match_indices("#[cfg(test)]").find(inline).map_or(text.len(), |(start, _)| start)
}

#[cfg(test)]
mod tests {
    use super::tests_start;
    use std::path::Path;

    #[test]
    fn only_test_code_counts_as_tests() {
        let test_part = |path: &str, text: &str| text[tests_start(Path::new(path), text)..].to_string();
        let text = "//! doc\nfn a() {}\n#[cfg(test)]\nmod tests { body }";
        assert_eq!(test_part("crates/a/src/b.rs", text), "#[cfg(test)]\nmod tests { body }");
        assert_eq!(test_part("crates/a/src/b.rs", "#[cfg(test)]\nmod tests;\nfn a() {}"), "");
        assert_eq!(test_part("crates/a/tests/b.rs", text), text);
        assert_eq!(test_part("crates/a/src/tests.rs", text), text);
        assert_eq!(test_part("interop/a.py", text), text);
    }
}

//! What a znode path may look like.

use std::fmt;

/// Why a path is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// No characters at all.
    Empty,
    /// The first character is not `/`.
    NotAbsolute,
    /// Ends with `/` and is not the root.
    TrailingSlash,
    /// Two slashes in a row.
    EmptyElement,
    /// An element is `.` or `..`.
    RelativeElement,
    /// A character that paths may not hold.
    ForbiddenCharacter(char),
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("path is empty"),
            Self::NotAbsolute => f.write_str("path does not start with /"),
            Self::TrailingSlash => f.write_str("path ends with /"),
            Self::EmptyElement => f.write_str("path has an empty element (//)"),
            Self::RelativeElement => f.write_str("path has a relative element (. or ..)"),
            Self::ForbiddenCharacter(c) => write!(f, "path holds the forbidden character {:#06x}", *c as u32),
        }
    }
}

impl std::error::Error for PathError {}

/// Whether paths may hold this character. Supplementary characters are made of surrogates in the
/// reference's eyes, and surrogates are forbidden.
fn allowed(c: char) -> bool {
    !matches!(c as u32, 0x00..=0x1F | 0x7F..=0x9F | 0xD800..=0xF8FF | 0xFFF0..=0xFFFF | 0x1_0000..)
}

/// Checks a whole path.
///
/// # Errors
/// The first rule it breaks.
///
/// //= java: PathUtils.validatePath
pub fn validate(path: &str) -> Result<(), PathError> {
    let Some(inside) = path.strip_prefix('/') else {
        return Err(if path.is_empty() { PathError::Empty } else { PathError::NotAbsolute });
    };
    if inside.is_empty() {
        return Ok(());
    }
    if inside.ends_with('/') {
        return Err(PathError::TrailingSlash);
    }
    for element in inside.split('/') {
        match element {
            "" => return Err(PathError::EmptyElement),
            "." | ".." => return Err(PathError::RelativeElement),
            _ => {}
        }
    }
    match inside.chars().find(|c| !allowed(*c)) {
        Some(c) => Err(PathError::ForbiddenCharacter(c)),
        None => Ok(()),
    }
}

/// Splits a valid path into its parent and its own name; the root has no parent.
pub fn split(path: &str) -> Option<(&str, &str)> {
    match path.rsplit_once('/')? {
        (_, "") => None,
        ("", name) => Some(("/", name)),
        (parent, name) => Some((parent, name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_paths_pass() {
        for path in ["/", "/a", "/a/b", "/a.b/..c", "/\u{a0}", "/caf\u{e9}", "/\u{f900}"] {
            assert_eq!(validate(path), Ok(()), "{path:?}");
        }
    }

    #[test]
    fn hc_103_each_rule_has_its_error() {
        use PathError::*;
        for (path, error) in [
            ("", Empty),
            ("a", NotAbsolute),
            ("/a/", TrailingSlash),
            ("//", TrailingSlash),
            ("/a//b", EmptyElement),
            ("/a/./b", RelativeElement),
            ("/..", RelativeElement),
            ("/\0", ForbiddenCharacter('\0')),
            ("/\u{1f}", ForbiddenCharacter('\u{1f}')),
            ("/\u{7f}", ForbiddenCharacter('\u{7f}')),
            ("/\u{e000}", ForbiddenCharacter('\u{e000}')),
            ("/\u{fff0}", ForbiddenCharacter('\u{fff0}')),
            ("/\u{1F600}", ForbiddenCharacter('\u{1F600}')),
        ] {
            assert_eq!(validate(path), Err(error), "{path:?}");
        }
    }

    #[test]
    fn splitting_finds_the_parent() {
        assert_eq!(split("/"), None);
        assert_eq!(split("/a"), Some(("/", "a")));
        assert_eq!(split("/a/b"), Some(("/a", "b")));
    }
}

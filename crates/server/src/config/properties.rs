//! Java's `.properties` format: what a ZooKeeper configuration file is written in.
//!
//! ISO-8859-1 bytes; `#` and `!` comments; `=`, `:` or white space between key and value; a backslash at
//! the end of a line continues it; `\uXXXX`, `\t`, `\n`, `\r`, `\f`, and any other escaped character is
//! itself. Keys and values are trimmed afterwards, as ZooKeeper does.

/// One key of a file with the line it starts on.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The key, unescaped and trimmed.
    pub key: String,
    /// The value, unescaped and trimmed. It may be a credential, so the type has no `Debug`.
    pub value: String,
    /// Line of the key in the file, from 1.
    pub line: u32,
}

/// A `\u` without four hexadecimal digits, or one that spells no character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadEscape {
    /// Line the entry starts on, from 1.
    pub line: u32,
}

/// Reads every entry of a file in order; of two with one key the later counts.
///
/// # Errors
/// The file's writer is at fault: a malformed `\u` escape.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Entry>, BadEscape> {
    let mut entries = Vec::new();
    for (line, text) in logical_lines(bytes) {
        let (key, value) = split(&text);
        let read = |raw: &[u8]| unescape(raw).ok_or(BadEscape { line });
        entries.push(Entry { key: trim(&read(key)?), value: trim(&read(value)?), line });
    }
    Ok(entries)
}

/// Java's `String.trim`: everything up to the space counts as white space.
fn trim(text: &str) -> String {
    text.trim_matches(|c: char| c <= ' ').to_string()
}

fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0c')
}

fn skip_space(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|byte| is_space(byte)).count()..]
}

/// Joins continued lines and drops blank ones and comments. A comment cannot be continued, but a
/// continuation may look like a comment.
fn logical_lines(bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut lines = Vec::new();
    let mut open: Option<(u32, Vec<u8>)> = None;
    for (number, natural) in natural_lines(bytes) {
        let text = skip_space(natural);
        let (start, mut joined) = match open.take() {
            Some(begun) => begun,
            None if text.is_empty() || matches!(text[0], b'#' | b'!') => continue,
            None => (number, Vec::new()),
        };
        let backslashes = text.iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 1 {
            joined.extend_from_slice(&text[..text.len() - 1]);
            // A lone backslash continues nothing: what follows begins a line of its own.
            open = Some((start, joined)).filter(|(_, joined)| !joined.is_empty());
        } else {
            joined.extend_from_slice(text);
            lines.push((start, joined));
        }
    }
    lines.extend(open);
    lines
}

/// Lines ended by `\n`, `\r` or `\r\n`, numbered from 1.
fn natural_lines(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = bytes;
    let mut number = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        number += 1;
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        let line = &rest[..end];
        let ending = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = rest.get(end + ending..).unwrap_or_default();
        Some((number, line))
    })
}

/// Splits a logical line at the first separator that is not escaped.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let mut escaped = false;
    let is_end = |byte: &u8| {
        let end = !escaped && (is_space(byte) || matches!(byte, b'=' | b':'));
        escaped = !escaped && *byte == b'\\';
        end
    };
    let end = text.iter().position(is_end).unwrap_or(text.len());
    let rest = skip_space(&text[end..]);
    match rest.first() {
        Some(b'=' | b':') => (&text[..end], skip_space(&rest[1..])),
        _ => (&text[..end], rest),
    }
}

/// Resolves escapes; `None` for a bad `\u`. Goes through UTF-16 because Java writes a character outside the
/// basic plane as two escapes.
fn unescape(raw: &[u8]) -> Option<String> {
    let mut units = Vec::with_capacity(raw.len());
    let mut rest = raw.iter();
    while let Some(byte) = rest.next() {
        let unit = match (byte, byte == &b'\\') {
            (byte, false) => u16::from(*byte),
            (_, true) => match rest.next() {
                None => break,
                Some(b't') => u16::from(b'\t'),
                Some(b'n') => u16::from(b'\n'),
                Some(b'r') => u16::from(b'\r'),
                Some(b'f') => 0x0c,
                Some(b'u') => {
                    let digits = rest.as_slice().get(..4)?;
                    rest = rest.as_slice()[4..].iter();
                    hex(digits)?
                }
                Some(other) => u16::from(*other),
            },
        };
        units.push(unit);
    }
    String::from_utf16(&units).ok()
}

fn hex(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |sum, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some(sum << 4 | value as u16)
    })
}

#[cfg(test)]
mod tests {
    use super::{BadEscape, parse};

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str, u32)]) {
        let entries = parse(text.as_bytes()).unwrap();
        let found: Vec<_> = entries.iter().map(|e| (e.key.as_str(), e.value.as_str(), e.line)).collect();
        assert_eq!(found, expected, "in {text:?}");
    }

    #[test]
    fn the_three_separators_mean_the_same() {
        check("a=1\nb: 2\nc 3\nd\t =\t4\n", &[("a", "1", 1), ("b", "2", 2), ("c", "3", 3), ("d", "4", 4)]);
    }

    #[test]
    fn only_the_first_separator_counts() {
        check("server.1=host:1:2=x", &[("server.1", "host:1:2=x", 1)]);
        check("a  = = b", &[("a", "= b", 1)]);
    }

    #[test]
    fn comments_and_blank_lines_keep_the_line_count() {
        check(
            "# one\n\n  ! two\\\na=1 # not a comment\r\nb=2\rc=3",
            &[("a", "1 # not a comment", 4), ("b", "2", 5), ("c", "3", 6)],
        );
    }

    #[test]
    fn a_continued_line_has_the_line_of_its_start() {
        check("a=1,\\\n    2,\\\r\n  #3\nb=4", &[("a", "1,2,#3", 1), ("b", "4", 4)]);
        check("a=1\\\\\nb=2", &[("a", "1\\", 1), ("b", "2", 2)]);
        check("a=end\\", &[("a", "end", 1)]);
        check("\\\n# comment\n\\\n\n b=1", &[("b", "1", 5)]);
    }

    #[test]
    fn escapes_are_resolved_in_keys_and_values() {
        check("a\\=b\\ c=\\u0041\\:\\q\\ud83d\\ude00", &[("a=b c", "A:q\u{1f600}", 1)]);
        check("a=\\t1\\n", &[("a", "1", 1)]);
    }

    #[test]
    fn a_key_alone_has_an_empty_value() {
        check("alone\n=x", &[("alone", "", 1), ("", "x", 2)]);
    }

    #[test]
    fn bytes_are_latin_1_as_in_java() {
        let entries = parse(b"dataDir=/zo\xf6").unwrap();
        assert_eq!(entries[0].value, "/zo\u{f6}");
    }

    #[test]
    fn a_bad_escape_is_refused_with_its_line() {
        for text in ["ok=1\na=\\u12", "ok=1\na=\\u12g4", "ok=1\na=\\ud83d"] {
            assert_eq!(parse(text.as_bytes()).err(), Some(BadEscape { line: 2 }));
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic() {
        let mut state = 1u32;
        for _ in 0..2000 {
            let bytes: Vec<u8> = (0..40)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    b"\\\\u09=: \t\n\r#!ab\xff\x00"[(state >> 24) as usize % 17]
                })
                .collect();
            if let Ok(entries) = parse(&bytes) {
                assert!(entries.iter().all(|entry| entry.line >= 1 && entry.line <= 41));
            }
        }
    }
}

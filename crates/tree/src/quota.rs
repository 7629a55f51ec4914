//! Quotas: limits on how many nodes and bytes a subtree holds.
//!
//! A limit is a node `/zookeeper/quota<path>/zookeeper_limits`; beside it `zookeeper_stats` is kept
//! up to date by every member on its own, without transactions.
//!
//! //= java: Quotas, StatsTrack, PathTrie

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Where quotas are kept.
pub(crate) const QUOTA_NODE: &str = "/zookeeper/quota";
/// Name of the node that holds the limits.
pub(crate) const LIMITS: &str = "zookeeper_limits";
/// Name of the node that tells the use.
pub(crate) const STATS: &str = "zookeeper_stats";

/// Paths that have limits.
#[derive(Default)]
pub(crate) struct QuotaPaths(BTreeSet<Box<str>>);

impl QuotaPaths {
    pub(crate) fn insert(&mut self, path: &str) {
        if path.len() > 1 {
            self.0.insert(path.into());
        }
    }

    pub(crate) fn remove(&mut self, path: &str) {
        self.0.remove(path);
    }

    /// The longest path with limits that is `path` or above it.
    pub(crate) fn covering(&self, path: &str) -> Option<&str> {
        if self.0.is_empty() {
            return None;
        }
        let mut prefix = path;
        while prefix.len() > 1 {
            if let Some(found) = self.0.get(prefix) {
                return Some(found);
            }
            prefix = &prefix[..prefix.rfind('/')?];
        }
        None
    }
}

/// The path under quota that belongs to a node in the quota tree, if it is called `name`.
pub(crate) fn quota_path<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let inside = path.strip_prefix(QUOTA_NODE)?.strip_suffix(name)?.strip_suffix('/')?;
    inside.starts_with('/').then_some(inside)
}

/// Limits, or the use of a subtree; -1 is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) count: i64,
    pub(crate) bytes: i64,
    pub(crate) count_hard: i64,
    pub(crate) bytes_hard: i64,
    /// All but count and bytes that stands in the text, sorted by key; the last of a repeated key counts.
    rest: BTreeMap<String, i64>,
}

impl Quota {
    /// The use of a subtree.
    pub(crate) fn used(count: i64, bytes: i64) -> Self {
        Self { count, bytes, count_hard: -1, bytes_hard: -1, rest: BTreeMap::new() }
    }

    /// Reads either text form. What cannot be read counts as not limited: such a text must never stop
    /// a server.
    pub(crate) fn parse(data: Option<&[u8]>) -> Self {
        let mut quota = Self::used(-1, -1);
        let text = String::from_utf8_lossy(data.unwrap_or_default());
        for pair in text.split([',', ';']) {
            let mut parts = pair.split('=');
            let (Some(key), Some(value)) = (parts.next(), parts.next()) else { continue };
            let Ok(value) = value.parse() else { continue };
            match key {
                "count" => quota.count = value,
                "bytes" => quota.bytes = value,
                "countHardLimit" => quota.count_hard = value,
                "byteHardLimit" => quota.bytes_hard = value,
                _ => {}
            }
            if !matches!(key, "count" | "bytes") {
                quota.rest.insert(key.into(), value);
            }
        }
        quota
    }

    /// The text form. Hard limits come after an extra `=` that readers from before 3.7 stop at.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("count={},bytes={}", self.count, self.bytes);
        for (at, (key, value)) in self.rest.iter().enumerate() {
            let lead = if at == 0 { "=;" } else { ";" };
            write!(text, "{lead}{key}={value}").expect("writing to a string does not fail");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_text_forms_are_read() {
        let old = Quota::parse(Some(b"count=10,bytes=-1"));
        assert_eq!((old.count, old.bytes, old.count_hard, old.bytes_hard), (10, -1, -1, -1));
        let new = Quota::parse(Some(b"count=10,bytes=-1=;byteHardLimit=10000;countHardLimit=-1"));
        assert_eq!((new.count, new.bytes, new.count_hard, new.bytes_hard), (10, -1, -1, 10000));
        assert_eq!(Quota::parse(Some(b"count=x,,=;bytes")), Quota::parse(None));
    }

    #[test]
    fn the_text_form_survives() {
        assert_eq!(Quota::used(3, 12).to_text(), "count=3,bytes=12");
        // A limit that was written stays, also when it says "none", as in the reference.
        let unlimited = "count=1,bytes=2=;byteHardLimit=50;countHardLimit=-1";
        assert_eq!(Quota::parse(Some(unlimited.as_bytes())).to_text(), unlimited);
        let text = "count=1,bytes=2=;byteHardLimit=3;countHardLimit=4";
        assert_eq!(Quota::parse(Some(text.as_bytes())).to_text(), text);
    }

    #[test]
    fn the_nearest_limit_covers() {
        let mut paths = QuotaPaths::default();
        assert_eq!(paths.covering("/a"), None);
        paths.insert("/a");
        paths.insert("/a/b/c");
        paths.insert("");
        assert_eq!(paths.covering("/a"), Some("/a"));
        assert_eq!(paths.covering("/a/b"), Some("/a"));
        assert_eq!(paths.covering("/a/b/c/d"), Some("/a/b/c"));
        assert_eq!(paths.covering("/ab"), None);
        assert_eq!(paths.covering("/"), None);
        paths.remove("/a/b/c");
        assert_eq!(paths.covering("/a/b/c/d"), Some("/a"));
    }

    #[test]
    fn paths_in_the_quota_tree_name_their_subject() {
        assert_eq!(quota_path("/zookeeper/quota/a/b/zookeeper_limits", LIMITS), Some("/a/b"));
        assert_eq!(quota_path("/zookeeper/quota/zookeeper_limits", LIMITS), None);
        assert_eq!(quota_path("/zookeeper/quotax/a/zookeeper_limits", LIMITS), None);
        assert_eq!(quota_path("/zookeeper/quota/a/zookeeper_stats", LIMITS), None);
    }
}

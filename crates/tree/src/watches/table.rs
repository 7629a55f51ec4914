//! Which connection watches which path, and how.

use super::WatcherId;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use std::sync::Arc;

/// How a connection watches a path. The kinds are independent of each other (HC-88).
pub(crate) mod mode {
    /// Fires once.
    pub(crate) const ONE_SHOT: u8 = 1;
    /// Fires until removed.
    pub(crate) const PERSISTENT: u8 = 2;
    /// Fires until removed, for everything below as well.
    pub(crate) const RECURSIVE: u8 = 4;
    /// Every kind.
    pub(crate) const ALL: u8 = 7;
}

/// The watches of one of the two sorts, data or child.
pub(crate) struct Table {
    /// Per path who watches it how, sorted by connection.
    by_path: HashMap<Arc<str>, Vec<(WatcherId, u8)>, FixedState>,
    by_watcher: HashMap<WatcherId, HashSet<Arc<str>, FixedState>, FixedState>,
    /// Number of recursive watches: with none, nobody looks at a path's ancestors.
    recursive: usize,
    /// Number of pairs of path and connection.
    len: usize,
}

impl Default for Table {
    fn default() -> Self {
        let hasher = FixedState::with_seed(2);
        Self {
            by_path: HashMap::with_hasher(hasher.clone()),
            by_watcher: HashMap::with_hasher(hasher.clone()),
            recursive: 0,
            len: 0,
        }
    }
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn add(&mut self, path: &str, watcher: WatcherId, mode: u8) {
        let key = match self.by_path.get_key_value(path) {
            Some((key, _)) => Arc::clone(key),
            None => Arc::from(path),
        };
        let watchers = self.by_path.entry(Arc::clone(&key)).or_default();
        let modes = match watchers.binary_search_by_key(&watcher, |(w, _)| *w) {
            Ok(at) => &mut watchers[at].1,
            Err(at) => {
                watchers.insert(at, (watcher, 0));
                self.len += 1;
                let paths = || HashSet::with_hasher(FixedState::with_seed(2));
                self.by_watcher.entry(watcher).or_insert_with(paths).insert(key);
                &mut watchers[at].1
            }
        };
        if mode & !*modes & mode::RECURSIVE != 0 {
            self.recursive += 1;
        }
        *modes |= mode;
    }

    /// How a connection watches a path.
    pub(crate) fn modes(&self, path: &str, watcher: WatcherId) -> u8 {
        let Some(watchers) = self.by_path.get(path) else { return 0 };
        watchers.binary_search_by_key(&watcher, |(w, _)| *w).map_or(0, |at| watchers[at].1)
    }

    /// Takes kinds of watches away and returns those that were there.
    pub(crate) fn remove(&mut self, path: &str, watcher: WatcherId, modes: u8) -> u8 {
        let removed = self.drop_modes(path, watcher, modes);
        if self.by_watcher.get(&watcher).is_some_and(HashSet::is_empty) {
            self.by_watcher.remove(&watcher);
        }
        removed
    }

    fn drop_modes(&mut self, path: &str, watcher: WatcherId, modes: u8) -> u8 {
        let Some(watchers) = self.by_path.get_mut(path) else { return 0 };
        let Ok(at) = watchers.binary_search_by_key(&watcher, |(w, _)| *w) else { return 0 };
        let removed = watchers[at].1 & modes;
        watchers[at].1 &= !modes;
        if removed & mode::RECURSIVE != 0 {
            self.recursive -= 1;
        }
        if watchers[at].1 == 0 {
            watchers.remove(at);
            self.len -= 1;
            if watchers.is_empty() {
                self.by_path.remove(path);
            }
            if let Some(paths) = self.by_watcher.get_mut(&watcher) {
                paths.remove(path);
            }
        }
        removed
    }

    /// Drops everything of a connection.
    pub(crate) fn remove_watcher(&mut self, watcher: WatcherId) {
        for path in self.by_watcher.remove(&watcher).unwrap_or_default() {
            self.drop_modes(&path, watcher, mode::ALL);
        }
    }

    /// Something happened at `path`: the connections to tell, sorted, each once. One-shot watches are
    /// used up.
    pub(crate) fn trigger(&mut self, path: &str) -> Vec<WatcherId> {
        let mut who = Vec::new();
        let mut used_up = Vec::new();
        for (watcher, modes) in self.by_path.get(path).into_iter().flatten() {
            who.push(*watcher);
            if modes & mode::ONE_SHOT != 0 {
                used_up.push(*watcher);
            }
        }
        for watcher in used_up {
            self.drop_modes(path, watcher, mode::ONE_SHOT);
        }
        if self.recursive > 0 {
            for ancestor in ancestors(path) {
                let watchers = self.by_path.get(ancestor).into_iter().flatten();
                who.extend(watchers.filter(|(_, modes)| modes & mode::RECURSIVE != 0).map(|(w, _)| *w));
            }
            who.sort_unstable();
            who.dedup();
        }
        who
    }

    /// Connections that watch something, or did and were not closed since: the reference counts those
    /// too.
    pub(crate) fn watchers(&self) -> usize {
        self.by_watcher.len()
    }

    /// Number of watched paths.
    pub(crate) fn paths(&self) -> usize {
        self.by_path.len()
    }

    /// Everything by connection, sorted.
    pub(crate) fn list_by_watcher(&self) -> Vec<(WatcherId, Vec<Arc<str>>)> {
        let mut list: Vec<_> = self
            .by_watcher
            .iter()
            .map(|(watcher, paths)| {
                let mut paths: Vec<_> = paths.iter().cloned().collect();
                paths.sort_unstable();
                (*watcher, paths)
            })
            .collect();
        list.sort_unstable_by_key(|(watcher, _)| *watcher);
        list
    }

    /// Everything by path, sorted.
    pub(crate) fn list_by_path(&self) -> Vec<(Arc<str>, Vec<WatcherId>)> {
        let watchers = |list: &Vec<(WatcherId, u8)>| list.iter().map(|(watcher, _)| *watcher).collect();
        let mut list: Vec<_> = self.by_path.iter().map(|(p, w)| (Arc::clone(p), watchers(w))).collect();
        list.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        list
    }
}

/// The paths above a path, nearest first, up to the root.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = path;
    std::iter::from_fn(move || {
        rest = match rest.rfind('/')? {
            0 if rest.len() == 1 => return None,
            0 => "/",
            at => &rest[..at],
        };
        Some(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: WatcherId = WatcherId(1);
    const B: WatcherId = WatcherId(2);

    fn trigger(table: &mut Table, path: &str) -> Vec<u64> {
        table.trigger(path).into_iter().map(|w| w.0).collect()
    }

    #[test]
    fn ancestors_go_up_to_the_root() {
        assert_eq!(ancestors("/a/b/c").collect::<Vec<_>>(), ["/a/b", "/a", "/"]);
        assert_eq!(ancestors("/a").collect::<Vec<_>>(), ["/"]);
        assert_eq!(ancestors("/").count(), 0);
    }

    #[test]
    fn a_one_shot_watch_fires_once() {
        let mut table = Table::default();
        table.add("/a", A, mode::ONE_SHOT);
        table.add("/a", B, mode::PERSISTENT);
        assert_eq!(trigger(&mut table, "/a"), [1, 2]);
        assert_eq!(trigger(&mut table, "/a"), [2]);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn hc_88_kinds_on_one_path_are_independent_and_tell_only_once() {
        let mut table = Table::default();
        table.add("/a", A, mode::ONE_SHOT);
        table.add("/a", A, mode::RECURSIVE);
        table.add("/", A, mode::RECURSIVE);
        assert_eq!(table.len(), 2);
        assert_eq!(trigger(&mut table, "/a"), [1]);
        assert_eq!(table.modes("/a", A), mode::RECURSIVE);
        assert_eq!(table.remove("/a", A, mode::ONE_SHOT), 0);
        assert_eq!(table.remove("/a", A, mode::RECURSIVE), mode::RECURSIVE);
        assert_eq!(trigger(&mut table, "/a/b"), [1]);
        assert_eq!(table.remove("/", A, mode::ALL), mode::RECURSIVE);
        assert_eq!(trigger(&mut table, "/a/b"), []);
        assert_eq!((table.len(), table.recursive, table.watchers()), (0, 0, 0));
    }

    #[test]
    fn only_recursive_watches_hear_from_below() {
        let mut table = Table::default();
        table.add("/a", A, mode::PERSISTENT);
        table.add("/a", B, mode::RECURSIVE);
        assert_eq!(trigger(&mut table, "/a/b/c"), [2]);
        assert_eq!(trigger(&mut table, "/ab"), []);
    }

    #[test]
    fn hc_90_a_closed_connection_leaves_nothing() {
        let mut table = Table::default();
        for n in 0..1000 {
            table.add(&format!("/{n}"), WatcherId(n % 10), mode::ONE_SHOT);
            table.add(&format!("/{}", n % 7), WatcherId(n % 10), mode::RECURSIVE);
        }
        for n in 0..10 {
            table.remove_watcher(WatcherId(n));
        }
        assert_eq!((table.len(), table.paths(), table.watchers(), table.recursive), (0, 0, 0, 0));
    }
}

//! The table of watches: who waits for what, on which path.
//!
//! It mirrors what the server keeps for this connection, so that everything in it can be set again on the
//! next one. Paths are the server's, chroot included.
//!
//! //= java: ZKWatchManager

use proto::watch::{EventType, WatcherKind};
use std::collections::BTreeMap;

/// One registration by the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WatcherId(pub(crate) u64);

/// The kinds of watches a server keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum WatchKind {
    /// Once: the data of a node that exists.
    Data,
    /// Once: the coming of a node that does not exist.
    Exist,
    /// Once: the children of a node.
    Child,
    /// Until removed: the data of a node and its list of children.
    Persistent,
    /// Until removed: a node and everything below it.
    Recursive,
}

impl WatchKind {
    const ALL: [WatchKind; 5] = [Self::Data, Self::Exist, Self::Child, Self::Persistent, Self::Recursive];

    /// Whether one event ends the watch.
    pub(crate) fn is_one_shot(self) -> bool {
        matches!(self, Self::Data | Self::Exist | Self::Child)
    }

    /// Whether `removeWatches` of a kind takes this one away.
    fn is_meant_by(self, kind: WatcherKind) -> bool {
        match kind {
            WatcherKind::Any => true,
            WatcherKind::Children => self == Self::Child,
            WatcherKind::Data => matches!(self, Self::Data | Self::Exist),
            WatcherKind::Persistent => self == Self::Persistent,
            WatcherKind::PersistentRecursive => self == Self::Recursive,
        }
    }

    /// What `removeWatches` calls it.
    pub(crate) fn removal(self) -> WatcherKind {
        match self {
            Self::Data | Self::Exist => WatcherKind::Data,
            Self::Child => WatcherKind::Children,
            Self::Persistent => WatcherKind::Persistent,
            Self::Recursive => WatcherKind::PersistentRecursive,
        }
    }
}

type Watchers = BTreeMap<String, Vec<WatcherId>>;

/// All watches of a session.
#[derive(Debug, Default)]
pub(crate) struct WatchTable {
    by_kind: [Watchers; 5],
    /// Where each watcher stands.
    places: BTreeMap<WatcherId, (WatchKind, String)>,
}

impl WatchTable {
    /// Enters a watcher that the server has confirmed.
    pub(crate) fn insert(&mut self, id: WatcherId, kind: WatchKind, path: &str) {
        self.by_kind[kind as usize].entry(path.to_owned()).or_default().push(id);
        self.places.insert(id, (kind, path.to_owned()));
    }

    /// Takes one watcher out; returns where it stood when it was the last there of its kind.
    pub(crate) fn remove(&mut self, id: WatcherId) -> Option<(WatchKind, String)> {
        let (kind, path) = self.places.remove(&id)?;
        let watchers = self.by_kind[kind as usize].get_mut(&path)?;
        watchers.retain(|other| *other != id);
        if !watchers.is_empty() {
            return None;
        }
        self.by_kind[kind as usize].remove(&path);
        Some((kind, path))
    }

    /// Takes out what the server removed on request.
    pub(crate) fn remove_kind(&mut self, path: &str, kind: WatcherKind) -> Vec<WatcherId> {
        let mut gone = Vec::new();
        for own in WatchKind::ALL.into_iter().filter(|own| own.is_meant_by(kind)) {
            gone.extend(self.by_kind[own as usize].remove(path).unwrap_or_default());
        }
        for id in &gone {
            self.places.remove(id);
        }
        gone
    }

    /// Everybody whom an event concerns. One-shot watchers are out of the table then.
    pub(crate) fn fire(&mut self, event: EventType, path: &str) -> Vec<WatcherId> {
        use WatchKind::{Child, Data, Exist, Persistent, Recursive};
        let once: &[WatchKind] = match event {
            EventType::NodeCreated | EventType::NodeDataChanged => &[Data, Exist],
            EventType::NodeDeleted => &[Data, Exist, Child],
            EventType::NodeChildrenChanged => &[Child],
        };
        let mut told = Vec::new();
        for kind in once {
            told.extend(self.by_kind[*kind as usize].remove(path).unwrap_or_default());
        }
        for id in &told {
            self.places.remove(id);
        }
        told.extend(self.by_kind[Persistent as usize].get(path).into_iter().flatten());
        if event != EventType::NodeChildrenChanged && !self.by_kind[Recursive as usize].is_empty() {
            for ancestor in self_and_ancestors(path) {
                told.extend(self.by_kind[Recursive as usize].get(ancestor).into_iter().flatten());
            }
        }
        told
    }

    /// The paths watched in one way.
    pub(crate) fn paths(&self, kind: WatchKind) -> impl Iterator<Item = &str> {
        self.by_kind[kind as usize].keys().map(String::as_str)
    }

    /// The watchers of one kind on a path.
    pub(crate) fn watchers(&self, kind: WatchKind, path: &str) -> &[WatcherId] {
        self.by_kind[kind as usize].get(path).map_or(&[], Vec::as_slice)
    }

    /// Whether anybody watches the path in any way.
    pub(crate) fn is_watched(&self, path: &str) -> bool {
        self.by_kind.iter().any(|watchers| watchers.contains_key(path))
    }

    /// Empties the table and returns who was in it.
    pub(crate) fn drain(&mut self) -> Vec<WatcherId> {
        self.by_kind = Default::default();
        std::mem::take(&mut self.places).into_keys().collect()
    }
}

/// `/a/b`, `/a`, `/`.
fn self_and_ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| proto::path::split(path).map(|(parent, _)| parent))
}

#[cfg(test)]
mod tests {
    use super::{WatchKind, WatchTable, WatcherId, self_and_ancestors};
    use proto::watch::{EventType, WatcherKind};

    fn table(entries: &[(u64, WatchKind, &str)]) -> WatchTable {
        let mut table = WatchTable::default();
        for (id, kind, path) in entries {
            table.insert(WatcherId(*id), *kind, path);
        }
        table
    }

    fn fire(table: &mut WatchTable, event: EventType, path: &str) -> Vec<u64> {
        table.fire(event, path).into_iter().map(|id| id.0).collect()
    }

    #[test]
    fn one_shot_watches_fire_once_and_lasting_ones_always() {
        let mut table = table(&[
            (1, WatchKind::Data, "/a"),
            (2, WatchKind::Child, "/a"),
            (3, WatchKind::Persistent, "/a"),
            (4, WatchKind::Recursive, "/"),
            (5, WatchKind::Data, "/b"),
        ]);
        assert_eq!(fire(&mut table, EventType::NodeDataChanged, "/a"), [1, 3, 4]);
        assert_eq!(fire(&mut table, EventType::NodeChildrenChanged, "/a"), [2, 3]);
        assert_eq!(fire(&mut table, EventType::NodeDeleted, "/a"), [3, 4]);
        assert_eq!(fire(&mut table, EventType::NodeCreated, "/a/x"), [4]);
        assert_eq!(fire(&mut table, EventType::NodeDeleted, "/b"), [5, 4]);
        assert_eq!(table.drain(), [WatcherId(3), WatcherId(4)]);
        assert_eq!(table.drain(), []);
    }

    #[test]
    fn a_recursive_watch_minds_the_borders_of_names() {
        let mut table = table(&[(1, WatchKind::Recursive, "/a")]);
        assert_eq!(fire(&mut table, EventType::NodeCreated, "/ab"), [0; 0]);
        assert_eq!(fire(&mut table, EventType::NodeCreated, "/a/b/c"), [1]);
        assert_eq!(self_and_ancestors("/a/b").collect::<Vec<_>>(), ["/a/b", "/a", "/"]);
    }

    #[test]
    fn removal_means_what_the_server_means_by_it() {
        let all = [
            (1, WatchKind::Data, "/a"),
            (2, WatchKind::Exist, "/a"),
            (3, WatchKind::Child, "/a"),
            (4, WatchKind::Persistent, "/a"),
            (5, WatchKind::Recursive, "/a"),
            (6, WatchKind::Data, "/b"),
        ];
        for (kind, gone) in [
            (WatcherKind::Data, &[1, 2][..]),
            (WatcherKind::Children, &[3]),
            (WatcherKind::Persistent, &[4]),
            (WatcherKind::PersistentRecursive, &[5]),
            (WatcherKind::Any, &[1, 2, 3, 4, 5]),
        ] {
            let removed = table(&all).remove_kind("/a", kind);
            assert_eq!(removed.into_iter().map(|id| id.0).collect::<Vec<_>>(), gone, "{kind:?}");
        }
    }

    #[test]
    fn the_last_watcher_of_a_kind_on_a_path_is_told_from_the_others() {
        let mut table = table(&[(1, WatchKind::Recursive, "/a"), (2, WatchKind::Recursive, "/a")]);
        assert_eq!(table.remove(WatcherId(1)), None);
        assert_eq!(table.remove(WatcherId(2)), Some((WatchKind::Recursive, "/a".to_owned())));
        assert_eq!(table.remove(WatcherId(2)), None);
        assert!(!table.is_watched("/a"));
    }
}

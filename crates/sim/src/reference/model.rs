//! Znodes as a reader of the specification would keep them: every version, by the transaction that made
//! it, so that any reply can be compared with the state it claims to show.
//!
//! It shares no code with the tree crate. What it does not know (access control, quotas) the clients of
//! a simulation do not use.

use proto::Zxid;
use proto::stat::Stat;
use std::collections::{BTreeMap, BTreeSet};

/// A znode at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Znode {
    pub(crate) stat: Stat,
    pub(crate) data: Vec<u8>,
    /// Children ever created: what sequence numbers and `cversion` come from.
    pub(crate) creations: i32,
}

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Created,
    Deleted,
    Data,
    Children,
}

#[derive(Debug, Default)]
struct Track {
    /// Each version with its transaction; `None` when the node was deleted.
    versions: Vec<(Zxid, Option<Znode>)>,
    changes: Vec<(Zxid, Change)>,
    /// Children that came (true) and went.
    children: Vec<(Zxid, String, bool)>,
}

/// All znodes over all time.
#[derive(Debug, Default)]
pub(crate) struct Model {
    tracks: BTreeMap<String, Track>,
    owned: BTreeMap<i64, BTreeSet<String>>,
}

pub(crate) fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}

impl Model {
    pub(crate) fn new() -> Self {
        let mut model = Self::default();
        let root = Znode {
            stat: Stat { cversion: -1, num_children: 1, ..Stat::default() },
            data: Vec::new(),
            creations: 0,
        };
        model.tracks.entry("/".into()).or_default().versions.push((Zxid::ZERO, Some(root)));
        model
    }

    /// The node after everything up to `zxid`.
    pub(crate) fn at(&self, path: &str, zxid: Zxid) -> Option<&Znode> {
        let versions = &self.tracks.get(path)?.versions;
        let after = versions.partition_point(|(z, _)| *z <= zxid);
        versions.get(after.checked_sub(1)?)?.1.as_ref()
    }

    /// The node now.
    pub(crate) fn get(&self, path: &str) -> Option<&Znode> {
        self.tracks.get(path)?.versions.last()?.1.as_ref()
    }

    /// Names of the children after everything up to `zxid`, sorted.
    pub(crate) fn children_at(&self, path: &str, zxid: Zxid) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        let Some(track) = self.tracks.get(path) else { return names };
        let after = track.children.partition_point(|(z, ..)| *z <= zxid);
        for (_, name, came) in &track.children[..after] {
            if *came {
                names.insert(name.as_str());
            } else {
                names.remove(name.as_str());
            }
        }
        names
    }

    /// The first change of a path after `zxid` that `concerns` lets through.
    pub(crate) fn first_change(
        &self,
        path: &str,
        zxid: Zxid,
        concerns: impl Fn(Change) -> bool,
    ) -> Option<(Zxid, Change)> {
        let changes = &self.tracks.get(path)?.changes;
        let after = changes.partition_point(|(z, _)| *z <= zxid);
        changes[after..].iter().copied().find(|(_, change)| concerns(*change))
    }

    /// Nodes of a session that exist now.
    pub(crate) fn owned_by(&self, session: i64) -> impl Iterator<Item = &String> {
        self.owned.get(&session).into_iter().flatten()
    }

    /// Sessions that own a node now.
    pub(crate) fn owners(&self) -> impl Iterator<Item = i64> {
        self.owned.iter().filter(|(_, paths)| !paths.is_empty()).map(|(session, _)| *session)
    }

    fn put(&mut self, path: &str, zxid: Zxid, node: Option<Znode>) {
        let versions = &mut self.tracks.entry(path.to_owned()).or_default().versions;
        match versions.last_mut() {
            // Parts of one multi are one version.
            Some((last, old)) if *last == zxid => *old = node,
            _ => versions.push((zxid, node)),
        }
    }

    fn note(&mut self, path: &str, zxid: Zxid, change: Change) {
        self.tracks.entry(path.to_owned()).or_default().changes.push((zxid, change));
    }

    /// A child came or went.
    fn family(&mut self, path: &str, zxid: Zxid, came: bool) {
        let (above, name) = (parent(path).to_owned(), path.rsplit('/').next().unwrap_or_default().to_owned());
        if let Some(mut node) = self.get(&above).cloned() {
            node.creations += i32::from(came);
            node.stat.num_children += if came { 1 } else { -1 };
            node.stat.cversion += 1;
            node.stat.pzxid = zxid.0;
            self.put(&above, zxid, Some(node));
        }
        self.note(&above, zxid, Change::Children);
        self.tracks.entry(above).or_default().children.push((zxid, name, came));
    }

    pub(crate) fn create(&mut self, path: &str, data: &[u8], owner: i64, zxid: Zxid, time: i64) {
        let stat = Stat {
            czxid: zxid.0,
            mzxid: zxid.0,
            pzxid: zxid.0,
            ctime: time,
            mtime: time,
            ephemeral_owner: owner,
            data_length: data.len() as i32,
            ..Stat::default()
        };
        self.family(path, zxid, true);
        self.put(path, zxid, Some(Znode { stat, data: data.to_vec(), creations: 0 }));
        self.note(path, zxid, Change::Created);
        if owner != 0 {
            self.owned.entry(owner).or_default().insert(path.to_owned());
        }
    }

    pub(crate) fn delete(&mut self, path: &str, zxid: Zxid) {
        let owner = self.get(path).map_or(0, |node| node.stat.ephemeral_owner);
        if let Some(owned) = self.owned.get_mut(&owner) {
            owned.remove(path);
        }
        self.put(path, zxid, None);
        self.note(path, zxid, Change::Deleted);
        self.family(path, zxid, false);
    }

    pub(crate) fn set_data(&mut self, path: &str, data: &[u8], version: i32, zxid: Zxid, time: i64) {
        let Some(mut node) = self.get(path).cloned() else { return };
        node.data = data.to_vec();
        node.stat = Stat { version, mzxid: zxid.0, mtime: time, data_length: data.len() as i32, ..node.stat };
        self.put(path, zxid, Some(node));
        self.note(path, zxid, Change::Data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_stays_visible() {
        let mut model = Model::new();
        model.create("/a", b"1", 0, Zxid(1), 0);
        model.set_data("/a", b"2", 1, Zxid(2), 0);
        model.create("/a/b", b"", 9, Zxid(3), 0);
        model.delete("/a/b", Zxid(4));
        let data = |zxid| model.at("/a", Zxid(zxid)).map(|n| n.data.clone());
        assert_eq!([data(0), data(1), data(3)], [None, Some(b"1".to_vec()), Some(b"2".to_vec())]);
        assert_eq!(model.children_at("/a", Zxid(3)).len(), 1);
        assert_eq!(model.children_at("/a", Zxid(4)).len(), 0);
        assert_eq!(model.get("/a").map(|n| (n.stat.cversion, n.stat.pzxid)), Some((2, 4)));
        assert_eq!(model.owners().count(), 0);
        let data_change = |c| c == Change::Data;
        assert_eq!(model.first_change("/a", Zxid(1), data_change), Some((Zxid(2), Change::Data)));
        assert_eq!(model.first_change("/a", Zxid(2), data_change), None);
    }
}

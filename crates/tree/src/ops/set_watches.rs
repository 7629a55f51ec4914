//! `setWatches` and `setWatches2`: a client that comes back says what it watched. What happened in
//! the meantime is told at once, the rest is watched again (HC-85).
//!
//! //= java: DataTree.setWatches

use super::read::Reading;
use crate::watches::{Fired, Watches};
use proto::request::{SetWatches, SetWatches2};
use proto::watch::{AddWatchMode, EventType};
use proto::{ErrorCode, Zxid};
use std::sync::Arc;

/// Answers `setWatches`.
pub(super) fn answer(
    on: &Reading<'_>,
    request: &SetWatches<'_>,
    watches: &mut Watches,
    fired: &mut Vec<Fired>,
) -> Result<(), ErrorCode> {
    let watcher = on.who.watcher;
    let nodes = &on.tree.nodes;
    let mut fire = |kind, path: &str| {
        fired.push(Fired { watcher, kind, path: Arc::from(path), zxid: Zxid(-1), acl: None });
    };
    for path in &request.data {
        match nodes.find(path) {
            None => fire(EventType::NodeDeleted, path),
            Some(id) if nodes.get(id).mzxid > request.relative_zxid => fire(EventType::NodeDataChanged, path),
            Some(_) => watches.watch_data(path, watcher),
        }
    }
    for path in &request.exist {
        match nodes.find(path) {
            Some(_) => fire(EventType::NodeCreated, path),
            None => watches.watch_data(path, watcher),
        }
    }
    for path in &request.child {
        match nodes.find(path) {
            None => fire(EventType::NodeDeleted, path),
            Some(id) if nodes.stat(id).pzxid > request.relative_zxid => {
                fire(EventType::NodeChildrenChanged, path);
            }
            Some(_) => watches.watch_children(path, watcher),
        }
    }
    Ok(())
}

/// Answers `setWatches2`. Watches that stay are set again without a look at what happened.
pub(super) fn answer_lasting(
    on: &Reading<'_>,
    request: &SetWatches2<'_>,
    watches: &mut Watches,
    fired: &mut Vec<Fired>,
) -> Result<(), ErrorCode> {
    answer(on, &request.one_shot, watches, fired)?;
    for path in &request.persistent {
        watches.add(path, on.who.watcher, AddWatchMode::Persistent);
    }
    for path in &request.persistent_recursive {
        watches.add(path, on.who.watcher, AddWatchMode::PersistentRecursive);
    }
    Ok(())
}

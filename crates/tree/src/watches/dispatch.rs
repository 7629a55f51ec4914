//! From a change of the tree to the events it fires.

use super::{Fired, WatcherId, Watches};
use proto::Zxid;
use proto::acl::Acl;
use proto::watch::EventType;
use std::sync::Arc;

/// What a transaction does beside changing the tree: it fires watches, if there are any.
pub(crate) struct Effects<'a> {
    watches: Option<&'a mut Watches>,
    fired: Vec<Fired>,
    zxid: Zxid,
}

impl<'a> Effects<'a> {
    /// Of a live transaction.
    pub(crate) fn live(watches: &'a mut Watches, zxid: Zxid) -> Self {
        Self { watches: Some(watches), fired: Vec::new(), zxid }
    }

    /// Of a replayed one: none.
    pub(crate) fn silent(zxid: Zxid) -> Self {
        Self { watches: None, fired: Vec::new(), zxid }
    }

    /// The events, in the order they have to be delivered in.
    pub(crate) fn into_fired(self) -> Vec<Fired> {
        self.fired
    }

    /// Whether an event could reach anybody.
    pub(crate) fn anyone_listens(&self) -> bool {
        self.watches.as_ref().is_some_and(|w| !w.is_empty())
    }

    pub(crate) fn created(&mut self, path: &str, acl: &Arc<[Acl]>, parent: &str, parent_acl: &Arc<[Acl]>) {
        let Some(watches) = self.watches.as_deref_mut() else { return };
        let who = watches.data.trigger(path);
        self.tell(&who, EventType::NodeCreated, path, acl);
        self.children_changed(parent, parent_acl);
    }

    pub(crate) fn deleted(&mut self, path: &str, acl: &Arc<[Acl]>, parent: &str, parent_acl: &Arc<[Acl]>) {
        let Some(watches) = self.watches.as_deref_mut() else { return };
        // Who watches data and children hears of the deletion once.
        let mut who = watches.data.trigger(path);
        let told = who.len();
        for watcher in watches.child.trigger(path) {
            if who[..told].binary_search(&watcher).is_err() {
                who.push(watcher);
            }
        }
        self.tell(&who, EventType::NodeDeleted, path, acl);
        self.children_changed(parent, parent_acl);
    }

    pub(crate) fn data_changed(&mut self, path: &str, acl: &Arc<[Acl]>) {
        let Some(watches) = self.watches.as_deref_mut() else { return };
        let who = watches.data.trigger(path);
        self.tell(&who, EventType::NodeDataChanged, path, acl);
    }

    fn children_changed(&mut self, parent: &str, acl: &Arc<[Acl]>) {
        let Some(watches) = self.watches.as_deref_mut() else { return };
        let who = watches.child.trigger(parent);
        self.tell(&who, EventType::NodeChildrenChanged, parent, acl);
    }

    fn tell(&mut self, who: &[WatcherId], kind: EventType, path: &str, acl: &Arc<[Acl]>) {
        if who.is_empty() {
            return;
        }
        let path: Arc<str> = Arc::from(path);
        self.fired.extend(who.iter().map(|watcher| Fired {
            watcher: *watcher,
            kind,
            path: Arc::clone(&path),
            zxid: self.zxid,
            acl: Some(Arc::clone(acl)),
        }));
    }
}

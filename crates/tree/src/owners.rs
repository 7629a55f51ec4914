//! Which nodes may go by themselves: ephemerals by session, containers, nodes with a time to live.

use crate::owner::Owner;
use crate::znode::NodeId;
use proto::SessionId;
use std::collections::{BTreeMap, BTreeSet};

/// Nodes by owner.
#[derive(Default)]
pub(crate) struct Owners {
    ephemerals: BTreeMap<SessionId, BTreeSet<NodeId>>,
    /// Containers and TTL nodes.
    transients: BTreeSet<NodeId>,
}

impl Owners {
    pub(crate) fn insert(&mut self, owner: Owner, id: NodeId) {
        match owner {
            Owner::Session(session) => {
                self.ephemerals.entry(session).or_default().insert(id);
            }
            Owner::Container | Owner::Ttl(_) => {
                self.transients.insert(id);
            }
            Owner::Nobody | Owner::Unknown => {}
        }
    }

    pub(crate) fn remove(&mut self, owner: Owner, id: NodeId) {
        match owner {
            // The session keeps its empty set until it is closed, as in the reference, where that
            // shows in listings.
            Owner::Session(session) => {
                if let Some(ids) = self.ephemerals.get_mut(&session) {
                    ids.remove(&id);
                }
            }
            Owner::Container | Owner::Ttl(_) => {
                self.transients.remove(&id);
            }
            Owner::Nobody | Owner::Unknown => {}
        }
    }

    /// Forgets a closed session that owns nothing any more.
    pub(crate) fn remove_session(&mut self, session: SessionId) {
        if self.ephemerals.get(&session).is_some_and(BTreeSet::is_empty) {
            self.ephemerals.remove(&session);
        }
    }

    pub(crate) fn ephemerals_count(&self) -> usize {
        self.ephemerals.values().map(BTreeSet::len).sum()
    }

    pub(crate) fn of_session(&self, session: SessionId) -> impl Iterator<Item = NodeId> {
        self.ephemerals.get(&session).into_iter().flatten().copied()
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = (SessionId, usize)> {
        self.ephemerals.iter().map(|(session, ids)| (*session, ids.len()))
    }

    pub(crate) fn transients(&self) -> impl Iterator<Item = NodeId> {
        self.transients.iter().copied()
    }
}

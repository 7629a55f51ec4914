//! The watches a client believes to have, and what the server owes it for them.

use crate::reference::model::{Change, Model};
use proto::Zxid;
use proto::request::SetWatches;
use proto::watch::EventType;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy)]
struct Armed {
    /// The state it was left on.
    since: Zxid,
    /// Whether the node was missing then.
    missing: bool,
}

/// One-shot watches of one client.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    data: BTreeMap<String, Armed>,
    child: BTreeMap<String, Armed>,
    /// Not yet registered again after a reconnection: nothing is owed meanwhile.
    pub(crate) rearming: bool,
    checked: Zxid,
}

/// More are not kept, so that checking stays cheap.
const WATCHES_MAX: usize = 12;

impl Armed {
    fn concerns(self, is_child: bool) -> impl Fn(Change) -> bool {
        move |change| match change {
            Change::Created => self.missing,
            Change::Deleted => !self.missing,
            Change::Data => !is_child && !self.missing,
            Change::Children => is_child,
        }
    }
}

impl Watched {
    pub(crate) fn is_full(&self) -> bool {
        self.data.len() + self.child.len() >= WATCHES_MAX
    }

    pub(crate) fn arm_data(&mut self, path: &str, since: Zxid, missing: bool) {
        self.data.insert(path.to_owned(), Armed { since, missing });
    }

    pub(crate) fn arm_child(&mut self, path: &str, since: Zxid) {
        self.child.insert(path.to_owned(), Armed { since, missing: false });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_empty() && self.child.is_empty()
    }

    /// What a client sends after it reconnected.
    pub(crate) fn request(&self, relative: Zxid) -> SetWatches<'_> {
        let paths = |missing| {
            let chosen = self.data.iter().filter(move |(_, armed)| armed.missing == missing);
            chosen.map(|(path, _)| path.into()).collect()
        };
        SetWatches {
            relative_zxid: relative.0,
            data: paths(false),
            exist: paths(true),
            child: self.child.keys().map(Into::into).collect(),
        }
    }

    /// They are registered again, on the state as of `zxid`. A node that came and went in between is the
    /// one thing that may be missed.
    pub(crate) fn rearmed(&mut self, zxid: Zxid) {
        self.rearming = false;
        for armed in self.data.values_mut().filter(|armed| armed.missing) {
            armed.since = zxid;
        }
    }

    /// A reply shows the state as of `zxid`: every watch that something happened to by then must have
    /// had its event before.
    ///
    /// # Errors
    /// Which one had not.
    pub(crate) fn check_reply(&mut self, zxid: Zxid, model: &Model) -> Result<(), String> {
        if self.rearming || zxid <= self.checked {
            return Ok(());
        }
        self.checked = zxid;
        for (table, is_child) in [(&self.data, false), (&self.child, true)] {
            for (path, armed) in table {
                if let Some((at, change)) = model.first_change(path, armed.since, armed.concerns(is_child))
                    && at <= zxid
                {
                    return Err(format!(
                        "a reply shows {zxid}, but {change:?} of {path} by {at} was not told \
                         (watched since {})",
                        armed.since
                    ));
                }
            }
        }
        Ok(())
    }

    /// An event has come.
    ///
    /// # Errors
    /// Why it should not have.
    pub(crate) fn on_event(
        &mut self,
        kind: i32,
        path: &str,
        zxid: Zxid,
        model: &Model,
    ) -> Result<(), String> {
        let is = |k: EventType| kind == k as i32;
        let mut found = Vec::new();
        if !is(EventType::NodeChildrenChanged) {
            found.extend(self.data.remove(path).map(|armed| (armed, false)));
        }
        if is(EventType::NodeChildrenChanged) || is(EventType::NodeDeleted) {
            found.extend(self.child.remove(path).map(|armed| (armed, true)));
        }
        // A node that is gone is told once for each list it was named in.
        if found.is_empty() && self.rearming {
            return Ok(());
        }
        if found.is_empty() {
            return Err(format!("event {kind} for {path} ({zxid}) without a watch"));
        }
        for (armed, is_child) in found {
            let first = model.first_change(path, armed.since, armed.concerns(is_child));
            let Some((at, change)) = first else {
                return Err(format!("event {kind} for {path} ({zxid}): nothing happened to it"));
            };
            if zxid > Zxid::ZERO && at != zxid && !self.rearming {
                return Err(format!("event {kind} for {path} is of {zxid}, {change:?} was at {at}"));
            }
        }
        Ok(())
    }
}

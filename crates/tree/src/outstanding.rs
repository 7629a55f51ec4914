//! What has been prepared and not yet applied.
//!
//! Transactions are decided faster than they become durable. Whatever is decided next has to see
//! those before it, so their effects are kept here, per path, on top of the tree, until the tree has
//! them.

use crate::digest::Prefix;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use proto::acl::Acl;
use proto::stat::StatPersisted;
use proto::{SessionId, Zxid};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What decisions need to know of a node.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) stat: StatPersisted,
    pub(crate) children: u32,
    pub(crate) acl: Arc<[Acl]>,
    pub(crate) data_len: usize,
    /// CRC of path and data.
    pub(crate) prefix: Prefix,
}

impl Record {
    /// The node's part in the digest.
    pub(crate) fn digest_part(&self) -> u64 {
        self.prefix.with_stat(&self.stat)
    }
}

/// The newest outstanding state of a path: a node, or its absence.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    zxid: Zxid,
    pub(crate) record: Option<Record>,
}

/// What is outstanding of a session.
#[derive(Debug, Clone, Default)]
struct SessionChange {
    zxid: Zxid,
    /// Whether it will be there; `None` when what is outstanding does not decide that.
    lives: Option<bool>,
    /// Ephemeral nodes it has created; some may be deleted again.
    created: Vec<Arc<str>>,
}

/// What use of a quota is outstanding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) count: i64,
    pub(crate) bytes: i64,
}

/// One thing to forget when its transaction was applied.
#[derive(Debug, Clone)]
enum Trace {
    Path(Arc<str>),
    Session(SessionId),
    Quota(Arc<str>, Use),
}

/// One thing to restore when a multi is rolled back.
#[derive(Debug)]
enum Undo {
    Path(Arc<str>, Option<Change>),
    /// A session created a node; before, the newest change to it had this zxid.
    Created(SessionId, Option<Zxid>),
}

/// Where a multi began.
#[derive(Debug)]
struct Mark {
    traces: usize,
    digest: Option<u64>,
    undo: Vec<Undo>,
}

/// The leader's view of the near future: changes prepared but not applied.
pub struct Outstanding {
    changes: HashMap<Arc<str>, Change, FixedState>,
    sessions: BTreeMap<SessionId, SessionChange>,
    quotas: HashMap<Arc<str>, Use, FixedState>,
    /// Everything above in the order it was prepared.
    traces: VecDeque<(Zxid, Trace)>,
    /// The digest after the newest change; `None` when the tree has it.
    digest: Option<u64>,
    mark: Option<Mark>,
}

impl Default for Outstanding {
    fn default() -> Self {
        Self::new()
    }
}

impl Outstanding {
    /// Nothing outstanding.
    pub fn new() -> Self {
        let hasher = FixedState::with_seed(3);
        Self {
            changes: HashMap::with_hasher(hasher.clone()),
            sessions: BTreeMap::new(),
            quotas: HashMap::with_hasher(hasher.clone()),
            traces: VecDeque::new(),
            digest: None,
            mark: None,
        }
    }

    /// Number of changes outstanding.
    pub fn len(&self) -> usize {
        self.traces.len()
    }

    /// Whether nothing is outstanding.
    pub fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }

    /// Forgets everything up to and including `zxid`, which the tree has by now.
    pub fn applied(&mut self, zxid: Zxid) {
        while self.traces.front().is_some_and(|(at, _)| *at <= zxid) {
            let Some((_, trace)) = self.traces.pop_front() else { break };
            match trace {
                Trace::Path(path) => {
                    if self.changes.get(&path).is_some_and(|c| c.zxid <= zxid) {
                        self.changes.remove(&path);
                    }
                }
                Trace::Session(id) => {
                    if self.sessions.get(&id).is_some_and(|s| s.zxid <= zxid) {
                        self.sessions.remove(&id);
                    }
                }
                Trace::Quota(path, usage) => self.settle(&path, usage),
            }
        }
        if self.traces.is_empty() {
            self.digest = None;
        }
    }

    fn settle(&mut self, path: &Arc<str>, usage: Use) {
        if let Some(sum) = self.quotas.get_mut(path) {
            sum.count -= usage.count;
            sum.bytes -= usage.bytes;
            if *sum == Use::default() {
                self.quotas.remove(path);
            }
        }
    }

    /// The outstanding state of a path, if it has one.
    pub(crate) fn change(&self, path: &str) -> Option<&Change> {
        self.changes.get(path)
    }

    /// Notes the new state of a path.
    pub(crate) fn put(&mut self, zxid: Zxid, path: &str, record: Option<Record>) {
        let key = match self.changes.get_key_value(path) {
            Some((key, _)) => Arc::clone(key),
            None => Arc::from(path),
        };
        let before = self.changes.insert(Arc::clone(&key), Change { zxid, record });
        if let Some(mark) = &mut self.mark {
            mark.undo.push(Undo::Path(Arc::clone(&key), before));
        }
        self.traces.push_back((zxid, Trace::Path(key)));
    }

    /// Notes that a session created an ephemeral node.
    pub(crate) fn created_by(&mut self, zxid: Zxid, session: SessionId, path: &str) {
        let before = self.sessions.get(&session).map(|change| change.zxid);
        self.session_mut(zxid, session).created.push(Arc::from(path));
        if let Some(mark) = &mut self.mark {
            mark.undo.push(Undo::Created(session, before));
        }
    }

    fn session_mut(&mut self, zxid: Zxid, session: SessionId) -> &mut SessionChange {
        self.traces.push_back((zxid, Trace::Session(session)));
        let change = self.sessions.entry(session).or_default();
        change.zxid = zxid;
        change
    }

    pub(crate) fn open_session(&mut self, zxid: Zxid, session: SessionId) {
        self.session_mut(zxid, session).lives = Some(true);
    }

    pub(crate) fn close_session(&mut self, zxid: Zxid, session: SessionId) {
        let change = self.session_mut(zxid, session);
        change.lives = Some(false);
        change.created.clear();
    }

    /// Whether a session will be there; `None` when nothing outstanding decides it.
    pub(crate) fn session_lives(&self, session: SessionId) -> Option<bool> {
        self.sessions.get(&session)?.lives
    }

    /// Paths of ephemeral nodes that a session has created, some of which may be gone again.
    pub(crate) fn created(&self, session: SessionId) -> impl Iterator<Item = &str> {
        self.sessions.get(&session).into_iter().flat_map(|change| change.created.iter().map(|path| &**path))
    }

    /// Notes use of a quota.
    pub(crate) fn charge(&mut self, zxid: Zxid, covered: &str, usage: Use) {
        let path: Arc<str> = Arc::from(covered);
        let sum = self.quotas.entry(Arc::clone(&path)).or_default();
        sum.count += usage.count;
        sum.bytes += usage.bytes;
        self.traces.push_back((zxid, Trace::Quota(path, usage)));
    }

    /// The outstanding use of a quota.
    pub(crate) fn usage(&self, covered: &str) -> Use {
        self.quotas.get(covered).copied().unwrap_or_default()
    }

    /// The digest after everything outstanding, if anything is.
    pub(crate) fn digest(&self) -> Option<u64> {
        self.digest
    }

    pub(crate) fn set_digest(&mut self, digest: u64) {
        self.digest = Some(digest);
    }

    /// Starts a multi.
    pub(crate) fn begin(&mut self) {
        self.mark = Some(Mark { traces: self.traces.len(), digest: self.digest, undo: Vec::new() });
    }

    /// The multi succeeded.
    pub(crate) fn commit(&mut self) {
        self.mark = None;
    }

    /// The multi failed: all is as it was when it began, parents included (HC-100).
    pub(crate) fn rollback(&mut self) {
        let Some(mark) = self.mark.take() else { return };
        while self.traces.len() > mark.traces {
            if let Some((_, Trace::Quota(path, usage))) = self.traces.pop_back() {
                self.settle(&path, usage);
            }
        }
        for undo in mark.undo.into_iter().rev() {
            match undo {
                Undo::Path(path, Some(before)) => {
                    self.changes.insert(path, before);
                }
                Undo::Path(path, None) => {
                    self.changes.remove(&path);
                }
                Undo::Created(session, None) => {
                    self.sessions.remove(&session);
                }
                Undo::Created(session, Some(zxid)) => {
                    if let Some(change) = self.sessions.get_mut(&session) {
                        change.created.pop();
                        change.zxid = zxid;
                    }
                }
            }
        }
        self.digest = mark.digest;
    }
}

//! Which sessions live, until when, and on which connection.
//!
//! Deadlines are rounded up to the next tick, so that sessions expire in batches and touching one
//! is cheap; nobody expires early, and everybody at most a tick late.
//!
//! One table has all of a server's sessions, so that each has one owner and is of one kind (HC-73).
//! A leader watches over all sessions of the ensemble; a learner knows those of its connections, and has
//! deadlines for none but its own local ones.
//!
//! //= java: SessionTrackerImpl, ExpiryQueue, UpgradeableSessionTracker

use crate::delivery::ConnId;
use proto::mutant::{Mutant, is_on};
use proto::{SessionId, session};
use std::collections::{BTreeMap, BTreeSet};
use zab::LinkId;

/// Through whom a session's requests come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A connection of this server.
    Conn(ConnId),
    /// A learner.
    Link(LinkId),
    /// Whoever had it is gone. What that one forwarded may still come, and is late: the session goes on
    /// where it is taken up again (HC-74).
    Nobody,
}

/// Who knows a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The ensemble, by transactions.
    Global,
    /// This server and nobody else.
    Local,
}

#[derive(Debug)]
struct Session {
    reach: Reach,
    timeout_ms: i32,
    deadline_ms: u64,
    owner: Option<Owner>,
    closing: bool,
}

/// A session as an operator sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionInfo {
    /// The session.
    pub id: SessionId,
    /// Its timeout, milliseconds.
    pub timeout_ms: i32,
    /// When it expires unless heard from, on the monotonic clock, milliseconds.
    pub deadline_ms: u64,
}

#[derive(Debug)]
pub(crate) struct Sessions {
    tick_ms: u64,
    /// Whether global sessions expire by the decision of this server.
    decides: bool,
    next_id: SessionId,
    by_id: BTreeMap<SessionId, Session>,
    by_deadline: BTreeMap<u64, BTreeSet<SessionId>>,
}

impl Sessions {
    pub(crate) fn new(tick_ms: u64, server_id: u8, id_seed_ms: u64) -> Self {
        Self {
            tick_ms: tick_ms.max(1),
            decides: true,
            next_id: session::first_id(server_id, id_seed_ms),
            by_id: BTreeMap::new(),
            by_deadline: BTreeMap::new(),
        }
    }

    /// The end of the tick in which `now + timeout` falls.
    fn deadline(&self, now_ms: u64, timeout_ms: i32) -> u64 {
        let mut due = now_ms + u64::from(timeout_ms.unsigned_abs());
        if is_on(Mutant::ExpireEarly) {
            due -= u64::from(timeout_ms.unsigned_abs()) / 2;
        }
        (due / self.tick_ms + 1) * self.tick_ms
    }

    /// An id no live session has; the mark of containers is not one.
    pub(crate) fn fresh_id(&mut self) -> SessionId {
        loop {
            let id = self.next_id;
            self.next_id = SessionId(id.0.wrapping_add(1));
            if id.0 != i64::MIN && id != SessionId::NONE && !self.by_id.contains_key(&id) {
                return id;
            }
        }
    }

    /// Starts to track a global session, with its whole timeout ahead of it (HC-78).
    pub(crate) fn track(&mut self, id: SessionId, timeout_ms: i32, owner: Option<Owner>, now_ms: u64) {
        self.track_as(Reach::Global, id, timeout_ms, owner, now_ms);
    }

    /// Starts to track a session; one that is tracked already becomes of this kind.
    pub(crate) fn track_as(
        &mut self,
        reach: Reach,
        id: SessionId,
        timeout_ms: i32,
        owner: Option<Owner>,
        now_ms: u64,
    ) {
        let deadline_ms = self.deadline(now_ms, timeout_ms);
        let session = Session { reach, timeout_ms, deadline_ms, owner, closing: false };
        if let Some(old) = self.by_id.insert(id, session) {
            self.unschedule(id, old.deadline_ms);
        }
        if self.expires_here(reach) {
            self.by_deadline.entry(deadline_ms).or_default().insert(id);
        }
    }

    fn expires_here(&self, reach: Reach) -> bool {
        self.decides || reach == Reach::Local
    }

    /// Whether nobody but this server knows the session.
    pub(crate) fn is_local(&self, id: SessionId) -> bool {
        self.by_id.get(&id).is_some_and(|session| session.reach == Reach::Local)
    }

    /// Whether the session is tracked, closing or not.
    pub(crate) fn is_known(&self, id: SessionId) -> bool {
        self.by_id.contains_key(&id)
    }

    /// Whether the session is tracked and closing.
    pub(crate) fn is_closing(&self, id: SessionId) -> bool {
        self.by_id.get(&id).is_some_and(|session| session.closing)
    }

    /// Makes a local session global; returns its timeout. Its owner stays.
    pub(crate) fn upgrade(&mut self, id: SessionId, now_ms: u64) -> Option<i32> {
        let session = self.by_id.get(&id).filter(|s| s.reach == Reach::Local && !s.closing)?;
        let (timeout_ms, owner) = (session.timeout_ms, session.owner);
        self.track(id, timeout_ms, owner, now_ms);
        Some(timeout_ms)
    }

    /// Whether requests of this session may still be prepared.
    pub(crate) fn is_live(&self, id: SessionId) -> bool {
        self.by_id.get(&id).is_some_and(|s| !s.closing)
    }

    /// Heard from the session: postpones its deadline. Unknown and closing sessions stay as they are.
    pub(crate) fn touch(&mut self, id: SessionId, now_ms: u64) {
        let Some(timeout_ms) = self.by_id.get(&id).filter(|s| !s.closing).map(|s| s.timeout_ms) else {
            return;
        };
        let deadline_ms = self.deadline(now_ms, timeout_ms);
        self.reschedule(id, deadline_ms);
    }

    fn reschedule(&mut self, id: SessionId, deadline_ms: u64) {
        let Some(session) = self.by_id.get_mut(&id) else { return };
        if deadline_ms <= session.deadline_ms {
            return;
        }
        let old = std::mem::replace(&mut session.deadline_ms, deadline_ms);
        let reach = session.reach;
        self.unschedule(id, old);
        if self.expires_here(reach) {
            self.by_deadline.entry(deadline_ms).or_default().insert(id);
        }
    }

    fn unschedule(&mut self, id: SessionId, deadline_ms: u64) {
        if let Some(bucket) = self.by_deadline.get_mut(&deadline_ms) {
            bucket.remove(&id);
            if bucket.is_empty() {
                self.by_deadline.remove(&deadline_ms);
            }
        }
    }

    /// Moves a session to another owner with a new timeout; returns the one it leaves.
    /// The newest attachment wins (HC-74).
    pub(crate) fn attach(
        &mut self,
        id: SessionId,
        owner: Owner,
        timeout_ms: i32,
        now_ms: u64,
    ) -> Option<Owner> {
        let deadline_ms = self.deadline(now_ms, timeout_ms);
        let session = self.by_id.get_mut(&id)?;
        session.timeout_ms = timeout_ms;
        let left = session.owner.replace(owner).filter(|old| *old != owner);
        self.reschedule(id, deadline_ms);
        left
    }

    /// The connection is gone; its session lives on until its deadline.
    pub(crate) fn detach(&mut self, id: SessionId, conn: ConnId) {
        if let Some(session) = self.by_id.get_mut(&id)
            && session.owner == Some(Owner::Conn(conn))
        {
            session.owner = Some(Owner::Nobody).filter(|_| !is_on(Mutant::OldOwnerReturns));
        }
    }

    /// From now on requests of this session are refused (HC-68).
    pub(crate) fn set_closing(&mut self, id: SessionId) {
        if let Some(session) = self.by_id.get_mut(&id) {
            session.closing = true;
            let deadline_ms = session.deadline_ms;
            self.unschedule(id, deadline_ms);
        }
    }

    /// Whether requests of a session may come this way; a session that never had an owner belongs to whoever
    /// asks first.
    pub(crate) fn owns(&mut self, id: SessionId, owner: Owner) -> bool {
        self.by_id.get_mut(&id).is_some_and(|session| *session.owner.get_or_insert(owner) == owner)
    }

    /// An owner is gone; its sessions live on until their deadlines.
    pub(crate) fn disown(&mut self, owner: Owner) {
        for session in self.by_id.values_mut().filter(|session| session.owner == Some(owner)) {
            session.owner = Some(Owner::Nobody);
        }
    }

    /// The connection of this server that has the session.
    pub(crate) fn conn(&self, id: SessionId) -> Option<ConnId> {
        match self.by_id.get(&id)?.owner {
            Some(Owner::Conn(conn)) => Some(conn),
            _ => None,
        }
    }

    /// A session's timeout, milliseconds.
    pub(crate) fn timeout_ms(&self, id: SessionId) -> Option<i32> {
        self.by_id.get(&id).map(|session| session.timeout_ms)
    }

    /// Forgets a session; returns its connection.
    pub(crate) fn remove(&mut self, id: SessionId) -> Option<ConnId> {
        let session = self.by_id.remove(&id)?;
        self.unschedule(id, session.deadline_ms);
        match session.owner {
            Some(Owner::Conn(conn)) => Some(conn),
            _ => None,
        }
    }

    /// Forgets all sessions, not the ids given out. From now on global sessions expire by the decision of
    /// this server, or of another.
    pub(crate) fn restart(&mut self, decides: bool) {
        self.decides = decides;
        self.by_id.clear();
        self.by_deadline.clear();
    }

    /// Sessions whose deadline has come, in order of deadline.
    pub(crate) fn expired(&self, now_ms: u64) -> Vec<SessionId> {
        let now_ms = if is_on(Mutant::NeverExpire) { 0 } else { now_ms };
        self.by_deadline.range(..=now_ms).flat_map(|(_, ids)| ids.iter().copied()).collect()
    }

    /// When the next session may expire.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.by_deadline.keys().next().copied()
    }

    /// All sessions, in id order.
    pub(crate) fn list(&self) -> Vec<SessionInfo> {
        let info = |(id, s): (&SessionId, &Session)| SessionInfo {
            id: *id,
            timeout_ms: s.timeout_ms,
            deadline_ms: s.deadline_ms,
        };
        self.by_id.iter().map(info).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: SessionId = SessionId(7);
    const C: ConnId = ConnId(1);

    fn tracked() -> Sessions {
        let mut sessions = Sessions::new(2000, 1, 0);
        sessions.track(S, 4000, Some(Owner::Conn(C)), 500);
        sessions
    }

    #[test]
    fn a_session_never_expires_before_its_timeout_and_at_most_a_tick_after() {
        let sessions = tracked();
        assert_eq!(sessions.next_deadline(), Some(6000));
        assert!(sessions.expired(5999).is_empty());
        assert_eq!(sessions.expired(6000), [S]);
    }

    #[test]
    fn touching_postpones_and_never_brings_forward() {
        let mut sessions = tracked();
        sessions.touch(S, 3000);
        assert_eq!(sessions.next_deadline(), Some(8000));
        sessions.touch(S, 100);
        assert_eq!(sessions.next_deadline(), Some(8000));
    }

    #[test]
    fn hc_68_a_closing_session_is_not_live_and_does_not_expire_again() {
        let mut sessions = tracked();
        sessions.set_closing(S);
        assert!(!sessions.is_live(S));
        assert!(sessions.expired(u64::MAX).is_empty());
        sessions.touch(S, 50_000);
        assert!(sessions.expired(u64::MAX).is_empty());
    }

    #[test]
    fn hc_74_the_newest_attachment_wins() {
        let mut sessions = tracked();
        assert_eq!(sessions.attach(S, Owner::Conn(ConnId(2)), 6000, 1000), Some(Owner::Conn(C)));
        sessions.detach(S, C);
        assert_eq!(sessions.remove(S), Some(ConnId(2)));
    }

    #[test]
    fn hc_75_ids_in_use_and_the_container_mark_are_skipped() {
        let mut sessions = Sessions::new(2000, 0x80, 0);
        assert_eq!(sessions.fresh_id().0, i64::MIN + 1);
        let taken = SessionId(i64::MIN + 2);
        sessions.track(taken, 4000, None, 0);
        assert_eq!(sessions.fresh_id().0, i64::MIN + 3);
    }
}

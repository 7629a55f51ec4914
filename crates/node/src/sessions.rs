//! Which sessions live, until when, and on which connection.
//!
//! Deadlines are rounded up to the next tick, so that sessions expire in batches and touching one
//! is cheap; nobody expires early, and everybody at most a tick late.
//!
//! //= java: SessionTrackerImpl, ExpiryQueue

use crate::delivery::ConnId;
use proto::{SessionId, session};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
struct Session {
    timeout_ms: i32,
    deadline_ms: u64,
    conn: Option<ConnId>,
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
    next_id: SessionId,
    by_id: BTreeMap<SessionId, Session>,
    by_deadline: BTreeMap<u64, BTreeSet<SessionId>>,
}

impl Sessions {
    pub(crate) fn new(tick_ms: u64, server_id: u8, id_seed_ms: u64) -> Self {
        Self {
            tick_ms: tick_ms.max(1),
            next_id: session::first_id(server_id, id_seed_ms),
            by_id: BTreeMap::new(),
            by_deadline: BTreeMap::new(),
        }
    }

    /// The end of the tick in which `now + timeout` falls.
    fn deadline(&self, now_ms: u64, timeout_ms: i32) -> u64 {
        let due = now_ms + u64::from(timeout_ms.unsigned_abs());
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

    /// Starts to track a session, with its whole timeout ahead of it (HC-78).
    pub(crate) fn track(&mut self, id: SessionId, timeout_ms: i32, conn: Option<ConnId>, now_ms: u64) {
        let deadline_ms = self.deadline(now_ms, timeout_ms);
        self.by_id.insert(id, Session { timeout_ms, deadline_ms, conn, closing: false });
        self.by_deadline.entry(deadline_ms).or_default().insert(id);
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
        self.unschedule(id, old);
        self.by_deadline.entry(deadline_ms).or_default().insert(id);
    }

    fn unschedule(&mut self, id: SessionId, deadline_ms: u64) {
        if let Some(bucket) = self.by_deadline.get_mut(&deadline_ms) {
            bucket.remove(&id);
            if bucket.is_empty() {
                self.by_deadline.remove(&deadline_ms);
            }
        }
    }

    /// Moves a session to another connection with a new timeout; returns the connection it leaves.
    /// The newest attachment wins (HC-74).
    pub(crate) fn attach(
        &mut self,
        id: SessionId,
        conn: ConnId,
        timeout_ms: i32,
        now_ms: u64,
    ) -> Option<ConnId> {
        let deadline_ms = self.deadline(now_ms, timeout_ms);
        let session = self.by_id.get_mut(&id)?;
        session.timeout_ms = timeout_ms;
        let left = session.conn.replace(conn).filter(|old| *old != conn);
        self.reschedule(id, deadline_ms);
        left
    }

    /// The connection is gone; its session lives on until its deadline.
    pub(crate) fn detach(&mut self, id: SessionId, conn: ConnId) {
        if let Some(session) = self.by_id.get_mut(&id)
            && session.conn == Some(conn)
        {
            session.conn = None;
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

    /// Forgets a session; returns its connection.
    pub(crate) fn remove(&mut self, id: SessionId) -> Option<ConnId> {
        let session = self.by_id.remove(&id)?;
        self.unschedule(id, session.deadline_ms);
        session.conn
    }

    /// Sessions whose deadline has come, in order of deadline.
    pub(crate) fn expired(&self, now_ms: u64) -> Vec<SessionId> {
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
        sessions.track(S, 4000, Some(C), 500);
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
        assert_eq!(sessions.attach(S, ConnId(2), 6000, 1000), Some(C));
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

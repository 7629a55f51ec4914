//! What goes into a session and what comes out.

use super::watches::{WatchKind, WatcherId};
use crate::Error;
use crate::event::WatchedEvent;
use crate::state::SessionState;
use proto::Zxid;
use proto::watch::WatcherKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What a session is to be like.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The timeout to ask servers for.
    pub(crate) session_timeout: Duration,
    /// The most an attempt to connect may take, name look-up and handshake included.
    pub(crate) attempt_timeout: Duration,
    /// After how long without any session to give up; `None`: never.
    pub(crate) establish_within: Option<Duration>,
    /// Bound of the first wait after a failed attempt.
    pub(crate) backoff_first: Duration,
    /// Bound of all waits.
    pub(crate) backoff_most: Duration,
    /// Whether a read-only server will do.
    pub(crate) read_only: bool,
    /// Of everything random.
    pub(crate) seed: u64,
}

/// An input. Those that name a generation are ignored when it is not the present one.
#[derive(Debug)]
pub(crate) enum Input<'a, T> {
    /// Send a request.
    Submit(Submission<T>),
    /// Authenticate, now and on every connection to come.
    Auth {
        /// Which scheme.
        scheme: String,
        /// What it wants to see.
        data: Vec<u8>,
        /// Completed when a server has accepted it.
        token: Option<T>,
    },
    /// A watcher is no longer wanted.
    Forget(WatcherId),
    /// End the session, after everything submitted so far.
    Close {
        /// Completed when the session is closed.
        token: Option<T>,
        /// When to stop trying to tell a server.
        deadline: Duration,
    },
    /// The attempt succeeded.
    Connected {
        /// Which.
        generation: u64,
    },
    /// The attempt failed, or the connection broke.
    Failed {
        /// Which.
        generation: u64,
    },
    /// A frame came in, its length prefix taken off.
    Frame {
        /// On which connection.
        generation: u64,
        /// What was in it.
        payload: &'a [u8],
    },
    /// A writable server was found while connected to a read-only one.
    Writable {
        /// The connection's.
        generation: u64,
    },
    /// Time has passed.
    Tick,
}

/// An output, to be performed in order.
#[derive(Debug)]
pub(crate) enum Output<T> {
    /// Connect to a server.
    Dial {
        /// Number of the attempt.
        generation: u64,
    },
    /// Send bytes on the connection.
    Send(Vec<u8>),
    /// Drop the connection, or the attempt.
    HangUp,
    /// Look for a writable server.
    Probe {
        /// The connection that is read-only.
        generation: u64,
    },
    /// A request has ended.
    Complete(T, Result<Reply, Error>),
    /// The session's state is now this.
    State(SessionState),
    /// Something for a watcher.
    Notify(WatcherId, Notice),
}

/// What a watcher is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    /// A change.
    Event(WatchedEvent),
    /// Events may be missing here: the connection was lost and found.
    Gap,
    /// No more will come: removed on request.
    Removed,
    /// No more will come: the session is over.
    Over(Error),
}

/// A successful reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// What followed the header.
    pub(crate) body: Vec<u8>,
    /// The newest transaction the server had applied; for a write, its own.
    pub(crate) zxid: Zxid,
}

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Submission<T> {
    /// The whole frame; the session puts the number in.
    pub(crate) frame: Vec<u8>,
    /// Completed with the reply.
    pub(crate) token: T,
    /// When to give up.
    pub(crate) deadline: Option<Duration>,
    /// What its success means to the table of watches.
    pub(crate) effect: Effect,
    /// The room it takes.
    pub(crate) permit: Permit,
}

/// What a reply changes in the table of watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// A watcher is set.
    Watch {
        /// Who.
        id: WatcherId,
        /// How.
        by: Registration,
        /// Where.
        path: String,
        /// Whether it is still wanted.
        wanted: bool,
    },
    /// All watchers of a kind are removed.
    Unwatch {
        /// Where.
        path: String,
        /// Which.
        kind: WatcherKind,
    },
    /// Nobody wanted the watches of a kind any more.
    Tidy {
        /// Where.
        path: String,
        /// Which.
        kind: WatcherKind,
    },
    /// The session is closed.
    Close,
}

/// The operation that sets a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Registration {
    /// `getData`.
    Data,
    /// `exists`: which kind it is depends on the answer.
    Exists,
    /// `getChildren`.
    Children,
    /// `addWatch`.
    Persistent,
    /// `addWatch`, recursive.
    Recursive,
}

impl Registration {
    /// The kind that a successful reply, or `exists` saying no, has set.
    pub(crate) fn kind(self, found: bool) -> WatchKind {
        match self {
            Self::Data => WatchKind::Data,
            Self::Exists if found => WatchKind::Data,
            Self::Exists => WatchKind::Exist,
            Self::Children => WatchKind::Child,
            Self::Persistent => WatchKind::Persistent,
            Self::Recursive => WatchKind::Recursive,
        }
    }
}

/// Room that a request takes until its reply is in or its connection gone, even when nobody waits for the
/// reply any more: memory stays bounded while a server does not answer.
#[derive(Debug)]
pub(crate) struct Permit {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

impl Permit {
    /// Takes `bytes` of at most `max`; `None` when they are not there. One request alone always passes.
    pub(crate) fn take(taken: &Arc<AtomicUsize>, bytes: usize, max: usize) -> Option<Self> {
        let grow = |now: usize| (now == 0 || now.saturating_add(bytes) <= max).then(|| now + bytes);
        taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, grow).ok()?;
        Some(Self { taken: Arc::clone(taken), bytes })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::Permit;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn permits_share_what_there_is_and_give_it_back() {
        let taken = Arc::new(AtomicUsize::new(0));
        let first = Permit::take(&taken, 60, 100).unwrap();
        assert!(Permit::take(&taken, 41, 100).is_none());
        let second = Permit::take(&taken, 40, 100).unwrap();
        drop((first, second));
        assert_eq!(taken.load(Ordering::Relaxed), 0);
        assert!(Permit::take(&taken, 1000, 100).is_some(), "one request alone passes");
    }
}

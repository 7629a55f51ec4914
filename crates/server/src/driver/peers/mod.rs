//! The sockets between members of an ensemble.
//!
//! One thread owns them all ([`thread`]): it accepts and dials, reads packets and votes, steps the node
//! once for everything that came, and keeps the node's time. What the node sends on a quorum link is
//! written by whichever thread stepped it ([`wire`]); all other wishes of the node come here as [`Mail`].
//!
//! * [`links`]: quorum links, accepted and dialed. [`outgoing`] and [`incoming`]: snapshots on them.
//! * [`lines`]: election connections; [`voters`]: which of two connections to keep, and when to dial.
//! * [`dialer`] and [`resolver`]: connecting to whatever addresses a server has just now.
//! * [`ports`]: the listening side. [`history`]: log entries for learners, read in the background.

mod dialer;
mod history;
mod incoming;
mod lines;
mod links;
mod membership;
mod noise;
mod outgoing;
mod ports;
mod resolver;
mod settings;
mod sockets;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
mod thread;
mod voters;
mod wire;

pub(crate) use history::run as read_histories;
pub(crate) use outgoing::Outgoing;
pub(crate) use ports::Ports;
pub(crate) use settings::PeerSettings;
pub(crate) use sockets::Sockets;
pub(crate) use thread::run;
pub(crate) use wire::Wire;

use mio::{Poll, Registry, Token, Waker};
use node::{PeerInput, Role};
use parking_lot::Mutex;
use proto::Zxid;
use proto::peer::Notification;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use zab::{Address, LinkId, ServerId};

/// Wakes the peer thread for its mail.
const WAKER: Token = Token(usize::MAX);

/// How often the node is told that a snapshot gets on: well within any tick of a silent link's patience.
const PROGRESS_MS: u64 = 250;

/// What other threads leave for the peer thread, in order.
pub(crate) enum Mail {
    /// Connect to a leader.
    Dial(ServerId, Vec<Address>),
    /// Send a vote.
    Vote(ServerId, Notification),
    /// The node closed a link.
    Closed(LinkId),
    /// The membership is another one now, or may soon be.
    Membership {
        /// The membership's text.
        text: String,
        /// Whether it is committed.
        committed: bool,
    },
    /// There is more to be written to a link.
    Flush(LinkId),
    /// Stream a snapshot into a link.
    Stream(Box<Outgoing>),
    /// A name was looked up.
    Resolved {
        /// The name.
        name: String,
        /// Its addresses.
        found: resolver::Found,
    },
    /// Something for the node.
    Input(PeerInput),
}

/// What all threads share of the peers.
pub(crate) struct Peers {
    waker: Waker,
    pending: AtomicBool,
    mail: Mutex<Vec<Mail>>,
    /// The links that are there as far as the node knows, and those it has not heard of yet.
    wires: Mutex<BTreeMap<LinkId, Arc<Wire>>>,
    /// Logs to be read for learners.
    pub(crate) history: history::History,
    /// How often the node has left a role: the tree it had there may be replaced by another one.
    terms: AtomicU64,
    /// When the node next wants to be told the time, monotonic milliseconds.
    deadline_ms: AtomicU64,
    /// Until when the peer thread sleeps.
    sleeps_until_ms: AtomicU64,
}

impl std::fmt::Debug for Peers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peers").finish_non_exhaustive()
    }
}

impl Peers {
    /// For the peer thread that waits on `poll`.
    ///
    /// # Errors
    /// The system refuses a waker.
    pub(crate) fn new(poll: &Poll) -> io::Result<Self> {
        Ok(Self {
            waker: Waker::new(poll.registry(), WAKER)?,
            pending: AtomicBool::new(false),
            mail: Mutex::default(),
            wires: Mutex::default(),
            history: history::History::default(),
            terms: AtomicU64::new(0),
            deadline_ms: AtomicU64::new(0),
            sleeps_until_ms: AtomicU64::new(0),
        })
    }

    /// The sending half of a link that is there.
    pub(crate) fn wire(&self, link: LinkId) -> Option<Arc<Wire>> {
        self.wires.lock().get(&link).cloned()
    }

    fn has_wire(&self, link: LinkId) -> bool {
        self.wires.lock().contains_key(&link)
    }

    fn add_wire(&self, wire: &Arc<Wire>) {
        self.wires.lock().insert(wire.id, Arc::clone(wire));
    }

    /// Forgets a link: the node has closed it, or is told now that it is gone; the caller holds the node.
    pub(crate) fn remove_wire(&self, link: LinkId) -> Option<Arc<Wire>> {
        self.wires.lock().remove(&link)
    }

    /// The node has taken a role, or left one; the caller holds it.
    pub(crate) fn role_changed(&self, role: Role) {
        if matches!(role, Role::Looking | Role::ReadOnly) {
            self.terms.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn term(&self) -> u64 {
        self.terms.load(Ordering::Acquire)
    }

    /// Leaves mail without waking anybody; the caller holds the node, which keeps it in order.
    /// Whether [`Peers::wake`] is to be called once the node is unlocked.
    #[must_use]
    pub(crate) fn put(&self, mail: &mut Vec<Mail>) -> bool {
        self.mail.lock().append(mail);
        !self.pending.swap(true, Ordering::AcqRel)
    }

    /// Leaves one piece of mail.
    pub(crate) fn mail(&self, mail: Mail) {
        if self.put(&mut vec![mail]) {
            self.wake();
        }
    }

    fn take_mail(&self) -> Vec<Mail> {
        self.pending.store(false, Ordering::Release);
        std::mem::take(&mut *self.mail.lock())
    }

    fn has_mail(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }

    /// Interrupts the peer thread's wait.
    pub(crate) fn wake(&self) {
        // Fails only when the thread is gone, and then there is nobody to wake.
        let _ = self.waker.wake();
    }

    /// The node was stepped and has this deadline now. Whether the peer thread would sleep past it.
    #[must_use]
    pub(crate) fn set_deadline(&self, deadline_ms: u64) -> bool {
        self.deadline_ms.store(deadline_ms, Ordering::SeqCst);
        deadline_ms < self.sleeps_until_ms.load(Ordering::SeqCst)
    }

    fn deadline(&self) -> u64 {
        self.deadline_ms.load(Ordering::SeqCst)
    }

    /// The peer thread sleeps until then; 0 when it is awake.
    fn sleeps_until(&self, at_ms: u64) {
        self.sleeps_until_ms.store(at_ms, Ordering::SeqCst);
    }

    pub(crate) fn close(&self) {
        self.history.close();
        self.wake();
    }
}

/// What connecting and accepting need of the thread they run on.
struct Ground<'a> {
    registry: &'a Registry,
    next_token: &'a mut usize,
    now_ms: u64,
    /// What the node is to be told.
    inputs: &'a mut Vec<PeerInput>,
}

impl Ground<'_> {
    /// A number no socket had before: an event that comes late finds nobody.
    fn fresh_token(&mut self) -> usize {
        *self.next_token += 1;
        *self.next_token
    }
}

/// Something the node asks of the log's files for a learner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// For which learner.
    pub(crate) link: LinkId,
    /// Its last transaction.
    pub(crate) after: Zxid,
}

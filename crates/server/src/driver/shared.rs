//! What all threads of one server share.

use crate::config::{ClientPort, Config};
use crate::driver::clock::Clock;
use crate::driver::counters::Counters;
use crate::driver::limits::{Admission, LargeRequests};
use crate::driver::log_queue::LogQueue;
use crate::driver::mailbox::Mailbox;
use crate::driver::outbox::Courier;
use crate::driver::peers::Peers;
use crate::driver::registry::Registry;
use crate::driver::snapshots::Snapshots;
use crate::driver::words::WordDesk;
use node::{Node, Now, Role, Store};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use storage::{DataDirs, SharedDisk};

/// One server's common ground.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<Store>,
    pub(crate) node: Mutex<Node>,
    pub(crate) log: LogQueue,
    pub(crate) mailboxes: Vec<Mailbox>,
    /// The other members; `None` for a server that is alone.
    pub(crate) peers: Option<Arc<Peers>>,
    pub(crate) disk: SharedDisk,
    pub(crate) dirs: DataDirs,
    pub(crate) snapshots: Snapshots,
    pub(crate) admission: Admission,
    pub(crate) large_requests: LargeRequests,
    /// One for each event loop.
    pub(crate) counters: Vec<Counters>,
    /// Log syncs slower than the threshold.
    pub(crate) slow_syncs: AtomicU64,
    pub(crate) registry: Registry,
    pub(crate) words: WordDesk,
    /// Where clients connect.
    pub(crate) address: Mutex<SocketAddr>,
    /// Where they shall connect from now on, for the event loop that accepts.
    pub(crate) client_port: Mutex<Option<ClientPort>>,
    /// Transactions in the node, refreshed after each step.
    pub(crate) outstanding: AtomicUsize,
    /// Second of the last quota warning.
    pub(crate) quota_warned: AtomicU64,
    stopping: AtomicBool,
    end: Mutex<Option<Result<(), String>>>,
    ended: Condvar,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("address", &*self.address.lock()).finish_non_exhaustive()
    }
}

/// The parts of [`Shared`] that have to exist before it.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<Store>,
    pub(crate) node: Node,
    pub(crate) mailboxes: Vec<Mailbox>,
    pub(crate) peers: Option<Arc<Peers>>,
    pub(crate) disk: SharedDisk,
    pub(crate) dirs: DataDirs,
    pub(crate) address: SocketAddr,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            admission: Admission::new(&parts.config),
            large_requests: LargeRequests::new(&parts.config.limits),
            snapshots: Snapshots::new(&parts.config.storage),
            config: parts.config,
            clock: parts.clock,
            store: parts.store,
            node: Mutex::new(parts.node),
            log: LogQueue::default(),
            disk: parts.disk,
            dirs: parts.dirs,
            counters: parts.mailboxes.iter().map(|_| Counters::default()).collect(),
            slow_syncs: AtomicU64::new(0),
            mailboxes: parts.mailboxes,
            peers: parts.peers,
            registry: Registry::default(),
            words: WordDesk::default(),
            address: Mutex::new(parts.address),
            client_port: Mutex::new(None),
            outstanding: AtomicUsize::new(0),
            quota_warned: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            end: Mutex::new(None),
            ended: Condvar::new(),
        }
    }

    /// Whether threads should come to their end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Ends the server: `Ok` when somebody asked for it, `Err` when going on could lose data. The
    /// first reason stands.
    pub(crate) fn stop(&self, reason: Result<(), String>) {
        self.end.lock().get_or_insert(reason);
        self.stopping.store(true, Ordering::Release);
        self.ended.notify_all();
        for mailbox in &self.mailboxes {
            mailbox.wake();
        }
        if let Some(peers) = &self.peers {
            peers.close();
        }
        self.log.close();
        self.words.close();
        self.snapshots.close();
    }

    /// Ends a step of the node: hands on what it put out, in its order where that matters.
    pub(crate) fn release(&self, node: MutexGuard<'_, Node>, courier: &mut Courier<'_>, now: Now) {
        courier.flush();
        self.outstanding.store(node.outstanding(), Ordering::Relaxed);
        let stopped = node.stopped();
        let roles = courier.take_roles();
        let epoch = if roles.is_empty() { 0 } else { node.status().accepted_epoch };
        // Never in the past, whatever the node thinks of it: its time would be told without end.
        let deadline_ms = node.next_deadline().max(now.monotonic_ms + 1);
        let is_late = self.peers.as_ref().is_some_and(|peers| peers.set_deadline(deadline_ms));
        drop(node);
        courier.notify();
        if is_late {
            courier.wake_peer_thread();
        }
        for (role, why) in roles {
            let (role, leader) = role_name(role);
            tracing::info!(role, leader, epoch, why, "role");
        }
        if let Some(exhausted) = stopped {
            self.stop(Err(exhausted.to_string()));
        }
    }

    /// Moves the client port.
    pub(crate) fn move_client_port(&self, host: String, port: u16) {
        let backlog = self.config.client_port.as_ref().and_then(|client| client.backlog);
        // As the reference's, an address for everything stands for both families.
        let host = Some(host).filter(|host| host != "0.0.0.0");
        *self.client_port.lock() = Some(ClientPort { host, port, backlog });
        self.wake(0);
    }

    /// Wakes a thread that steps the node: an event loop, or with the next number the peer thread.
    pub(crate) fn wake(&self, thread: usize) {
        match (self.mailboxes.get(thread), &self.peers) {
            (Some(mailbox), _) => mailbox.wake(),
            (None, Some(peers)) => peers.wake(),
            (None, None) => {}
        }
    }

    /// Waits at most `time`; `true` when the server is stopping.
    pub(crate) fn wait_for_stop(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut end = self.end.lock();
        while end.is_none() && !self.ended.wait_until(&mut end, until).timed_out() {}
        end.is_some()
    }

    /// Waits until [`Shared::stop`] was called, and says why.
    pub(crate) fn wait(&self) -> Result<(), String> {
        let mut end = self.end.lock();
        loop {
            match &*end {
                Some(reason) => return reason.clone(),
                None => self.ended.wait(&mut end),
            }
        }
    }
}

/// A role in a word, and whose learner it makes this server.
fn role_name(role: Role) -> (&'static str, Option<i64>) {
    match role {
        Role::Standalone => ("standalone", None),
        Role::Looking => ("looking", None),
        Role::ReadOnly => ("read-only", None),
        Role::Leading => ("leading", None),
        Role::Following(leader) => ("following", Some(leader.0)),
        Role::Observing(leader) => ("observing", Some(leader.0)),
    }
}

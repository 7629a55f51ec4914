//! Carries what the node puts out to the threads that perform it.

use crate::driver::log_queue::LogOp;
use crate::driver::peers::{Mail, Outgoing, Wanted, Wire};
use crate::driver::shared::Shared;
use crate::driver::slab::loop_of;
use node::{Delivery, Outbox, Role};
use proto::Zxid;
use proto::peer::{Entry, Notification, Packet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tree::{QuotaWarning, Tree};
use zab::{Address, LinkId, Record, ServerId, Transport};

/// Collects the node outputs of one thread. Deliveries become visible to their event loops at every
/// [`Outbox::publish`], what is to be stored reaches the log thread at [`Courier::flush`], packets to
/// other members are written at [`Courier::notify`].
pub(crate) struct Courier<'a> {
    shared: &'a Shared,
    /// The event loop that steps the node: it looks into its mailbox by itself. One more than there are
    /// stands for the peer thread, anything else for a thread that waits for neither.
    me: usize,
    deliveries: Vec<Vec<Delivery>>,
    wake: Vec<bool>,
    ops: Vec<LogOp>,
    /// For the peer thread.
    mail: Vec<Mail>,
    wake_peers: bool,
    /// Links something was sent on.
    touched: Vec<Arc<Wire>>,
    /// Roles taken, and why: to be told once the node is unlocked.
    roles: Vec<(Role, String)>,
}

impl<'a> Courier<'a> {
    pub(crate) fn new(shared: &'a Shared, me: usize) -> Self {
        let loops = shared.mailboxes.len();
        Self {
            shared,
            me,
            deliveries: (0..loops).map(|_| Vec::new()).collect(),
            wake: vec![false; loops],
            ops: Vec::new(),
            mail: Vec::new(),
            wake_peers: false,
            touched: Vec::new(),
            roles: Vec::new(),
        }
    }

    /// For a thread that nobody has to wake: what it brings to the log, the peer thread waits for.
    pub(crate) fn apart(shared: &'a Shared) -> Self {
        Self::new(shared, usize::MAX)
    }

    /// To be called with the node still locked: the log must see operations in the node's order.
    pub(crate) fn flush(&mut self) {
        self.publish();
        self.shared.log.push(&mut self.ops, self.me);
        if let Some(peers) = &self.shared.peers
            && !self.mail.is_empty()
        {
            self.wake_peers |= peers.put(&mut self.mail);
        }
    }

    /// To be called after the node is unlocked.
    pub(crate) fn notify(&mut self) {
        for (index, wake) in self.wake.iter_mut().enumerate() {
            if std::mem::take(wake) && index != self.me {
                self.shared.mailboxes[index].wake();
            }
        }
        self.shared.log.notify();
        let unfinished = self.touched.drain(..).filter(|wire| wire.flush()).map(|wire| Mail::Flush(wire.id));
        self.mail.extend(unfinished);
        if let Some(peers) = &self.shared.peers
            && !self.mail.is_empty()
        {
            self.wake_peers |= peers.put(&mut self.mail);
        }
        if std::mem::take(&mut self.wake_peers) {
            self.wake_peer_thread();
        }
    }

    /// Interrupts the peer thread's wait, unless this is that thread.
    pub(crate) fn wake_peer_thread(&self) {
        if self.me != self.wake.len()
            && let Some(peers) = &self.shared.peers
        {
            peers.wake();
        }
    }

    /// The roles the node has taken since the last call, and why.
    pub(crate) fn take_roles(&mut self) -> Vec<(Role, String)> {
        std::mem::take(&mut self.roles)
    }

    /// The sending half of a link, to be flushed later.
    fn wire(&mut self, link: LinkId) -> Option<&Wire> {
        // Few links, and mostly the same ones in turn.
        let at = match self.touched.iter().position(|wire| wire.id == link) {
            Some(at) => at,
            None => {
                self.touched.push(self.shared.peers.as_ref()?.wire(link)?);
                self.touched.len() - 1
            }
        };
        self.touched.get(at).map(Arc::as_ref)
    }
}

impl Transport for Courier<'_> {
    fn append(&mut self, zxid: Zxid, entry: Entry) {
        self.shared.words.leading.count(entry.len());
        self.ops.push(LogOp::Append(zxid, entry));
    }

    fn record(&mut self, record: Record) {
        if let Record::Config { text, committed } = &record {
            self.mail.push(Mail::Membership { text: text.clone(), committed: *committed });
        }
        self.ops.push(LogOp::Record(record));
    }

    fn send(&mut self, link: LinkId, packet: Packet) {
        if let Some(wire) = self.wire(link) {
            wire.send(&packet);
        }
    }

    fn close(&mut self, link: LinkId) {
        if let Some(wire) = self.wire(link) {
            wire.close();
        }
        if let Some(peers) = &self.shared.peers {
            peers.remove_wire(link);
            self.mail.push(Mail::Closed(link));
        }
    }

    fn dial(&mut self, leader: ServerId, addresses: &[Address]) {
        self.mail.push(Mail::Dial(leader, addresses.to_vec()));
    }

    fn vote(&mut self, to: ServerId, vote: Notification) {
        self.mail.push(Mail::Vote(to, vote));
    }

    fn read_history(&mut self, link: LinkId, after: Zxid) {
        if let Some(peers) = &self.shared.peers {
            peers.history.ask(Wanted { link, after });
        }
    }

    fn send_snapshot(&mut self, link: LinkId) {
        if let Some(peers) = &self.shared.peers
            && let Some(wire) = peers.wire(link)
        {
            self.mail.push(Mail::Stream(Box::new(Outgoing::begin(self.shared, peers, wire))));
        }
    }
}

impl Outbox for Courier<'_> {
    fn truncate(&mut self, to: Zxid, reload: bool) {
        self.ops.push(LogOp::Truncate { to, reload });
    }

    fn install(&mut self, zxid: Zxid, tree: Box<Tree>) {
        self.ops.push(LogOp::Install { zxid, tree });
    }

    fn role_changed(&mut self, role: Role, why: &str) {
        self.roles.push((role, why.to_owned()));
        let now_ms = self.shared.clock.now().monotonic_ms;
        self.shared.words.leading.role_changed(role == Role::Leading, now_ms);
        self.shared.snapshots.role_changed(role);
        if let Some(peers) = &self.shared.peers {
            peers.role_changed(role);
        }
    }

    fn diverged(&mut self, zxid: Zxid) {
        tracing::error!(%zxid, "tree differs from the leader's after this transaction");
    }

    fn deliver(&mut self, delivery: Delivery) {
        self.deliveries[loop_of(delivery.conn)].push(delivery);
    }

    /// One line a second at most: a client at its quota writes on, and each write would have one.
    fn quota_exceeded(&mut self, w: QuotaWarning) {
        let second = self.shared.clock.now().monotonic_ms / 1000;
        if self.shared.quota_warned.swap(second, Ordering::Relaxed) != second {
            tracing::warn!(path = ?w.path, what = w.what, used = w.used, limit = w.limit, hard = w.hard, "quota exceeded");
        }
    }

    fn publish(&mut self) {
        for (index, deliveries) in self.deliveries.iter_mut().enumerate() {
            if !deliveries.is_empty() {
                self.wake[index] |= self.shared.mailboxes[index].put(deliveries);
            }
        }
    }
}

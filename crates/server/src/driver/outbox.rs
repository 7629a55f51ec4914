//! Carries what the node puts out to the threads that perform it.

use crate::driver::log_queue::LogOp;
use crate::driver::shared::Shared;
use crate::driver::slab::loop_of;
use node::{Delivery, Outbox, Role};
use proto::Zxid;
use proto::peer::{Entry, Notification, Packet};
use std::sync::atomic::Ordering;
use tree::{QuotaWarning, Tree};
use zab::{Address, LinkId, Record, ServerId, Transport};

/// Collects one event loop's node outputs. Deliveries become visible to their event loops at every
/// [`Outbox::publish`], what is to be stored reaches the log thread at [`Courier::flush`].
#[derive(Debug)]
pub(crate) struct Courier<'a> {
    shared: &'a Shared,
    /// The event loop that steps the node: it looks into its mailbox by itself.
    me: usize,
    deliveries: Vec<Vec<Delivery>>,
    wake: Vec<bool>,
    ops: Vec<LogOp>,
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
        }
    }

    /// To be called with the node still locked: the log must see operations in the node's order.
    pub(crate) fn flush(&mut self) {
        self.publish();
        self.shared.log.push(&mut self.ops, self.me);
    }

    /// To be called after the node is unlocked.
    pub(crate) fn notify(&mut self) {
        for (index, wake) in self.wake.iter_mut().enumerate() {
            if std::mem::take(wake) && index != self.me {
                self.shared.mailboxes[index].wake();
            }
        }
        self.shared.log.notify();
    }
}

impl Transport for Courier<'_> {
    fn append(&mut self, zxid: Zxid, entry: Entry) {
        self.ops.push(LogOp::Append(zxid, entry));
    }
    fn send(&mut self, _link: LinkId, _packet: Packet) {}
    fn close(&mut self, _link: LinkId) {}
    fn dial(&mut self, _leader: ServerId, _addresses: &[Address]) {}
    fn vote(&mut self, _to: ServerId, _vote: Notification) {}
    fn record(&mut self, record: Record) {
        self.ops.push(LogOp::Record(record));
    }
    fn read_history(&mut self, _link: LinkId, _after: Zxid) {}
    fn send_snapshot(&mut self, _link: LinkId) {}
}

impl Outbox for Courier<'_> {
    fn truncate(&mut self, to: Zxid, reload: bool) {
        self.ops.push(LogOp::Truncate { to, reload });
    }

    fn install(&mut self, zxid: Zxid, tree: Box<Tree>) {
        self.ops.push(LogOp::Install { zxid, tree });
    }

    fn role_changed(&mut self, role: Role, _why: &str) {
        self.shared.snapshots.role_changed(role);
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

//! What a node hands out, and to whom.

use proto::{SessionId, Zxid};
use tree::QuotaWarning;

/// A client connection. Drivers choose the numbers and never use one again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

impl From<ConnId> for tree::WatcherId {
    fn from(id: ConnId) -> Self {
        tree::WatcherId(id.0)
    }
}

/// Something for one connection, to be taken in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// To whom.
    pub conn: ConnId,
    /// What.
    pub what: What,
}

/// What a connection is handed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The reply to its oldest submission: a whole frame.
    Reply {
        /// The frame.
        frame: Vec<u8>,
        /// When the submission was received, for latency statistics.
        started_ms: u64,
        /// Whether the connection ends after this reply.
        last: bool,
    },
    /// A watch event: a whole frame.
    Event(Vec<u8>),
    /// The handshake succeeded.
    Opened {
        /// The session now attached.
        session: SessionId,
        /// The negotiated timeout, milliseconds.
        timeout_ms: i32,
    },
    /// The handshake failed: the session is gone, or never was this client's.
    Refused,
    /// The connection is to be closed after what was delivered before.
    Close,
}

/// Takes what a node puts out, in order.
///
/// The server's writes to queues, the simulator's collects; see [`Output`].
pub trait Outbox {
    /// Append this entry to the log; report [`crate::Input::Synced`] once it is durable.
    fn append(&mut self, zxid: Zxid, entry: Vec<u8>);

    /// Hand this to a connection.
    fn deliver(&mut self, delivery: Delivery);

    /// A write exceeds a quota: something to tell operators, nothing else follows from it.
    fn quota_exceeded(&mut self, warning: QuotaWarning) {
        let _ = warning;
    }

    /// Called while the tree is still held for writing: everything delivered so far must be
    /// visible to its connection before that connection can look at the tree again. This is what
    /// puts an event before any reply that shows its change (HC-93).
    fn publish(&mut self);
}

/// What a node puts out, as values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// See [`Outbox::append`].
    Append {
        /// The entry's transaction.
        zxid: Zxid,
        /// The bytes of the entry.
        entry: Vec<u8>,
    },
    /// See [`Outbox::deliver`].
    Deliver(Delivery),
}

impl Outbox for Vec<Output> {
    fn append(&mut self, zxid: Zxid, entry: Vec<u8>) {
        self.push(Output::Append { zxid, entry });
    }
    fn deliver(&mut self, delivery: Delivery) {
        self.push(Output::Deliver(delivery));
    }
    fn publish(&mut self) {}
}

//! What a node hands out, and to whom.

use crate::peer::Role;
use proto::peer::{Entry, Notification, Packet};
use proto::{SessionId, Zxid};
use tree::{QuotaWarning, Tree};
use zab::{Address, LinkId, Record, ServerId, Transport};

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
        /// Whether it is a session without a leader, for reading only.
        read_only: bool,
    },
    /// The handshake failed: the session is gone, or never was this client's.
    Refused,
    /// The connection is to be closed after what was delivered before.
    Close,
}

/// Takes what a node puts out, in order.
///
/// The server's writes to queues, the simulator's collects; see [`Output`]. What is handed to the log
/// ([`Transport::append`], [`Transport::record`], [`Outbox::truncate`], [`Outbox::install`]) is performed
/// strictly in this order and counted for [`crate::Input::Stored`].
pub trait Outbox: Transport {
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

    /// Take back every log entry after `to`, and every snapshot named later. With `reload`, read the
    /// tree back from what is left. A failure ends the process (HC-46). Answered by
    /// [`crate::Input::Truncated`].
    fn truncate(&mut self, to: Zxid, reload: bool);

    /// Make this tree a snapshot, durable, that replaces the whole log: entries on disk are of no more
    /// use, whichever their zxid (HC-18, HC-31). A crash before the end leaves the old state (HC-29).
    /// Answered by [`crate::Input::Installed`].
    fn install(&mut self, zxid: Zxid, tree: Box<Tree>);

    /// The member does something else now: for the operator's log. No snapshot may span this.
    fn role_changed(&mut self, role: Role, why: &str) {
        let _ = (role, why);
    }

    /// This member's tree differs from its leader's after this transaction (HC-111).
    fn diverged(&mut self, zxid: Zxid) {
        let _ = zxid;
    }
}

/// What a node puts out, as values.
#[derive(Debug)]
pub enum Output {
    /// See [`Transport::append`].
    Append {
        /// The entry's transaction.
        zxid: Zxid,
        /// The bytes of the entry.
        entry: Entry,
    },
    /// See [`Transport::record`].
    Record(Record),
    /// See [`Outbox::truncate`].
    Truncate {
        /// The last transaction to keep.
        to: Zxid,
        /// Whether the tree is to be read back.
        reload: bool,
    },
    /// See [`Outbox::install`].
    Install {
        /// The snapshot's name.
        zxid: Zxid,
        /// What is in it.
        tree: Box<Tree>,
    },
    /// See [`Outbox::deliver`].
    Deliver(Delivery),
    /// See [`Transport::send`].
    Send(LinkId, Packet),
    /// See [`Transport::close`].
    Close(LinkId),
    /// See [`Transport::dial`].
    Dial(ServerId, Vec<Address>),
    /// See [`Transport::vote`].
    Vote(ServerId, Notification),
    /// See [`Transport::read_history`].
    ReadHistory {
        /// For which learner.
        link: LinkId,
        /// Its last transaction.
        after: Zxid,
    },
    /// See [`Transport::send_snapshot`].
    SendSnapshot(LinkId),
    /// See [`Outbox::role_changed`].
    Role(Role, String),
    /// See [`Outbox::diverged`].
    Diverged(Zxid),
}

/// Collects what a node puts out, in order.
#[derive(Debug, Default)]
pub struct Outputs(pub Vec<Output>);

impl Transport for Outputs {
    fn send(&mut self, link: LinkId, packet: Packet) {
        self.0.push(Output::Send(link, packet));
    }
    fn close(&mut self, link: LinkId) {
        self.0.push(Output::Close(link));
    }
    fn dial(&mut self, leader: ServerId, addresses: &[Address]) {
        self.0.push(Output::Dial(leader, addresses.to_vec()));
    }
    fn vote(&mut self, to: ServerId, vote: Notification) {
        self.0.push(Output::Vote(to, vote));
    }
    fn append(&mut self, zxid: Zxid, entry: Entry) {
        self.0.push(Output::Append { zxid, entry });
    }
    fn record(&mut self, record: Record) {
        self.0.push(Output::Record(record));
    }
    fn read_history(&mut self, link: LinkId, after: Zxid) {
        self.0.push(Output::ReadHistory { link, after });
    }
    fn send_snapshot(&mut self, link: LinkId) {
        self.0.push(Output::SendSnapshot(link));
    }
}

impl Outbox for Outputs {
    fn deliver(&mut self, delivery: Delivery) {
        self.0.push(Output::Deliver(delivery));
    }
    fn publish(&mut self) {}
    fn truncate(&mut self, to: Zxid, reload: bool) {
        self.0.push(Output::Truncate { to, reload });
    }
    fn install(&mut self, zxid: Zxid, tree: Box<Tree>) {
        self.0.push(Output::Install { zxid, tree });
    }
    fn role_changed(&mut self, role: Role, why: &str) {
        self.0.push(Output::Role(role, why.to_owned()));
    }
    fn diverged(&mut self, zxid: Zxid) {
        self.0.push(Output::Diverged(zxid));
    }
}

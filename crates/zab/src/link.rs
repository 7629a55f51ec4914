//! What the agreement asks of those who carry it out.

use crate::config::Address;
use crate::quorum::ServerId;
use proto::Zxid;
use proto::peer::{Entry, Notification, Packet};

/// One connection between a learner and a leader, at either end. Drivers choose the numbers and never
/// use one again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// Something to be made durable, in order with the entries appended to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The file `acceptedEpoch`.
    AcceptedEpoch(u32),
    /// The file `currentEpoch`.
    CurrentEpoch(u32),
    /// The membership, committed, or only last seen (`.next`): its text.
    Config {
        /// The text, with its version.
        text: String,
        /// Whether it is committed.
        committed: bool,
    },
}

/// Takes what the agreement puts out, in order.
pub trait Transport {
    /// Sends a packet; packets of one link arrive in this order.
    fn send(&mut self, link: LinkId, packet: Packet);

    /// Closes a link after what was sent before. Nothing more is heard of it.
    fn close(&mut self, link: LinkId);

    /// Connects to a leader's quorum port, all addresses at once; the answer is `Dialed` or `DialFailed`.
    fn dial(&mut self, leader: ServerId, addresses: &[Address]);

    /// Sends a vote to a server's election port, connecting to it if need be; a newer vote may replace
    /// it while it has not left.
    fn vote(&mut self, to: ServerId, vote: Notification);

    /// Appends an entry to the log.
    fn append(&mut self, zxid: Zxid, entry: Entry);

    /// Makes something durable, in order with [`Transport::append`].
    fn record(&mut self, record: Record);

    /// Asks for log entries on disk: the one at or before `after` if there is one, and all later ones.
    /// The answer is `History`.
    fn read_history(&mut self, link: LinkId, after: Zxid);

    /// Streams the tree as it stands, and as it changes meanwhile, into the link, before anything sent
    /// later.
    fn send_snapshot(&mut self, link: LinkId);
}

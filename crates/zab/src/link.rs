//! What the agreement asks of those who carry it out.

use crate::config::Address;
use crate::quorum::ServerId;
use proto::Zxid;
use proto::peer::{Entry, Notification, Packet, PacketKind};

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

/// Whether a packet directly behind another one of the same link says all that the other does: such
/// acknowledgements and commits mean everything up to their zxid, and only the last of many has to be
/// taken in.
pub fn supersedes(next: &Packet, last: &Packet) -> bool {
    next.kind == last.kind
        && matches!(next.kind, PacketKind::Ack | PacketKind::Commit)
        && next.zxid > last.zxid
        && next.zxid.epoch() == last.zxid.epoch()
        // The beginning of an epoch stands for something else.
        && last.zxid.counter() > 0
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

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(kind: PacketKind, epoch: u32, counter: u32) -> Packet {
        Packet::new(kind, Zxid::new(epoch, counter))
    }

    #[test]
    fn a_later_acknowledgement_or_commit_stands_for_those_before_it_in_its_epoch() {
        use PacketKind::{Ack, Commit, Ping};
        for kind in [Ack, Commit] {
            assert!(supersedes(&packet(kind, 2, 7), &packet(kind, 2, 6)));
            assert!(!supersedes(&packet(kind, 2, 6), &packet(kind, 2, 6)), "a repetition is not a later one");
            assert!(!supersedes(&packet(kind, 2, 6), &packet(kind, 2, 7)), "nor is an earlier one");
            assert!(!supersedes(&packet(kind, 3, 1), &packet(kind, 2, 7)), "nor one of another epoch");
        }
        assert!(
            !supersedes(&packet(Ack, 2, 1), &packet(Ack, 2, 0)),
            "the answer to NEWLEADER stands by itself"
        );
        assert!(!supersedes(&packet(Commit, 2, 7), &packet(Ack, 2, 6)));
        assert!(!supersedes(&packet(Ping, 2, 7), &packet(Ping, 2, 6)));
    }
}

//! What members of an ensemble say to each other.
//!
//! * [`packet`]: learner and leader, on the quorum port.
//! * [`snap`]: a whole tree, between two packets.
//! * [`notification`]: votes, on the election port.
//! * [`hello`]: how an election connection begins.

pub mod hello;
pub mod notification;
pub mod packet;
pub mod snap;

pub use hello::Hello;
pub use notification::{Notification, PeerState};
pub use packet::{Forwarded, LearnerInfo, Packet, PacketKind};
pub use snap::{SnapError, SnapStream};

use std::sync::Arc;

/// The bytes of one log entry (header, transaction, digest), shared between the log, the history and
/// the links to learners.
pub type Entry = Arc<[u8]>;

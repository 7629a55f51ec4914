//! One member of the service as a value.
//!
//! A [`Node`] is given inputs (a request, "this much of the log is durable", "the time is now t")
//! and hands outputs to an [`Outbox`] (bytes to append, replies, events). A [`Connection`] is the
//! same for one client: it knows the handshake and what is outstanding, and decides for each
//! request whether to answer from the tree at once or to go through the node. Neither opens a
//! socket, reads a clock, starts a thread or draws a random number, so the simulator drives
//! exactly what the server runs.
//!
//! The one lock in here is the tree's read side, in [`Store`]: connections answer reads on their
//! own threads while the node applies transactions.
//!
//! ```text
//! frame -> Connection --(read, nothing outstanding)--> tree -> reply
//!              |
//!              +--(write, or read behind a write)--> Node::step(Request)
//!                      prepare -> zxid -> Outbox::append ... Input::Synced -> commit -> apply
//!                      -> events, replies -> Outbox::deliver -> Connection::on_delivery
//! ```

mod apply;
mod attached;
mod connection;
mod containers;
mod delivery;
mod ledger;
mod local;
#[path = "node.rs"]
mod member;
mod peer;
mod reply;
mod requests;
mod roles;
mod sessions;
mod settings;
mod store;

pub use connection::{Connection, ConnectionStats, Flow, Submission, SubmissionKind, Turn};
pub use delivery::{ConnId, Delivery, Outbox, Output, Outputs, What};
pub use member::{Exhausted, Input, Node, Request};
pub use peer::{EnsembleSettings, Membership, PeerInput, Role, Status};
pub use sessions::SessionInfo;
pub use settings::{Now, Settings};
pub use store::{Serving, Store, View};
pub use zab::LearnerStatus;

//! Four-letter words: the plain-text questions an operator asks on the client port.
//!
//! The first four bytes of a connection are a word or a frame's length ([`parse`]). A word may have an
//! [`Effect`] that the driver performs first; then [`answer`] makes the reply from a [`View`] of the server,
//! and the connection is closed. Nothing here touches a socket.

mod environment;
mod member;
mod metrics;
mod operation;
mod render;
#[cfg(test)]
mod tests;
mod view;
mod whitelist;
mod word;

pub use environment::environment;
pub use member::{Leading, Member, ProposalSizes, mode};
pub use metrics::{Gauges, Metric, MetricValue};
pub use operation::operation_name;
pub use render::{answer, render};
pub use view::{
    Connection, ConnectionSession, DigestAt, DirectorySizes, Expiring, Mode, Samples, Summary, View,
    WatchCounts,
};
pub use whitelist::Whitelist;
pub use word::{DEFAULT_TRACE_MASK, Effect, TELNET_CLOSE, Word, parse};

//! The agreement on one order of transactions.
//!
//! Transactions are opaque here: this crate knows their zxids and who has stored them, nothing of
//! znodes or sessions. Today it holds the last phase of ZAB, broadcast, which is all that a quorum
//! of one needs; election, discovery and synchronization will stand beside it, and the write path
//! above stays as it is.
//!
//! No sockets, files, threads or clock: values in, values out.

mod broadcast;
mod quorum;

pub use broadcast::{Broadcast, Exhausted};
pub use quorum::{Majority, ServerId};

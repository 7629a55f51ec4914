//! The replicated state machine: znodes, access control, quotas, sessions, watches, digest.
//!
//! A write passes through here three times: [`prepare`] decides on the leader, against the tree and
//! what is [`Outstanding`], which transaction a request becomes; [`Tree::apply`] performs it on every
//! member; [`encode_write_reply`] tells the client. [`read`] answers everything else. Each operation
//! keeps its part of the three in one file under [`ops`].
//!
//! Nothing here opens a socket or file, reads a clock, starts a thread or takes a lock; time and
//! transaction ids come in as arguments, and equal inputs give equal outputs.

pub mod auth;
pub mod ops;

mod acl;
mod arena;
mod digest;
mod edit;
mod families;
mod index;
mod loader;
mod outstanding;
mod owner;
mod owners;
#[cfg(test)]
mod proofs;
mod quota;
mod settings;
mod snapshot;
#[cfg(test)]
mod testkit;
mod tree;
mod watches;
mod znode;
mod znodes;

pub use loader::Loader;
pub use ops::{
    Context, Outcome, Prepared, QuotaWarning, ReadContext, ReadOp, WriteOp, encode_write_reply, prepare,
    prepare_error, read,
};
pub use outstanding::Outstanding;
pub use settings::Settings;
pub use snapshot::SnapshotCursor;
pub use tree::Tree;
pub use watches::{Fired, WatchTotals, WatcherId, Watches};

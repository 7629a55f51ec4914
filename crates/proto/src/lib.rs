//! Values to bytes and back: everything ZooKeeper's wire and disk formats are made of.
//!
//! Clients, servers and the files at rest share one encoding ("jute"): big-endian integers,
//! length-prefixed strings and buffers, counted vectors, records as their fields in order.
//! This crate knows those records and nothing of what they do: no sockets, no files, no clock.
//!
//! * [`jute`] reads and writes the primitives; nothing else in the project reads bytes.
//! * [`request`], [`response`], [`connect`], [`multi`], [`watch`]: the client protocol.
//! * [`txn`]: transactions as they stand in the log and travel between peers.
//! * [`peer`]: what members of an ensemble say to each other.
//! * [`snapshot`]: the records inside a snapshot file.
//! * [`acl`], [`stat`], [`ids`], [`op`], [`error`], [`path`]: the vocabulary.

pub mod acl;
pub mod connect;
pub mod error;
pub mod ids;
pub mod jute;
pub mod multi;
pub mod mutant;
pub mod op;
pub mod path;
pub mod peer;
pub mod request;
pub mod response;
pub mod session;
pub mod snapshot;
pub mod stat;
pub mod txn;
pub mod watch;

pub use error::ErrorCode;
pub use ids::{SessionId, Zxid};
pub use jute::{DecodeError, Reader, Wire};
pub use op::OpCode;

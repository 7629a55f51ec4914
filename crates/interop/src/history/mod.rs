//! What clients did and saw, and whether an ensemble that keeps its promises can have answered so.

mod check;
mod load;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ensemble::Id;
pub use check::{Summary, check, check_tree};
pub use load::{Watch, prepare, under_load};

/// The node above all numbered nodes.
pub const NUMBERED: &str = "/numbered";

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Set a register to a value nobody else ever writes, if it has the given version (-1: any).
    Write {
        /// The register's path.
        key: String,
        /// The value.
        value: String,
        /// The wanted version.
        expected: i32,
    },
    /// Create a node with a sequential number and a value nobody else ever writes.
    Number {
        /// The value.
        value: String,
    },
    /// Read a register, after a sync of it if `synced`.
    Read {
        /// The register's path.
        key: String,
        /// Whether a sync went before, on the same connection.
        synced: bool,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A register's state after the write, or as read.
    State {
        /// The value.
        value: String,
        /// How often it has been written.
        version: i32,
        /// The transaction that wrote it.
        mzxid: i64,
    },
    /// A numbered node.
    Numbered {
        /// Its path.
        path: String,
    },
    /// The server's error code: nothing happened.
    Refused(i32),
    /// The connection broke: it may have happened, or happen later.
    Unknown,
}

/// One operation.
#[derive(Debug, Clone)]
pub struct Op {
    /// The session.
    pub session: i64,
    /// The server that was asked.
    pub server: Id,
    /// When the request was sent.
    pub called: Duration,
    /// When the answer had come.
    pub returned: Duration,
    /// The request.
    pub action: Action,
    /// The answer.
    pub outcome: Outcome,
    /// The zxid in the answer's header, 0 without an answer.
    pub zxid: i64,
}

/// All operations of a run, in the order in which each client made them.
pub type History = Vec<Op>;

/// A register's state as somebody saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State<'a> {
    value: &'a str,
    version: i32,
}

/// All states of a register that somebody saw, by the transaction that wrote them.
type States<'a> = BTreeMap<i64, State<'a>>;

//! The same random operations against two servers, and a comparison of everything they answered.
//!
//! [`generate`] makes a sequence from a seed, [`run`] performs it on one server step by step, [`render`] turns replies
//! into text with session ids, times and zxid offsets taken out, [`compare`] holds two servers beside each other and
//! shrinks what they disagree about.

pub mod compare;
pub mod generate;
pub mod render;
pub mod run;

use std::fmt;

use crate::request::{Request, Text};

/// What one session does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// One request, and its answer awaited.
    One(Request),
    /// Several requests sent before the first answer is read.
    Batch(Vec<Request>),
    /// An authentication packet.
    Auth {
        /// The scheme's name.
        scheme: Text,
        /// What the scheme is given.
        payload: Text,
    },
    /// The client's socket is closed, the session stays.
    Drop,
    /// The session is resumed on a new connection, taking it over if the old one is still there.
    Resume {
        /// Sends another password than the session's.
        wrong_password: bool,
        /// Claims to have seen a zxid the server has not reached.
        ahead: bool,
        /// Sends the trailing read-only byte.
        modern: bool,
    },
}

/// One step of a sequence.
#[derive(Clone, PartialEq, Eq)]
pub struct Step {
    /// Which of the sequence's sessions acts.
    pub session: usize,
    /// What it does.
    pub action: Action,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S{} {:?}", self.session, self.action)
    }
}

/// How many sessions a sequence interleaves.
pub const SESSIONS: usize = 3;

/// What the two servers have in common, which decides what is worth generating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// One side is 3.8, whose answers differ from 3.9's in the ways listed in [`generate`].
    pub with_38: bool,
    /// TTL nodes are on.
    pub extended_types: bool,
    /// Hard quotas refuse.
    pub enforce_quota: bool,
}

impl Profile {
    /// Configuration lines that make a server fit this profile.
    pub fn settings(self) -> Vec<(&'static str, &'static str)> {
        let flag = |on| if on { "true" } else { "false" };
        vec![
            ("extendedTypesEnabled", flag(self.extended_types)),
            ("enforceQuota", flag(self.enforce_quota)),
            // Sequences are compared step by step: nothing may happen on a timer.
            ("znode.container.checkIntervalMs", "100000000"),
            ("maxSessionTimeout", "600000"),
            // Durability is not the subject here, and syncing would halve the number of sequences.
            ("forceSync", "no"),
            ("maxClientCnxns", "0"),
        ]
    }
}

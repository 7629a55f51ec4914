//! Known bugs, put back on purpose: what the simulator is graded by.
//!
//! Each names the mistake and, where it is one of the catalogue, its row. In every build without the feature
//! `mutants` the question whether one is on is answered at compile time, with no.

macro_rules! mutants {
    ($($(#[doc = $doc:literal])+ $name:ident,)*) => {
        /// A mistake.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Mutant {
            $($(#[doc = $doc])+ $name,)*
        }

        impl Mutant {
            /// All of them.
            pub const ALL: &[Mutant] = &[$(Mutant::$name),*];
        }
    };
}

mutants! {
    /// Votes compare server ids before histories (HC-01).
    VoteById,
    /// Votes of earlier rounds count (HC-04).
    StaleVotes,
    /// A server without data takes part in elections (HC-13).
    EmptyDiskVotes,
    /// Observers count for the quorum of a new epoch (HC-40).
    ObserversCount,
    /// The new epoch may be one that somebody has accepted already (HC-41).
    EpochNotRaised,
    /// The accepted epoch is promised before it is on disk (HC-42).
    PromiseBeforeFile,
    /// The accepted epoch is never written.
    ForgetEpochFile,
    /// A learner takes an epoch older than the one it accepted.
    AcceptOldEpoch,
    /// A new leader minds no history newer than its own.
    IgnoreNewerHistory,
    /// A log is not cut although the leader said so (HC-17).
    SkipTrunc,
    /// A log is cut, the tree keeps what was in it (HC-30).
    KeepTreeOverTrunc,
    /// The log is cut in memory only (HC-46).
    TruncNotOnDisk,
    /// The log survives the snapshot that replaces it (HC-18).
    KeepLogUnderSnapshot,
    /// The tree of before survives the snapshot that replaces it (HC-29).
    KeepTreeOverSnapshot,
    /// A snapshot from the leader is not made durable (HC-31).
    SnapWithoutSync,
    /// A learner serves before it has what was committed while its snapshot came (HC-19).
    ServeTooEarly,
    /// A server looks for a leader before its log is durable (HC-20).
    LookBeforeDurable,
    /// A server that left its leader goes on serving (HC-27).
    HalfShutdown,
    /// Transactions are acknowledged before they are logged durably (HC-21, HC-22).
    AckBeforeSync,
    /// The leader counts itself before its own log is durable (HC-22).
    LeaderAckBeforeSync,
    /// The current epoch is written before the history it stands for (HC-23).
    EpochBeforeHistory,
    /// NEWLEADER is acknowledged before anything is durable (HC-24).
    AckNewLeaderEarly,
    /// Learners serve before a quorum has the new leader's history.
    WelcomeTooEarly,
    /// A term begins without a quorum that has its history.
    LeadWithoutQuorum,
    /// Transactions are committed without a quorum.
    CommitWithoutQuorum,
    /// Any commit lets everything logged be applied (HC-51).
    ApplyUncommitted,
    /// Transactions are applied before they are in the own log (HC-57).
    ApplyBeforeLog,
    /// The end of a `sync` is told behind later commits (HC-53).
    LateSync,
    /// `sync` is answered at once.
    SyncAtOnce,
    /// A gap between what a learner has and what is in memory is passed over (HC-28).
    DiffOverGap,
    /// Sessions are not taken over by a new leader (HC-70).
    SessionsNotTracked,
    /// Sessions expire in half their time.
    ExpireEarly,
    /// Sessions never expire.
    NeverExpire,
    /// Whoever asks has a session whose owner is gone (HC-74).
    OldOwnerReturns,
    /// A client that has seen more than the server is let in (HC-149).
    StaleServer,
    /// A read overtakes the client's own writes.
    ReadOvertakes,
    /// A watch event gets lost now and then.
    DropWatch,
    /// Replies leave before the events of their transaction (HC-93).
    ReplyBeforeEvent,
    /// Watches registered again look at nothing that happened meanwhile (HC-85).
    ForgetfulRearm,
    /// Replies show the transaction before their own (HC-84).
    ReplyZxidOff,
    /// A snapshot is named by the transaction at its end (HC-96).
    SnapshotNamedByEnd,
    /// Purging takes log entries an older snapshot needs (HC-119).
    PurgeNeededLog,
    /// A failed sync is taken for one that worked (HC-123).
    SyncErrorIgnored,
}

#[cfg(feature = "mutants")]
mod switch {
    use super::Mutant;
    use std::sync::atomic::{AtomicU8, Ordering};

    static ON: AtomicU8 = AtomicU8::new(u8::MAX);

    /// Whether this mistake is made.
    pub fn is_on(mutant: Mutant) -> bool {
        ON.load(Ordering::Relaxed) == mutant as u8
    }

    /// Makes this mistake from now on, everywhere in the process, and no other.
    pub fn switch_on(mutant: Mutant) {
        ON.store(mutant as u8, Ordering::Relaxed);
    }
}

#[cfg(feature = "mutants")]
pub use switch::{is_on, switch_on};

/// Whether this mistake is made: never.
#[cfg(not(feature = "mutants"))]
pub const fn is_on(_: Mutant) -> bool {
    false
}

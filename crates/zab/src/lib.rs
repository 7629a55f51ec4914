//! The agreement on one order of transactions: ZAB, with fast leader election.
//!
//! Transactions are opaque here: this crate knows their zxids and who has stored them, nothing of
//! znodes or sessions.
//!
//! * [`Config`] and [`Quorum`]: who takes part, and which sets of servers may decide; [`Change`]: how that
//!   comes to be others.
//! * [`Election`]: which server leads.
//! * [`Leader`] and [`Learner`]: discovery, synchronization and broadcast, from both ends of a link.
//! * [`Broadcast`]: what is committed.
//!
//! No sockets, files, threads or clock: values in, values out.

mod broadcast;
mod config;
mod config_text;
mod election;
mod history;
mod leader;
mod learner;
mod link;
mod quorum;
mod reconfig;
mod sync;

pub use broadcast::{Broadcast, Exhausted};
pub use config::{Address, Config, Member, MemberRole};
pub use config_text::{ConfigLine, ConfigProblem, ConfigTextError};
pub use election::{Ballots, Decision, Election, ElectionSettings};
pub use history::follows;
pub use leader::{Leader, LeaderEvent, LeaderSettings, LearnerStatus};
pub use learner::{Learner, LearnerEvent, LearnerSettings, LearnerStart};
pub use link::{LinkId, Record, Transport, supersedes};
pub use quorum::{Quorum, ServerId};
pub use reconfig::{Change, Refusal};

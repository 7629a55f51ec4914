//! The operations: what each request decides, changes and answers, a file for each.
//!
//! A write has up to three parts: `prepare` decides on the leader which transaction it becomes,
//! `apply` performs it on every member, and its [`Outcome`] is what the reply is made from. A read
//! has one: `answer`.

mod add_watch;
mod check;
mod create;
mod decider;
mod delete;
mod exists;
mod get_acl;
mod get_all_children_number;
mod get_children;
mod get_data;
mod get_ephemerals;
mod multi;
mod multi_read;
mod outcome;
mod prepared;
mod read;
mod reconfig;
mod remove_watches;
mod request;
mod session;
mod set_acl;
mod set_data;
mod set_watches;
mod who_am_i;
mod write;

pub use outcome::{Outcome, encode_write_reply};
pub use prepared::{Context, Prepared, QuotaWarning, prepare_error};
pub use read::{ReadContext, read};
pub use request::{ReadOp, WriteOp};
pub use write::prepare;

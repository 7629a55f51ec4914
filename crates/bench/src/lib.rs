//! `zabra bench`: a load generator for any ZooKeeper, the floors no server can beat, and the
//! comparison of this server with the reference in one run.
//!
//! Client and server usually share the machine, so the generator has to be cheap: a few threads
//! with epoll, request frames encoded once and patched in place, one read and one write for a whole
//! batch, nothing allocated per request.
//!
//! * [`workload`] is the loads, [`Target`] whom they go to, [`Outcome`] what came of it.
//! * [`floor`] is the echo server and the bare fdatasync, [`compare`] everything side by side.
//! * [`java`] and [`process`] start the servers, [`rawclient`] probes them.
//! * [`run()`] carries out a command line, [`Args`].

mod args;
pub mod compare;
mod control;
mod drive;
mod engine;
mod error;
pub mod floor;
pub mod java;
mod link;
pub mod proc;
pub mod process;
mod progress;
pub mod rawclient;
mod report;
mod run;
mod scan;
mod stats;
mod template;
pub mod workload;

pub use args::Args;
pub use drive::Target;
pub use error::Error;
pub use run::run;
pub use stats::{Latencies, Outcome, Tally};

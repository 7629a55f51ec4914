//! Many members in one thread: the node, the connections and the agreement exactly as the server runs
//! them, under a virtual clock, network and disk, with clients that check every answer.
//!
//! Everything comes from one seed: which faults strike when, how long messages and syncs take, what
//! clients ask. The same seed gives the same run, so a failure is a number.
//!
//! ```text
//! plan (from the seed) ─► World: queue of events ─► node::Node / node::Connection of each member
//!        faults ────────►   │      ▲                       │ outputs, in order
//!        clients ◄─────────►│      └── disk, network, timers ◄┘
//!                           └► checks: after every step, and on every answer
//! ```
//!
//! * [`run`]: one seed.
//! * [`campaign`]: many, with progress and a summary.

pub mod campaign;
mod check;
mod client;
mod describe;
mod disk;
mod drive;
mod faults;
mod host;
#[cfg(feature = "mutants")]
pub mod mutants;
mod net;
mod peers;
mod plan;
mod queue;
mod reference;
mod rng;
mod serve;
mod snapshot;
mod trace;
mod visit;
mod world;

pub use plan::Fault;
pub use trace::Violation;
pub use world::{Options, Outcome};

/// Runs one seed to its end, or to the first violation.
pub fn run(seed: u64, options: Options) -> Outcome {
    world::World::new(seed, options).run()
}

//! The threads around the node: sockets, disk, time.
//!
//! * A few [`event_loop`]s own the connections: they read frames, let each connection answer what it
//!   can, and hand the rest to the node in batches.
//! * One log thread ([`log`]) makes entries durable, one sync for all that waits, and wakes the thread
//!   that waits for it, which tells the node: the next batch is written while this one is applied.
//!   A member of an ensemble tells the node by itself when there is little to tell ([`report`]).
//! * One peer thread ([`peers`]) owns the sockets between members of an ensemble, and keeps the node's
//!   time there; alone, the first event loop does.
//! * Snapshots, purging and four-letter words run on threads of their own, off both paths.
//!
//! The node sits behind a mutex and is stepped by whoever has an input for it. A thread of its own
//! would add two wake-ups to every write, each of them dearer than the step.

mod acceptor;
mod clock;
mod counters;
mod entrance;
mod event_loop;
mod feed;
mod leading;
mod limits;
mod linger;
mod log;
mod log_ops;
mod log_queue;
mod mailbox;
mod member;
mod outbox;
mod peers;
mod recovery;
mod registry;
mod report;
mod server;
mod shared;
mod slab;
mod snapshots;
mod socket;
mod words;

pub use server::{Server, StartError, Stopped};

//! The server as a process: sockets, disk, configuration and the operators' text around the pure node.
//!
//! [`Server::start`] takes a [`config::Config`] and runs until [`Server::stop`]. Nothing in here
//! decides what is true: it moves bytes and steps the node.

pub mod config;
mod driver;
pub mod fourletter;
pub mod java_text;

pub use driver::{Server, StartError, Stopped};

/// The ZooKeeper release whose behaviour this server has: tools decide by it what they may ask for.
pub const ZOOKEEPER_RELEASE: &str = "3.9.5";
/// When this version was made.
const RELEASE_DATE: &str = "2026-11-21 00:00 UTC";

/// The version as operators and their tools see it, in the shape of the reference:
/// `<release>-<revision>, built on <date>`, with our own version as the revision.
pub fn version() -> String {
    format!("{ZOOKEEPER_RELEASE}-zabra.{}, built on {RELEASE_DATE}", env!("CARGO_PKG_VERSION"))
}

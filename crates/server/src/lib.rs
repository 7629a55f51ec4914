//! The server as a process: sockets, disk, configuration and the operators' text around the pure node.
//!
//! [`Server::start`] takes a [`config::Config`] and runs until [`Server::stop`]. Nothing in here
//! decides what is true: it moves bytes and steps the node.

pub mod config;
mod driver;
pub mod fourletter;
pub mod java_text;

pub use driver::{Server, StartError, Stopped};

/// The version as operators see it, in the shape of the reference: `<version>-<revision>, built on <date>`.
pub fn version() -> String {
    format!(
        "{}-zabra, built on {}",
        env!("CARGO_PKG_VERSION"),
        option_env!("ZABRA_BUILD_DATE").unwrap_or("unknown date")
    )
}

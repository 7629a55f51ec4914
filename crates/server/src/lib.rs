//! The server as a process: sockets, disk, configuration and the operators' text around the pure node.

pub mod config;
pub mod fourletter;
pub mod java_text;

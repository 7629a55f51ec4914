//! Floors: what no server on this machine can beat.

pub mod echo;
pub mod fsync;
mod journal;

//! A harness that runs Zabra beside the servers and clients it has to be exchangeable with.
//!
//! It starts and kills real server processes ([`server`]), several of them as one [`ensemble`], and speaks the client protocol with an encoder of its own
//! ([`wire`], [`request`], [`client`]), so that a mistake in Zabra's codec cannot hide by being made on both ends.
//! The suites are programs in `src/bin` and tests in `tests`. Nothing here is shipped.

pub mod client;
pub mod differential;
pub mod dump;
pub mod ensemble;
pub mod history;
pub mod request;
pub mod rng;
pub mod server;
pub mod suite;
pub mod testing;
pub mod wire;

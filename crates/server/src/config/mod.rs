//! Configuration: from ZooKeeper's file, `-D` flags and environment to one typed [`Config`].
//!
//! [`Sources`] collects what was written where, [`table`] says what each key means and may be, and the result
//! is a [`Config`] passed by value. Nothing else in the server reads a file, flag or variable for a setting.

mod build;
mod ensemble;
#[cfg(test)]
mod ensemble_tests;
mod error;
mod files;
mod help;
mod membership;
mod model;
mod properties;
mod secret;
mod settings;
mod sources;
mod suggest;
pub mod table;
#[cfg(test)]
mod tests;
mod value;

pub use ensemble::{Ensemble, NoDelay};
pub use error::{ConfigError, EXIT_CONFIG, EXIT_DATA_DIR, Origin, Warning};
pub use help::help;
pub use model::{
    Auth, ClientPort, Compression, Config, ConnectionThrottle, Containers, DigestAlgorithm, Limits, Network,
    Purge, RequestThrottle, Sessions, Storage, Tree,
};
pub use secret::Secret;
pub use sources::Sources;

use std::path::PathBuf;

impl Config {
    /// Safe defaults for a server started without a configuration file: port 2181 on 127.0.0.1, a tick of
    /// 2 seconds, everything in `data_dir`.
    pub fn standalone_default(data_dir: PathBuf) -> Config {
        Sources::standalone(data_dir).load().expect("the table's defaults are allowed values").0
    }
}

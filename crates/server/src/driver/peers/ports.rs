//! The listening sockets for peers.

use super::settings::PeerSettings;
use crate::config::ClientPort;
use crate::driver::acceptor::{self, Acceptor};
use std::io;
use std::thread::sleep;
use std::time::Duration;

/// Rest between attempts to bind a port.
const RETRY: Duration = Duration::from_secs(1);

/// Which kind of peer a port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Learners.
    Quorum,
    /// Voters.
    Election,
}

/// A port that cannot be had.
#[derive(Debug)]
pub(crate) struct BindError {
    /// The address wanted.
    pub(crate) address: String,
    /// What the system said at the last attempt.
    pub(crate) error: io::Error,
}

/// All ports peers connect to.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(super) open: Vec<(Door, Acceptor)>,
}

impl Ports {
    /// Opens them all, trying as often as the configuration says.
    ///
    /// # Errors
    /// [`BindError`].
    pub(crate) fn open(settings: &PeerSettings) -> Result<Self, BindError> {
        let mut wanted: Vec<(Door, Option<&str>, u16)> = Vec::new();
        for address in &settings.own {
            let host = (!settings.listen_on_all).then_some(address.host.as_str());
            wanted.push((Door::Quorum, host, address.quorum_port));
            wanted.push((Door::Election, host, address.election_port));
        }
        wanted.dedup();
        let mut open = Vec::new();
        for (door, host, port) in wanted {
            open.push((door, Self::bind(host, port, settings.bind_retry)?));
        }
        Ok(Self { open })
    }

    fn bind(host: Option<&str>, port: u16, attempts: u32) -> Result<Acceptor, BindError> {
        let wanted = ClientPort { host: host.map(str::to_owned), port, backlog: None };
        let mut failed = 0;
        loop {
            match acceptor::bind(&wanted).and_then(acceptor::Bound::listen) {
                Ok((acceptor, address)) => {
                    tracing::info!(%address, "listening for peers");
                    return Ok(acceptor);
                }
                Err(error) => {
                    failed += 1;
                    let address = format!("{}:{port}", host.unwrap_or("*"));
                    if failed == attempts {
                        return Err(BindError { address, error });
                    }
                    tracing::warn!(address, %error, "cannot listen for peers yet; trying again");
                    sleep(RETRY);
                }
            }
        }
    }
}

//! The listening sockets for peers.

use super::settings::PeerSettings;
use crate::config::ClientPort;
use crate::driver::acceptor::{self, Acceptor};
use std::io;
use std::thread::sleep;
use std::time::Duration;

/// Rest between attempts to bind a port.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// Who connects to a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// The quorum port.
    Learners,
    /// The election port.
    Voters,
}

/// A port that cannot be had.
#[derive(Debug)]
pub(crate) struct BindError {
    /// The address wanted.
    pub(crate) address: String,
    /// What the system said at the last attempt.
    pub(crate) error: io::Error,
}

/// Where to listen, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) whom: For,
    /// `None` for all addresses of the machine.
    host: Option<String>,
    port: u16,
}

impl Port {
    /// The ports that this server's own line names.
    pub(super) fn wanted(settings: &PeerSettings) -> Vec<Self> {
        let mut wanted = Vec::new();
        for address in &settings.own {
            let host = (!settings.listen_on_all).then(|| address.host.clone());
            let ports = [(For::Learners, address.quorum_port), (For::Voters, address.election_port)];
            for port in ports.map(|(whom, port)| Self { whom, host: host.clone(), port }) {
                if !wanted.contains(&port) {
                    wanted.push(port);
                }
            }
        }
        wanted
    }

    /// Tries once to open it.
    pub(super) fn open(&self) -> Result<Acceptor, BindError> {
        let wanted = ClientPort { host: self.host.clone(), port: self.port, backlog: None };
        match acceptor::bind(&wanted).and_then(acceptor::Bound::listen) {
            Ok((acceptor, address)) => {
                tracing::info!(%address, "listening for peers");
                Ok(acceptor)
            }
            Err(error) => {
                let address = format!("{}:{}", self.host.as_deref().unwrap_or("*"), self.port);
                Err(BindError { address, error })
            }
        }
    }
}

/// All ports peers connect to.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(super) open: Vec<(Port, Acceptor)>,
}

impl Ports {
    /// Opens them all, trying as often as the configuration says.
    ///
    /// # Errors
    /// [`BindError`].
    pub(crate) fn open(settings: &PeerSettings) -> Result<Self, BindError> {
        let mut open = Vec::new();
        for port in Port::wanted(settings) {
            let mut failed = 0;
            let acceptor = loop {
                match port.open() {
                    Ok(acceptor) => break acceptor,
                    Err(refused) => {
                        failed += 1;
                        if failed == settings.bind_retry {
                            return Err(refused);
                        }
                        let BindError { address, error } = refused;
                        tracing::warn!(address, %error, "cannot listen for peers yet; trying again");
                        sleep(RETRY);
                    }
                }
            };
            open.push((port, acceptor));
        }
        Ok(Self { open })
    }
}

//! Follows the membership: other addresses of other servers, and other ports of this one.

use super::Ground;
use super::ports::{BindError, Port, RETRY};
use super::sockets::{Door, Sockets};
use mio::{Interest, Token};

/// A port this server should listen on and cannot yet.
#[derive(Debug)]
pub(super) struct Missing {
    port: Port,
    failed: u32,
    next_try_ms: u64,
}

impl Sockets {
    /// The membership is another one now, or may soon be.
    pub(super) fn membership_changed(&mut self, text: &str, committed: bool, ground: &mut Ground<'_>) {
        let config = match zab::Config::parse(text) {
            Ok(config) => config,
            Err(error) => {
                return tracing::error!(%error, "the membership cannot be read; keeping the one before");
            }
        };
        let client = config.members.get(&self.settings.me).and_then(|own| own.client.clone());
        if committed && client.is_some() && client != self.settings.client {
            self.settings.client.clone_from(&client);
            self.moved = client;
        }
        self.settings.set_membership(config, committed);
        self.lines.set_members(&self.settings);
        let wanted = Port::wanted(&self.settings);
        self.doors.retain(|door| wanted.contains(&door.port));
        self.missing.retain(|missing| wanted.contains(&missing.port));
        for port in wanted {
            let is_open = self.doors.iter().any(|door| door.port == port);
            if !is_open && !self.missing.iter().any(|missing| missing.port == port) {
                self.missing.push(Missing { port, failed: 0, next_try_ms: ground.now_ms });
            }
        }
    }

    /// Where the membership says that clients connect, when that has changed.
    pub(crate) fn take_client_port(&mut self) -> Option<(String, u16)> {
        self.moved.take()
    }

    /// Tries to open what is missing. Without its ports this server is of no use to the others: what it
    /// returns is to end it.
    pub(super) fn open_missing(&mut self, ground: &mut Ground<'_>) -> Result<(), BindError> {
        let mut still_missing = Vec::new();
        for mut missing in std::mem::take(&mut self.missing) {
            if missing.next_try_ms > ground.now_ms {
                still_missing.push(missing);
                continue;
            }
            let token = ground.fresh_token();
            let opened = missing.port.open().and_then(|mut acceptor| {
                let watched =
                    ground.registry.register(&mut acceptor.listener, Token(token), Interest::READABLE);
                let address = "a port for peers".to_owned();
                watched.map(|()| acceptor).map_err(|error| BindError { address, error })
            });
            match opened {
                Ok(acceptor) => self.doors.push(Door { token, port: missing.port, acceptor }),
                Err(refused) => {
                    missing.failed += 1;
                    if missing.failed == self.settings.bind_retry {
                        return Err(refused);
                    }
                    let BindError { address, error } = refused;
                    tracing::warn!(address, %error, "cannot listen for peers yet; trying again");
                    missing.next_try_ms = ground.now_ms + RETRY.as_millis() as u64;
                    still_missing.push(missing);
                }
            }
        }
        self.missing = still_missing;
        Ok(())
    }

    /// When [`Sockets::open_missing`] is next due.
    pub(super) fn next_opening(&self) -> Option<u64> {
        self.missing.iter().map(|missing| missing.next_try_ms).min()
    }
}

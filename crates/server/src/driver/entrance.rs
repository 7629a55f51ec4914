//! Where clients come in: the client port, which a change of membership may move.

use crate::config::ClientPort;
use crate::driver::acceptor::{self, Acceptor, Bound};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Rest between attempts to open a port that cannot be had.
const RETRY: Duration = Duration::from_secs(1);

/// The client port, open or to be opened.
#[derive(Debug)]
pub(crate) struct Entrance {
    token: Token,
    acceptor: Option<Acceptor>,
    /// Where it is to be, and when to try next.
    wanted: Option<(ClientPort, Instant)>,
}

impl Entrance {
    /// An open port, to be watched under `token`.
    pub(crate) fn new(acceptor: Acceptor, token: Token) -> Self {
        Self { token, acceptor: Some(acceptor), wanted: None }
    }

    /// Lets the loop hear of those who come.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn watch(&mut self, registry: &Registry) -> io::Result<()> {
        let Some(acceptor) = &mut self.acceptor else { return Ok(()) };
        registry.register(&mut acceptor.listener, self.token, Interest::READABLE)
    }

    /// The next waiting connection; see [`Acceptor::accept`].
    pub(crate) fn accept(&mut self) -> Option<(TcpStream, SocketAddr)> {
        self.acceptor.as_mut().and_then(Acceptor::accept)
    }

    /// How long until something is to be tried again.
    pub(crate) fn rest(&self) -> Option<Duration> {
        let opening = self.wanted.as_ref().map(|(_, at)| at.saturating_duration_since(Instant::now()));
        opening.or_else(|| self.acceptor.as_ref().and_then(Acceptor::rest))
    }

    /// Whether a rest from accepting has just ended.
    pub(crate) fn rested(&mut self) -> bool {
        self.acceptor.as_mut().is_some_and(Acceptor::rested)
    }

    /// Moves to another port. The old one is closed first: the new one may be the same on another address.
    /// Those who are in stay.
    pub(crate) fn move_to(&mut self, port: ClientPort) {
        self.acceptor = None;
        self.wanted = Some((port, Instant::now()));
    }

    /// Opens the port it is to be moved to, if it is time to try, and says where that is.
    pub(crate) fn open(&mut self, registry: &Registry) -> Option<SocketAddr> {
        let (port, _) = self.wanted.take_if(|(_, at)| *at <= Instant::now())?;
        let opened = acceptor::bind(&port).and_then(Bound::listen).and_then(|(acceptor, address)| {
            self.acceptor = Some(acceptor);
            self.watch(registry).map(|()| address)
        });
        match opened {
            Ok(address) => Some(address),
            Err(error) => {
                let host = port.host.as_deref().unwrap_or("*");
                tracing::error!(host, port = port.port, %error, "cannot listen for clients; trying again");
                self.acceptor = None;
                self.wanted = Some((port, Instant::now() + RETRY));
                None
            }
        }
    }
}

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

/// The client port, open or to be opened. There may be none: a member need not serve clients.
#[derive(Debug)]
pub(crate) struct Entrance {
    token: Token,
    acceptor: Option<Acceptor>,
    /// Where it is to be, and when to try next.
    wanted: Option<(ClientPort, Instant)>,
}

impl Entrance {
    /// An open port, to be watched under `token`.
    pub(crate) fn new(acceptor: Option<Acceptor>, token: Token) -> Self {
        Self { token, acceptor, wanted: None }
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

    /// Moves to another port; those who are in stay. Until the other one is open this one is (HC-145).
    pub(crate) fn move_to(&mut self, port: ClientPort) {
        self.wanted = Some((port, Instant::now()));
    }

    /// Opens the port it is to be moved to, if it is time to try, and says where that is.
    pub(crate) fn open(&mut self, registry: &Registry) -> Option<SocketAddr> {
        let (port, _) = self.wanted.take_if(|(_, at)| *at <= Instant::now())?;
        match self.reopen(&port, registry) {
            Ok(address) => Some(address),
            Err(error) => {
                let host = port.host.as_deref().unwrap_or("*");
                tracing::error!(host, port = port.port, %error, "cannot listen for clients there; trying again");
                self.wanted = Some((port, Instant::now() + RETRY));
                None
            }
        }
    }

    fn reopen(&mut self, port: &ClientPort, registry: &Registry) -> io::Result<SocketAddr> {
        let own = self.acceptor.as_ref().and_then(|acceptor| acceptor.listener.local_addr().ok());
        if own.is_some_and(|own| own.port() == port.port) {
            // The same port on another address is free only once the old one is closed; that the address can
            // be had at all, any other port of it tells.
            acceptor::bind(&ClientPort { port: 0, ..port.clone() })?;
            self.acceptor = None;
        }
        let (mut acceptor, address) = acceptor::bind(port).and_then(Bound::listen)?;
        registry.register(&mut acceptor.listener, self.token, Interest::READABLE)?;
        self.acceptor = Some(acceptor);
        Ok(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    fn port(host: &str, port: u16) -> ClientPort {
        ClientPort { host: Some(host.into()), port, backlog: None }
    }

    /// An entrance that is open, and where.
    fn open(registry: &Registry) -> (Entrance, SocketAddr) {
        let (acceptor, address) = acceptor::bind(&port("127.0.0.1", 0)).and_then(Bound::listen).unwrap();
        let mut entrance = Entrance::new(Some(acceptor), Token(0));
        entrance.watch(registry).unwrap();
        (entrance, address)
    }

    #[test]
    fn hc_145_a_port_that_cannot_be_had_leaves_the_old_one_open_until_it_can() {
        let poll = mio::Poll::new().unwrap();
        let (mut entrance, old) = open(poll.registry());
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let new = taken.local_addr().unwrap();
        entrance.move_to(port("127.0.0.1", new.port()));
        assert_eq!(entrance.open(poll.registry()), None);
        assert!(entrance.rest().is_some(), "it is tried again");
        let _client = TcpStream::connect(old).unwrap();
        drop(taken);
        entrance.move_to(port("127.0.0.1", new.port()));
        assert_eq!(entrance.open(poll.registry()), Some(new));
        assert!(TcpStream::connect(old).is_err(), "the old one is closed");
        let _client = TcpStream::connect(new).unwrap();
        assert_eq!(entrance.rest(), None);
    }

    #[test]
    fn hc_145_the_same_port_on_another_address_is_moved_to_only_if_there_is_such_an_address() {
        let poll = mio::Poll::new().unwrap();
        let (mut entrance, old) = open(poll.registry());
        // A documentation address, which no machine has.
        entrance.move_to(port("192.0.2.1", old.port()));
        assert_eq!(entrance.open(poll.registry()), None);
        let _client = TcpStream::connect(old).unwrap();
        entrance.move_to(port("0.0.0.0", old.port()));
        let everywhere = SocketAddr::from(([0, 0, 0, 0], old.port()));
        assert_eq!(entrance.open(poll.registry()), Some(everywhere));
        let _client = TcpStream::connect(("127.0.0.2", old.port())).unwrap();
    }

    #[test]
    fn a_member_without_a_client_port_can_get_one() {
        let poll = mio::Poll::new().unwrap();
        let mut entrance = Entrance::new(None, Token(0));
        entrance.watch(poll.registry()).unwrap();
        assert!(entrance.accept().is_none() && entrance.rest().is_none());
        entrance.move_to(port("127.0.0.1", 0));
        let address = entrance.open(poll.registry()).unwrap();
        let _client = TcpStream::connect(address).unwrap();
    }
}

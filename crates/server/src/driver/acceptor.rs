//! The listening socket.

use crate::config::ClientPort;
use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Rest after an accept that failed for want of descriptors or memory (HC-166).
const BACKOFF: Duration = Duration::from_millis(100);
/// Connections the system may keep waiting when the configuration does not say.
const BACKLOG: u32 = 1024;

/// Accepts connections, and rests when the system has none to give.
#[derive(Debug)]
pub(crate) struct Acceptor {
    pub(crate) listener: TcpListener,
    resume: Option<Instant>,
}

/// The client port, taken but not open: nobody can connect before there is somebody to answer.
#[derive(Debug)]
pub(crate) struct Bound {
    socket: Socket,
    backlog: u32,
}

/// Takes the client port. Without a host, on all addresses of the machine, of both families where
/// the system can.
///
/// # Errors
/// What the system said, for the last address tried.
pub(crate) fn bind(port: &ClientPort) -> io::Result<Bound> {
    let candidates: Vec<SocketAddr> = match &port.host {
        Some(host) => (host.as_str(), port.port).to_socket_addrs()?.collect(),
        None => vec![(Ipv6Addr::UNSPECIFIED, port.port).into(), (Ipv4Addr::UNSPECIFIED, port.port).into()],
    };
    let mut error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in candidates {
        match bind_to(address) {
            Ok(socket) => return Ok(Bound { socket, backlog: port.backlog.unwrap_or(BACKLOG) }),
            Err(e) => error = e,
        }
    }
    Err(error)
}

fn bind_to(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

impl Bound {
    /// Opens the port.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn listen(self) -> io::Result<(Acceptor, SocketAddr)> {
        self.socket.listen(i32::try_from(self.backlog).unwrap_or(i32::MAX))?;
        let listener = TcpListener::from_std(self.socket.into());
        let address = listener.local_addr()?;
        Ok((Acceptor { listener, resume: None }, address))
    }
}

impl Acceptor {
    /// The next waiting connection. `None` when there is none, or when it is time to rest.
    pub(crate) fn accept(&mut self) -> Option<(TcpStream, SocketAddr)> {
        loop {
            match self.listener.accept() {
                Ok(connection) => return Some(connection),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return None,
                // The peer gave up, or a signal came: the next one may be fine (HC-165).
                Err(e)
                    if matches!(e.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {}
                Err(error) => {
                    tracing::warn!(%error, "accept failed; trying again shortly");
                    self.resume = Some(Instant::now() + BACKOFF);
                    return None;
                }
            }
        }
    }

    /// How long until accepting should be tried again, if it is resting.
    pub(crate) fn rest(&self) -> Option<Duration> {
        self.resume.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether a rest has just ended.
    pub(crate) fn rested(&mut self) -> bool {
        let over = self.resume.is_some_and(|at| at <= Instant::now());
        if over {
            self.resume = None;
        }
        over
    }
}

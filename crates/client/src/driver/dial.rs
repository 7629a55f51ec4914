//! Coming to a connection: whose turn it is, which address the name has now, and the TCP handshake.

use super::Parts;
use super::rota::Rota;
use crate::hosts::{Host, HostSource};
use crate::resolver::Resolver;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(super) type DialFuture = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;
pub(super) type ProbeFuture = Pin<Box<dyn Future<Output = Option<Host>> + Send>>;

/// What attempts share. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Dialer {
    source: Arc<dyn HostSource>,
    resolver: Arc<dyn Resolver>,
    rota: Arc<Mutex<Rota>>,
    attempt_timeout: Duration,
}

impl Dialer {
    pub(super) fn new(parts: &Parts) -> Self {
        Self {
            source: Arc::clone(&parts.source),
            resolver: Arc::clone(&parts.resolver),
            rota: Arc::new(Mutex::new(Rota::new(parts.seed))),
            attempt_timeout: parts.attempt_timeout,
        }
    }

    /// One attempt; the session limits its time.
    pub(super) fn dial(&self) -> DialFuture {
        let dialer = self.clone();
        Box::pin(async move {
            let host = dialer.next_host().await?;
            tracing::debug!(%host, "connecting");
            dialer.connect(&host).await
        })
    }

    /// Looks for a writable server among the others; `None` when the one tried is not.
    ///
    /// //= java: ClientCnxn.SendThread.pingRwServer
    pub(super) fn probe(&self) -> ProbeFuture {
        let dialer = self.clone();
        Box::pin(async move {
            let asked = async {
                let groups = dialer.source.hosts().await.ok()?;
                let host = dialer.rota().other(groups)?;
                let mut stream = dialer.connect(&host).await.ok()?;
                stream.write_all(b"isro").await.ok()?;
                let mut answer = [0; 2];
                stream.read_exact(&mut answer).await.ok()?;
                (&answer == b"rw").then_some(host)
            };
            tokio::time::timeout(dialer.attempt_timeout, asked).await.ok().flatten()
        })
    }

    /// Makes `host` the next one to be dialed.
    pub(super) fn prefer(&self, host: Host) {
        self.rota().prefer(host);
    }

    /// A connection is over; if it was good, the nearest hosts are next again.
    pub(super) fn lost(&self, was_up: bool) {
        if was_up {
            self.rota().start_over();
        }
    }

    async fn next_host(&self) -> io::Result<Host> {
        let next = self.rota().next();
        if let Some(host) = next {
            return Ok(host);
        }
        let groups = self.source.hosts().await?;
        let mut rota = self.rota();
        rota.refill(groups);
        rota.next().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the source names no hosts"))
    }

    /// Resolved anew each time (HC-153); all addresses are tried, in random order.
    async fn connect(&self, host: &Host) -> io::Result<TcpStream> {
        let mut addresses = self.resolver.resolve(host).await?;
        self.rota().shuffle(&mut addresses);
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn rota(&self) -> MutexGuard<'_, Rota> {
        self.rota.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

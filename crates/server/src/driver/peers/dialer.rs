//! Connecting: to all addresses of a server at once, and whichever answers first is it.

use super::resolver::{Found, Lookup, Resolver};
use super::{Ground, Peers};
use mio::Interest;
use mio::Token;
use mio::net::TcpStream;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use zab::ServerId;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A leader's quorum port.
    Leader(ServerId),
    /// A server's election port.
    Voter(ServerId),
}

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Somebody answered. The socket is watched under this token already.
    Connected { purpose: Purpose, token: usize, stream: TcpStream, peer: SocketAddr },
    /// Nobody did.
    Failed { purpose: Purpose, why: String },
}

#[derive(Debug)]
struct Attempt {
    purpose: Purpose,
    deadline_ms: u64,
    /// Lookups and connections that may still succeed.
    open: usize,
    why: String,
}

/// All attempts under way.
#[derive(Debug)]
pub(super) struct Dialer {
    resolver: Resolver,
    attempts: BTreeMap<u64, Attempt>,
    sockets: BTreeMap<usize, (u64, TcpStream, SocketAddr)>,
    next: u64,
    /// Attempts that ended before anything was waited for.
    ended: Vec<Outcome>,
}

impl Dialer {
    pub(super) fn new(peers: Arc<Peers>) -> Self {
        Self {
            resolver: Resolver::new(peers),
            attempts: BTreeMap::new(),
            sockets: BTreeMap::new(),
            next: 0,
            ended: Vec::new(),
        }
    }

    /// Begins to connect to all of `targets`; the outcome comes from [`Dialer::outcomes`].
    pub(super) fn start(
        &mut self,
        purpose: Purpose,
        targets: &[(String, u16)],
        patience_ms: u64,
        ground: &mut Ground<'_>,
    ) {
        let id = self.next;
        self.next += 1;
        let deadline_ms = ground.now_ms + patience_ms;
        // One more than there is, so that nothing ends it before all have begun.
        let attempt = Attempt { purpose, deadline_ms, open: 1, why: "it has no address".into() };
        self.attempts.insert(id, attempt);
        for (host, port) in targets {
            match self.resolver.ask(host, (id, *port)) {
                Lookup::Known(address) => self.connect(id, address, ground),
                Lookup::Awaited => self.opened(id),
                Lookup::Refused => self.note(id, "too many names are being looked up".into()),
            }
        }
        self.closed(id);
    }

    /// A name was looked up, for all attempts that wait for it.
    pub(super) fn on_resolved(&mut self, name: &str, found: &Found, ground: &mut Ground<'_>) {
        for (id, port) in self.resolver.answered(name) {
            match found {
                Ok(found) => {
                    for ip in found {
                        self.connect(id, SocketAddr::new(*ip, port), ground);
                    }
                }
                Err(error) => self.note(id, format!("{name:?} cannot be resolved: {error}")),
            }
            self.closed(id);
        }
    }

    /// Something happened on a socket; `false` when it is none of these.
    pub(super) fn on_ready(&mut self, token: usize) -> bool {
        let Some((id, stream, address)) = self.sockets.get(&token) else { return false };
        let (id, address) = (*id, *address);
        let failure = match (stream.take_error(), stream.peer_addr()) {
            (Ok(None), Ok(_)) => None,
            // Not decided yet.
            (Ok(None), Err(e)) if e.kind() == std::io::ErrorKind::NotConnected => return true,
            (Ok(Some(error)) | Err(error), _) | (_, Err(error)) => Some(error),
        };
        match failure {
            Some(error) => {
                self.sockets.remove(&token);
                self.note(id, format!("{address}: {error}"));
                self.closed(id);
            }
            None => self.won(id, token),
        }
        true
    }

    /// Ends what took too long.
    pub(super) fn expire(&mut self, now_ms: u64) {
        let due: Vec<u64> =
            self.attempts.iter().filter(|(_, a)| a.deadline_ms <= now_ms).map(|(id, _)| *id).collect();
        for id in due {
            let connecting = self.sockets.values().find(|(attempt, ..)| *attempt == id);
            let what = connecting.map_or("its name was not resolved in time".into(), |(_, _, address)| {
                format!("{address} did not answer in time")
            });
            self.note(id, what);
            self.fail(id);
        }
    }

    /// When [`Dialer::expire`] is next due.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.attempts.values().map(|attempt| attempt.deadline_ms).min()
    }

    /// What has ended since the last call.
    pub(super) fn outcomes(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.ended)
    }

    fn connect(&mut self, id: u64, address: SocketAddr, ground: &mut Ground<'_>) {
        if !self.attempts.contains_key(&id) {
            return;
        }
        // An address that means "here" wherever it is read leads to the wrong server (HC-09).
        if address.ip().to_canonical().is_unspecified() {
            return self.note(id, format!("{address} is no address of one machine"));
        }
        let token = ground.fresh_token();
        let watched = TcpStream::connect(address).and_then(|mut stream| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            ground.registry.register(&mut stream, Token(token), interest).map(|()| stream)
        });
        match watched {
            Ok(stream) => {
                self.sockets.insert(token, (id, stream, address));
                self.opened(id);
            }
            Err(error) => self.note(id, format!("{address}: {error}")),
        }
    }

    fn won(&mut self, id: u64, token: usize) {
        let winner = self.sockets.remove(&token);
        self.drop_sockets(id);
        if let (Some(attempt), Some((_, stream, peer))) = (self.attempts.remove(&id), winner) {
            self.ended.push(Outcome::Connected { purpose: attempt.purpose, token, stream, peer });
        }
    }

    fn fail(&mut self, id: u64) {
        self.drop_sockets(id);
        if let Some(Attempt { purpose, why, .. }) = self.attempts.remove(&id) {
            self.ended.push(Outcome::Failed { purpose, why });
        }
    }

    fn drop_sockets(&mut self, id: u64) {
        self.sockets.retain(|_, (attempt, ..)| *attempt != id);
    }

    fn note(&mut self, id: u64, why: String) {
        if let Some(attempt) = self.attempts.get_mut(&id) {
            attempt.why = why;
        }
    }

    fn opened(&mut self, id: u64) {
        if let Some(attempt) = self.attempts.get_mut(&id) {
            attempt.open += 1;
        }
    }

    fn closed(&mut self, id: u64) {
        if let Some(attempt) = self.attempts.get_mut(&id) {
            attempt.open -= 1;
            if attempt.open == 0 {
                self.fail(id);
            }
        }
    }
}

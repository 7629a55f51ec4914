//! Names to addresses, off the peer thread.
//!
//! Every attempt to connect looks the name up anew: servers move (HC-08). A lookup may take the system
//! many seconds, so each runs on a thread of its own, one a name and few in all; an address written as
//! such needs none.

use super::{Mail, Peers};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

/// Lookups at the same time; members of an ensemble are few.
const LOOKUPS_MAX: usize = 32;

/// Whoever waits for an address: which attempt, and the port to go with it.
pub(super) type Asker = (u64, u16);

/// What is known at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// It was an address.
    Known(SocketAddr),
    /// The answer comes as [`Mail::Resolved`].
    Awaited,
    /// Too many lookups are on their way.
    Refused,
}

/// Lookups on their way.
#[derive(Debug)]
pub(super) struct Resolver {
    peers: Arc<Peers>,
    waiting: BTreeMap<String, Vec<Asker>>,
}

impl Resolver {
    pub(super) fn new(peers: Arc<Peers>) -> Self {
        Self { peers, waiting: BTreeMap::new() }
    }

    /// Asks for the addresses of a host.
    pub(super) fn ask(&mut self, host: &str, asker: Asker) -> Lookup {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Lookup::Known(SocketAddr::new(ip, asker.1));
        }
        if let Some(waiting) = self.waiting.get_mut(host) {
            waiting.push(asker);
            return Lookup::Awaited;
        }
        if self.waiting.len() >= LOOKUPS_MAX {
            return Lookup::Refused;
        }
        let (peers, name) = (Arc::clone(&self.peers), host.to_owned());
        let lookup = move || {
            let found = (name.as_str(), 0).to_socket_addrs().map(|found| found.map(|a| a.ip()).collect());
            peers.mail(Mail::Resolved { name, found });
        };
        match std::thread::Builder::new().name("zabra-resolve".into()).spawn(lookup) {
            Ok(_) => {
                self.waiting.insert(host.to_owned(), vec![asker]);
                Lookup::Awaited
            }
            Err(_) => Lookup::Refused,
        }
    }

    /// A lookup has ended: who waited for it, and what it found.
    pub(super) fn answered(&mut self, name: &str) -> Vec<Asker> {
        self.waiting.remove(name).unwrap_or_default()
    }
}

/// The addresses a lookup found, or why there are none.
pub(super) type Found = io::Result<Vec<IpAddr>>;

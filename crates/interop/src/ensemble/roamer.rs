//! A client of a whole ensemble: goes on at the next server when one fails it, with the same session while that lives.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::client::{Client, ConnectRequest, Reply};
use crate::request::Request;

/// How long it waits for a server's answer before it tries the next.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// One client, connected to one server at a time.
#[derive(Debug)]
pub struct Roamer {
    servers: Vec<SocketAddr>,
    at: usize,
    client: Option<Client>,
    hello: ConnectRequest,
    fresh: ConnectRequest,
}

impl Roamer {
    /// A client of `servers` that begins at the one with index `first` and asks for sessions of `timeout_ms`.
    pub fn new(servers: &[SocketAddr], first: usize, timeout_ms: i32) -> Self {
        let fresh = ConnectRequest { timeout_ms, ..ConnectRequest::default() };
        Self {
            servers: servers.to_vec(),
            at: first % servers.len(),
            client: None,
            hello: fresh.clone(),
            fresh,
        }
    }

    /// Index of the server it is connected to, or will try next.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The session, 0 before the first.
    pub fn session(&self) -> i64 {
        self.hello.session
    }

    /// Leaves the server it is connected to; the session goes along.
    pub fn leave(&mut self) {
        self.client = None;
        self.at = (self.at + 1) % self.servers.len();
    }

    /// Makes sure of a connection with one attempt; after a failure the next attempt is at the next server.
    ///
    /// # Errors
    /// The server refused, or did not answer.
    pub fn connect(&mut self) -> io::Result<&mut Client> {
        if self.client.is_none() {
            match Client::connect_within(self.servers[self.at], &self.hello, PATIENCE) {
                Ok(client) => {
                    let last_zxid_seen = self.hello.last_zxid_seen;
                    self.hello = ConnectRequest { last_zxid_seen, ..client.resume_request() };
                    self.client = Some(client);
                }
                Err(error) => {
                    if error.kind() == io::ErrorKind::PermissionDenied {
                        self.hello = self.fresh.clone();
                    }
                    self.leave();
                    return Err(error);
                }
            }
        }
        Ok(self.client.as_mut().expect("just connected"))
    }

    /// Sends all of `requests` and waits for their answers.
    ///
    /// # Errors
    /// The connection failed: nothing is known about the requests. The next attempt is at the next server.
    pub fn call(&mut self, requests: &[Request]) -> io::Result<Vec<Reply>> {
        let outcome = self.connect().and_then(|client| {
            let xids = requests.iter().map(|request| client.send(request));
            let xids = xids.collect::<io::Result<Vec<_>>>()?;
            xids.into_iter().map(|xid| client.reply(xid)).collect::<io::Result<Vec<_>>>()
        });
        match &outcome {
            Ok(replies) => {
                let newest = replies.iter().map(|reply| reply.zxid).max().unwrap_or(0);
                self.hello.last_zxid_seen = self.hello.last_zxid_seen.max(newest);
                // Of an expired or moved session nothing more is to be had on this connection.
                if replies.iter().any(|reply| [-112, -118].contains(&reply.error)) {
                    self.leave();
                }
            }
            Err(_) if self.client.is_some() => self.leave(),
            Err(_) => {}
        }
        outcome
    }
}

//! What a client knows of its session.

use proto::SessionId;
use std::fmt;
use std::time::Duration;

/// Where a session stands. See [`Client::state`](crate::Client::state).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionState {
    /// There is no session yet; servers are tried until one grants it.
    Connecting,
    /// In session on a server.
    Connected(Connection),
    /// The connection is lost and servers are tried. The session lives, as far as known: its ephemeral
    /// nodes stay for now, but whoever relies on them (a lock) should stop acting until connected again.
    Disconnected,
    /// The session is over: a server said so, or none could be reached for too long.
    Expired,
    /// The session is over because a server did not accept the credentials.
    AuthFailed,
    /// The session is over because the client was closed.
    Closed,
    /// No session came about in the time allowed for it.
    NotEstablished,
}

impl SessionState {
    /// Whether requests go out at once.
    pub fn is_connected(&self) -> bool {
        matches!(self, Self::Connected(_))
    }

    /// Whether nothing will change any more.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Connecting | Self::Connected(_) | Self::Disconnected)
    }
}

/// A connection to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The session.
    pub session_id: SessionId,
    /// Its timeout as the server decided it.
    pub timeout: Duration,
    /// Whether the server is cut off from the others: it answers reads from what it knows, and refuses
    /// writes. Only with [`Builder::read_only`](crate::Builder::read_only).
    pub read_only: bool,
    /// Which attempt to connect this is, from 1. A greater number than remembered means that the
    /// connection was lost in between.
    pub generation: u64,
}

/// What it takes to take up a session: see [`Client::credentials`](crate::Client::credentials) and
/// [`Builder::resume`](crate::Builder::resume).
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The session.
    pub session_id: SessionId,
    /// The password the server gave with it. A secret: whoever has it can act as this session.
    pub password: Vec<u8>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}

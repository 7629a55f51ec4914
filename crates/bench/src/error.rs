//! Why a benchmark could not be run to its end.

use crate::link::LinkError;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Anything that ends a benchmark early. The message says what, where and what to do.
#[derive(Debug)]
pub enum Error {
    /// A connection to the server under load failed.
    Connection {
        /// The server's address.
        server: String,
        /// What happened.
        reason: String,
    },
    /// The server answered a preparing request with an error code.
    Setup {
        /// What was being prepared.
        what: String,
        /// The code, see [`proto::ErrorCode`].
        code: i32,
    },
    /// A server process could not be started or did not come up.
    Server {
        /// Which server.
        name: String,
        /// What happened.
        reason: String,
    },
    /// A file or directory could not be used.
    File {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The transaction log could not be written.
    Log(String),
    /// The request makes no sense.
    Usage(String),
}

impl Error {
    pub(crate) fn link(servers: &[std::net::SocketAddr], error: &LinkError) -> Self {
        let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
        Self::Connection { server: servers.join(","), reason: error.to_string() }
    }

    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection { server, reason } => write!(f, "{server}: {reason}"),
            Self::Setup { what, code } => {
                write!(f, "{what}: the server answered with error {code}")?;
                match proto::ErrorCode::from_code(*code) {
                    Some(known) => write!(f, " ({known:?})"),
                    None => Ok(()),
                }
            }
            Self::Server { name, reason } => write!(f, "{name}: {reason}"),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Usage(what) | Self::Log(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {}

//! What can come of an operation besides success, and whether it took effect then.

use proto::path::PathError;
use proto::{DecodeError, ErrorCode};
use std::fmt;

/// Whether an operation that ended in an error may have changed anything on the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It certainly had no effect. Trying it again is safe.
    DidNotHappen,
    /// It was handed to a server, and what became of it is not known. Trying it again may do it twice:
    /// read first, or use versions and names that make the second attempt fail.
    MayHaveHappened,
}

/// Why an operation failed.
///
/// [`outcome`](Self::outcome) says for each whether it may have happened all the same.
///
/// ```
/// use zabra_client::{Error, ErrorCode, Outcome};
///
/// let error = Error::Refused(ErrorCode::NoNode);
/// assert_eq!(error.outcome(), Outcome::DidNotHappen);
/// assert!(error.is(ErrorCode::NoNode));
/// assert_eq!(Error::ConnectionLost.outcome(), Outcome::MayHaveHappened);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The server answered with this code.
    Refused(ErrorCode),
    /// The server answered with a code that this library does not know.
    RefusedWith(i32),
    /// One operation of a multi failed, so none of them took effect.
    Multi {
        /// Its position, from 0.
        index: usize,
        /// Why it failed.
        code: ErrorCode,
    },
    /// The connection broke after the request was handed to it and before its reply came.
    ConnectionLost,
    /// No reply within the time asked for.
    TimedOut(Outcome),
    /// The session is over: its ephemeral nodes are gone or will be. A new client makes a new session.
    SessionExpired,
    /// A server did not accept the credentials, which ends the session.
    AuthFailed,
    /// The client was closed before the request was sent.
    Closed,
    /// No session came about within [`Builder::establish_within`](crate::Builder::establish_within).
    NotEstablished,
    /// The watch was taken away with [`Client::remove_watches`](crate::Client::remove_watches).
    WatchRemoved,
    /// The path breaks a rule, see the reason.
    InvalidPath(PathError),
    /// An argument cannot be sent.
    InvalidArgument(&'static str),
    /// The request is larger than servers accept, see
    /// [`Builder::max_request_bytes`](crate::Builder::max_request_bytes).
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// The most allowed.
        max: usize,
    },
    /// Too much is waiting for replies already, see
    /// [`Builder::max_outstanding_bytes`](crate::Builder::max_outstanding_bytes).
    Overloaded,
    /// The server's reply is not what the protocol says it is.
    BadReply(DecodeError),
}

impl Error {
    /// Whether the operation may have happened.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::ConnectionLost | Self::BadReply(_) => Outcome::MayHaveHappened,
            Self::TimedOut(outcome) => *outcome,
            _ => Outcome::DidNotHappen,
        }
    }

    /// The server's code, when it was the server that refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(code) | Self::Multi { code, .. } => Some(*code),
            Self::SessionExpired => Some(ErrorCode::SessionExpired),
            _ => None,
        }
    }

    /// Whether the server refused with this code.
    pub fn is(&self, code: ErrorCode) -> bool {
        self.code() == Some(code)
    }

    /// Whether the session has ended, so that nothing can succeed on this client any more.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::SessionExpired | Self::AuthFailed | Self::Closed | Self::NotEstablished)
    }

    /// The error behind a reply's code other than 0.
    pub(crate) fn from_code(code: i32) -> Self {
        match ErrorCode::from_code(code) {
            Some(ErrorCode::SessionExpired) => Self::SessionExpired,
            Some(code) => Self::Refused(code),
            None => Self::RefusedWith(code),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(code) => write!(f, "the server refused: {code:?} ({})", code.code()),
            Self::RefusedWith(code) => write!(f, "the server refused with the unknown code {code}"),
            Self::Multi { index, code } => {
                write!(f, "operation {index} of the multi failed: {code:?} ({})", code.code())
            }
            Self::ConnectionLost => f.write_str("the connection was lost; the request may have taken effect"),
            Self::TimedOut(Outcome::DidNotHappen) => f.write_str("timed out before the request was sent"),
            Self::TimedOut(Outcome::MayHaveHappened) => {
                f.write_str("timed out waiting for the reply; the request may have taken effect")
            }
            Self::SessionExpired => f.write_str("the session has expired"),
            Self::AuthFailed => f.write_str("a server did not accept the credentials; the session is over"),
            Self::Closed => f.write_str("the client is closed"),
            Self::NotEstablished => f.write_str("no server granted a session in time"),
            Self::WatchRemoved => f.write_str("the watch was removed"),
            Self::InvalidPath(error) => write!(f, "invalid path: {error}"),
            Self::InvalidArgument(what) => write!(f, "invalid argument: {what}"),
            Self::TooLarge { bytes, max } => {
                write!(f, "the request has {bytes} bytes, servers accept at most {max}")
            }
            Self::Overloaded => f.write_str("too many bytes of requests wait for replies already"),
            Self::BadReply(error) => write!(f, "the server's reply cannot be read: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::InvalidPath(error) => Some(error),
            Self::BadReply(error) => Some(error),
            _ => None,
        }
    }
}

impl From<PathError> for Error {
    fn from(error: PathError) -> Self {
        Self::InvalidPath(error)
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::BadReply(error)
    }
}

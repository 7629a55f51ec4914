//! How a client is set up.

use crate::Error;
use crate::chroot::Chroot;
use crate::client::{Client, Shared};
use crate::connect_string::{ConnectString, ConnectStringError};
use crate::driver::{self, Parts};
use crate::hosts::{HostSource, StaticHosts};
use crate::resolver::{Resolver, SystemResolver};
use crate::session::{Session, Settings};
use crate::state::{Credentials, SessionState};
use proto::path::PathError;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// The most a server takes as one request, if nobody told it otherwise (`jute.maxbuffer`).
const MAX_REQUEST_BYTES: usize = 0xF_FFFF;

/// Settings of a client to be.
///
/// ```
/// use std::time::Duration;
/// use zabra_client::Client;
///
/// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
/// # server::with_address(|address| async move {
/// let client = Client::builder()
///     .session_timeout(Duration::from_secs(10))
///     .request_timeout(Some(Duration::from_secs(3)))
///     .authenticate("digest", "ann:secret")
///     .connect(&format!("{address}/zookeeper"))
///     .await?;
/// assert_eq!(client.get_children("/").await?.names.len(), 2);
/// # Ok(()) });
/// ```
#[derive(Debug, Clone)]
#[must_use = "settings do nothing until a client is made of them"]
pub struct Builder {
    settings: Settings,
    attempt_timeout: Option<Duration>,
    request_timeout: Option<Duration>,
    close_timeout: Option<Duration>,
    resolver: Arc<dyn Resolver>,
    auth: Vec<Secret>,
    resume: Option<Credentials>,
    max_request_bytes: usize,
    max_reply_bytes: usize,
    max_outstanding_bytes: usize,
    watch_queue: usize,
}

/// Credentials that no debug output shows.
#[derive(Clone)]
struct Secret {
    scheme: String,
    data: Vec<u8>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

impl Default for Builder {
    fn default() -> Self {
        let settings = Settings {
            session_timeout: Duration::from_secs(30),
            attempt_timeout: Duration::ZERO,
            establish_within: None,
            backoff_first: Duration::from_millis(20),
            backoff_most: Duration::from_secs(1),
            read_only: false,
            seed: 0,
        };
        Self {
            settings,
            attempt_timeout: None,
            request_timeout: None,
            close_timeout: None,
            resolver: Arc::new(SystemResolver),
            auth: Vec::new(),
            resume: None,
            max_request_bytes: MAX_REQUEST_BYTES,
            max_reply_bytes: 64 << 20,
            max_outstanding_bytes: 64 << 20,
            watch_queue: 4096,
        }
    }
}

impl Builder {
    /// After how long without a word from the client servers end its session. Servers clamp it to their own
    /// limits; [`Connection::timeout`](crate::Connection::timeout) has the result. Default: 30 s.
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.settings.session_timeout = timeout;
        self
    }

    /// The most one attempt to connect may take, from the name to the session. Default: a third of the
    /// session timeout, at most 10 s, so that a session survives two servers that do not answer.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = Some(timeout);
        self
    }

    /// How long requests may take, see [`Client::with_timeout`]. Default: as long as the session lasts.
    pub fn request_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long [`Client::close`] tries to tell a server. Default: the session timeout, after which there is
    /// nothing to tell any more.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = Some(timeout);
        self
    }

    /// Gives up with [`Error::NotEstablished`] when no server has granted a session after this long. Default:
    /// servers are tried without end.
    pub fn establish_within(mut self, limit: Duration) -> Self {
        self.settings.establish_within = Some(limit);
        self
    }

    /// Bounds of the random waits between failed attempts: the bound starts at `first` and doubles up to
    /// `most`. The first attempt after a lost connection is made at once. Default: 20 ms, 1 s.
    pub fn backoff(mut self, first: Duration, most: Duration) -> Self {
        self.settings.backoff_first = first;
        self.settings.backoff_most = most;
        self
    }

    /// Whether to be content with a server that is cut off from the others while there is none better: it
    /// answers reads, refuses writes with `NotReadOnly`, and is left as soon as a writable one is found.
    /// Default: no.
    pub fn read_only(mut self, allowed: bool) -> Self {
        self.settings.read_only = allowed;
        self
    }

    /// Credentials for every connection, see [`Client::authenticate`]. May be called several times.
    pub fn authenticate(mut self, scheme: &str, credentials: impl AsRef<[u8]>) -> Self {
        self.auth.push(Secret { scheme: scheme.to_owned(), data: credentials.as_ref().to_vec() });
        self
    }

    /// Takes up a session that another client left without closing it.
    pub fn resume(mut self, session: Credentials) -> Self {
        self.resume = Some(session);
        self
    }

    /// How host names become addresses. Default: [`SystemResolver`].
    pub fn resolver(mut self, resolver: impl Resolver) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// The largest request servers accept, in bytes (their `jute.maxbuffer`). Larger ones fail here, where
    /// servers would drop the connection. Default: 1,048,575.
    pub fn max_request_bytes(mut self, bytes: usize) -> Self {
        self.max_request_bytes = bytes;
        self
    }

    /// The largest reply taken, in bytes; a larger one ends the connection. Default: 64 MiB.
    pub fn max_reply_bytes(mut self, bytes: usize) -> Self {
        self.max_reply_bytes = bytes;
        self
    }

    /// How many bytes of requests may wait for their replies (or for a connection) at a time; one more fails
    /// with [`Error::Overloaded`]. Default: 64 MiB.
    pub fn max_outstanding_bytes(mut self, bytes: usize) -> Self {
        self.max_outstanding_bytes = bytes;
        self
    }

    /// How many changes wait in each lasting watcher until they are read; more become a
    /// [`Gap::Overflowed`](crate::Gap::Overflowed). Default: 4096.
    pub fn watch_queue(mut self, changes: usize) -> Self {
        self.watch_queue = changes;
        self
    }

    /// Starts the client and waits until it is in session. `servers` is a [`ConnectString`].
    ///
    /// # Errors
    /// The connect string cannot be read, the credentials are not accepted, a resumed session is gone, or
    /// the time for it is over.
    pub async fn connect(self, servers: &str) -> Result<Client, ConnectError> {
        let client = self.start(servers)?;
        client.connected().await?;
        Ok(client)
    }

    /// Starts the client without waiting. Requests wait until it is in session.
    ///
    /// # Errors
    /// The connect string cannot be read.
    ///
    /// # Panics
    /// Not called within a tokio runtime.
    pub fn start(self, servers: &str) -> Result<Client, ConnectStringError> {
        let parsed: ConnectString = servers.parse()?;
        let source = StaticHosts::new(parsed.hosts().iter().cloned());
        Ok(self.spawn(Arc::new(source), parsed.root))
    }

    /// As [`start`](Self::start), with servers from `source` and all paths relative to `chroot` (`"/"`: none).
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_address(|address| async move {
    /// use zabra_client::{Client, FileHosts};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let file = dir.path().join("servers");
    /// std::fs::write(&file, format!("{address} # the only one\n"))?;
    /// let client = Client::builder().start_with(FileHosts::new(file), "/")?;
    /// client.exists("/").await?;
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The chroot is not a valid path.
    ///
    /// # Panics
    /// Not called within a tokio runtime.
    pub fn start_with(self, source: impl HostSource, chroot: &str) -> Result<Client, PathError> {
        let root = Chroot::new(chroot)?;
        Ok(self.spawn(Arc::new(source), root))
    }

    fn spawn(mut self, source: Arc<dyn HostSource>, root: Chroot) -> Client {
        let session_timeout = self.settings.session_timeout;
        let attempt_timeout =
            self.attempt_timeout.unwrap_or((session_timeout / 3).min(Duration::from_secs(10)));
        let close_timeout = self.close_timeout.unwrap_or(session_timeout);
        let seed = RandomState::new().hash_one("seed");
        self.settings.attempt_timeout = attempt_timeout;
        self.settings.seed = seed;

        let origin = Instant::now();
        let credentials = Arc::new(Mutex::new(self.resume.clone()));
        let mut session = Session::new(self.settings, self.resume, Duration::ZERO);
        for Secret { scheme, data } in self.auth {
            session.add_auth(scheme, data);
        }
        let (commands, received) = mpsc::unbounded_channel();
        let (state_sender, state) = watch::channel(SessionState::Connecting);
        tokio::spawn(driver::run(Parts {
            session,
            commands: received,
            state: state_sender,
            credentials: Arc::clone(&credentials),
            source,
            resolver: self.resolver,
            origin,
            seed: seed.rotate_left(32),
            max_reply_bytes: self.max_reply_bytes,
            attempt_timeout,
            close_timeout,
        }));
        let shared = Shared {
            commands,
            state,
            credentials,
            origin,
            outstanding: Arc::new(AtomicUsize::new(0)),
            next_watcher: AtomicU64::new(0),
            max_outstanding_bytes: self.max_outstanding_bytes,
            max_request_bytes: self.max_request_bytes,
            watch_queue: self.watch_queue,
            close_timeout,
        };
        Client::new(shared, root, self.request_timeout)
    }
}

/// Why [`Client::connect`] did not bring about a session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// The connect string cannot be read.
    ConnectString(ConnectStringError),
    /// The session is over before it began.
    Session(Error),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectString(error) => write!(f, "{error}"),
            Self::Session(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for ConnectError {}

impl From<ConnectStringError> for ConnectError {
    fn from(error: ConnectStringError) -> Self {
        Self::ConnectString(error)
    }
}

impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        Self::Session(error)
    }
}

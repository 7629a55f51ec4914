//! The handle: what applications hold, and how a call becomes a request.

use crate::Error;
use crate::builder::Builder;
use crate::chroot::Chroot;
use crate::driver::{Command, Ticket};
use crate::mailbox::{Mailbox, Sink};
use crate::request::Request;
use crate::session::{Effect, Permit, Registration, Reply, Submission, WatcherId};
use crate::state::{Credentials, SessionState};
use crate::watcher::{OneShotWatch, Watcher};
use proto::path::{self, PathError};
use proto::request::encode_frame;
use proto::{OpCode, Reader, Wire};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// A session with a Zabra or ZooKeeper service. Cheap to clone; all clones share one session.
///
/// Made by [`Client::connect`] or a [`Builder`]. The session ends with [`close`](Self::close), or when the
/// last handle (clones, watches) is dropped, after everything asked for until then.
///
/// Methods send when they are called, in the order of the calls, and return a [`Request`] that resolves with
/// the reply. Paths are absolute, and relative to the client's chroot.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
    pub(crate) root: Chroot,
    timeout: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) commands: mpsc::UnboundedSender<Command>,
    pub(crate) state: watch::Receiver<SessionState>,
    pub(crate) credentials: Arc<Mutex<Option<Credentials>>>,
    pub(crate) origin: Instant,
    /// Bytes of requests without a reply.
    pub(crate) outstanding: Arc<AtomicUsize>,
    pub(crate) next_watcher: AtomicU64,
    pub(crate) max_outstanding_bytes: usize,
    pub(crate) max_request_bytes: usize,
    pub(crate) watch_queue: usize,
    pub(crate) close_timeout: Duration,
}

/// What a request in the queue costs beside its bytes.
const REQUEST_OVERHEAD: usize = 256;

impl Client {
    pub(crate) fn new(shared: Shared, root: Chroot, timeout: Option<Duration>) -> Self {
        Self { shared: Arc::new(shared), root, timeout }
    }

    /// A client with everything at its default, in session. Tries servers for as long as it takes; see
    /// [`Builder::establish_within`].
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use zabra_client::Client;
    ///
    /// let client = Client::connect("zk1:2181,zk2:2181,zk3:2181/apps").await?;
    /// println!("{}", client.get_children("/").await?.names.join(" "));
    /// client.close().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The connect string cannot be read, or a server does not accept what it is told.
    pub async fn connect(servers: &str) -> Result<Self, crate::ConnectError> {
        Self::builder().connect(servers).await
    }

    /// Settings to start a client with.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The session's state, now and as it changes. Quick changes may be seen as one; a connection that was
    /// lost and found in between shows in [`Connection::generation`](crate::Connection::generation).
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::SessionState;
    ///
    /// let mut state = client.state();
    /// assert!(state.borrow_and_update().is_connected());
    /// client.close().await?;
    /// state.changed().await?;
    /// assert_eq!(*state.borrow(), SessionState::Closed);
    /// # Ok(()) });
    /// ```
    pub fn state(&self) -> watch::Receiver<SessionState> {
        self.shared.state.clone()
    }

    /// Session id and password, to be taken up by another process with [`Builder::resume`]. `None` before
    /// there is a session.
    pub fn credentials(&self) -> Option<Credentials> {
        self.shared.credentials.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same session, with all paths relative to `path`.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::Create;
    ///
    /// client.create("/shop", "", &Create::persistent()).await?;
    /// let shop = client.within("/shop")?;
    /// shop.create("/cart", "", &Create::persistent()).await?;
    /// assert!(client.exists("/shop/cart").await?.is_some());
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// The path is not valid. Whether it exists is not asked.
    pub fn within(&self, path: &str) -> Result<Self, PathError> {
        Ok(Self { root: self.root.within(path)?, ..self.clone() })
    }

    /// The same session; requests of this handle end after `timeout` if no reply has come, counted from the
    /// call, waiting for a connection included. `None`: they wait for as long as the session lasts.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use std::time::Duration;
    ///
    /// let impatient = client.with_timeout(Some(Duration::from_millis(500)));
    /// impatient.get_data("/").await?;
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn with_timeout(&self, timeout: Option<Duration>) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// Authenticates this session, now and on every connection to come. Resolves when a server has accepted
    /// it, and waits for a connection if need be. Requests sent after it have the new identity.
    ///
    /// Credentials that a server does not accept end the session with [`Error::AuthFailed`].
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// client.authenticate("digest", "ann:secret").await?;
    /// let mine = client.who_am_i().await?;
    /// assert!(mine.iter().any(|identity| identity.user == "ann"));
    /// # Ok(()) });
    /// ```
    pub fn authenticate(&self, scheme: &str, credentials: impl AsRef<[u8]>) -> Request<()> {
        let (ticket, reply) = oneshot::channel();
        let data = credentials.as_ref().to_vec();
        self.send(Command::Auth { scheme: scheme.to_owned(), data, ticket: Some(ticket) });
        Request::sent(reply, Box::new(|reply| reply.map(|_| ())))
    }

    /// Ends the session after everything asked for before: its ephemeral nodes are gone when this resolves.
    /// Requests made later fail with [`Error::Closed`].
    ///
    /// When no server can be reached in time ([`Builder::close_timeout`]) it ends with
    /// [`Error::TimedOut`]: the client is closed all the same, and servers end the session after its timeout.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::Error;
    ///
    /// client.close().await?;
    /// assert_eq!(client.exists("/").await, Err(Error::Closed));
    /// # Ok(()) });
    /// ```
    pub fn close(&self) -> Request<()> {
        let (ticket, reply) = oneshot::channel();
        let deadline = self.shared.origin.elapsed() + self.shared.close_timeout;
        self.send(Command::Close { ticket, deadline });
        Request::sent(reply, Box::new(|reply| reply.map(|_| ())))
    }

    /// Waits until the session is up or over.
    pub(crate) async fn connected(&self) -> Result<(), Error> {
        let mut state = self.state();
        let settled = state.wait_for(|state| state.is_connected() || state.is_final()).await;
        match settled.as_deref() {
            Ok(SessionState::Connected(_)) => Ok(()),
            Ok(SessionState::Expired) => Err(Error::SessionExpired),
            Ok(SessionState::AuthFailed) => Err(Error::AuthFailed),
            Ok(SessionState::NotEstablished) => Err(Error::NotEstablished),
            _ => Err(Error::Closed),
        }
    }

    /// The server's name of a path.
    pub(crate) fn absolute(&self, path: &str) -> Result<String, Error> {
        path::validate(path)?;
        Ok(self.root.join(path))
    }

    /// Sends a request and decodes its reply with `finish`.
    pub(crate) fn call<'a, T: 'static>(
        &self,
        op: OpCode,
        body: &impl Wire<'a>,
        finish: impl FnOnce(&mut Reader<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Request<T> {
        self.call_with(op, body, Effect::None, finish)
    }

    /// As [`call`](Self::call), with an effect on the table of watches.
    pub(crate) fn call_with<'a, T: 'static>(
        &self,
        op: OpCode,
        body: &impl Wire<'a>,
        effect: Effect,
        finish: impl FnOnce(&mut Reader<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Request<T> {
        let mut frame = Vec::with_capacity(64);
        encode_frame(0, op, body, &mut frame);
        self.submit(frame, effect, None, move |reply| finish(&mut Reader::new(&reply?.body)))
    }

    /// Sends a read that leaves a one-shot watch; `finish` gets the reply, or the error.
    pub(crate) fn call_watching<'a, T: 'static>(
        &self,
        op: OpCode,
        body: &impl Wire<'a>,
        by: Registration,
        path: String,
        finish: impl FnOnce(Result<Reply, Error>) -> Result<T, Error> + Send + 'static,
    ) -> Request<(T, OneShotWatch)> {
        let id = self.next_watcher();
        let (sink, event) = oneshot::channel();
        let watch = OneShotWatch::new(id, event, self.shared.commands.clone(), self.root.clone());
        let mut frame = Vec::with_capacity(64);
        encode_frame(0, op, body, &mut frame);
        let effect = Effect::Watch { id, by, path, wanted: true };
        let sink = Some((id, Sink::Once(sink)));
        self.submit(frame, effect, sink, move |reply| Ok((finish(reply)?, watch)))
    }

    /// Sends a request that sets a lasting watch.
    pub(crate) fn call_watcher<'a>(
        &self,
        op: OpCode,
        body: &impl Wire<'a>,
        by: Registration,
        path: String,
    ) -> Request<Watcher> {
        let id = self.next_watcher();
        let (writer, mailbox) = Mailbox::new(self.shared.watch_queue);
        let watcher = Watcher::new(id, mailbox, self.shared.commands.clone(), self.root.clone());
        let mut frame = Vec::with_capacity(64);
        encode_frame(0, op, body, &mut frame);
        let effect = Effect::Watch { id, by, path, wanted: true };
        let sink = Some((id, Sink::Lasting(writer)));
        self.submit(frame, effect, sink, move |reply| reply.map(|_| watcher))
    }

    /// Hands a whole frame to the task.
    pub(crate) fn submit<T: 'static>(
        &self,
        frame: Vec<u8>,
        effect: Effect,
        sink: Option<(WatcherId, Sink)>,
        finish: impl FnOnce(Result<Reply, Error>) -> Result<T, Error> + Send + 'static,
    ) -> Request<T> {
        let shared = &self.shared;
        let bytes = frame.len() - 4;
        if bytes > shared.max_request_bytes {
            return Request::refused(Error::TooLarge { bytes, max: shared.max_request_bytes });
        }
        let cost = frame.len() + REQUEST_OVERHEAD;
        let Some(permit) = Permit::take(&shared.outstanding, cost, shared.max_outstanding_bytes) else {
            return Request::refused(Error::Overloaded);
        };
        let deadline = self.timeout.map(|timeout| shared.origin.elapsed() + timeout);
        let (token, reply): (Ticket, _) = oneshot::channel();
        let submission = Submission { frame, token, deadline, effect, permit };
        self.send(Command::Submit(submission, sink));
        Request::sent(reply, Box::new(finish))
    }

    /// A command to a task that is gone drops its ticket, which its owner notices.
    fn send(&self, command: Command) {
        drop(self.shared.commands.send(command));
    }

    fn next_watcher(&self) -> WatcherId {
        WatcherId(self.shared.next_watcher.fetch_add(1, Ordering::Relaxed))
    }
}

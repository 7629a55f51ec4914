//! Watches as futures and streams.

use crate::Error;
use crate::chroot::Chroot;
use crate::driver::Command;
use crate::event::{Change, WatchedEvent};
use crate::mailbox::Mailbox;
use crate::session::WatcherId;
use futures_core::Stream;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::sync::{mpsc, oneshot};

/// Tells the task that a watcher is gone, unless the task knows.
#[derive(Debug)]
struct Registration {
    id: WatcherId,
    commands: mpsc::UnboundedSender<Command>,
}

impl Registration {
    fn forget(&self) {
        // Without a task there is nothing to forget.
        drop(self.commands.send(Command::Forget(self.id)));
    }
}

/// A one-shot watch: a future that resolves when what was read is no longer current.
///
/// It cannot miss that: after a reconnection the server compares, and fires at once if the node has changed
/// since. What it does not tell is a node that was missing, came and went again, all while the client was
/// not connected: then what was read is current.
///
/// An error says why no event will come: the session's end, or
/// [`Client::remove_watches`](crate::Client::remove_watches). Dropping the watch is free. Like every handle
/// it keeps the session alive.
#[derive(Debug)]
#[must_use = "a watch is awaited, or dropped to forget it"]
pub struct OneShotWatch {
    event: oneshot::Receiver<Result<WatchedEvent, Error>>,
    registration: Registration,
    root: Chroot,
    is_done: bool,
}

impl OneShotWatch {
    pub(crate) fn new(
        id: WatcherId,
        event: oneshot::Receiver<Result<WatchedEvent, Error>>,
        commands: mpsc::UnboundedSender<Command>,
        root: Chroot,
    ) -> Self {
        Self { event, registration: Registration { id, commands }, root, is_done: false }
    }
}

impl Future for OneShotWatch {
    type Output = Result<WatchedEvent, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.is_done, "a one-shot watch was polled after it had fired");
        let told = ready!(Pin::new(&mut self.event).poll(context)).unwrap_or(Err(Error::Closed));
        self.is_done = true;
        Poll::Ready(told.map(|event| below(&self.root, event)))
    }
}

impl Drop for OneShotWatch {
    fn drop(&mut self) {
        if !self.is_done {
            self.registration.forget();
        }
    }
}

/// A lasting watch: a stream of everything that happens to a node, or to a node and all below it.
///
/// Events come in the order of the transactions behind them, before any reply that shows their effects.
/// Where events may be missing, the stream has a [`Change::Gap`]: after a reconnection, unless provably
/// nothing was applied in between, and when the watcher's queue was full. The queue is bounded
/// ([`Builder::watch_queue`](crate::Builder::watch_queue)), so a watcher that is never read costs little.
///
/// The stream ends with an error when the session ends, and without one after
/// [`Client::remove_watches`](crate::Client::remove_watches). Dropping it removes the watch from the server
/// when no other watcher needs it. Like every handle it keeps the session alive.
///
/// Servers before 3.9 keep one kind of watch for each path and client only: there, watch a path in one way
/// at a time.
///
/// ```
/// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
/// # server::with_client(|client| async move {
/// use zabra_client::{Change, Create, EventType, WatchMode};
///
/// let mut watcher = client.watch("/", WatchMode::Subtree).await?;
/// client.create("/a", "", &Create::persistent()).await?;
/// client.set_data("/a", "new", None).await?;
///
/// let mut kinds = Vec::new();
/// while kinds.len() < 2 {
///     match watcher.next().await.expect("nobody removed the watch")? {
///         Change::Event(event) => kinds.push(event.kind),
///         Change::Gap(_) => println!("read everything again"),
///     }
/// }
/// assert_eq!(kinds, [EventType::NodeCreated, EventType::NodeDataChanged]);
/// # Ok(()) });
/// ```
#[derive(Debug)]
#[must_use = "a watcher is read, or dropped to remove the watch"]
pub struct Watcher {
    mailbox: Arc<Mailbox>,
    registration: Registration,
    root: Chroot,
}

impl Watcher {
    pub(crate) fn new(
        id: WatcherId,
        mailbox: Arc<Mailbox>,
        commands: mpsc::UnboundedSender<Command>,
        root: Chroot,
    ) -> Self {
        Self { mailbox, registration: Registration { id, commands }, root }
    }

    /// The next change; `None` after the end. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Change, Error>> {
        std::future::poll_fn(|context| self.poll_change(context)).await
    }

    fn poll_change(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Change, Error>>> {
        let change = ready!(self.mailbox.poll(context));
        Poll::Ready(change.map(|change| {
            Ok(match change? {
                Change::Event(event) => Change::Event(below(&self.root, event)),
                Change::Gap(gap) => Change::Gap(gap),
            })
        }))
    }
}

impl Stream for Watcher {
    type Item = Result<Change, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_change(context)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if !self.mailbox.is_ended() {
            self.registration.forget();
        }
    }
}

/// The event as a client below `root` sees it.
fn below(root: &Chroot, event: WatchedEvent) -> WatchedEvent {
    WatchedEvent { path: root.strip(event.path), ..event }
}

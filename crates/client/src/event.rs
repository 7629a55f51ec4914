//! What watches tell.

use proto::Zxid;
use proto::watch::EventType;

/// A change of a watched node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedEvent {
    /// What happened.
    pub kind: EventType,
    /// The node, as the client sees it: without its chroot.
    pub path: String,
    /// The transaction that did it. `None` from servers before 3.9, and for changes that happened while the
    /// client was not connected.
    pub zxid: Option<Zxid>,
}

/// One item of a lasting watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// This happened.
    Event(WatchedEvent),
    /// Events may be missing at this place of the stream: whoever keeps a picture of the nodes reads them
    /// again. Events after it are complete again.
    Gap(Gap),
}

/// Why events may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The connection was lost and found, and transactions were applied in between. A reconnection during
    /// which provably nothing was is not told.
    Reconnected,
    /// More events came than the watcher's queue takes, see
    /// [`Builder::watch_queue`](crate::Builder::watch_queue).
    Overflowed,
}

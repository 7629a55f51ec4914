//! The sending half of a quorum link, shared by all threads that step the node.
//!
//! A packet is encoded while the node is locked, so that packets of one link leave in the node's order,
//! and written by whoever stepped the node after it was unlocked, so that no packet waits for another
//! thread. What the socket does not take at once is left for the peer thread.

use mio::net::TcpStream;
use parking_lot::Mutex;
use proto::peer::Packet;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use zab::LinkId;

/// Unsent bytes that a peer which takes none of them may let pile up. A whole difference is put out at
/// once and may be larger: what counts is whether it moves.
const BACKLOG_MAX: usize = 64 << 20;
/// Milliseconds a full backlog may stand still before the link is given up.
const STALL_MAX_MS: u64 = 5_000;
/// Unsent bytes at which the link is given up whether they move or not: one learner may not take all
/// memory.
const BACKLOG_LIMIT: usize = 1 << 30;
/// A buffer that grew larger than this is not kept for the next packets.
const KEEP_BYTES: usize = 1 << 20;

/// Bytes written to one link before the thread goes back to its own work.
const SHARE_BYTES: usize = 1 << 20;

/// How far writing came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// Nothing is left.
    All,
    /// This turn's share; the socket would take more.
    Share,
    /// The socket takes no more for now, and will say when it does; or it is broken.
    Blocked,
}

/// The sending half of one link.
#[derive(Debug)]
pub(crate) struct Wire {
    /// The link.
    pub(crate) id: LinkId,
    /// The other end.
    pub(crate) peer: SocketAddr,
    pub(crate) stream: TcpStream,
    queue: Mutex<Queue>,
    writing: Mutex<Writing>,
    opened: Instant,
    /// When the other end last took something, or had nothing to take; milliseconds since `opened`.
    progress_ms: AtomicU64,
}

#[derive(Debug)]
struct Queue {
    /// To be written next.
    ready: Vec<u8>,
    /// Whether a snapshot is on its way; what is sent meanwhile waits in `behind`.
    streaming: bool,
    behind: Vec<u8>,
    /// To be shut down once everything is out.
    closing: bool,
    /// Given up: nothing more is taken.
    broken: bool,
}

#[derive(Debug, Default)]
struct Writing {
    bytes: Vec<u8>,
    at: usize,
}

impl Wire {
    /// Around a connected nonblocking socket.
    pub(crate) fn new(id: LinkId, stream: TcpStream, peer: SocketAddr) -> Self {
        let queue =
            Queue { ready: Vec::new(), streaming: false, behind: Vec::new(), closing: false, broken: false };
        Self {
            id,
            peer,
            stream,
            queue: Mutex::new(queue),
            writing: Mutex::default(),
            opened: Instant::now(),
            progress_ms: AtomicU64::new(0),
        }
    }

    fn note_progress(&self) {
        self.progress_ms.store(self.opened.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// When the other end last took something, milliseconds since the link was opened.
    pub(crate) fn progress_ms(&self) -> u64 {
        self.progress_ms.load(Ordering::Relaxed)
    }

    fn stands_still(&self) -> bool {
        (self.opened.elapsed().as_millis() as u64).saturating_sub(self.progress_ms()) > STALL_MAX_MS
    }

    /// Puts a packet behind those sent before; the caller holds the node.
    pub(crate) fn send(&self, packet: &Packet) {
        let mut queue = self.queue.lock();
        if queue.closing || queue.broken {
            return;
        }
        if queue.backlog() == 0 {
            self.note_progress();
        }
        match queue.streaming {
            true => packet.encode(&mut queue.behind),
            false => packet.encode(&mut queue.ready),
        }
        let backlog = queue.backlog();
        if backlog > BACKLOG_LIMIT || (backlog > BACKLOG_MAX && self.stands_still()) {
            tracing::warn!(peer = %self.peer, bytes = backlog, "learner does not read; closing its link");
            queue.give_up();
            drop(queue);
            self.shut();
        }
    }

    /// From here on everything sent waits for a snapshot to be out; the caller holds the node.
    pub(crate) fn begin_stream(&self) {
        self.queue.lock().streaming = true;
    }

    /// Adds a piece of the snapshot.
    pub(crate) fn put_stream(&self, bytes: &[u8]) {
        let mut queue = self.queue.lock();
        if !queue.broken {
            queue.ready.extend_from_slice(bytes);
        }
    }

    /// The snapshot is complete: what waited for it follows.
    pub(crate) fn end_stream(&self) {
        let mut queue = self.queue.lock();
        queue.streaming = false;
        let mut behind = std::mem::take(&mut queue.behind);
        queue.ready.append(&mut behind);
    }

    /// Unsent bytes in front of anything that waits for a snapshot; those being written at this moment
    /// are not counted.
    pub(crate) fn waiting(&self) -> usize {
        let writing = self.writing.try_lock().map_or(0, |w| w.bytes.len() - w.at);
        self.queue.lock().ready.len() + writing
    }

    /// The node has no more use for this link: closes it after what was sent before.
    pub(crate) fn close(&self) {
        let mut queue = self.queue.lock();
        queue.closing = true;
        if queue.streaming {
            // The rest of a snapshot is of no use to anybody.
            queue.give_up();
        }
    }

    /// Whether nothing more is to be put into it.
    pub(crate) fn is_over(&self) -> bool {
        let queue = self.queue.lock();
        queue.closing || queue.broken
    }

    /// Gives up the link; its end is seen by the peer thread as if the other side had closed it.
    pub(crate) fn abort(&self) {
        self.queue.lock().give_up();
        self.shut();
    }

    fn shut(&self) {
        // Fails when it is shut already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Writes what the socket takes, within a turn's share. When another thread is at it, that one writes
    /// this thread's packets too. Returns whether there is more to write that no event will announce: the
    /// peer thread has to go on.
    #[must_use]
    pub(crate) fn flush(&self) -> bool {
        loop {
            let Some(mut writing) = self.writing.try_lock() else { return false };
            match self.write(&mut writing) {
                Written::All => {}
                Written::Share => return true,
                Written::Blocked => return false,
            }
            drop(writing);
            // Whoever came in between found the lock taken and relies on this look.
            let queue = self.queue.lock();
            if queue.ready.is_empty() {
                if queue.closing && !queue.streaming {
                    drop(queue);
                    self.shut();
                }
                return false;
            }
        }
    }

    fn write(&self, writing: &mut Writing) -> Written {
        let mut share = SHARE_BYTES;
        loop {
            if writing.at == writing.bytes.len() && !self.refill(writing) {
                return Written::All;
            }
            if share == 0 {
                return Written::Share;
            }
            let end = writing.bytes.len().min(writing.at + share);
            match (&self.stream).write(&writing.bytes[writing.at..end]) {
                Ok(0) => {}
                Ok(n) => {
                    writing.at += n;
                    share -= n;
                    self.note_progress();
                    continue;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Written::Blocked,
                Err(_) => {}
            }
            *writing = Writing::default();
            self.abort();
            return Written::Blocked;
        }
    }

    /// Takes the next bytes to write, leaving the buffer of the last ones for the next packets.
    fn refill(&self, writing: &mut Writing) -> bool {
        writing.bytes.clear();
        writing.at = 0;
        if writing.bytes.capacity() > KEEP_BYTES {
            writing.bytes = Vec::new();
        }
        let mut queue = self.queue.lock();
        std::mem::swap(&mut queue.ready, &mut writing.bytes);
        !writing.bytes.is_empty()
    }
}

impl Queue {
    fn backlog(&self) -> usize {
        self.ready.len() + self.behind.len()
    }

    fn give_up(&mut self) {
        self.broken = true;
        self.streaming = false;
        self.ready = Vec::new();
        self.behind = Vec::new();
    }
}

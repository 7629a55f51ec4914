//! A snapshot on its way to a learner, in slices, while writes go on.

use super::wire::Wire;
use super::{Mail, PROGRESS_MS, Peers};
use crate::driver::shared::Shared;
use proto::peer::snap::encode_end;
use proto::snapshot::HEADER_BYTES;
use std::sync::Arc;
use tree::SnapshotCursor;
use zab::LinkId;

/// Nodes serialized while the tree is held once: bounds how long a write can wait.
const NODES_PER_SLICE: usize = 256;
/// Slices in a row before other links get their turn.
const SLICES_PER_TURN: usize = 8;
/// Unsent bytes from which on no more are made: memory stays bounded, and the socket never runs dry.
const AHEAD_BYTES: usize = 1 << 20;

/// What became of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pumped {
    /// There is more, and room for it.
    More,
    /// The learner has to read first.
    Waits,
    /// All of it is on its way, or the link is gone.
    Done,
}

/// A snapshot being sent.
pub(crate) struct Outgoing {
    wire: Arc<Wire>,
    cursor: SnapshotCursor,
    /// The tree walked is the one of this term; another may have another tree.
    term: u64,
    /// What is left of the file header, which is not sent.
    header: usize,
    chunk: Vec<u8>,
    /// When the node was last told that it gets on, and how far it was then.
    told: (u64, u64),
}

impl Outgoing {
    /// Begins with the tree as it stands; the caller holds the node. Everything sent on the link from now
    /// on waits for its end.
    pub(crate) fn begin(shared: &Shared, peers: &Peers, wire: Arc<Wire>) -> Self {
        let cursor = shared.store.view().tree.snapshot_begin();
        tracing::info!(peer = %wire.peer, zxid = %cursor.zxid(), "sending a snapshot to a learner");
        wire.begin_stream();
        let term = peers.term();
        Self { wire, cursor, term, header: HEADER_BYTES, chunk: Vec::new(), told: (0, 0) }
    }

    /// The link, when the node should be told that its learner reads on.
    pub(super) fn progress(&mut self, now_ms: u64) -> Option<LinkId> {
        let (told_ms, then) = self.told;
        let now = self.wire.progress_ms();
        if now == then || now_ms < told_ms + PROGRESS_MS {
            return None;
        }
        self.told = (now_ms, now);
        Some(self.wire.id)
    }

    /// Makes and sends the next slices.
    pub(super) fn pump(&mut self, shared: &Shared, peers: &Peers) -> Pumped {
        for _ in 0..SLICES_PER_TURN {
            if self.wire.is_over() {
                return Pumped::Done;
            }
            if self.wire.waiting() >= AHEAD_BYTES {
                return if self.wire.flush() { Pumped::More } else { Pumped::Waits };
            }
            let view = shared.store.view();
            if peers.term() != self.term {
                drop(view);
                // The node has given up the role in which this was begun, and this link with it.
                self.wire.abort();
                return Pumped::Done;
            }
            let done = view.tree.snapshot_step(&mut self.cursor, NODES_PER_SLICE, &mut self.chunk);
            drop(view);
            if done {
                encode_end(&mut self.chunk);
            }
            let skip = self.header.min(self.chunk.len());
            self.header -= skip;
            self.wire.put_stream(&self.chunk[skip..]);
            self.chunk.clear();
            if done {
                self.wire.end_stream();
                if self.wire.flush() {
                    peers.mail(Mail::Flush(self.wire.id));
                }
                let nodes = self.cursor.nodes_written();
                tracing::info!(peer = %self.wire.peer, nodes, "snapshot handed to the network");
                return Pumped::Done;
            }
        }
        // Either way this goes on with the next turn.
        let _ = self.wire.flush();
        Pumped::More
    }
}

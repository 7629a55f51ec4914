//! Reads log files for learners that lag behind, on a thread of its own.

use super::{Mail, Wanted};
use crate::driver::shared::Shared;
use node::PeerInput;
use parking_lot::{Condvar, Mutex};
use proto::Zxid;
use proto::peer::Entry;
use std::collections::VecDeque;

/// Requests that wait for the thread.
#[derive(Debug, Default)]
pub(crate) struct History {
    state: Mutex<(VecDeque<Wanted>, bool)>,
    asked: Condvar,
}

impl History {
    /// Asks for a history; the answer comes as [`PeerInput::History`].
    pub(crate) fn ask(&self, wanted: Wanted) {
        self.state.lock().0.push_back(wanted);
        self.asked.notify_one();
    }

    pub(crate) fn close(&self) {
        self.state.lock().1 = true;
        self.asked.notify_one();
    }

    fn next(&self) -> Option<Wanted> {
        let mut state = self.state.lock();
        loop {
            if state.1 {
                return None;
            }
            if let Some(wanted) = state.0.pop_front() {
                return Some(wanted);
            }
            self.asked.wait(&mut state);
        }
    }
}

/// Answers until the server stops.
pub(crate) fn run(shared: &Shared) {
    let Some(peers) = &shared.peers else { return };
    while let Some(Wanted { link, after }) = peers.history.next() {
        // Whoever has gone meanwhile needs no answer, and reading costs.
        if !peers.has_wire(link) {
            continue;
        }
        let entries = read(shared, after).unwrap_or_else(|error| {
            tracing::warn!(%error, "log files cannot be read for a learner; it gets a snapshot");
            None
        });
        peers.mail(Mail::Input(PeerInput::History { link, entries }));
    }
}

/// The entries, when they are there and small beside a snapshot (`snapshotSizeFactor`).
fn read(shared: &Shared, after: Zxid) -> Result<Option<Vec<(Zxid, Entry)>>, storage::StorageError> {
    let factor = shared.config.ensemble.as_ref().and_then(|ensemble| ensemble.snapshot_size_factor);
    let snapshot = storage::newest_snapshot_bytes(&shared.disk, &shared.dirs)?;
    let (Some(factor), Some(snapshot)) = (factor, snapshot) else { return Ok(None) };
    let bytes_max = (snapshot as f64 * factor) as u64;
    storage::read_history(&shared.disk, &shared.dirs, after, bytes_max)
}

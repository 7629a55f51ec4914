//! Every connection of the server, for operators: who, and what it has done.

use node::{ConnId, ConnectionStats};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// What a connection's event loop shows of it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) peer: SocketAddr,
    /// Wall clock at accept, milliseconds since 1970.
    pub(crate) established_ms: i64,
    state: Mutex<(ConnectionStats, u32)>,
    /// Statistics at the last `crst`: what operators see is the difference.
    baseline: Mutex<ConnectionStats>,
}

impl Shown {
    /// Called by the event loop after each batch.
    pub(crate) fn update(&self, stats: &ConnectionStats, outstanding: u32) {
        *self.state.lock() = (*stats, outstanding);
    }

    /// The statistics since the last reset, and how much is outstanding.
    pub(crate) fn read(&self) -> (ConnectionStats, u32) {
        let (mut stats, outstanding) = *self.state.lock();
        let base = *self.baseline.lock();
        stats.received = stats.received.saturating_sub(base.received);
        stats.sent = stats.sent.saturating_sub(base.sent);
        stats.measured = stats.measured.saturating_sub(base.measured);
        stats.total_latency_ms = stats.total_latency_ms.saturating_sub(base.total_latency_ms);
        (stats, outstanding)
    }

    fn reset(&self) {
        let now = self.state.lock().0;
        *self.baseline.lock() = now;
    }
}

/// All connections by id.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    by_id: Mutex<BTreeMap<ConnId, Arc<Shown>>>,
}

impl Registry {
    pub(crate) fn insert(&self, id: ConnId, peer: SocketAddr, established_ms: i64) -> Arc<Shown> {
        let shown =
            Arc::new(Shown { peer, established_ms, state: Mutex::default(), baseline: Mutex::default() });
        self.by_id.lock().insert(id, Arc::clone(&shown));
        shown
    }

    pub(crate) fn remove(&self, id: ConnId) {
        self.by_id.lock().remove(&id);
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.lock().len()
    }

    pub(crate) fn list(&self) -> Vec<(ConnId, Arc<Shown>)> {
        self.by_id.lock().iter().map(|(id, shown)| (*id, Arc::clone(shown))).collect()
    }

    /// Forgets the statistics of all connections (`crst`).
    pub(crate) fn reset(&self) {
        for (_, shown) in self.list() {
            shown.reset();
        }
    }
}

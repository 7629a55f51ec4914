//! Every connection of the server, for operators: who, and what it has done.

use node::{ConnId, Connection, ConnectionStats};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a connection's event loop shows of it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) peer: SocketAddr,
    /// Wall clock at accept, milliseconds since 1970.
    pub(crate) established_ms: i64,
    state: Mutex<(ConnectionStats, u32)>,
    /// Set by `crst`; the event loop clears the statistics when it comes by.
    cleared: AtomicBool,
}

impl Shown {
    /// Called by the event loop after each batch.
    pub(crate) fn update(&self, conn: &mut Connection) {
        if self.cleared.swap(false, Ordering::Relaxed) {
            conn.clear_stats();
        }
        *self.state.lock() = (*conn.stats(), conn.outstanding());
    }

    /// The statistics since the last reset, and how much is outstanding.
    pub(crate) fn read(&self) -> (ConnectionStats, u32) {
        let (stats, outstanding) = *self.state.lock();
        match self.cleared.load(Ordering::Relaxed) {
            true => (stats.cleared(), outstanding),
            false => (stats, outstanding),
        }
    }
}

/// All connections by id.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    by_id: Mutex<BTreeMap<ConnId, Arc<Shown>>>,
}

impl Registry {
    pub(crate) fn insert(&self, id: ConnId, peer: SocketAddr, established_ms: i64) -> Arc<Shown> {
        let shown = Arc::new(Shown {
            peer,
            established_ms,
            state: Mutex::default(),
            cleared: AtomicBool::new(false),
        });
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
            shown.cleared.store(true, Ordering::Relaxed);
        }
    }
}

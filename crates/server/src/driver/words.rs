//! The desk that answers four-letter words, on a thread of its own: a dump of a large server costs
//! its asker time, nobody else (HC-173).

use crate::config::Config;
use crate::driver::counters::Counters;
use crate::driver::leading::LeadingFigures;
use crate::driver::shared::Shared;
use crate::fourletter::{
    self, Connection, ConnectionSession, DigestAt, DirectorySizes, Effect, Expiring, Gauges, Member, Metric,
    Mode, Samples, Summary, View, WatchCounts, Word,
};
use node::{ConnId, Role};
use parking_lot::{Condvar, Mutex};
use proto::{SessionId, Zxid};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Questions that may wait; further ones are hung up on.
const QUEUE_MAX: usize = 128;
/// How long an asker may take to send what belongs to its word, or to read the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A word and the socket it came on.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) word: Word,
    /// What had arrived behind the four letters.
    pub(crate) rest: Vec<u8>,
    pub(crate) stream: TcpStream,
}

/// Questions waiting for an answer.
#[derive(Debug)]
pub(crate) struct WordDesk {
    state: Mutex<(VecDeque<Question>, bool)>,
    asked: Condvar,
    trace_mask: AtomicI64,
    pub(crate) leading: LeadingFigures,
}

impl Default for WordDesk {
    fn default() -> Self {
        let trace_mask = AtomicI64::new(fourletter::DEFAULT_TRACE_MASK);
        Self {
            state: Mutex::default(),
            asked: Condvar::new(),
            trace_mask,
            leading: LeadingFigures::default(),
        }
    }
}

impl WordDesk {
    pub(crate) fn ask(&self, question: Question) {
        let mut state = self.state.lock();
        if state.0.len() < QUEUE_MAX {
            state.0.push_back(question);
            self.asked.notify_one();
        }
    }

    pub(crate) fn close(&self) {
        self.state.lock().1 = true;
        self.asked.notify_one();
    }

    fn next(&self) -> Option<Question> {
        let mut state = self.state.lock();
        loop {
            if state.1 {
                return None;
            }
            if let Some(question) = state.0.pop_front() {
                return Some(question);
            }
            self.asked.wait(&mut state);
        }
    }
}

/// Answers until the server stops.
pub(crate) fn run(shared: &Shared) {
    while let Some(question) = shared.words.next() {
        let word = question.word;
        if let Err(error) = answer(shared, question) {
            tracing::debug!(word = word.name(), %error, "asker went away");
        }
    }
}

fn answer(shared: &Shared, question: Question) -> std::io::Result<()> {
    let Question { word, mut rest, mut stream } = question;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let allowed = &shared.config.four_letter_words;
    if rest.len() < word.extra_len() {
        let had = rest.len();
        rest.resize(word.extra_len(), 0);
        stream.read_exact(&mut rest[had..])?;
    }
    if allowed.allows(word) {
        match word.effect(&rest) {
            Some(Effect::ResetConnections) => shared.registry.reset(),
            Some(Effect::ResetServer) => {
                shared.counters.iter().for_each(Counters::clear);
                shared.words.leading.clear();
            }
            Some(Effect::SetTraceMask(mask)) => shared.words.trace_mask.store(mask, Ordering::Relaxed),
            None => {}
        }
    }
    let text = fourletter::answer(word, allowed, &Window { shared, asker: stream.peer_addr()? });
    stream.write_all(text.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    // Closing with bytes unread would reset the connection and could take the answer with it.
    stream.set_nonblocking(true)?;
    while matches!(stream.read(&mut [0; 64]), Ok(1..)) {}
    Ok(())
}

/// The server as the words see it.
struct Window<'a> {
    shared: &'a Shared,
    asker: SocketAddr,
}

impl Window<'_> {
    fn latency(&self) -> Samples {
        let totals = Counters::totals(&self.shared.counters);
        Samples {
            min: totals.min_latency_ms,
            max: totals.max_latency_ms,
            total: totals.total_latency_ms,
            count: totals.measured,
        }
    }

    fn sessions_by_conn(&self) -> BTreeMap<ConnId, SessionId> {
        let live = self.shared.registry.list();
        live.into_iter().map(|(id, shown)| (id, shown.read().0.session)).collect()
    }

    /// A moment on the monotonic clock as milliseconds since 1970.
    fn wall_of(&self, monotonic_ms: u64) -> i64 {
        let now = self.shared.clock.now();
        now.wall_ms + monotonic_ms as i64 - now.monotonic_ms as i64
    }
}

fn shown(peer: SocketAddr, established_ms: i64, stats: &node::ConnectionStats, queued: u32) -> Connection {
    let session = (stats.session != SessionId::NONE).then(|| ConnectionSession {
        id: stats.session,
        last_operation: stats.last_op.and_then(fourletter::operation_name).unwrap_or("NA"),
        established_ms,
        timeout_ms: stats.timeout_ms.unsigned_abs(),
        last_cxid: stats.last_cxid,
        last_zxid: stats.last_zxid.unwrap_or(Zxid(-1)),
        last_response_ms: stats.last_response_ms,
        last_latency_ms: stats.last_latency_ms,
        latency_ms: Samples {
            min: stats.min_latency_ms,
            max: stats.max_latency_ms,
            total: stats.total_latency_ms,
            count: stats.measured,
        },
    });
    Connection {
        address: peer,
        interest_ops: u8::from(stats.session != SessionId::NONE),
        queued: u64::from(queued),
        received: stats.received,
        sent: stats.sent,
        session,
    }
}

impl View for Window<'_> {
    fn version(&self) -> String {
        crate::version()
    }

    fn mode(&self) -> Option<Mode> {
        let status = self.shared.node.lock().status();
        fourletter::mode(&status).filter(|_| !self.shared.is_stopping())
    }

    fn member(&self) -> Option<Member> {
        let node = self.shared.node.lock();
        let (status, membership) = (node.status(), node.membership()?.clone());
        drop(node);
        let (uptime_ms, proposals) = self.shared.words.leading.read(self.shared.clock.now().monotonic_ms);
        Some(Member::new(&status, &membership, uptime_ms, proposals))
    }

    fn global_sessions(&self) -> Vec<(SessionId, i32)> {
        let mut sessions: Vec<_> = self.shared.store.view().tree.sessions().collect();
        sessions.sort_unstable();
        sessions
    }

    fn config(&self) -> &Config {
        &self.shared.config
    }

    fn summary(&self) -> Summary {
        let totals = Counters::totals(&self.shared.counters);
        let status = self.shared.node.lock().status();
        // A leader's epoch begins with a zxid that no transaction has.
        let begun = match (status.role, status.serving) {
            (Role::Leading, true) => Zxid::new(status.current_epoch, 0),
            _ => Zxid::ZERO,
        };
        let view = self.shared.store.view();
        Summary {
            latency_ms: self.latency(),
            received: totals.received,
            sent: totals.sent,
            connections: self.shared.registry.len() as u64 + 1,
            outstanding: self.shared.outstanding.load(Ordering::Relaxed) as u64,
            zxid: view.tree.last_zxid().max(begun),
            node_count: view.tree.node_count() as u64,
        }
    }

    fn connections(&self) -> Vec<Connection> {
        let asker = shown(self.asker, 0, &node::ConnectionStats { received: 1, ..Default::default() }, 0);
        let others = self.shared.registry.list().into_iter().map(|(_, entry)| {
            let (stats, queued) = entry.read();
            shown(entry.peer, entry.established_ms, &stats, queued)
        });
        std::iter::once(asker).chain(others).collect()
    }

    fn sessions_by_expiry(&self) -> Vec<Expiring<SessionId>> {
        let sessions = self.shared.node.lock().sessions();
        let mut by_deadline: BTreeMap<u64, Vec<SessionId>> = BTreeMap::new();
        for session in sessions {
            by_deadline.entry(session.deadline_ms).or_default().push(session.id);
        }
        let expiring = |(at, items)| Expiring { at_ms: self.wall_of(at), items };
        by_deadline.into_iter().map(expiring).collect()
    }

    fn local_sessions(&self) -> Option<BTreeSet<SessionId>> {
        self.shared.config.ensemble.as_ref().filter(|ensemble| ensemble.settings.local_sessions)?;
        let here = self.shared.node.lock().sessions();
        let global: BTreeSet<SessionId> =
            self.shared.store.view().tree.sessions().map(|(id, _)| id).collect();
        Some(here.into_iter().map(|session| session.id).filter(|id| !global.contains(id)).collect())
    }

    fn connections_by_expiry(&self) -> Vec<Expiring<(SocketAddr, SessionId)>> {
        let tick_ms = (self.shared.config.tick_time.as_millis() as u64).max(1);
        let mut by_deadline: BTreeMap<u64, Vec<(SocketAddr, SessionId)>> = BTreeMap::new();
        // The asker has no session and the patience of one: the reference gives it ten seconds.
        let asker_due = self.shared.clock.now().monotonic_ms + 10_000;
        by_deadline
            .entry((asker_due / tick_ms + 1) * tick_ms)
            .or_default()
            .push((self.asker, SessionId::NONE));
        for (_, entry) in self.shared.registry.list() {
            let (stats, _) = entry.read();
            let due = stats.last_response_ms + u64::from(stats.timeout_ms.unsigned_abs());
            by_deadline.entry((due / tick_ms + 1) * tick_ms).or_default().push((entry.peer, stats.session));
        }
        let expiring = |(at, items)| Expiring { at_ms: self.wall_of(at), items };
        by_deadline.into_iter().map(expiring).collect()
    }

    fn ephemerals(&self) -> Vec<(SessionId, Vec<String>)> {
        let view = self.shared.store.view();
        let owners: Vec<SessionId> = view.tree.ephemeral_owners().map(|(id, _)| id).collect();
        owners.into_iter().map(|id| (id, view.tree.ephemerals_of(id))).collect()
    }

    fn watches(&self) -> Vec<(String, Vec<SessionId>)> {
        let sessions = self.sessions_by_conn();
        let by_path = self.shared.store.watches().data_by_path();
        let session_of = |watcher: tree::WatcherId| sessions.get(&ConnId(watcher.0)).copied();
        by_path
            .into_iter()
            .map(|(path, watchers)| (path.to_string(), watchers.into_iter().filter_map(session_of).collect()))
            .collect()
    }

    fn watch_counts(&self) -> WatchCounts {
        let totals = self.shared.store.watches().data_totals();
        WatchCounts {
            connections: totals.watchers as u64,
            paths: totals.paths as u64,
            watches: totals.watches as u64,
        }
    }

    fn directory_sizes(&self) -> DirectorySizes {
        let (snapshots, logs) = self.shared.dirs.sizes(&self.shared.disk).unwrap_or_default();
        DirectorySizes { snapshots, logs }
    }

    fn digests(&self) -> Vec<DigestAt> {
        let view = self.shared.store.view();
        view.tree.digest_history().map(|(zxid, digest)| DigestAt { zxid, digest }).collect()
    }

    fn metrics(&self) -> Vec<Metric> {
        let totals = Counters::totals(&self.shared.counters);
        let local = self.local_sessions().map_or(0, |local| local.len() as u64);
        let watches = self.shared.store.watches().watch_count() as u64;
        let view = self.shared.store.view();
        let (open_files, max_files) = descriptors();
        let gauges = Gauges {
            latency_ms: self.latency(),
            packets_received: totals.received,
            packets_sent: totals.sent,
            connections: self.shared.registry.len() as u64 + 1,
            outstanding: self.shared.outstanding.load(Ordering::Relaxed) as u64,
            uptime_ms: self.shared.clock.uptime_ms(),
            znodes: view.tree.node_count() as u64,
            watches,
            ephemerals: view.tree.ephemerals_count() as u64,
            approximate_data_bytes: view.tree.approximate_data_size(),
            local_sessions: local,
            global_sessions: view.tree.sessions().count() as u64,
            open_files,
            max_files,
            last_response_bytes: totals.reply_bytes.map(|bytes| bytes[0]),
            min_response_bytes: totals.reply_bytes.map(|bytes| bytes[1]),
            max_response_bytes: totals.reply_bytes.map(|bytes| bytes[2]),
            connection_drop_probability: self.shared.admission.drop_probability(),
            ..Gauges::default()
        };
        let slow = self.shared.slow_syncs.load(Ordering::Relaxed);
        let mut metrics = gauges.metrics();
        metrics.push(Metric::whole("fsync_threshold_exceed_count", slow));
        metrics
    }

    fn trace_mask(&self) -> i64 {
        self.shared.words.trace_mask.load(Ordering::Relaxed)
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        fourletter::environment(&crate::version())
    }
}

/// Open and allowed file descriptors of this process, 0 where the system does not tell.
fn descriptors() -> (u64, u64) {
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64);
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let max = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    (open, max.unwrap_or(0))
}

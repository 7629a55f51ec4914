//! Starting and stopping the threads.

use crate::config::Config;
use crate::driver::acceptor::Bound;
use crate::driver::clock::Clock;
use crate::driver::entrance::Entrance;
use crate::driver::event_loop::{EventLoop, LISTENER, WAKER};
use crate::driver::mailbox::Mailbox;
use crate::driver::peers::{self, PeerSettings, Peers, Ports, Sockets};
use crate::driver::shared::{Parts, Shared};
use crate::driver::{acceptor, log, member, recovery, snapshots, words};
use mio::{Poll, Waker};
use node::{Node, Settings, Store};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use storage::{DataDirs, LogOptions, RealDisk, Recovered, SharedDisk, StorageError, TxnLog};

/// Why a server did not start.
#[derive(Debug)]
pub enum StartError {
    /// The data directory cannot be used, or what is in it cannot be trusted.
    Storage(StorageError),
    /// The client port cannot be had.
    Bind {
        /// The address wanted.
        address: String,
        /// What the system said.
        error: io::Error,
    },
    /// A port for other members cannot be had.
    BindPeers {
        /// The address wanted.
        address: String,
        /// What the system said at the last attempt.
        error: io::Error,
    },
    /// The system refused a thread or an event queue.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => write!(f, "{error}"),
            Self::Bind { address, error } => write!(f, "cannot listen on {address}: {error}"),
            Self::BindPeers { address, error } => {
                write!(f, "cannot listen on {address} for other members: {error}")
            }
            Self::System(error) => write!(f, "the system refused a thread or an event queue: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<StorageError> for StartError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// A server stopped because going on could have lost data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Why.
    pub reason: String,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Stopped {}

/// A running server. Dropping it does not stop it; see [`Server::stop`].
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Recovers the data directory, binds the client port and starts to serve.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub fn start(config: Config) -> Result<Self, StartError> {
        Self::start_on(config, Arc::new(RealDisk))
    }

    /// As [`Server::start`], on a disk of the caller's: how tests break disks.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub fn start_on(config: Config, disk: SharedDisk) -> Result<Self, StartError> {
        // First of all, since it is the cheapest thing that can fail.
        let wanted = config.client_port.as_ref().map_or_else(String::new, |client| {
            format!("{}:{}", client.host.as_deref().unwrap_or("*"), client.port)
        });
        let unbound = |error| StartError::Bind { address: wanted.clone(), error };
        let bound = config.client_port.as_ref().map(acceptor::bind).transpose().map_err(unbound)?;
        let log_dir = (config.data_log_dir != config.data_dir).then_some(config.data_log_dir.as_path());
        let dirs = DataDirs::prepare(&disk, &config.data_dir, log_dir, config.storage.create_data_dir)?;
        let (tree, recovered) = recovery::load(&disk, &dirs, &config)?;
        report(&recovered);
        let txn_log = TxnLog::open(disk.clone(), dirs.log_dir(), log_options(&config))?;
        let (acceptor, address) = bound.map(Bound::listen).transpose().map_err(unbound)?.unzip();

        let loops = config.network.event_loop_threads.unwrap_or_else(default_loops).clamp(1, 255);
        let polls = (0..loops).map(|_| Poll::new()).collect::<io::Result<Vec<_>>>();
        let polls = polls.map_err(StartError::System)?;
        let mailboxes: io::Result<Vec<_>> =
            polls.iter().map(|poll| Waker::new(poll.registry(), WAKER).map(Mailbox::new)).collect();
        let clock = Clock::start();
        let mailboxes = mailboxes.map_err(StartError::System)?;
        let peers = peer_sockets(&config)?;
        let store = Arc::new(Store::new(tree));
        let node = match &config.ensemble {
            None => Node::standalone(node_settings(&config), Arc::clone(&store), clock.now()),
            Some(ensemble) => {
                let membership = member::membership(ensemble, &disk, &dirs, &recovered)?;
                Node::member(node_settings(&config), membership, Arc::clone(&store), clock.now())
            }
        };
        let (peers, sockets) = peers.unzip();
        let address = address.unwrap_or_else(|| SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0));
        let parts = Parts { config, clock, store, node, mailboxes, peers, disk, dirs, address };
        let mut server = Self { shared: Arc::new(Shared::new(parts)), threads: Vec::new() };
        if recovered.needs_snapshot {
            snapshots::take(&server.shared)?;
        }
        let started = server.start_threads(txn_log, polls, acceptor, sockets);
        if let Err(error) = started {
            server.stop();
            let _ = server.wait();
            return Err(StartError::System(error));
        }
        if recovered.replayed > server.shared.config.storage.snap_count / 2 {
            server.shared.snapshots.request();
        }
        Ok(server)
    }

    fn start_threads(
        &mut self,
        txn_log: TxnLog,
        polls: Vec<Poll>,
        acceptor: Option<acceptor::Acceptor>,
        sockets: Option<Sockets>,
    ) -> io::Result<()> {
        self.spawn("zabra-log", move |shared| log::run(shared, txn_log))?;
        self.spawn("zabra-snapshot", snapshots::run)?;
        self.spawn("zabra-words", words::run)?;
        if self.shared.config.purge.interval.is_some() {
            self.spawn("zabra-purge", purge)?;
        }
        if let Some(sockets) = sockets {
            self.spawn("zabra-history", peers::read_histories)?;
            self.spawn("zabra-peer", move |shared| {
                if let Err(error) = peers::run(shared, sockets) {
                    tracing::error!(%error, "peer thread failed");
                    shared.stop(Err(format!("peer thread failed: {error}")));
                }
            })?;
        }
        let mut entrance = Some(Entrance::new(acceptor, LISTENER));
        for (index, poll) in polls.into_iter().enumerate() {
            let entrance = entrance.take();
            self.spawn(&format!("zabra-io-{index}"), move |shared| {
                if let Err(error) = EventLoop::new(index, shared, poll, entrance).run() {
                    tracing::error!(%error, "event loop failed");
                    shared.stop(Err(format!("event loop failed: {error}")));
                }
            })?;
        }
        Ok(())
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce(&Shared) + Send + 'static) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            let _end = EndsAll(&shared);
            run(&shared);
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// Where clients connect; port 0 while they cannot.
    pub fn address(&self) -> SocketAddr {
        *self.shared.address.lock()
    }

    /// The settings it runs with.
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Something that can stop this server from another thread.
    pub fn stopper(&self) -> impl Fn() + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || shared.stop(Ok(()))
    }

    /// Asks the server to stop: connections are closed, what is in the log's queue is written.
    pub fn stop(&self) {
        self.stopper()();
    }

    /// Waits until the server has stopped.
    ///
    /// # Errors
    /// [`Stopped`] when it stopped by itself.
    pub fn wait(self) -> Result<(), Stopped> {
        let reason = self.shared.wait();
        for thread in self.threads {
            if thread.join().is_err() {
                return Err(Stopped { reason: "a server thread panicked".into() });
            }
        }
        reason.map_err(|reason| Stopped { reason })
    }
}

/// Ends the server when its thread panics: the others could only pretend to go on (HC-56).
struct EndsAll<'a>(&'a Shared);

impl Drop for EndsAll<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop(Err("a server thread panicked".into()));
        }
    }
}

/// The sockets for other members, listening, for a server that is not alone.
fn peer_sockets(config: &Config) -> Result<Option<(Arc<Peers>, Sockets)>, StartError> {
    let Some(ensemble) = &config.ensemble else { return Ok(None) };
    let settings = PeerSettings::new(config, ensemble);
    let ports = Ports::open(&settings)
        .map_err(|refused| StartError::BindPeers { address: refused.address, error: refused.error })?;
    let make = || {
        let poll = Poll::new()?;
        let peers = Arc::new(Peers::new(&poll)?);
        let tree = recovery::tree_settings(config);
        Sockets::new(poll, Arc::clone(&peers), settings, ports, tree).map(|sockets| (peers, sockets))
    };
    make().map(Some).map_err(StartError::System)
}

/// One loop per core, but few: two already keep a fast network card's queue empty.
fn default_loops() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(8))
}

fn report(recovered: &Recovered) {
    for warning in &recovered.warnings {
        tracing::warn!("{warning}");
    }
    if let Some(torn) = &recovered.torn_tail {
        tracing::warn!(
            file = %torn.path.display(),
            offset = torn.offset,
            bytes = torn.bytes,
            "cut off the unfinished end of the log: a crash interrupted the last write"
        );
    }
    let snapshot = recovered.snapshot.as_ref().map(|(path, _)| path.display().to_string());
    tracing::info!(
        zxid = %recovered.last_zxid,
        snapshot = snapshot.as_deref().unwrap_or("none"),
        replayed = recovered.replayed,
        "data recovered"
    );
}

pub(super) fn log_options(config: &Config) -> LogOptions {
    let storage = &config.storage;
    LogOptions {
        prealloc_bytes: storage.preallocate_bytes,
        force_sync: storage.force_sync,
        fsync_warning: storage.fsync_warning_threshold,
        roll_bytes: storage.log_size_limit_bytes,
    }
}

fn node_settings(config: &Config) -> Settings {
    let ms = |d: Duration| d.as_millis() as u64;
    let ms_i32 = |d: Duration| i32::try_from(d.as_millis()).unwrap_or(i32::MAX);
    Settings {
        // The reference's standalone server uses 1 in its session ids, whatever myid says.
        server_id: config.ensemble.as_ref().map_or(1, |ensemble| ensemble.me.0 as u8),
        tick_time_ms: ms(config.tick_time),
        min_session_timeout_ms: ms_i32(config.sessions.min_timeout),
        max_session_timeout_ms: ms_i32(config.sessions.max_timeout),
        container_check_interval_ms: ms(config.containers.check_interval),
        container_max_per_minute: u64::from(config.containers.max_per_minute),
        container_max_never_used_ms: config.containers.max_never_used.map_or(0, |d| ms(d) as i64),
    }
}

/// `autopurge`: at the start, then at every interval.
fn purge(shared: &Shared) {
    let Some(interval) = shared.config.purge.interval else { return };
    let retain = shared.config.purge.snap_retain_count as usize;
    loop {
        let alone = shared.snapshots.files();
        let purged = storage::purge(&shared.disk, &shared.dirs, retain);
        drop(alone);
        match purged {
            Ok(removed) if removed.is_empty() => {}
            Ok(removed) => tracing::info!(files = removed.len(), retain, "old snapshots and logs removed"),
            Err(error) => tracing::error!(%error, "purge failed; nothing needed was removed"),
        }
        if shared.wait_for_stop(interval) {
            return;
        }
    }
}

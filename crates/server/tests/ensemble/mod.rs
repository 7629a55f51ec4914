//! Whole servers in one process that make an ensemble over loopback.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

use node::EnsembleSettings;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::disk::fault::SimDisk;
use zab::{Address, Member, MemberRole, ServerId};
use zabra_server::config::{Config, Ensemble, NoDelay};
use zabra_server::{Server, StartError};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// An ensemble of voters, each on a simulated disk of its own.
pub struct Cluster {
    pub members: zab::Config,
    pub disks: Vec<SimDisk>,
    pub servers: Vec<Option<Server>>,
    /// Whether learners always get a snapshot.
    pub force_snapshot: bool,
}

impl Cluster {
    /// `size` voters that listen on ports from `port` on: two each. Nobody is started.
    pub fn new(size: usize, port: u16) -> Self {
        let mut members = zab::Config::default();
        for n in 0..size as u16 {
            let host = "127.0.0.1".to_owned();
            let address = Address { host, quorum_port: port + 2 * n, election_port: port + 2 * n + 1 };
            let member = Member { addresses: vec![address], role: MemberRole::Participant, client: None };
            members.members.insert(ServerId(i64::from(n) + 1), member);
        }
        let disks = (0..size).map(|_| SimDisk::new()).collect();
        Self { members, disks, servers: (0..size).map(|_| None).collect(), force_snapshot: false }
    }

    /// The settings of one, counted from 0.
    pub fn config(&self, index: usize) -> Config {
        let mut config = Config::standalone_default(PathBuf::from("/data"));
        config.client_port.as_mut().unwrap().port = 0;
        config.storage.preallocate_bytes = 4096;
        config.tick_time = Duration::from_millis(200);
        config.network.event_loop_threads = Some(1);
        config.ensemble = Some(Ensemble {
            me: ServerId(index as i64 + 1),
            members: self.members.clone(),
            last_seen: None,
            role: MemberRole::Participant,
            static_file: None,
            dynamic_file: None,
            settings: EnsembleSettings { force_snapshot: self.force_snapshot, ..EnsembleSettings::default() },
            listen_on_all: false,
            cnx_timeout: Duration::from_secs(5),
            election_read_timeout: Duration::from_secs(1),
            election_bind_retry: 3,
            tcp_keep_alive: false,
            connect_timeout: Duration::from_secs(2),
            no_delay: NoDelay { leader: true, learner: true },
            multi_address: false,
            observer_master_port: None,
            snapshot_size_factor: Some(0.33),
        });
        config
    }

    pub fn start(&mut self, index: usize) {
        self.try_start(index, self.config(index)).unwrap();
    }

    pub fn try_start(&mut self, index: usize, config: Config) -> Result<(), StartError> {
        let server = Server::start_on(config, Arc::new(self.disks[index].clone()))?;
        self.servers[index] = Some(server);
        Ok(())
    }

    pub fn start_all(&mut self) {
        for index in 0..self.servers.len() {
            self.start(index);
        }
    }

    pub fn stop(&mut self, index: usize) {
        if let Some(server) = self.servers[index].take() {
            server.stop();
            server.wait().unwrap();
        }
    }

    /// Where clients of one connect.
    pub fn address(&self, index: usize) -> SocketAddr {
        let address = self.servers[index].as_ref().unwrap().address();
        SocketAddr::new([127, 0, 0, 1].into(), address.port())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for server in self.servers.iter().flatten() {
            server.stop();
        }
    }
}

/// Tries until it succeeds, and panics with what it last said when it takes too long.
pub fn eventually<T, E: std::fmt::Debug>(what: &str, mut attempt: impl FnMut() -> Result<T, E>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(error) if Instant::now() > until => panic!("{what}: {error:?}"),
            // Between two looks at something that no event announces.
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

//! Servers to test against: one in this process, an ensemble of them, and Java's when it is installed.

use interop::server::Kind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use storage::disk::fault::SimDisk;
use zabra_server::Server;
use zabra_server::config::{Config, Sources};

/// Ticks, which bound session timeouts from below.
const TICK_MS: u32 = 200;

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id() as u16 % 180;
    for _ in 0..1000 {
        let port = 24_600 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 200;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between 24600 and 24799");
}

/// A configuration as its file would have it, for clients at `port`.
fn config(dir: &Path, port: u16, more: &str) -> Config {
    let text = format!(
        "dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\ntickTime={TICK_MS}\npreAllocSize=4\n\
         extendedTypesEnabled=true\nmaxClientCnxns=0\n{more}",
        dir.display()
    );
    let mut sources = Sources::new();
    sources.file_bytes(&dir.join("zoo.cfg"), text.as_bytes()).unwrap();
    let mut config = sources.load().unwrap().0;
    config.network.event_loop_threads = Some(1);
    config
}

/// A server in this process; its disk is in memory.
pub struct Embedded {
    disk: SimDisk,
    port: u16,
    server: Option<Server>,
}

impl Embedded {
    pub fn start() -> Self {
        let mut embedded = Self { disk: SimDisk::new(), port: free_port(), server: None };
        embedded.restart();
        embedded
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
            server.wait().unwrap();
        }
    }

    pub fn restart(&mut self) {
        self.stop();
        self.server = Some(
            Server::start_on(config(Path::new("/data"), self.port, ""), Arc::new(self.disk.clone())).unwrap(),
        );
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Java's server as a process of its own, in a directory of its own.
pub struct Java {
    pub server: interop::server::Server,
    _dir: tempfile::TempDir,
}

impl Java {
    /// `None`, and a line that says so, when it is not installed.
    pub fn start(kind: Kind) -> Option<Self> {
        if !kind.is_installed() {
            println!("{kind}: SKIPPED, not installed");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let tick = TICK_MS.to_string();
        let settings =
            [("tickTime", tick.as_str()), ("extendedTypesEnabled", "true"), ("maxClientCnxns", "0")];
        let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        let address = ([127, 0, 0, 1], free_port()).into();
        let mut server = interop::server::Server::prepare(kind, dir.path(), address, settings);
        server.launch().unwrap();
        Some(Self { server, _dir: dir })
    }
}

/// Three servers in this process, on disk.
pub struct Ensemble {
    /// What every member is told of the others.
    members: String,
    ports: Vec<u16>,
    dirs: Vec<tempfile::TempDir>,
    servers: Vec<Option<Server>>,
}

impl Ensemble {
    pub fn start() -> Self {
        let mut members = "initLimit=50\nsyncLimit=25\n".to_owned();
        for id in 1..=3 {
            members.push_str(&format!("server.{id}=127.0.0.1:{}:{}\n", free_port(), free_port()));
        }
        let ports = (0..3).map(|_| free_port()).collect();
        let dirs = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
        let mut ensemble = Self { members, ports, dirs, servers: vec![None, None, None] };
        (0..3).for_each(|index| ensemble.restart(index));
        ensemble
    }

    pub fn connect_string(&self) -> String {
        self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
    }

    pub fn stop(&mut self, index: usize) {
        if let Some(server) = self.servers[index].take() {
            server.stop();
            server.wait().unwrap();
        }
    }

    pub fn restart(&mut self, index: usize) {
        self.stop(index);
        let dir = self.dirs[index].path();
        std::fs::write(dir.join("myid"), format!("{}\n", index + 1)).unwrap();
        let config = config(dir, self.ports[index], &self.members);
        self.servers[index] = Some(Server::start(config).unwrap());
    }
}

impl Drop for Ensemble {
    fn drop(&mut self) {
        (0..3).for_each(|index| self.stop(index));
    }
}

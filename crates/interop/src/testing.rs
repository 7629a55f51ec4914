//! What the process tests share: one server each, on a directory of its own.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::Client;
use crate::server::{Kind, Server};

/// A server that lives as long as a test.
#[derive(Debug)]
pub struct TestServer {
    /// The process.
    pub server: Server,
    _dir: TempDir,
}

impl TestServer {
    /// Starts the server under test: Zabra, or what `ZABRA_TEST_SERVER` names.
    ///
    /// # Panics
    /// It does not start.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_limited(settings, None)
    }

    /// As [`start`](Self::start), with at most `descriptors` files open in the process.
    ///
    /// # Panics
    /// It does not start.
    pub fn start_limited(settings: &[(&str, &str)], descriptors: Option<u32>) -> Self {
        let kind = std::env::var("ZABRA_TEST_SERVER")
            .map_or(Kind::Zabra, |name| name.parse().expect("a known server"));
        let dir = tempfile::tempdir().expect("a temporary directory");
        let server =
            Server::start_limited(kind, dir.path(), settings, descriptors).expect("the server starts");
        Self { server, _dir: dir }
    }

    /// A new session of thirty seconds.
    ///
    /// # Panics
    /// The server does not grant it.
    pub fn client(&self) -> Client {
        Client::connect(self.server.addr(), 30_000).expect("a session")
    }

    /// Threads of the process.
    pub fn threads(&self) -> usize {
        let pid = self.server.pid().expect("the server runs");
        std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
    }

    /// Fails unless the server still answers a new client.
    ///
    /// # Panics
    /// It does not.
    pub fn assert_serving(&self) {
        let mut client = self.client();
        client.get("/").expect("an answer").expect("the root");
        client.close().expect("a closed session");
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.server.log_path()).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("end of the server's log:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"));
        }
    }
}

/// Waits for what another process does in its own time.
///
/// # Panics
/// `condition` does not hold within `seconds`.
pub fn eventually(what: &str, seconds: u64, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !condition() {
        assert!(Instant::now() < deadline, "not within {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

//! What the tests on real servers share: a server each, and a proxy in front of it that breaks things.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod proxy;
pub mod servers;

use proxy::Proxy;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use zabra_client::{Builder, Client, Create, SessionState};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A server, and a way to it that can be broken.
pub struct World {
    pub server: SocketAddr,
    pub proxy: Proxy,
}

impl World {
    /// Settings that suit servers with ticks of 200 ms.
    pub fn builder(&self) -> Builder {
        Client::builder()
            .session_timeout(Duration::from_secs(3))
            .backoff(Duration::from_millis(5), Duration::from_millis(50))
    }

    /// A client whose connections go through the proxy, below a node of its own.
    pub async fn client(&self, chroot: &str) -> Client {
        self.root(chroot).await;
        self.builder().connect(&format!("{}{chroot}", self.proxy.address())).await.unwrap()
    }

    /// A client that nothing happens to.
    pub async fn direct(&self, chroot: &str) -> Client {
        self.root(chroot).await;
        self.builder().connect(&format!("{}{chroot}", self.server)).await.unwrap()
    }

    async fn root(&self, chroot: &str) {
        let client = self.builder().connect(&self.server.to_string()).await.unwrap();
        // It may be there already.
        let _ = client.create(chroot, "", &Create::persistent()).await;
        client.close().await.unwrap();
    }
}

/// Fails a test that hangs.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("not in time: {what}"),
    }
}

/// Waits for a state.
pub async fn until(client: &Client, what: &str, wanted: impl FnMut(&SessionState) -> bool) -> SessionState {
    let mut state = client.state();
    soon(what, state.wait_for(wanted)).await.unwrap().clone()
}

/// The number of the connection a client has, once it has one later than `after`.
pub async fn generation_after(client: &Client, after: u64) -> u64 {
    let later = |state: &SessionState| matches!(state, SessionState::Connected(c) if c.generation > after);
    match until(client, "a new connection", later).await {
        SessionState::Connected(connection) => connection.generation,
        other => panic!("not connected: {other:?}"),
    }
}

/// Runs one test on a runtime of its own.
pub fn run<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

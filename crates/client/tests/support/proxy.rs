//! A way to a server that can be cut, closed, muted and slowed.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Weather {
    /// How often all connections were cut.
    cuts: u64,
    /// New connections end at once.
    closed: bool,
    /// What the server says is held back.
    muted: bool,
    /// Everything takes this long, either way.
    delay: Duration,
    /// Bytes travel one by one.
    trickle: bool,
}

/// A proxy on a port of its own. It lives as long as the runtime.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
}

impl Proxy {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let weather = watch::Sender::new(Weather::default());
        let seen = weather.subscribe();
        tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                if !seen.borrow().closed {
                    tokio::spawn(carry(client, server, seen.clone()));
                }
            }
        });
        Self { address, weather }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections; new ones can be made.
    pub fn cut(&self) {
        self.weather.send_modify(|weather| weather.cuts += 1);
    }

    /// Ends all connections; new ones cannot be made until [`open`](Self::open).
    pub fn close(&self) {
        self.weather.send_modify(|weather| {
            weather.cuts += 1;
            weather.closed = true;
        });
    }

    pub fn open(&self) {
        self.weather.send_modify(|weather| weather.closed = false);
    }

    /// Whether what the server says is held back.
    pub fn mute(&self, muted: bool) {
        self.weather.send_modify(|weather| weather.muted = muted);
    }

    pub fn delay(&self, delay: Duration) {
        self.weather.send_modify(|weather| weather.delay = delay);
    }

    pub fn trickle(&self, trickle: bool) {
        self.weather.send_modify(|weather| weather.trickle = trickle);
    }
}

async fn carry(client: TcpStream, server: SocketAddr, seen: watch::Receiver<Weather>) {
    let cuts = seen.borrow().cuts;
    let Ok(server) = TcpStream::connect(server).await else { return };
    client.set_nodelay(true).unwrap();
    let (client_out, client_in) = client.into_split();
    let (server_out, server_in) = server.into_split();
    let mut cut = seen.clone();
    tokio::select! {
        () = pump(client_out, server_in, seen.clone(), false) => {}
        () = pump(server_out, client_in, seen, true) => {}
        _ = cut.wait_for(|weather| weather.cuts != cuts) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut seen: watch::Receiver<Weather>,
    mutable: bool,
) {
    let mut buffer = [0; 4096];
    loop {
        let room = if seen.borrow().trickle { 1 } else { buffer.len() };
        let Ok(read @ 1..) = from.read(&mut buffer[..room]).await else { return };
        let delay = seen.borrow().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if mutable && seen.wait_for(|weather| !weather.muted).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

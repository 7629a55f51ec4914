//! Connections that break, and replies that do not come.

use crate::support::proxy::Proxy;
use crate::support::{World, generation_after, soon};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};
use zabra_client::{Create, Error, Host, Outcome, ResolveFuture, Resolver};

pub(crate) async fn order_of_pipelined_requests(world: &World) {
    let client = world.client("/order").await;
    client.create("/a", "", &Create::persistent()).await.unwrap();
    let writes: Vec<_> = (0..500).map(|n| client.set_data("/a", &format!("{n}"), Some(n))).collect();
    let last = client.get_data("/a");
    for (n, write) in writes.into_iter().enumerate() {
        assert_eq!(write.await.unwrap().version, n as i32 + 1);
    }
    assert_eq!(last.await.unwrap().bytes(), b"499");
    client.close().await.unwrap();
}

/// HC-151: the time that was asked for, and not the time of a connection. HC-152: late replies.
pub(crate) async fn lost_replies(world: &World) {
    let client = world.client("/lost").await;
    let other = world.direct("/lost").await;
    client.create("/a", "", &Create::persistent()).await.unwrap();
    world.proxy.mute(true);
    let limit = Duration::from_millis(120);
    let started = Instant::now();
    let write = client.with_timeout(Some(limit)).set_data("/a", "unheard", Some(0)).await;
    let took = started.elapsed();
    assert_eq!(write, Err(Error::TimedOut(Outcome::MayHaveHappened)));
    assert!(took >= limit && took < limit + Duration::from_millis(80), "{took:?}");
    assert_eq!(other.get_data("/a").await.unwrap().bytes(), b"unheard", "it did happen");
    let patient = client.get_data("/a");
    world.proxy.mute(false);
    assert_eq!(patient.await.unwrap().stat.version, 1, "the late reply went where it belongs");

    // Cut off after sending: it may have happened, and here it did.
    world.proxy.mute(true);
    let write = client.set_data("/a", "cut off", Some(1));
    soon("the write", async { while other.get_data("/a").await.unwrap().stat.version != 2 {} }).await;
    world.proxy.close();
    let lost = soon("the loss", write).await.unwrap_err();
    world.proxy.mute(false);
    assert_eq!((&lost, lost.outcome()), (&Error::ConnectionLost, Outcome::MayHaveHappened));

    // Without a connection nothing is sent, so nothing happened.
    let write = client.with_timeout(Some(Duration::from_millis(50))).set_data("/a", "unsent", None).await;
    assert_eq!(write, Err(Error::TimedOut(Outcome::DidNotHappen)));
    let waiting = client.set_data("/a", "sent later", Some(2));
    world.proxy.open();
    assert_eq!(soon("a request that waited for a connection", waiting).await.unwrap().version, 3);
    client.close().await.unwrap();
    other.close().await.unwrap();
}

pub(crate) async fn dropped_futures(world: &World) {
    let client = world.client("/dropped").await;
    client.create("/a", "", &Create::persistent()).await.unwrap();
    let mut kept = Vec::new();
    for n in 0..300 {
        let mut write = client.set_data("/a", &format!("{n}"), Some(n));
        match n % 3 {
            // Never polled; polled once and then dropped.
            0 => drop(write),
            1 => {
                let mut context = Context::from_waker(Waker::noop());
                let _ = pin!(&mut write).poll(&mut context);
            }
            _ => kept.push((n, write)),
        }
        if n % 7 == 0 {
            drop(client.get_data_and_watch("/a"));
            drop(client.watch("/a", zabra_client::WatchMode::Subtree));
        }
    }
    for (n, write) in kept {
        assert_eq!(write.await.unwrap().version, n + 1, "each got its own reply");
    }
    assert_eq!(client.get_data("/a").await.unwrap().stat.version, 300, "dropping takes nothing back");
    client.close().await.unwrap();
}

pub(crate) async fn bytes_one_by_one(world: &World) {
    let client = world.client("/trickle").await;
    world.proxy.trickle(true);
    world.proxy.cut();
    client.sync("/").await.ok();
    client.create("/a", &[9; 2000], &Create::persistent()).await.unwrap();
    assert_eq!(client.get_data("/a").await.unwrap().bytes(), [9; 2000]);
    world.proxy.trickle(false);
    world.proxy.delay(Duration::from_millis(5));
    assert_eq!(client.get_data("/a").await.unwrap().bytes(), [9; 2000]);
    world.proxy.delay(Duration::ZERO);
    client.close().await.unwrap();
}

/// Says where the one server is now.
#[derive(Debug, Clone)]
struct Mover(Arc<Mutex<SocketAddr>>);

impl Resolver for Mover {
    fn resolve<'a>(&'a self, _: &'a Host) -> ResolveFuture<'a> {
        let address = *self.0.lock().unwrap();
        Box::pin(async move { Ok(vec![address]) })
    }
}

/// HC-153: a name is resolved again at each attempt.
pub(crate) async fn a_server_that_moves(world: &World) {
    let (old, new) = (Proxy::to(world.server).await, Proxy::to(world.server).await);
    let place = Mover(Arc::new(Mutex::new(old.address())));
    let client = world.builder().resolver(place.clone()).connect("the-server:2181").await.unwrap();
    let session = client.credentials();
    let first = generation_after(&client, 0).await;
    *place.0.lock().unwrap() = new.address();
    old.close();
    generation_after(&client, first).await;
    client.get_data("/").await.unwrap();
    assert_eq!(client.credentials(), session, "the session moved along");
    client.close().await.unwrap();
}

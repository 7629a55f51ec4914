//! How sessions end, and how they go on elsewhere.

use crate::support::{World, soon, until};
use std::time::Duration;
use zabra_client::{Create, Error, SessionState};

pub(crate) async fn closing_and_dropping(world: &World) {
    let watcher = world.direct("/closing").await;
    let client = world.client("/closing").await;
    client.create("/closed", "", &Create::ephemeral()).await.unwrap();
    let last = client.create("/just-before", "", &Create::persistent());
    client.close().await.unwrap();
    last.await.unwrap();
    assert_eq!(client.exists("/closed").await, Err(Error::Closed));
    assert_eq!(*client.state().borrow(), SessionState::Closed);
    watcher.sync("/").await.unwrap();
    assert_eq!(watcher.exists("/closed").await.unwrap(), None);

    let client = world.client("/closing").await;
    client.create("/dropped", "", &Create::ephemeral()).await.unwrap();
    let (stat, watch) = watcher.exists_and_watch("/dropped").await.unwrap();
    assert!(stat.is_some());
    drop(client);
    // Well before the session would time out.
    let gone = tokio::time::timeout(Duration::from_millis(1500), watch).await;
    assert_eq!(gone.expect("soon").unwrap().path, "/dropped");
    watcher.close().await.unwrap();
}

pub(crate) async fn handing_over(world: &World) {
    let client = world.client("/handing-over").await;
    let node = client.create("/mine", "", &Create::ephemeral()).await.unwrap();
    let session = client.credentials().unwrap();
    // Two clients with one session would take it from each other for ever.
    world.proxy.close();
    let heir = world.builder().resume(session.clone());
    let heir = heir.connect(&format!("{}/handing-over", world.server)).await.unwrap();
    assert_eq!(heir.get_ephemerals("/").await.unwrap(), ["/mine"]);
    assert_eq!(heir.credentials(), Some(session.clone()));
    assert_eq!(node.stat.ephemeral_owner, session.session_id.0);
    heir.close().await.unwrap();
    world.proxy.open();
    // The first owner finds out when it comes back.
    until(&client, "the end of a session that was closed elsewhere", SessionState::is_final).await;
    let late = world.builder().resume(session).connect(&world.server.to_string()).await;
    assert_eq!(late.unwrap_err().to_string(), Error::SessionExpired.to_string());
}

pub(crate) async fn expiry(world: &World) {
    let client = world.builder().session_timeout(Duration::from_millis(600));
    world.client("/expiry").await.close().await.unwrap();
    let client = client.connect(&format!("{}/expiry", world.proxy.address())).await.unwrap();
    let other = world.direct("/expiry").await;
    client.create("/mine", "", &Create::ephemeral()).await.unwrap();
    let (_, watch) = client.get_data_and_watch("/mine").await.unwrap();
    let (_, gone) = other.exists_and_watch("/mine").await.unwrap();
    world.proxy.close();
    until(&client, "to be disconnected", |state| *state == SessionState::Disconnected).await;
    let waiting = client.get_data("/mine");
    let end = until(&client, "the end", SessionState::is_final).await;
    assert_eq!(end, SessionState::Expired);
    assert_eq!(waiting.await, Err(Error::SessionExpired));
    assert_eq!(watch.await, Err(Error::SessionExpired));
    soon("the server's own end of the session", gone).await.unwrap();
    world.proxy.open();
    assert_eq!(client.get_data("/").await, Err(Error::SessionExpired), "it does not come back");
    other.close().await.unwrap();
}

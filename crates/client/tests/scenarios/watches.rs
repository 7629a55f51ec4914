//! Watches across everything that can happen to a connection.

use crate::support::{World, generation_after, soon, until};
use zabra_client::{
    Change, Create, Error, EventType, Gap, SessionState, WatchMode, WatchedEvent, Watcher, WatcherKind,
};

async fn next(watcher: &mut Watcher) -> Change {
    soon("a change", watcher.next()).await.expect("not the end").unwrap()
}

fn is(change: &Change, kind: EventType, path: &str) -> bool {
    matches!(change, Change::Event(event) if event.kind == kind && event.path == path)
}

async fn disconnected(client: &zabra_client::Client) {
    until(client, "to be disconnected", |state| *state == SessionState::Disconnected).await;
}

pub(crate) async fn one_shot_across_a_cut(world: &World) {
    let client = world.client("/one-shot").await;
    let other = world.direct("/one-shot").await;
    for path in ["/set", "/deleted", "/parent", "/same"] {
        other.create(path, "", &Create::persistent()).await.unwrap();
    }
    let (_, set) = client.get_data_and_watch("/set").await.unwrap();
    let (_, deleted) = client.exists_and_watch("/deleted").await.unwrap();
    let (_, children) = client.get_children_and_watch("/parent").await.unwrap();
    let (missing, created) = client.exists_and_watch("/created").await.unwrap();
    assert_eq!(missing, None);
    let (_, mut same) = client.get_data_and_watch("/same").await.unwrap();
    // Many more than one packet of watches takes.
    let mut crowd = Vec::new();
    for n in 0..60 {
        let path = format!("/crowd-{n}-{}", "x".repeat(4000));
        crowd.push((path.clone(), client.exists_and_watch(&path)));
    }
    let mut watches = Vec::new();
    for (path, request) in crowd {
        watches.push((path, request.await.unwrap().1));
    }

    world.proxy.close();
    disconnected(&client).await;
    other.set_data("/set", "new", None).await.unwrap();
    other.delete("/deleted", None).await.unwrap();
    other.create("/parent/x", "", &Create::persistent()).await.unwrap();
    other.create("/created", "", &Create::persistent()).await.unwrap();
    for (path, _) in &watches {
        other.create(path, "", &Create::persistent()).await.unwrap();
    }
    world.proxy.open();

    let told = |event: Result<WatchedEvent, Error>| event.map(|event| (event.kind, event.path)).unwrap();
    assert_eq!(told(soon("set", set).await), (EventType::NodeDataChanged, "/set".to_owned()));
    assert_eq!(told(soon("deleted", deleted).await), (EventType::NodeDeleted, "/deleted".to_owned()));
    assert_eq!(
        told(soon("children", children).await),
        (EventType::NodeChildrenChanged, "/parent".to_owned())
    );
    assert_eq!(told(soon("created", created).await), (EventType::NodeCreated, "/created".to_owned()));
    for (path, watch) in watches {
        assert_eq!(told(soon("one of many", watch).await).1, path);
    }
    // What has not changed is still watched.
    client.sync("/").await.unwrap();
    assert!(tokio::time::timeout(std::time::Duration::ZERO, &mut same).await.is_err());
    other.set_data("/same", "new", None).await.unwrap();
    assert_eq!(told(soon("same", same).await).1, "/same");
    client.close().await.unwrap();
    other.close().await.unwrap();
}

pub(crate) async fn lasting_across_cuts(world: &World) {
    let client = world.client("/lasting").await;
    let other = world.direct("/lasting").await;
    let mut tree = client.watch("/", WatchMode::Subtree).await.unwrap();
    let mut node = client.watch("/a", WatchMode::Node).await.unwrap();
    other.create("/a", "", &Create::persistent()).await.unwrap();
    other.create("/a/b", "", &Create::persistent()).await.unwrap();
    other.set_data("/a/b", "x", None).await.unwrap();
    assert!(is(&next(&mut node).await, EventType::NodeCreated, "/a"));
    assert!(is(&next(&mut node).await, EventType::NodeChildrenChanged, "/a"));
    assert!(is(&next(&mut tree).await, EventType::NodeCreated, "/a"));
    assert!(is(&next(&mut tree).await, EventType::NodeCreated, "/a/b"));
    assert!(is(&next(&mut tree).await, EventType::NodeDataChanged, "/a/b"));

    // Nothing happens while the connection is away: the streams go on without a gap.
    client.sync("/").await.unwrap();
    let generation = generation_after(&client, 0).await;
    world.proxy.cut();
    let generation = generation_after(&client, generation).await;
    other.set_data("/a", "1", None).await.unwrap();
    assert!(is(&next(&mut node).await, EventType::NodeDataChanged, "/a"));
    assert!(is(&next(&mut tree).await, EventType::NodeDataChanged, "/a"));

    // Something happens: it is told that it may have been missed, and later events follow.
    client.sync("/").await.unwrap();
    world.proxy.close();
    disconnected(&client).await;
    other.set_data("/a", "2", None).await.unwrap();
    world.proxy.open();
    generation_after(&client, generation).await;
    assert_eq!(next(&mut node).await, Change::Gap(Gap::Reconnected));
    assert_eq!(next(&mut tree).await, Change::Gap(Gap::Reconnected));
    other.set_data("/a", "3", None).await.unwrap();
    assert!(is(&next(&mut node).await, EventType::NodeDataChanged, "/a"));
    assert!(is(&next(&mut tree).await, EventType::NodeDataChanged, "/a"));

    // An event is there before any reply that shows the change.
    let writes: Vec<_> = (0..50).map(|_| client.set_data("/a", "4", None)).collect();
    for write in writes {
        write.await.unwrap();
        let told = tokio::time::timeout(std::time::Duration::ZERO, node.next()).await;
        assert!(is(&told.expect("there already").unwrap().unwrap(), EventType::NodeDataChanged, "/a"));
    }
    client.close().await.unwrap();
    loop {
        match soon("the end", tree.next()).await {
            Some(Ok(_)) => {}
            Some(Err(error)) => assert_eq!(error, Error::Closed),
            None => break,
        }
    }
    other.close().await.unwrap();
}

pub(crate) async fn overflow(world: &World) {
    world.client("/overflow").await.close().await.unwrap();
    let client = world.builder().watch_queue(10);
    let client = client.connect(&format!("{}/overflow", world.proxy.address())).await.unwrap();
    let mut watcher = client.watch("/", WatchMode::Subtree).await.unwrap();
    for n in 0..30 {
        client.create(&format!("/{n}"), "", &Create::persistent()).await.unwrap();
    }
    for n in 0..9 {
        assert!(is(&next(&mut watcher).await, EventType::NodeCreated, &format!("/{n}")));
    }
    assert_eq!(next(&mut watcher).await, Change::Gap(Gap::Overflowed));
    client.delete("/7", None).await.unwrap();
    assert!(is(&next(&mut watcher).await, EventType::NodeDeleted, "/7"));
    client.close().await.unwrap();
}

pub(crate) async fn removal(world: &World, knows_3_9: bool) {
    let client = world.client("/removal").await;
    let mut watcher = client.watch("/a", WatchMode::Subtree).await.unwrap();
    let kind = if knows_3_9 { WatcherKind::PersistentRecursive } else { WatcherKind::Any };
    client.remove_watches("/a", kind).await.unwrap();
    assert_eq!(watcher.next().await, None);
    let nothing = client.remove_watches("/a", WatcherKind::Any).await.unwrap_err();
    assert!(nothing.is(zabra_client::ErrorCode::NoWatcher), "{nothing:?}");

    let (_, watch) = client.exists_and_watch("/a").await.unwrap();
    client.remove_watches("/a", WatcherKind::Data).await.unwrap();
    assert_eq!(watch.await, Err(Error::WatchRemoved));

    // Dropping the last watcher removes the watch from the server, one way or the other.
    let first = client.watch("/a", WatchMode::Node).await.unwrap();
    let mut second = client.watch("/a", WatchMode::Node).await.unwrap();
    drop(first);
    client.create("/a", "", &Create::persistent()).await.unwrap();
    assert!(is(&next(&mut second).await, EventType::NodeCreated, "/a"));
    drop(second);
    soon("the removal on the server", async {
        while client.remove_watches("/a", WatcherKind::Any).await.is_ok() {}
    })
    .await;
    client.close().await.unwrap();
}

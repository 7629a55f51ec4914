//! The `zookeeper-client` crate against the server: nodes, watches, multis, locks, sessions.

use std::time::Duration;

use interop::testing::TestServer;
use zookeeper_client as zk;

const OPEN: zk::Acls<'static> = zk::Acls::anyone_all();
const PERSISTENT: &zk::CreateOptions<'static> = &zk::CreateMode::Persistent.with_acls(OPEN);
const EPHEMERAL: &zk::CreateOptions<'static> = &zk::CreateMode::Ephemeral.with_acls(OPEN);

async fn connect(test: &TestServer) -> zk::Client {
    zk::Client::connect(&test.server.addr().to_string()).await.expect("a session")
}

/// Waits for a watch, but not for ever.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("within ten seconds")
}

#[tokio::test]
async fn nodes_are_created_changed_listed_and_deleted() {
    let test = TestServer::start(&[("extendedTypesEnabled", "true")]);
    let client = connect(&test).await;
    let (stat, _) = client.create("/a", b"1", PERSISTENT).await.expect("created");
    assert_eq!((stat.version, stat.data_length, stat.czxid), (0, 1, stat.mzxid));
    assert_eq!(client.create("/a", b"", PERSISTENT).await.expect_err("exists"), zk::Error::NodeExists);
    let stat = client.set_data("/a", b"two", Some(0)).await.expect("set");
    assert_eq!(stat.version, 1);
    assert_eq!(client.set_data("/a", b"", Some(0)).await.expect_err("old"), zk::Error::BadVersion);
    assert_eq!(client.get_data("/a").await.expect("read").0, b"two");
    let sequential = zk::CreateMode::PersistentSequential.with_acls(OPEN);
    let (_, sequence) = client.create("/a/s-", b"", &sequential).await.expect("created");
    assert_eq!(sequence.into_i64(), 0);
    let container = zk::CreateMode::Container.with_acls(OPEN);
    client.create("/a/c", b"", &container).await.expect("created");
    let ttl = zk::CreateMode::Persistent.with_acls(OPEN).with_ttl(Duration::from_secs(1_000));
    client.create("/a/t", b"", &ttl).await.expect("created");
    let mut names = client.list_children("/a").await.expect("listed");
    names.sort();
    assert_eq!(names, ["c", "s-0000000000", "t"]);
    assert_eq!(client.count_descendants_number("/a").await.expect("counted"), 3);
    assert_eq!(client.delete("/a", None).await.expect_err("children"), zk::Error::NotEmpty);
    client.delete("/a/c", Some(0)).await.expect("deleted");
    assert_eq!(client.check_stat("/a/c").await.expect("checked"), None);
    client.sync("/a").await.expect("synced");
    client.mkdir("/x/y/z", PERSISTENT).await.expect("made");
}

#[tokio::test]
async fn one_shot_watches_report_their_transaction() {
    let test = TestServer::start(&[]);
    let (client, other) = (connect(&test).await, connect(&test).await);
    let (stat, created) = client.check_and_watch_stat("/a").await.expect("checked");
    assert_eq!(stat, None);
    let (children, listed) = client.list_and_watch_children("/").await.expect("listed");
    assert_eq!(children, ["zookeeper"]);
    let (stat, _) = other.create("/a", b"", PERSISTENT).await.expect("created");
    let event = soon(created.changed()).await;
    assert_eq!(
        (event.event_type, event.path.as_str(), event.zxid),
        (zk::EventType::NodeCreated, "/a", stat.czxid)
    );
    assert_eq!(soon(listed.changed()).await.event_type, zk::EventType::NodeChildrenChanged);
    let (_, _, changed) = client.get_and_watch_data("/a").await.expect("read");
    let stat = other.set_data("/a", b"x", None).await.expect("set");
    let event = soon(changed.changed()).await;
    assert_eq!((event.event_type, event.zxid), (zk::EventType::NodeDataChanged, stat.mzxid));
    let (_, _, unwanted) = client.get_and_watch_data("/a").await.expect("read");
    drop(unwanted);
}

#[tokio::test]
async fn persistent_watches_stay_and_recursive_ones_see_below() {
    let test = TestServer::start(&[]);
    let (client, other) = (connect(&test).await, connect(&test).await);
    client.create("/a", b"", PERSISTENT).await.expect("created");
    let mut plain = client.watch("/a", zk::AddWatchMode::Persistent).await.expect("watched");
    let mut recursive = client.watch("/a", zk::AddWatchMode::PersistentRecursive).await.expect("watched");
    for _ in 0..3 {
        other.create("/a/b", b"", PERSISTENT).await.expect("created");
        other.set_data("/a/b", b"x", None).await.expect("set");
        other.delete("/a/b", None).await.expect("deleted");
        assert_eq!(soon(plain.changed()).await.event_type, zk::EventType::NodeChildrenChanged);
        assert_eq!(soon(plain.changed()).await.event_type, zk::EventType::NodeChildrenChanged);
        for expected in
            [zk::EventType::NodeCreated, zk::EventType::NodeDataChanged, zk::EventType::NodeDeleted]
        {
            let event = soon(recursive.changed()).await;
            assert_eq!((event.event_type, event.path.as_str()), (expected, "/a/b"));
        }
    }
    drop(plain);
    other.set_data("/a", b"x", None).await.expect("set");
    assert_eq!(soon(recursive.changed()).await.event_type, zk::EventType::NodeDataChanged);
}

#[tokio::test]
async fn multis_apply_together_or_not_at_all() {
    let test = TestServer::start(&[]);
    let client = connect(&test).await;
    let mut writer = client.new_multi_writer();
    writer.add_create("/a", b"1", PERSISTENT).expect("valid");
    writer.add_set_data("/a", b"2", Some(0)).expect("valid");
    writer.add_check_version("/a", 1).expect("valid");
    writer.add_create("/a/b", b"3", EPHEMERAL).expect("valid");
    let results = writer.commit().await.expect("committed");
    assert!(
        matches!(&results[0], zk::MultiWriteResult::Create { path, stat } if path == "/a" && !stat.is_invalid())
    );
    assert!(matches!(&results[1], zk::MultiWriteResult::SetData { stat } if stat.version == 1));
    assert_eq!(results.len(), 4);
    let mut writer = client.new_multi_writer();
    writer.add_delete("/a/b", None).expect("valid");
    writer.add_set_data("/a", b"never", None).expect("valid");
    writer.add_check_version("/a", 1).expect("valid");
    let failed = writer.commit().await.expect_err("the version has moved");
    assert_eq!(failed, zk::MultiWriteError::OperationFailed { index: 2, source: zk::Error::BadVersion });
    let mut reader = client.new_multi_reader();
    reader.add_get_data("/a").expect("valid");
    reader.add_get_data("/none").expect("valid");
    reader.add_get_children("/a").expect("valid");
    let results = reader.commit().await.expect("read");
    assert!(matches!(&results[0], zk::MultiReadResult::Data { data, .. } if data == b"2"));
    assert!(matches!(&results[1], zk::MultiReadResult::Error { err: zk::Error::NoNode }));
    assert!(matches!(&results[2], zk::MultiReadResult::Children { children } if children == &["b"]));
}

#[tokio::test]
async fn access_lists_and_identities_are_honoured() {
    let test = TestServer::start(&[]);
    let (alice, nobody) = (connect(&test).await, connect(&test).await);
    alice.auth("digest", b"alice:pw").await.expect("added");
    let mut users: Vec<String> = alice
        .list_auth_users()
        .await
        .expect("listed")
        .into_iter()
        .map(|user| user.user().to_owned())
        .collect();
    users.sort();
    assert_eq!(users, ["127.0.0.1", "alice"]);
    let mine = zk::CreateMode::Persistent.with_acls(zk::Acls::creator_all());
    alice.create("/mine", b"secret", &mine).await.expect("created");
    assert_eq!(nobody.get_data("/mine").await.expect_err("forbidden"), zk::Error::NoAuth);
    assert_eq!(nobody.get_acl("/mine").await.expect_err("forbidden"), zk::Error::NoAuth);
    let (acl, stat) = alice.get_acl("/mine").await.expect("allowed");
    assert_eq!((acl.len(), stat.aversion), (1, 0));
    let stat = alice.set_acl("/mine", zk::Acls::anyone_read().as_ref(), Some(0)).await.expect("set");
    assert_eq!(stat.aversion, 1);
    assert_eq!(nobody.get_data("/mine").await.expect("readable now").0, b"secret");
    assert_eq!(nobody.auth("nosuchscheme", b"").await.expect_err("unknown"), zk::Error::AuthFailed);
}

#[tokio::test]
async fn locks_pass_from_one_holder_to_the_next() {
    let test = TestServer::start(&[]);
    let (first, second) = (connect(&test).await, connect(&test).await);
    let options = || zk::LockOptions::new(OPEN).with_ancestor_options(PERSISTENT.clone()).expect("valid");
    for kind in ["shared", "curator"] {
        let prefix = || match kind {
            "shared" => zk::LockPrefix::new_shared("/locks/shared/n-").expect("valid"),
            _ => zk::LockPrefix::new_curator("/locks/curator", "latch-").expect("valid"),
        };
        let held = first.lock(prefix(), b"", options()).await.expect("locked");
        let waiting = second.lock(prefix(), b"", options());
        tokio::pin!(waiting);
        tokio::select! {
            _ = &mut waiting => panic!("{kind}: two holders"),
            done = held.create("/guarded", b"", PERSISTENT) => drop(done.expect("the holder works")),
        }
        held.delete("/guarded", None).await.expect("deleted");
        drop(held);
        let held = soon(waiting).await.expect("locked in turn");
        assert!(held.lock_path().starts_with("/locks/"));
    }
}

#[tokio::test]
async fn sessions_are_handed_over_and_survive_a_kill() {
    let mut test = TestServer::start(&[]);
    let client = connect(&test).await;
    client.create("/mine", b"kept", EPHEMERAL).await.expect("created");
    assert_eq!(client.list_ephemerals("/").await.expect("listed"), ["/mine"]);
    let mut states = client.state_watcher();
    test.server.kill();
    assert_eq!(soon(states.changed()).await, zk::SessionState::Disconnected);
    test.server.launch().expect("started again");
    assert_eq!(soon(states.changed()).await, zk::SessionState::SyncConnected);
    let (data, stat) = client.get_data("/mine").await.expect("read");
    assert_eq!((data.as_slice(), stat.ephemeral_owner), (b"kept".as_slice(), client.session_id().0));
    drop(client);
    let other = connect(&test).await;
    let (stat, gone) = other.check_and_watch_stat("/mine").await.expect("checked");
    if stat.is_some() {
        assert_eq!(soon(gone.changed()).await.event_type, zk::EventType::NodeDeleted);
    }
}

//! Every operation once, with what it answers.

use crate::support::{World, soon};
use std::time::Duration;
use zabra_client::{
    Acl, Create, Error, ErrorCode, Id, ReadResult, Reads, Transaction, TransactionResult, perms,
};

pub(crate) async fn reads_and_writes(world: &World) {
    let client = world.client("/reads-and-writes").await;
    let created = client.create("/a", "one", &Create::persistent()).await.unwrap();
    assert_eq!((created.path.as_str(), created.stat.data_length), ("/a", 3));
    let node = client.get_data("/a").await.unwrap();
    assert_eq!((node.bytes(), node.stat), (&b"one"[..], created.stat));
    let stat = client.set_data("/a", "two", Some(0)).await.unwrap();
    assert_eq!(stat.version, 1);
    assert_eq!(client.exists("/a").await.unwrap(), Some(stat));
    assert_eq!(client.exists("/b").await.unwrap(), None);
    client.create("/a/x", None, &Create::persistent()).await.unwrap();
    assert_eq!(client.get_data("/a/x").await.unwrap().data, None);
    let children = client.get_children("/a").await.unwrap();
    assert_eq!((children.names, children.stat.num_children), (vec!["x".to_owned()], 1));
    assert_eq!(client.get_all_children_number("/").await.unwrap(), 2);
    client.sync("/a").await.unwrap();

    let refused = |error: Error, code| assert!(error.is(code), "{error:?}");
    refused(client.delete("/a", None).await.unwrap_err(), ErrorCode::NotEmpty);
    refused(client.delete("/a/x", Some(7)).await.unwrap_err(), ErrorCode::BadVersion);
    refused(client.get_data("/b").await.unwrap_err(), ErrorCode::NoNode);
    refused(client.create("/a", "", &Create::persistent()).await.unwrap_err(), ErrorCode::NodeExists);
    assert!(matches!(client.delete("a", None).await, Err(Error::InvalidPath(_))));
    client.delete("/a/x", Some(0)).await.unwrap();
    client.delete("/a", None).await.unwrap();

    let plain = world.direct("/").await;
    assert!(plain.exists("/reads-and-writes").await.unwrap().is_some());
    let config = plain.get_config().await.unwrap();
    assert_eq!(client.get_config().await.unwrap(), config, "whatever the chroot");
    client.close().await.unwrap();
}

pub(crate) async fn kinds_of_nodes(world: &World) {
    let client = world.client("/kinds").await;
    let first = client.create("/job-", "", &Create::persistent().sequential()).await.unwrap();
    let second = client.create("/", "", &Create::ephemeral().sequential()).await.unwrap();
    assert_eq!((first.path.as_str(), second.path.as_str()), ("/job-0000000000", "/0000000001"));
    let mine = client.credentials().unwrap().session_id.0;
    assert_eq!(second.stat.ephemeral_owner, mine);
    assert_eq!(client.get_ephemerals("/").await.unwrap(), std::slice::from_ref(&second.path));
    assert_eq!(client.get_ephemerals("/job").await.unwrap(), [""; 0]);
    let under = client.create(&format!("{}/x", second.path), "", &Create::persistent()).await;
    assert!(under.unwrap_err().is(ErrorCode::NoChildrenForEphemerals));
    client.create("/container", "", &Create::container()).await.unwrap();
    let ttl = Create::with_ttl(Duration::from_secs(3600));
    client.create("/cached", "", &ttl).await.unwrap();
    let numbered = client.create("/cached-", "", &ttl.sequential()).await.unwrap();
    assert_eq!(numbered.path, "/cached-0000000004");
    client.close().await.unwrap();
}

pub(crate) async fn several_at_once(world: &World) {
    let client = world.client("/several").await;
    let options = Create::persistent();
    let done = client
        .multi(
            &Transaction::new()
                .create("/a", "1", &options)
                .create("/a/n-", "", &Create::ephemeral().sequential())
                .create("/c", "", &Create::container())
                .create("/t", "", &Create::with_ttl(Duration::from_secs(3600)))
                .set_data("/a", "2", Some(0))
                .check("/a", Some(1))
                .delete("/c", None),
        )
        .await
        .unwrap();
    assert_eq!(done.len(), 7);
    let TransactionResult::Created { path, .. } = &done[1] else { panic!("{done:?}") };
    assert_eq!(path, "/a/n-0000000000");
    assert!(matches!(&done[4], TransactionResult::DataSet(stat) if stat.version == 1));
    assert_eq!(done[5..], [TransactionResult::Checked, TransactionResult::Deleted]);

    let nothing = client
        .multi(&Transaction::new().create("/d", "", &options).check("/a", Some(9)).delete("/a", None))
        .await;
    assert_eq!(nothing, Err(Error::Multi { index: 1, code: ErrorCode::BadVersion }));
    assert_eq!(client.exists("/d").await.unwrap(), None);
    assert_eq!(client.multi(&Transaction::new()).await.unwrap(), []);

    let found =
        client.multi_read(&Reads::new().get_data("/a").get_data("/d").get_children("/a")).await.unwrap();
    let Ok(ReadResult::Data(node)) = &found[0] else { panic!("{found:?}") };
    assert_eq!(node.bytes(), b"2");
    assert_eq!(found[1], Err(Error::Refused(ErrorCode::NoNode)));
    assert_eq!(found[2], Ok(ReadResult::Children(vec!["n-0000000000".to_owned()])));
    client.close().await.unwrap();
}

pub(crate) async fn rights(world: &World) {
    let client = world.client("/rights").await;
    let stranger = world.direct("/rights").await;
    client.authenticate("digest", "ann:secret").await.unwrap();
    let mut names: Vec<String> = client.who_am_i().await.unwrap().into_iter().map(|who| who.user).collect();
    // Java's come in no order.
    names.sort();
    assert_eq!(names, ["127.0.0.1", "ann"]);
    let private = vec![Acl { perms: perms::ALL, id: Id::new("auth", "") }];
    client.create("/mine", "", &Create::persistent().acl(private.clone())).await.unwrap();
    assert!(stranger.get_data("/mine").await.unwrap_err().is(ErrorCode::NoAuth));
    let (acl, stat) = client.get_acl("/mine").await.unwrap();
    assert_eq!((acl[0].id.scheme.as_str(), stat.aversion), ("digest", 0));

    // The next connection has the rights too, before the first request on it.
    world.proxy.cut();
    let read = soon("credentials on the next connection", async {
        loop {
            match client.get_data("/mine").await {
                Err(Error::ConnectionLost) => {}
                read => break read,
            }
        }
    });
    read.await.unwrap();
    let stat = client.set_acl("/mine", vec![Acl::open()], Some(0)).await.unwrap();
    assert_eq!(stat.aversion, 1);
    stranger.get_data("/mine").await.unwrap();

    let known = world.builder().authenticate("digest", "ann:secret");
    let known = known.connect(&format!("{}/rights", world.server)).await.unwrap();
    known.set_acl("/mine", private, Some(1)).await.unwrap();
    stranger.close().await.unwrap();
    client.close().await.unwrap();
    known.close().await.unwrap();
}

pub(crate) async fn sizes(world: &World) {
    let client = world.client("/sizes").await;
    let large = vec![7; 1_000_000];
    client.create("/large", &large, &Create::persistent()).await.unwrap();
    assert_eq!(client.get_data("/large").await.unwrap().data, Some(large));
    let huge = vec![7; 1_048_576];
    let refused = client.set_data("/large", &huge, None).await;
    assert!(matches!(refused, Err(Error::TooLarge { max: 1_048_575, .. })), "{refused:?}");

    // More than is allowed at a time: the rest is refused, the others are done.
    let narrow = world.builder().max_outstanding_bytes(10_000);
    let narrow = narrow.connect(&format!("{}/sizes", world.proxy.address())).await.unwrap();
    let writes: Vec<_> = (0..10).map(|_| narrow.set_data("/large", &[0; 3000], None)).collect();
    let mut outcomes = Vec::new();
    for write in writes {
        outcomes.push(write.await.err());
    }
    assert_eq!(outcomes[..3], [None, None, None]);
    assert!(outcomes[3..].iter().all(|outcome| *outcome == Some(Error::Overloaded)), "{outcomes:?}");
    narrow.set_data("/large", "", None).await.unwrap();
    client.close().await.unwrap();
    narrow.close().await.unwrap();
}

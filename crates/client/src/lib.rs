//! An async client of Zabra and Apache ZooKeeper, on tokio.
//!
//! ```
//! # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
//! # server::with_address(|address| async move {
//! use zabra_client::{Client, Create};
//!
//! let client = Client::connect(&format!("{address}")).await?;
//! client.create("/greeting", "hello", &Create::persistent()).await?;
//! let node = client.get_data("/greeting").await?;
//! assert_eq!(node.bytes(), b"hello");
//! client.set_data("/greeting", "good bye", Some(node.stat.version)).await?;
//! client.close().await?;
//! # Ok(()) });
//! ```
//!
//! # Servers
//!
//! A [connect string](ConnectString) lists servers and may end with a chroot: `zk1:2181,zk2:2181/apps`.
//! Behind it stands a [`HostSource`]: a fixed list, [a name](DnsHosts), [a file](FileHosts), [several zones,
//! nearest first](NearestFirst), or your own. Hosts of equal rank are tried in random order, names are
//! resolved at every attempt, and waits between failed attempts grow with some chance in them. Servers from
//! 3.5 on are understood; operations that came later say so.
//!
//! # The session
//!
//! A [`Client`] is one session. Clones share it, and it lasts until [`Client::close`], until the last handle
//! is dropped, or until it expires: a server says so, or none was heard of for 4/3 of the session timeout.
//! [`Client::state`] tells where it stands, as a value to look at or wait for. An expired session does not
//! come back; make a new client.
//!
//! A lost connection is replaced by itself, credentials and watches included. The new server is never one
//! that has seen less than the client has.
//!
//! # Requests
//!
//! Every method sends when called and returns a [`Request`] to await. Requests are done in the order of the
//! calls, so they can be pipelined: call many, await later. Dropping a request does not take it back and
//! disturbs no other.
//!
//! While there is no connection requests wait, for as long as the session lasts or the
//! [timeout](Client::with_timeout) allows; what they take is [bounded](Builder::max_outstanding_bytes).
//!
//! # Errors
//!
//! [`Error::outcome`] says what matters most after a failure: whether the operation *certainly did not
//! happen* or *may have happened*. A request fails with [`Error::ConnectionLost`] (may have) only when it was
//! handed to a connection that then broke. It is never sent twice by the library.
//!
//! ```
//! # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
//! use zabra_client::{Client, Error, ErrorCode, Outcome};
//!
//! /// Sets data exactly once: the version tells whether an attempt with an unknown end took effect.
//! async fn set_once(client: &Client, path: &str, data: &str, version: i32) -> Result<(), Error> {
//!     match client.set_data(path, data, Some(version)).await {
//!         Err(error) if error.outcome() == Outcome::MayHaveHappened => {
//!             let found = client.get_data(path).await?;
//!             let is_ours = found.stat.version == version + 1 && found.bytes() == data.as_bytes();
//!             if is_ours { Ok(()) } else { Err(Error::Refused(ErrorCode::BadVersion)) }
//!         }
//!         done => done.map(|_| ()),
//!     }
//! }
//! # server::with_client(|client| async move {
//! # client.create("/a", "", &zabra_client::Create::persistent()).await?;
//! # set_once(&client, "/a", "x", 0).await?;
//! # assert!(set_once(&client, "/a", "y", 0).await.is_err());
//! # Ok(()) });
//! ```
//!
//! # Watches
//!
//! Reads with `_and_watch` leave a [one-shot watch](OneShotWatch), a future that resolves when what was read
//! is no longer current. [`Client::watch`] makes a [`Watcher`], a stream of all that happens to a node or a
//! subtree. Neither loses anything silently: one-shot watches fire after a reconnection if the node has
//! changed meanwhile, and a stream says where events [may be missing](Change::Gap).
//!
//! # Inside
//!
//! The session is a value without I/O (`session`): inputs in, outputs out, time as an argument. One task
//! (`driver`) owns the connection and steps it.

mod builder;
mod chroot;
mod client;
mod connect_string;
mod driver;
mod error;
mod event;
mod hosts;
mod mailbox;
mod ops;
mod request;
mod resolver;
mod session;
mod state;
mod watcher;

pub use builder::{Builder, ConnectError};
pub use client::Client;
pub use connect_string::{ConnectString, ConnectStringError, DEFAULT_PORT};
pub use error::{Error, Outcome};
pub use event::{Change, Gap, WatchedEvent};
pub use hosts::{DnsHosts, FileHosts, Host, HostGroups, HostSource, HostsFuture, NearestFirst, StaticHosts};
pub use ops::{
    Children, Create, Created, NodeData, Payload, ReadResult, Reads, Reconfig, Transaction,
    TransactionResult, WatchMode,
};
pub use proto::acl::{Acl, Id, perms};
pub use proto::path::PathError;
pub use proto::response::ClientInfo;
pub use proto::stat::Stat;
pub use proto::watch::{EventType, WatcherKind};
pub use proto::{DecodeError, ErrorCode, SessionId, Zxid};
pub use request::Request;
pub use resolver::{ResolveFuture, Resolver, SystemResolver};
pub use state::{Connection, Credentials, SessionState};
pub use watcher::{OneShotWatch, Watcher};

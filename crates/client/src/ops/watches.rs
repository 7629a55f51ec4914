//! Lasting watches, and taking watches away.

use super::try_request;
use crate::session::{Effect, Registration};
use crate::watcher::Watcher;
use crate::{Client, Request};
use proto::OpCode;
use proto::request::{AddWatchRequest, WatchesRequest};
use proto::watch::{AddWatchMode, WatcherKind};

/// How wide a lasting watch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchMode {
    /// The node and the list of its children.
    Node,
    /// The node and everything below it. It tells of each node itself, and never
    /// [`NodeChildrenChanged`](crate::EventType::NodeChildrenChanged).
    Subtree,
}

impl Client {
    /// Watches a node, or a subtree, until the [`Watcher`] is dropped. The node need not exist. Servers
    /// since 3.6.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::{Change, Create, EventType, WatchMode};
    ///
    /// let mut watcher = client.watch("/config", WatchMode::Node).await?;
    /// client.create("/config", "", &Create::persistent()).await?;
    /// let Some(Ok(Change::Event(event))) = watcher.next().await else { panic!("an event") };
    /// assert_eq!((event.kind, event.path.as_str()), (EventType::NodeCreated, "/config"));
    /// # Ok(()) });
    /// ```
    pub fn watch(&self, path: &str, mode: WatchMode) -> Request<Watcher> {
        let path = try_request!(self.absolute(path));
        let (mode, by) = match mode {
            WatchMode::Node => (AddWatchMode::Persistent, Registration::Persistent),
            WatchMode::Subtree => (AddWatchMode::PersistentRecursive, Registration::Recursive),
        };
        let request = AddWatchRequest { path: (&path).into(), mode: mode as i32 };
        self.call_watcher(OpCode::AddWatch, &request, by, path.clone())
    }

    /// Takes away all of this session's watches of a kind on a path: lasting ones end without an error,
    /// one-shot ones with [`Error::WatchRemoved`](crate::Error::WatchRemoved). Usually it is simpler to drop
    /// the watch. Servers before 3.9 do not know the two lasting kinds; `Any` takes them too.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::{WatchMode, WatcherKind};
    ///
    /// let mut watcher = client.watch("/", WatchMode::Subtree).await?;
    /// client.remove_watches("/", WatcherKind::Any).await?;
    /// assert_eq!(watcher.next().await, None);
    /// # Ok(()) });
    /// ```
    pub fn remove_watches(&self, path: &str, kind: WatcherKind) -> Request<()> {
        let path = try_request!(self.absolute(path));
        let request = WatchesRequest { path: (&path).into(), kind: kind as i32 };
        let effect = Effect::Unwatch { path: path.clone(), kind };
        self.call_with(OpCode::RemoveWatches, &request, effect, |_| Ok(()))
    }
}

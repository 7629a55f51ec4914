//! Reading nodes.

use super::try_request;
use crate::session::{Registration, Reply};
use crate::watcher::OneShotWatch;
use crate::{Client, Error, Request};
use proto::acl::Acl;
use proto::request::{GetEphemeralsRequest, PathRequest, ReadRequest, SyncRequest};
use proto::response::{
    GetAclResponse, GetAllChildrenNumberResponse, GetChildren2Response, GetDataResponse, StatResponse,
    StringsResponse,
};
use proto::stat::Stat;
use proto::{ErrorCode, OpCode, Reader, Wire};

/// A node's data and metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeData {
    /// The data; `None` when it is null, which ZooKeeper tells from empty.
    pub data: Option<Vec<u8>>,
    /// The metadata.
    pub stat: Stat,
}

impl NodeData {
    /// The data, null as empty.
    pub fn bytes(&self) -> &[u8] {
        self.data.as_deref().unwrap_or_default()
    }

    pub(super) fn decode(body: &mut Reader<'_>) -> Result<Self, Error> {
        let GetDataResponse { data, stat } = Wire::decode(body)?;
        Ok(Self { data: data.map(<[u8]>::to_vec), stat })
    }
}

/// A node's children and metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Children {
    /// Their names, not paths, in no order.
    pub names: Vec<String>,
    /// The metadata of the parent.
    pub stat: Stat,
}

impl Children {
    fn decode(body: &mut Reader<'_>) -> Result<Self, Error> {
        let GetChildren2Response { children, stat } = Wire::decode(body)?;
        Ok(Self { names: children, stat })
    }
}

fn decode_stat(body: &mut Reader<'_>) -> Result<Stat, Error> {
    Ok(StatResponse::decode(body)?.stat)
}

/// "No node" is an answer, not a failure.
fn found(reply: Result<Reply, Error>) -> Result<Option<Stat>, Error> {
    match reply {
        Ok(reply) => decode_stat(&mut Reader::new(&reply.body)).map(Some),
        Err(Error::Refused(ErrorCode::NoNode)) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Client {
    /// A node's metadata; `None` when there is no such node.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// assert!(client.exists("/zookeeper").await?.is_some());
    /// assert!(client.exists("/nowhere").await?.is_none());
    /// # Ok(()) });
    /// ```
    pub fn exists(&self, path: &str) -> Request<Option<Stat>> {
        let path = try_request!(self.absolute(path));
        let request = ReadRequest { path: path.into(), watch: false };
        self.read(OpCode::Exists, &request, found)
    }

    /// As [`exists`](Self::exists), with a watch that tells when the node comes, goes or changes its data.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::{Create, EventType};
    ///
    /// let (stat, watch) = client.exists_and_watch("/ready").await?;
    /// assert!(stat.is_none());
    /// client.create("/ready", "", &Create::ephemeral()).await?;
    /// assert_eq!(watch.await?.kind, EventType::NodeCreated);
    /// # Ok(()) });
    /// ```
    pub fn exists_and_watch(&self, path: &str) -> Request<(Option<Stat>, OneShotWatch)> {
        let path = try_request!(self.absolute(path));
        let request = ReadRequest { path: (&path).into(), watch: true };
        self.call_watching(OpCode::Exists, &request, Registration::Exists, path.clone(), found)
    }

    /// A node's data and metadata.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::Create;
    ///
    /// client.create("/limit", "100", &Create::persistent()).await?;
    /// let node = client.get_data("/limit").await?;
    /// assert_eq!((node.bytes(), node.stat.version), (&b"100"[..], 0));
    /// # Ok(()) });
    /// ```
    pub fn get_data(&self, path: &str) -> Request<NodeData> {
        let path = try_request!(self.absolute(path));
        let request = ReadRequest { path: path.into(), watch: false };
        self.call(OpCode::GetData, &request, NodeData::decode)
    }

    /// As [`get_data`](Self::get_data), with a watch that tells when the data is set or the node goes.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::Create;
    ///
    /// client.create("/limit", "100", &Create::persistent()).await?;
    /// let (node, watch) = client.get_data_and_watch("/limit").await?;
    /// client.set_data("/limit", "200", Some(node.stat.version)).await?;
    /// assert_eq!(watch.await?.path, "/limit");
    /// # Ok(()) });
    /// ```
    pub fn get_data_and_watch(&self, path: &str) -> Request<(NodeData, OneShotWatch)> {
        let path = try_request!(self.absolute(path));
        let request = ReadRequest { path: (&path).into(), watch: true };
        let finish = |reply: Result<Reply, Error>| NodeData::decode(&mut Reader::new(&reply?.body));
        self.call_watching(OpCode::GetData, &request, Registration::Data, path.clone(), finish)
    }

    /// The names of a node's children, and its metadata.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// assert_eq!(client.get_children("/").await?.names, ["zookeeper"]);
    /// # Ok(()) });
    /// ```
    pub fn get_children(&self, path: &str) -> Request<Children> {
        let path = try_request!(self.absolute(path));
        let request = ReadRequest { path: path.into(), watch: false };
        self.call(OpCode::GetChildren2, &request, Children::decode)
    }

    /// As [`get_children`](Self::get_children), with a watch that tells when a child comes or goes, or the
    /// node itself goes.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::{Create, EventType};
    ///
    /// let (_, watch) = client.get_children_and_watch("/").await?;
    /// client.create("/new", "", &Create::persistent()).await?;
    /// assert_eq!(watch.await?.kind, EventType::NodeChildrenChanged);
    /// # Ok(()) });
    /// ```
    pub fn get_children_and_watch(&self, path: &str) -> Request<(Children, OneShotWatch)> {
        let path = try_request!(self.absolute(path));
        let request = ReadRequest { path: (&path).into(), watch: true };
        let finish = |reply: Result<Reply, Error>| Children::decode(&mut Reader::new(&reply?.body));
        self.call_watching(OpCode::GetChildren2, &request, Registration::Children, path.clone(), finish)
    }

    /// A node's access control list and metadata. Digests are masked for those without `ADMIN` rights.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::Acl;
    ///
    /// let (acl, _stat) = client.get_acl("/").await?;
    /// assert_eq!(acl, [Acl::open()]);
    /// # Ok(()) });
    /// ```
    pub fn get_acl(&self, path: &str) -> Request<(Vec<Acl>, Stat)> {
        let path = try_request!(self.absolute(path));
        self.call(OpCode::GetAcl, &PathRequest { path: path.into() }, |body| {
            let GetAclResponse { acl, stat } = Wire::decode(body)?;
            Ok((acl, stat))
        })
    }

    /// The paths of this session's ephemeral nodes that start with `prefix` (`"/"`: all). Servers since 3.6.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::Create;
    ///
    /// client.create("/me", "", &Create::ephemeral()).await?;
    /// assert_eq!(client.get_ephemerals("/").await?, ["/me"]);
    /// # Ok(()) });
    /// ```
    pub fn get_ephemerals(&self, prefix: &str) -> Request<Vec<String>> {
        let prefix = try_request!(self.absolute(prefix));
        let root = self.root.clone();
        let request = GetEphemeralsRequest { prefix: Some(prefix.into()) };
        self.call(OpCode::GetEphemerals, &request, move |body| {
            let paths = StringsResponse::decode(body)?.strings;
            Ok(paths.into_iter().map(|path| root.strip(path)).collect())
        })
    }

    /// How many nodes there are below a node, at all depths. Servers since 3.6.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// assert_eq!(client.get_all_children_number("/zookeeper").await?, 2);
    /// # Ok(()) });
    /// ```
    pub fn get_all_children_number(&self, path: &str) -> Request<u32> {
        let path = try_request!(self.absolute(path));
        self.call(OpCode::GetAllChildrenNumber, &PathRequest { path: path.into() }, |body| {
            let total = GetAllChildrenNumberResponse::decode(body)?.total;
            Ok(u32::try_from(total).unwrap_or(0))
        })
    }

    /// Waits until the server has caught up with everything the service had done when it was asked. Reads
    /// on this client afterwards show at least that.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// let synced = client.sync("/");
    /// let current = client.get_data("/");
    /// synced.await?;
    /// current.await?;
    /// # Ok(()) });
    /// ```
    pub fn sync(&self, path: &str) -> Request<()> {
        let path = try_request!(self.absolute(path));
        self.call(OpCode::Sync, &SyncRequest { path: Some(path.into()) }, |_| Ok(()))
    }

    fn read<T: 'static>(
        &self,
        op: OpCode,
        request: &ReadRequest<'_>,
        finish: impl FnOnce(Result<Reply, Error>) -> Result<T, Error> + Send + 'static,
    ) -> Request<T> {
        let mut frame = Vec::with_capacity(64);
        proto::request::encode_frame(0, op, request, &mut frame);
        self.submit(frame, crate::session::Effect::None, None, finish)
    }
}

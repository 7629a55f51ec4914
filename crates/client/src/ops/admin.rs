//! Who we are, and who the servers are.

use super::reads::NodeData;
use crate::{Client, Request};
use proto::request::{ReadRequest, ReconfigRequest};
use proto::response::{ClientInfo, WhoAmIResponse};
use proto::{OpCode, Wire};

/// Where servers keep their membership, whatever the chroot.
const CONFIG_PATH: &str = "/zookeeper/config";

/// A change of the servers' membership. See the `reconfig` chapter of ZooKeeper's administration guide for
/// the forms of its texts.
///
/// ```
/// use zabra_client::Reconfig;
///
/// let grow = Reconfig::incremental(&["server.4=zk4:2888:3888;2181"], &[]);
/// let careful = grow.from_version(0x100000003);
/// # let _ = careful;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconfig {
    joining: Option<String>,
    leaving: Option<String>,
    members: Option<String>,
    from_version: i64,
}

impl Reconfig {
    /// Adds servers (`server.4=...`; one that is a member already changes) and removes others by their ids.
    pub fn incremental(joining: &[&str], leaving: &[i64]) -> Self {
        let leaving: Vec<String> = leaving.iter().map(i64::to_string).collect();
        Self {
            joining: (!joining.is_empty()).then(|| joining.join(",")),
            leaving: (!leaving.is_empty()).then(|| leaving.join(",")),
            members: None,
            from_version: -1,
        }
    }

    /// Replaces the whole membership.
    pub fn members(members: &[&str]) -> Self {
        Self { joining: None, leaving: None, members: Some(members.join(",")), from_version: -1 }
    }

    /// The same, only if the present membership still has this version (the `version=` line of
    /// [`Client::get_config`], read as hexadecimal).
    #[must_use]
    pub fn from_version(mut self, version: i64) -> Self {
        self.from_version = version;
        self
    }
}

impl Client {
    /// The identities of this connection: schemes and names, no secrets. Servers since 3.7.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// let mine = client.who_am_i().await?;
    /// assert_eq!((mine[0].scheme.as_str(), mine[0].user.as_str()), ("ip", "127.0.0.1"));
    /// # Ok(()) });
    /// ```
    pub fn who_am_i(&self) -> Request<Vec<ClientInfo>> {
        let mut frame = Vec::new();
        proto::request::frame(&mut frame, |out| {
            proto::request::RequestHeader { xid: 0, kind: OpCode::WhoAmI.code() }.encode(out);
        });
        self.submit(frame, crate::session::Effect::None, None, |reply| {
            Ok(WhoAmIResponse::decode(&mut proto::Reader::new(&reply?.body))?.clients)
        })
    }

    /// The servers' membership as text, from `/zookeeper/config`, whatever the chroot.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// let config = client.get_config().await?;
    /// println!("{}", String::from_utf8_lossy(config.bytes()));
    /// # Ok(()) });
    /// ```
    pub fn get_config(&self) -> Request<NodeData> {
        let request = ReadRequest { path: CONFIG_PATH.into(), watch: false };
        self.call(OpCode::GetData, &request, NodeData::decode)
    }

    /// Changes the servers' membership; resolves with the new one once it is in force. Needs an ensemble
    /// with `reconfigEnabled` and the right to write `/zookeeper/config`.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::{ErrorCode, Reconfig};
    ///
    /// // A server alone has no membership to change.
    /// let refused = client.reconfig(&Reconfig::incremental(&[], &[3])).await.unwrap_err();
    /// assert!(refused.is(ErrorCode::ReconfigDisabled));
    /// # Ok(()) });
    /// ```
    pub fn reconfig(&self, change: &Reconfig) -> Request<NodeData> {
        let text = |text: &Option<String>| text.clone().map(Into::into);
        let request = ReconfigRequest {
            joining: text(&change.joining),
            leaving: text(&change.leaving),
            members: text(&change.members),
            config_id: change.from_version,
        };
        self.call(OpCode::Reconfig, &request, NodeData::decode)
    }
}

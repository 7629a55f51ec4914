//! Changing and deleting nodes.

use super::create::Payload;
use super::{ANY, try_request};
use crate::{Client, Request};
use proto::acl::Acl;
use proto::request::{DeleteRequest, SetAclRequest, SetDataRequest};
use proto::response::StatResponse;
use proto::stat::Stat;
use proto::{OpCode, Wire};

impl Client {
    /// Sets a node's data. With a version, only if the data still has it.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::{Create, ErrorCode};
    ///
    /// client.create("/count", "1", &Create::persistent()).await?;
    /// let stat = client.set_data("/count", "2", Some(0)).await?;
    /// assert_eq!(stat.version, 1);
    /// let late = client.set_data("/count", "3", Some(0)).await;
    /// assert!(late.unwrap_err().is(ErrorCode::BadVersion));
    /// # Ok(()) });
    /// ```
    pub fn set_data<'a>(
        &self,
        path: &str,
        data: impl Into<Payload<'a>>,
        version: Option<i32>,
    ) -> Request<Stat> {
        let path = try_request!(self.absolute(path));
        let version = version.unwrap_or(ANY);
        let request = SetDataRequest { path: path.into(), data: data.into().0, version };
        self.call(OpCode::SetData, &request, |body| Ok(StatResponse::decode(body)?.stat))
    }

    /// Deletes a node that has no children. With a version, only if its data still has it.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::Create;
    ///
    /// client.create("/old", "", &Create::persistent()).await?;
    /// client.delete("/old", None).await?;
    /// # Ok(()) });
    /// ```
    pub fn delete(&self, path: &str, version: Option<i32>) -> Request<()> {
        let path = try_request!(self.absolute(path));
        let request = DeleteRequest { path: path.into(), version: version.unwrap_or(ANY) };
        self.call(OpCode::Delete, &request, |_| Ok(()))
    }

    /// Sets a node's access control list. With a version, only if the *list* still has it
    /// ([`Stat::aversion`]).
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
    /// # server::with_client(|client| async move {
    /// use zabra_client::{Acl, Create, Id, perms};
    ///
    /// client.create("/notice", "read me", &Create::persistent()).await?;
    /// let readable = vec![Acl { perms: perms::READ, id: Id::anyone() }];
    /// let stat = client.set_acl("/notice", readable, None).await?;
    /// assert_eq!(stat.aversion, 1);
    /// # Ok(()) });
    /// ```
    pub fn set_acl(&self, path: &str, acl: Vec<Acl>, version: Option<i32>) -> Request<Stat> {
        let path = try_request!(self.absolute(path));
        let request = SetAclRequest { path: path.into(), acl: Some(acl), version: version.unwrap_or(ANY) };
        self.call(OpCode::SetAcl, &request, |body| Ok(StatResponse::decode(body)?.stat))
    }
}

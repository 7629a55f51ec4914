//! `reconfig`: the text of the membership, kept in a node of its own. What becomes of the membership is for
//! the ensemble to say; here it is written down, if the client may do that.
//!
//! //= java: PrepRequestProcessor.pRequest2Txn, ZKDatabase.initConfigInZKDatabase

use super::decider::Decider;
use super::outcome::Outcome;
use super::set_data;
use crate::tree::Tree;
use crate::watches::Effects;
use proto::acl::perms;
use proto::txn::{SetDataTxn, Txn, TxnHeader};
use proto::{ErrorCode, OpCode, Zxid};

/// The node of the membership.
const CONFIG_NODE: &str = "/zookeeper/config";
/// What the node has as its version, whatever happens to it.
const NODE_VERSION: i32 = -1;

/// Decides it; `asked` is what the ensemble makes of the request, and `None` without an ensemble.
pub(super) fn prepare(
    on: &mut Decider<'_>,
    asked: Option<&Result<String, ErrorCode>>,
) -> Result<Txn, ErrorCode> {
    if !on.settings().reconfig_enabled {
        return Err(ErrorCode::ReconfigDisabled);
    }
    on.require_session()?;
    let text = asked.ok_or(ErrorCode::Unimplemented)?.as_ref().map_err(|code| *code)?;
    let node = on.existing(CONFIG_NODE)?;
    on.require(&node, perms::WRITE)?;
    let data = text.as_bytes();
    let mut after = node.clone();
    after.stat.version = NODE_VERSION;
    after.stat.mzxid = on.ctx.zxid.0;
    after.stat.mtime = on.ctx.time_ms;
    after.data_len = data.len();
    after.prefix = on.prefix(CONFIG_NODE, Some(data));
    on.put(CONFIG_NODE, Some(&node), Some(after));
    let txn = SetDataTxn { path: CONFIG_NODE.to_owned(), data: Some(data.to_vec()), version: NODE_VERSION };
    Ok(Txn::SetData(OpCode::Reconfig, txn))
}

/// Performs it.
pub(super) fn apply(
    tree: &mut Tree,
    header: &TxnHeader,
    txn: &SetDataTxn,
    effects: &mut Effects<'_>,
) -> Outcome {
    match set_data::apply(tree, header, txn, effects) {
        Outcome::Changed(stat) => Outcome::Reconfigured { data: txn.data.clone().unwrap_or_default(), stat },
        other => other,
    }
}

impl Tree {
    /// Shows a membership that no transaction brought: the one found at the start, or learned from a leader.
    /// Nobody may be served meanwhile, for nobody is told. Digests do not cover the node.
    pub fn show_membership(&mut self, text: &str, version: Zxid, now_wall_ms: i64) {
        let Some(id) = self.nodes.find(CONFIG_NODE) else { return };
        let stat = self.nodes.stat(id);
        let is_shown = self.nodes.get(id).data() == Some(text.as_bytes());
        if is_shown && (stat.mzxid, stat.version) == (version.0, NODE_VERSION) {
            return;
        }
        self.rewrite(id, CONFIG_NODE, Some(text.as_bytes()), |stat| {
            stat.version = NODE_VERSION;
            stat.mzxid = version.0;
            stat.mtime = now_wall_ms;
        });
    }

    /// The membership as clients see it.
    pub fn shown_membership(&self) -> Option<&[u8]> {
        self.nodes.get(self.nodes.find(CONFIG_NODE)?).data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::WriteOp;
    use crate::testkit::*;
    use proto::request::ReconfigRequest;

    const TEXT: &str = "server.1=a:1:2:participant\nversion=2";

    fn enabled() -> crate::Settings {
        crate::Settings { reconfig_enabled: true, ..crate::Settings::default() }
    }

    #[test]
    fn a_standalone_server_refuses() {
        let request =
            WriteOp::Reconfig(ReconfigRequest { joining: None, leaving: None, members: None, config_id: -1 });
        assert_eq!(World::new().err(&request), ErrorCode::ReconfigDisabled);
        assert_eq!(World::with(enabled()).err(&request), ErrorCode::Unimplemented);
    }

    #[test]
    fn hc_146_only_who_may_write_the_node_changes_the_membership() {
        let asked = WriteOp::SetMembership(Ok(TEXT.into()));
        assert_eq!(World::with(enabled()).err(&asked), ErrorCode::NoAuth);
        let mut w = World::with(crate::Settings { skip_acl: true, ..enabled() });
        let Outcome::Reconfigured { data, stat } = w.ok(&asked) else { panic!() };
        assert_eq!((data.as_slice(), stat.version, stat.mzxid), (TEXT.as_bytes(), -1, w.tree.last_zxid().0));
        assert_eq!(w.tree.shown_membership(), Some(TEXT.as_bytes()));
        check_derived(&w.tree);
        let refused = WriteOp::SetMembership(Err(ErrorCode::NewConfigNoQuorum));
        assert_eq!(w.err(&refused), ErrorCode::NewConfigNoQuorum);
    }

    #[test]
    fn a_membership_is_shown_without_a_transaction() {
        let mut w = World::new();
        let digest = w.tree.digest();
        w.tree.show_membership(TEXT, Zxid(2), 7000);
        w.tree.show_membership(TEXT, Zxid(2), 8000);
        let stat = w.stat("/zookeeper/config").unwrap();
        assert_eq!((stat.version, stat.mzxid, stat.mtime), (-1, 2, 7000));
        assert_eq!(w.tree.digest(), digest);
        check_derived(&w.tree);
    }
}

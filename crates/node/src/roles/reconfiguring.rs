//! Changes of membership.

use super::{Ensemble, Node};
use crate::delivery::Outbox;
use proto::Zxid;
use proto::txn::Txn;
use zab::{Config, ServerId};

impl Ensemble {
    /// Whether this server has no vote in the membership in force.
    pub(super) fn observes(&self, me: ServerId) -> bool {
        self.config.members.get(&me).is_some_and(|m| m.role == zab::MemberRole::Observer)
    }
}

impl Node {
    /// A newer committed membership was heard of during an election.
    pub(super) fn adopt_config(&mut self, config: Config, out: &mut impl Outbox) {
        let _ = (config, out);
    }

    /// A membership is in force.
    pub(super) fn activate_config(&mut self, config: Config, out: &mut impl Outbox) {
        let _ = (config, out);
    }

    /// The leader's membership, as its NEWLEADER says.
    pub(super) fn on_leader_config(&mut self, text: &[u8], out: &mut impl Outbox) {
        let _ = (text, out);
    }

    /// A proposal may bring a membership.
    pub(super) fn stage_config(&mut self, zxid: Zxid, txn: &Txn, out: &mut impl Outbox) {
        let _ = (zxid, txn, out);
    }

    /// The membership of this transaction is committed.
    pub(super) fn on_activate(&mut self, zxid: Zxid, out: &mut impl Outbox) {
        let _ = (zxid, out);
    }
}

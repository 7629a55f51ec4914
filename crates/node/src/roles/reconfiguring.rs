//! Changes of membership: what a client's `reconfig` becomes, and when a membership is in force here.
//!
//! A membership is *staged* when it is proposed and *in force* when it is committed. Both are recorded, in
//! order with the log, so that a restart finds what was promised. With `reconfigEnabled=false` neither
//! happens: the local file is the membership (HC-141).
//!
//! //= java: QuorumPeer.processReconfig, setLastSeenQuorumVerifier; Learner.syncWithLeader

use super::{Booth, Duty, Ensemble, Node};
use crate::delivery::Outbox;
use proto::request::ReconfigRequest;
use proto::txn::Txn;
use proto::{ErrorCode, OpCode, Zxid};
use tree::WriteOp;
use zab::{Change, Config, Record, Refusal, ServerId};

impl Ensemble {
    /// The membership that is staged, if there is one.
    pub(super) fn staged(&self) -> Option<&Config> {
        self.last_seen.as_ref().filter(|seen| self.settings.reconfig && seen.version > self.config.version)
    }

    /// Elections go by the memberships in force; drivers learn of them as they record them.
    fn hold_elections_under_these(&mut self) {
        self.election.set_config(self.config.clone(), self.last_seen.clone());
    }
}

impl Node {
    /// The membership that may be next: proposed, and not known to be committed.
    pub fn staged_membership(&self) -> Option<&Config> {
        self.ensemble.as_ref()?.staged()
    }

    /// Shows the membership in force to clients.
    pub(crate) fn show_membership(&self) {
        let Some(ensemble) = &self.ensemble else { return };
        let (text, version) = (ensemble.config.to_text(), Zxid(ensemble.config.version));
        self.store.write().show_membership(&text, version, self.now.wall_ms);
    }

    /// What the leader makes of a `reconfig` whose transaction gets `zxid`.
    pub(crate) fn decide_membership(
        &self,
        zxid: Zxid,
        request: &ReconfigRequest<'_>,
    ) -> Option<Result<Config, ErrorCode>> {
        let Duty::Leading(leader) = &self.duty else { return None };
        let change = Change {
            joining: request.joining.as_deref(),
            leaving: request.leaving.as_deref(),
            members: request.members.as_deref(),
            base: request.config_id,
        };
        Some(leader.decide(&change, zxid).map_err(|refusal| match refusal {
            Refusal::InProgress => ErrorCode::ReconfigInProgress,
            Refusal::Version => ErrorCode::BadVersion,
            Refusal::Arguments => ErrorCode::BadArguments,
            Refusal::Unreadable => ErrorCode::MarshallingError,
            Refusal::NoQuorum => ErrorCode::NewConfigNoQuorum,
        }))
    }

    /// The request with what becomes of it, when it is a `reconfig` and there is an ensemble.
    pub(crate) fn resolve<'a>(&self, zxid: Zxid, op: &WriteOp<'a>) -> Option<(WriteOp<'a>, Option<Config>)> {
        let WriteOp::Reconfig(request) = op else { return None };
        let decided = self.decide_membership(zxid, request)?;
        let text = decided.as_ref().map(Config::to_text).map_err(|code| *code);
        Some((WriteOp::SetMembership(text), decided.ok()))
    }

    /// The transaction that is about to be logged brings a membership, if it was not refused.
    pub(crate) fn stage_proposed(&mut self, txn: &Txn, next: Config, out: &mut impl Outbox) {
        if !matches!(txn, Txn::SetData(OpCode::Reconfig, _)) {
            return;
        }
        if let Duty::Leading(leader) = &mut self.duty {
            leader.stage(next.clone());
        }
        self.stage_config(next, out);
    }

    /// A membership may become the one in force: recorded before the transaction that brings it. One that is
    /// staged already, or in force, is nothing new (HC-144).
    pub(super) fn stage_config(&mut self, config: Config, out: &mut impl Outbox) {
        let Some(ensemble) = &mut self.ensemble else { return };
        let known = ensemble.staged().unwrap_or(&ensemble.config);
        if !ensemble.settings.reconfig || config.version == known.version {
            return;
        }
        if config.version > ensemble.config.version {
            let text = config.to_text();
            ensemble.last_seen = Some(config);
            self.ledger.record(Record::Config { text, committed: false }, out);
        } else {
            // The leader knows of none: what was staged here was never committed. On disk an older one does
            // not take the place of a newer one that is staged, so it is staged first.
            ensemble.last_seen = None;
            for committed in [false, true] {
                let text = ensemble.config.to_text();
                self.ledger.record(Record::Config { text, committed }, out);
            }
        }
        ensemble.hold_elections_under_these();
    }

    /// A proposal may bring a membership.
    ///
    /// # Errors
    /// The leader is at fault: it cannot be read.
    pub(super) fn stage_proposal(&mut self, txn: &Txn, out: &mut impl Outbox) -> Result<(), String> {
        let Txn::SetData(OpCode::Reconfig, txn) = txn else { return Ok(()) };
        let text = std::str::from_utf8(txn.data.as_deref().unwrap_or_default());
        let text = text.map_err(|error| format!("a proposed membership cannot be read: {error}"))?;
        self.stage_config(Config::parse(text).map_err(|error| format!("proposed {error}"))?, out);
        Ok(())
    }

    /// Puts a membership in force, and says which one was before; nothing happens unless it is newer.
    fn put_in_force(&mut self, config: Config, out: &mut impl Outbox) -> Option<Config> {
        let ensemble = self.ensemble.as_mut()?;
        if !ensemble.settings.reconfig || config.version <= ensemble.config.version {
            return None;
        }
        let text = config.to_text();
        let before = std::mem::replace(&mut ensemble.config, config);
        ensemble.last_seen = ensemble.staged().cloned();
        self.ledger.record(Record::Config { text, committed: true }, out);
        ensemble.hold_elections_under_these();
        Some(before)
    }

    /// A newer membership than the one in force was heard of during an election, which has to begin again if
    /// its members are others.
    pub(super) fn adopt_config(&mut self, config: Config, out: &mut impl Outbox) {
        let Some(before) = self.put_in_force(config, out) else { return };
        self.show_membership();
        let Some(ensemble) = &mut self.ensemble else { return };
        if !before.is_equivalent(&ensemble.config) {
            let (last, (_, epoch)) = (self.ledger.last_logged(), self.ledger.epochs());
            ensemble.election.start(self.now.monotonic_ms, last, epoch, &mut Booth(out));
        }
    }

    /// This leader's membership is in force.
    pub(super) fn on_activated(
        &mut self,
        config: Config,
        successor: Option<ServerId>,
        out: &mut impl Outbox,
    ) {
        self.put_in_force(config, out);
        // Clients see it, and hear of it, with the transaction that brings it.
        if self.store.serving() != crate::Serving::Yes {
            self.show_membership();
        }
        if let Some(ensemble) = &mut self.ensemble {
            ensemble.appointed = successor;
        }
    }

    /// The leader's membership, as its NEWLEADER says: staged, and in force when the leader says that this
    /// member is up to date. One that cannot be read changes nothing.
    pub(super) fn on_leader_config(&mut self, text: &[u8], out: &mut impl Outbox) {
        let config = std::str::from_utf8(text).ok().and_then(|text| Config::parse(text).ok());
        let Some(config) = config else { return };
        self.stage_config(config.clone(), out);
        if let Some(ensemble) = &mut self.ensemble {
            ensemble.offered = Some(config);
        }
    }

    /// The membership of this transaction is committed, and `leader` leads under it. A member with another
    /// role, or another leader, begins anew with that leader.
    pub(super) fn on_activate(&mut self, zxid: Zxid, leader: ServerId, out: &mut impl Outbox) {
        let Some(ensemble) = &self.ensemble else { return };
        let Some(next) = ensemble.staged().filter(|staged| staged.version == zxid.0).cloned() else { return };
        let Some(before) = self.put_in_force(next, out) else { return };
        let (Some(ensemble), Duty::Learning(learner)) = (&mut self.ensemble, &self.duty) else { return };
        let is_same = before.is_equivalent(&ensemble.config);
        let role_changes = ensemble.config.observes(self.me) != learner.observes();
        if !is_same && (role_changes || leader != learner.leader()) {
            ensemble.appointed = Some(leader);
            ensemble.moves_after = Some(zxid);
            self.move_on(out);
        }
    }

    /// Begins anew under a membership once the transaction that brought it is applied here: whoever asked for
    /// it here has the answer then.
    pub(crate) fn move_on(&mut self, out: &mut impl Outbox) {
        let after = self.ensemble.as_ref().and_then(|ensemble| ensemble.moves_after);
        if after.is_some_and(|zxid| self.store.view().tree.last_zxid() >= zxid) {
            self.leave("the membership has changed", out);
        }
    }

    /// The leader says that this member is up to date: so is its membership then. Whether the member can stay
    /// what it is under it.
    ///
    /// A membership proposed in this very term is not agreed on yet: its commit comes by itself (HC-136).
    pub(super) fn settle_membership(&mut self, committed: Zxid, out: &mut impl Outbox) -> bool {
        let (Some(ensemble), Duty::Learning(learner)) = (&mut self.ensemble, &self.duty) else { return true };
        let (leader, observes) = (learner.leader(), learner.observes());
        let offered = ensemble.offered.take();
        let agreed = offered.filter(|offered| {
            let zxid = Zxid(offered.version);
            zxid <= committed || zxid.counter() == 0 || zxid.epoch() != self.ledger.epochs().1
        });
        let before = agreed.and_then(|config| self.put_in_force(config, out));
        self.show_membership();
        let (Some(before), Some(ensemble)) = (before, &self.ensemble) else { return true };
        let now = &ensemble.config;
        before.is_equivalent(now) || (now.observes(self.me) == observes && before.keeps_voter(now, leader))
    }
}

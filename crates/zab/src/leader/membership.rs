//! Changes of membership during a term: which are possible, who leads afterwards, when it is over.
//!
//! //= java: Leader.getDesignatedLeader, Leader.isQuorumSynced, Leader.lead, Leader.tryToCommit

use super::learners::Stage;
use super::{Leader, LeaderEvent};
use crate::config::Config;
use crate::quorum::ServerId;
use crate::reconfig::{Change, Refusal};
use proto::Zxid;
use std::cmp::Reverse;
use std::collections::BTreeSet;

impl Leader {
    /// The membership in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The membership a client asks for, if it is possible now; `zxid` is what the transaction gets that
    /// brings it.
    ///
    /// # Errors
    /// The first reason against it; nothing has changed.
    pub fn decide(&self, change: &Change<'_>, zxid: Zxid) -> Result<Config, Refusal> {
        if self.staged.is_some() {
            return Err(Refusal::InProgress);
        }
        if change.base != -1 && change.base != self.config.version {
            return Err(Refusal::Version);
        }
        let next = self.config.changed(change, zxid, self.settings.standalone_enabled)?;
        // Who has just become an observer has yet to leave, and to come back as one.
        let learners = self
            .learners
            .values()
            .filter(|l| l.follows && l.stage >= Stage::Ready && !self.config.observes(l.id));
        let synced: BTreeSet<ServerId> = learners.map(|l| l.id).chain([self.me]).collect();
        if next.quorum().contains(&synced) { Ok(next) } else { Err(Refusal::NoQuorum) }
    }

    /// The transaction that just got its zxid, the membership's version, brings it: from there on both
    /// memberships decide (HC-148).
    pub fn stage(&mut self, next: Config) {
        self.broadcast.stage(next.quorum());
        if !self.leads_under(&next) {
            self.broadcast.end_with(Zxid(next.version));
        }
        self.staged = Some(next);
    }

    /// The membership an operator wrote becomes the ensemble's with the first term: with its epoch as
    /// version it counts for more than any that was only written down (HC-138).
    pub(super) fn stage_first(&mut self, events: &mut Vec<LeaderEvent>) {
        if self.settings.reconfig && self.staged.is_none() && self.config.version == 0 {
            let first = Config { version: Zxid::new(self.epoch, 0).0, ..self.config.clone() };
            self.staged = Some(first.clone());
            events.push(LeaderEvent::Staged(first));
        }
    }

    /// Whether this server goes on leading under a membership: as a voter that is found where it was. One
    /// that is alone has nobody to hand over to.
    pub(super) fn leads_under(&self, next: &Config) -> bool {
        let is_alone = next.is_voter(self.me) && next.voters().count() == 1;
        is_alone || self.config.keeps_voter(next, self.me)
    }

    /// Who leads once the staged membership is in force: this server if it can, or the new voter that has
    /// stored most, so that as little as possible is lost.
    pub(super) fn designated(&self, next: &Config) -> ServerId {
        if self.leads_under(next) {
            return self.me;
        }
        let quorum = next.quorum();
        let voters = quorum.voters().filter(|id| *id != self.me && quorum.weight(*id) > 0);
        let best = voters.max_by_key(|id| (self.broadcast.acked(*id), Reverse(*id)));
        best.unwrap_or(self.me)
    }

    /// The staged membership is committed. `leader` leads under it; if that is not known, an election finds
    /// out.
    pub(super) fn activate(&mut self, leader: Option<ServerId>, events: &mut Vec<LeaderEvent>) {
        let Some(config) = self.staged.take() else { return };
        self.config = config.clone();
        self.outgoing = leader != Some(self.me);
        if self.outgoing {
            self.broadcast.end_with(self.broadcast.committed());
        }
        let successor = leader.filter(|leader| *leader != self.me);
        events.push(LeaderEvent::Activated { config, successor });
    }

    /// Steps down without a quorum of every membership in force (HC-137). An outgoing leader waits for its
    /// learners to leave, so that they have got the news; but not for ever.
    pub(super) fn check_quorum(&mut self, now_ms: Option<u64>, events: &mut Vec<LeaderEvent>) {
        let heard = self.learners.values().filter(|l| l.follows && l.stage > Stage::Silent);
        let present: BTreeSet<ServerId> = heard.map(|l| l.id).chain([self.me]).collect();
        if !self.is_quorum(&present) {
            return events.push(LeaderEvent::StepDown("a quorum of followers is gone".into()));
        }
        let (true, Some(now_ms)) = (self.outgoing, now_ms) else { return };
        let since_ms = *self.outgoing_since_ms.get_or_insert(now_ms);
        if now_ms.saturating_sub(since_ms) > u64::from(self.settings.sync_limit) * self.settings.tick_ms {
            events.push(LeaderEvent::StepDown("another server leads under the new membership".into()));
        }
    }
}

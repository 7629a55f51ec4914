//! Following or observing: the member's part around [`zab::Learner`].

use super::Duty;
use crate::delivery::Outbox;
use crate::member::{Node, Proposal};
use proto::mutant::{Mutant, is_on};
use proto::peer::{Entry, Forwarded};
use proto::txn::decode_entry;
use proto::{OpCode, Zxid};
use std::mem;
use tree::Tree;
use zab::{Learner, LearnerEvent, LearnerSettings, LearnerStart, LinkId, ServerId};

impl Node {
    /// Begins to connect to a leader.
    pub(super) fn begin_learning(&mut self, leader: ServerId, is_appointed: bool, out: &mut impl Outbox) {
        let now_ms = self.now.monotonic_ms;
        let Some(ensemble) = &mut self.ensemble else { return };
        for link in mem::take(&mut ensemble.early).into_keys() {
            out.close(link);
        }
        let addresses = ensemble.member(leader).map(|m| m.addresses.clone()).unwrap_or_default();
        let settings = LearnerSettings {
            tick_ms: self.settings.tick_time_ms,
            init_limit: ensemble.settings.init_limit,
            sync_limit: ensemble.settings.sync_limit,
            connect_retry_ms: ensemble.settings.connect_retry_ms,
        };
        let (accepted_epoch, current_epoch) = self.ledger.epochs();
        let observes = ensemble.config.observes(self.me);
        self.ledger.keep_entries(!observes || ensemble.settings.observer_logs);
        let start = LearnerStart {
            me: self.me,
            observes,
            accepted_epoch,
            current_epoch,
            last_logged: self.ledger.last_logged(),
            config_version: ensemble.config.version,
            appointed: is_appointed,
            wants_snapshot: ensemble.wants_snapshot,
        };
        let learner = Learner::new(leader, addresses, start, settings, now_ms, out);
        self.duty = Duty::Learning(Box::new(learner));
        out.role_changed(self.role(), "elected");
    }

    /// Lets the learner take something in, and does what follows.
    pub(crate) fn learn<O: Outbox>(
        &mut self,
        out: &mut O,
        step: impl FnOnce(&mut Learner, &mut Vec<LearnerEvent>, &mut O),
    ) {
        let Some(ensemble) = &mut self.ensemble else { return };
        let Duty::Learning(learner) = &mut self.duty else { return };
        let mut events = mem::take(&mut ensemble.learner_events);
        step(learner, &mut events, out);
        for event in events.drain(..) {
            if matches!(self.duty, Duty::Learning(_)) {
                self.on_learner_event(event, out);
            }
        }
        if let Some(ensemble) = &mut self.ensemble {
            ensemble.learner_events = events;
        }
    }

    fn on_learner_event(&mut self, event: LearnerEvent, out: &mut impl Outbox) {
        let Duty::Learning(learner) = &mut self.duty else { return };
        match event {
            LearnerEvent::Record(record) => self.ledger.record(record, out),
            LearnerEvent::Keep => {
                self.applicable = self.ledger.last_logged();
                self.apply_committed(out);
            }
            LearnerEvent::Truncate(zxid) => self.cut(zxid, out),
            LearnerEvent::Append { zxid, entry } => self.on_proposal(zxid, entry, out),
            LearnerEvent::Committed(zxid) => {
                let all = is_on(Mutant::ApplyUncommitted);
                self.applicable = if all { self.ledger.last_logged() } else { zxid };
                self.apply_committed(out);
            }
            LearnerEvent::Membership(text) => self.on_leader_config(&text, out),
            LearnerEvent::Activate { zxid, leader } => self.on_activate(zxid, leader, out),
            LearnerEvent::Serve => self.on_welcome(out),
            LearnerEvent::SyncDone => {
                if let Some((conn, xid)) = self.clients.syncing.pop_front() {
                    self.clients.synced.push_back((self.applicable, conn, xid));
                    self.apply_committed(out);
                }
            }
            LearnerEvent::Revalidated { session, valid } => {
                let Some(asked) = self.clients.renewing.get_mut(&session) else { return };
                let Some((conn, timeout_ms)) = asked.pop_front() else { return };
                if asked.is_empty() {
                    self.clients.renewing.remove(&session);
                }
                if valid && learner.observes() {
                    // An observer hears of transactions late, of those from before the renewal too: a `sync`
                    // tells when it has heard of them all.
                    let (op, body) = (OpCode::Sync.code(), 0_i32.to_be_bytes());
                    learner.request(&Forwarded { session, cxid: 0, op, body: &body }, &[], out);
                    self.clients.syncing.push_back((conn, 0));
                    self.clients.granted.insert(conn, (session, timeout_ms));
                } else if let Some(asker) = self.conns.remove(&conn) {
                    self.renewed(conn, session, timeout_ms, asker.auth, valid, out);
                }
            }
            LearnerEvent::Ping(zxid) => {
                let touched: Vec<_> = mem::take(&mut self.clients.touched).into_iter().collect();
                learner.pong(zxid, &touched, out);
            }
            LearnerEvent::Fail(why) => self.leave(&why, out),
        }
    }

    /// Logs what the leader proposes. What cannot be read must not get into a log (HC-60, HC-65).
    fn on_proposal(&mut self, zxid: Zxid, entry: Entry, out: &mut impl Outbox) {
        match decode_entry(&entry) {
            Ok((header, txn, digest)) if header.zxid == zxid => {
                if let Err(why) = self.stage_proposal(&txn, out) {
                    return self.leave(&why, out);
                }
                self.ledger.append(zxid, entry, out);
                self.tail.push_back(Proposal { header, txn, digest, origin: None });
            }
            Ok((header, ..)) => self.leave(&format!("proposal {zxid} says it is {}", header.zxid), out),
            Err(error) => self.leave(&format!("proposal {zxid} cannot be read: {error}"), out),
        }
    }

    /// Takes back what the leader does not have (HC-17).
    fn cut(&mut self, to: Zxid, out: &mut impl Outbox) {
        if to < self.ledger.floor() || self.ledger.lacks_entries() {
            // A snapshot of what no quorum ever had, or no log: only another snapshot can take its place.
            if let Some(ensemble) = &mut self.ensemble {
                ensemble.wants_snapshot = true;
            }
            return self.leave(&format!("the log here cannot be cut after {to}"), out);
        }
        let applied = self.store.view().tree.last_zxid();
        self.tail.retain(|proposal| proposal.header.zxid <= to);
        let reload = to < applied && !is_on(Mutant::KeepTreeOverTrunc);
        if reload {
            self.tail.clear();
        }
        self.applicable = to;
        self.ledger.truncate(to, reload, out);
        self.apply_committed(out);
    }

    /// A whole tree came from the leader: it counts once it is on disk (HC-29).
    pub(super) fn on_snapshot(&mut self, link: LinkId, tree: Box<Tree>, out: &mut impl Outbox) {
        let Duty::Learning(learner) = &mut self.duty else { return };
        if learner.link() != Some(link) {
            return;
        }
        let Some(zxid) = learner.on_snapshot() else {
            return self.leave("a snapshot came unasked", out);
        };
        if let Some(ensemble) = &mut self.ensemble {
            ensemble.wants_snapshot = false;
        }
        self.tail.clear();
        self.applicable = zxid;
        self.ledger.install(zxid, tree, out);
    }

    /// The leader says this member is up to date. A tree that came as a snapshot may have some of what was
    /// committed meanwhile already, under its old zxid: nobody may see it before all of that is applied.
    fn on_welcome(&mut self, out: &mut impl Outbox) {
        if !self.settle_membership(self.applicable, out) {
            return self.leave("the membership has changed", out);
        }
        self.welcome = Some(self.applicable);
        self.apply_committed(out);
    }

    /// Serves once everything is applied that was committed when the leader said so.
    pub(crate) fn serve_when_caught_up(&mut self, out: &mut impl Outbox) {
        let Some(welcome) = self.welcome else { return };
        if self.ledger.is_reloading()
            || self.tail.front().is_some_and(|p| p.header.zxid <= welcome && !is_on(Mutant::ServeTooEarly))
        {
            return;
        }
        self.welcome = None;
        let (_, epoch) = self.ledger.epochs();
        let Some(ensemble) = &mut self.ensemble else { return };
        ensemble.election.established(epoch);
        ensemble.failures = 0;
        self.sessions.restart(false);
        self.store.set_serving(crate::Serving::Yes);
        out.role_changed(self.role(), "up to date");
    }
}

//! A term as leader: the member's part around [`zab::Leader`].

use super::Duty;
use crate::delivery::{Delivery, Outbox, What};
use crate::member::Node;
use crate::peer::Role;
use crate::sessions::Owner;
use proto::mutant::{Mutant, is_on};
use proto::peer::{Forwarded, Packet};
use proto::{ErrorCode, OpCode, Reader, SessionId};
use tree::WriteOp;
use zab::{Leader, LeaderEvent, LeaderSettings, LinkId};

impl Node {
    /// Begins a term: what is in the log here is the history, from now on.
    pub(super) fn begin_leading(&mut self, out: &mut impl Outbox) {
        let now_ms = self.now.monotonic_ms;
        let tick_ms = self.settings.tick_time_ms;
        let Some(ensemble) = &mut self.ensemble else { return };
        let settings = LeaderSettings {
            tick_ms,
            init_limit: ensemble.settings.init_limit,
            sync_limit: ensemble.settings.sync_limit,
            history_count: ensemble.settings.history_count,
            force_snapshot: ensemble.settings.force_snapshot,
            snap_syncs_max: ensemble.settings.snap_syncs_max,
            diff_syncs_max: ensemble.settings.diff_syncs_max,
            patience_ms: ensemble.settings.max_time_to_wait_for_epoch_ms.unwrap_or(tick_ms),
            reconfig: ensemble.settings.reconfig,
            standalone_enabled: ensemble.settings.standalone_enabled,
        };
        let (config, staged) = (ensemble.config.clone(), ensemble.staged().cloned());
        let (accepted, current) = self.ledger.epochs();
        let own = (accepted, current, self.ledger.last_logged());
        let leader = Leader::new(self.me, config, staged, settings, own, now_ms);
        let early = std::mem::take(&mut ensemble.early);
        self.ledger.keep_entries(true);
        self.duty = Duty::Leading(Box::new(leader));
        out.role_changed(Role::Leading, "elected");
        self.apply_committed(out);
        self.lead(out, |leader, events, _| leader.start(events));
        for (link, (_, first)) in early {
            self.lead(out, |leader, events, out| {
                leader.on_accepted(now_ms, link);
                if let Some(packet) = first {
                    leader.on_packet(now_ms, link, packet, events, out);
                }
            });
        }
    }

    /// Lets the leader take something in, and does what follows.
    pub(crate) fn lead<O: Outbox>(
        &mut self,
        out: &mut O,
        step: impl FnOnce(&mut Leader, &mut Vec<LeaderEvent>, &mut O),
    ) {
        let Some(ensemble) = &mut self.ensemble else { return };
        let Duty::Leading(leader) = &mut self.duty else { return };
        let mut events = std::mem::take(&mut ensemble.leader_events);
        step(leader, &mut events, out);
        for event in events.drain(..) {
            self.on_leader_event(event, out);
        }
        if let Some(ensemble) = &mut self.ensemble {
            ensemble.leader_events = events;
        }
    }

    fn on_leader_event(&mut self, event: LeaderEvent, out: &mut impl Outbox) {
        // A term that ended with an earlier event of the same step leaves nothing to do (HC-62).
        let Duty::Leading(leader) = &mut self.duty else { return };
        match event {
            LeaderEvent::Record(record) => self.ledger.record(record, out),
            LeaderEvent::Established => self.begin_serving(out),
            LeaderEvent::Staged(config) => self.stage_config(config, out),
            LeaderEvent::Activated { config, successor } => self.on_activated(config, successor, out),
            LeaderEvent::Committed => self.apply_committed(out),
            LeaderEvent::Request { link, packet } => self.on_forwarded(link, &packet, out),
            LeaderEvent::Touched(sessions) => {
                for (session, _) in sessions {
                    self.sessions.touch(session, self.now.monotonic_ms);
                }
            }
            LeaderEvent::Revalidate { link, session, timeout_ms } => {
                let valid = self.sessions.is_live(session) && !self.sessions.is_local(session);
                leader.answer_revalidation(link, session, valid, out);
                if valid {
                    let (owner, now_ms) = (Owner::Link(link), self.now.monotonic_ms);
                    if let Some(Owner::Conn(old)) = self.sessions.attach(session, owner, timeout_ms, now_ms) {
                        out.deliver(Delivery { conn: old, what: What::Close });
                    }
                }
            }
            LeaderEvent::Gone(link) => self.sessions.disown(Owner::Link(link)),
            LeaderEvent::StepDown(why) => self.leave(&why, out),
        }
    }

    /// A quorum stands behind this leader.
    fn begin_serving(&mut self, out: &mut impl Outbox) {
        let Duty::Leading(leader) = &self.duty else { return };
        let epoch = leader.epoch();
        if is_on(Mutant::SessionsNotTracked) {
            self.sessions.restart(true);
        } else {
            self.track_sessions();
        }
        self.outstanding = tree::Outstanding::new();
        let Some(ensemble) = &mut self.ensemble else { return };
        ensemble.election.established(epoch);
        ensemble.failures = 0;
        if ensemble.settings.leader_serves {
            self.store.set_serving(crate::Serving::Yes);
        }
        out.role_changed(Role::Leading, "established");
        self.sweep.restart(self.now.monotonic_ms);
    }

    /// A client's request that a learner forwarded. Every answer is a transaction, refusals too: the
    /// learner waits for nothing else.
    fn on_forwarded(&mut self, link: LinkId, packet: &Packet, out: &mut impl Outbox) {
        let Duty::Leading(leader) = &mut self.duty else { return };
        let Ok(request) = Forwarded::decode(packet.data.as_deref().unwrap_or_default()) else { return };
        if !leader.is_established() {
            return;
        }
        let Forwarded { session, cxid, op, body } = request;
        let auth = packet.auth.as_deref().unwrap_or_default();
        match OpCode::from_code(op) {
            Some(OpCode::Sync) => {
                self.confirm_sync(out);
                if let Duty::Leading(leader) = &mut self.duty {
                    leader.sync(link, out);
                }
            }
            Some(OpCode::CreateSession) => {
                let Ok(timeout_ms) = Reader::new(body).i32() else { return };
                // Once closing it is gone for good, whoever asks for it again (HC-69).
                if self.sessions.is_closing(session) {
                    self.propose_error(session, cxid, ErrorCode::SessionExpired, None, out);
                    return;
                }
                let (owner, now_ms) = (Owner::Link(link), self.now.monotonic_ms);
                self.sessions.track(session, timeout_ms, Some(owner), now_ms);
                self.propose(session, cxid, &WriteOp::CreateSession { timeout_ms }, None, auth, 0, out);
            }
            Some(OpCode::CloseSession) => {
                self.sessions.set_closing(session);
                self.propose(session, cxid, &WriteOp::CloseSession, None, auth, 0, out);
            }
            Some(op) => self.propose_forwarded(link, (session, cxid, op), body, auth, out),
            None => {
                self.propose_error(session, cxid, ErrorCode::Unimplemented, None, out);
            }
        }
    }

    fn propose_forwarded(
        &mut self,
        link: LinkId,
        (session, cxid, op): (SessionId, i32, OpCode),
        body: &[u8],
        auth: &[proto::acl::Id],
        out: &mut impl Outbox,
    ) {
        // Whether the session is there at all is decided with the write: in a multi, part by part.
        let moved = self.sessions.is_live(session) && !self.sessions.owns(session, Owner::Link(link));
        match WriteOp::decode(op, &mut Reader::new(body)) {
            _ if moved => self.propose_error(session, cxid, ErrorCode::SessionMoved, None, out),
            Ok(write) => self.propose(session, cxid, &write, None, auth, body.len(), out),
            Err(_) => self.propose_error(session, cxid, ErrorCode::MarshallingError, None, out),
        };
    }
}

//! A term's progress: a new epoch, a quorum behind this history, and when to give up.

use super::learners::Stage;
use super::{Leader, LeaderEvent, Phase};
use crate::broadcast::Broadcast;
use crate::link::{LinkId, Record, Transport};
use crate::quorum::ServerId;
use proto::Zxid;
use proto::mutant::{Mutant, is_on};
use proto::peer::{Packet, PacketKind};
use std::collections::BTreeSet;

impl PartialOrd for Phase {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (*self as u8).partial_cmp(&(*other as u8))
    }
}

impl Leader {
    /// With a quorum connected the epoch stands, and goes to the disk before anybody hears of it: a
    /// leader that restarts must not propose it again.
    pub(super) fn decide_epoch(&mut self, events: &mut Vec<LeaderEvent>) {
        if self.phase != Phase::Discovery || !self.is_quorum(&self.connected) {
            return;
        }
        if self.epoch > i32::MAX as u32 {
            events.push(LeaderEvent::StepDown("no epochs are left".into()));
            return;
        }
        self.phase = Phase::AcceptingEpoch;
        events.push(LeaderEvent::Record(Record::AcceptedEpoch(self.epoch)));
    }

    /// Something asked for by [`LeaderEvent::Record`] is durable.
    pub fn on_recorded(&mut self, record: &Record, events: &mut Vec<LeaderEvent>, out: &mut impl Transport) {
        match record {
            Record::AcceptedEpoch(epoch) if *epoch == self.epoch && self.phase == Phase::AcceptingEpoch => {
                self.phase = Phase::Acknowledging;
                self.stage_first(events);
                for (link, learner) in &self.learners {
                    if learner.stage == Stage::Known {
                        self.send_epoch(*link, out);
                    }
                }
                self.decide_history(events);
            }
            Record::CurrentEpoch(epoch) if *epoch == self.epoch && self.phase == Phase::StoringEpoch => {
                self.phase = Phase::Synchronization;
                self.new_leader_acks.insert(self.me);
                let waiting: Vec<LinkId> = self.learners.keys().copied().collect();
                for link in waiting {
                    self.synchronize(link, None, events, out);
                }
                self.establish(events, out);
            }
            _ => {}
        }
    }

    /// With a quorum that has accepted the epoch and has nothing newer, this history is the history.
    pub(super) fn decide_history(&mut self, events: &mut Vec<LeaderEvent>) {
        if self.phase == Phase::Acknowledging && self.is_quorum(&self.epoch_acks) {
            self.phase = Phase::StoringEpoch;
            events.push(LeaderEvent::Record(Record::CurrentEpoch(self.epoch)));
        }
    }

    /// With a quorum that has stored this history, the term begins.
    pub(super) fn establish(&mut self, events: &mut Vec<LeaderEvent>, out: &mut impl Transport) {
        let stored = self.is_quorum(&self.new_leader_acks) || is_on(Mutant::LeadWithoutQuorum);
        if self.phase != Phase::Synchronization || !stored {
            return;
        }
        self.phase = Phase::Broadcast;
        self.broadcast = Broadcast::new(self.config.quorum(), Zxid::new(self.epoch, 0));
        // A membership that was proposed before this term is what a quorum of both has agreed on by now.
        if let Some(staged) = &self.staged {
            self.broadcast = Broadcast::new(staged.quorum(), Zxid::new(self.epoch, 0));
            let leader = if self.leads_under(staged) { Some(self.me) } else { None };
            self.activate(leader, events);
        }
        if !self.outgoing {
            events.push(LeaderEvent::Established);
        }
        let ready: Vec<LinkId> = self.learners.keys().copied().collect();
        for link in ready {
            self.welcome(link, out);
        }
    }

    /// Time has passed: pings, silent learners, lost quorums.
    ///
    /// `looking` are voters known to look for another leader (HC-07).
    pub fn on_tick(
        &mut self,
        now_ms: u64,
        looking: &BTreeSet<ServerId>,
        events: &mut Vec<LeaderEvent>,
        out: &mut impl Transport,
    ) {
        if now_ms < self.next_check_ms {
            return;
        }
        self.next_check_ms = now_ms + (self.settings.tick_ms / 2).max(1);
        self.drop_silent(now_ms, events, out);
        let ping = Packet::new(PacketKind::Ping, self.last_proposed());
        for (link, learner) in &self.learners {
            if learner.stage >= Stage::Syncing {
                out.send(*link, ping.clone());
            }
        }
        let waited_ms = now_ms.saturating_sub(self.started_ms);
        if self.is_established() {
            self.check_quorum(Some(now_ms), events);
            self.check_own_log(now_ms, events);
        } else if waited_ms > u64::from(self.settings.init_limit) * self.settings.tick_ms {
            events.push(LeaderEvent::StepDown("no quorum of followers within initLimit".into()));
        } else if waited_ms > self.settings.patience_ms {
            let loyal = |id: &ServerId| self.connected.contains(id) || !looking.contains(id);
            if self.quorums().any(|quorum| !quorum.contains(&quorum.voters().filter(loyal).collect())) {
                events.push(LeaderEvent::StepDown("voters look for another leader".into()));
            }
        }
    }

    /// When [`Leader::on_tick`] is next needed.
    pub fn next_deadline(&self) -> u64 {
        self.next_check_ms
    }

    fn drop_silent(&mut self, now_ms: u64, events: &mut Vec<LeaderEvent>, out: &mut impl Transport) {
        let ms = |limit: u32| u64::from(limit) * self.settings.tick_ms;
        let (init_ms, sync_ms) = (ms(self.settings.init_limit), ms(self.settings.sync_limit));
        let last = self.last_proposed();
        let mut late = Vec::new();
        for (link, learner) in &mut self.learners {
            let patience_ms = if learner.stage < Stage::Ready { init_ms + sync_ms } else { sync_ms };
            let mut is_late = now_ms.saturating_sub(learner.heard_ms) > patience_ms;
            if learner.follows && learner.stage >= Stage::Ready {
                // The beginning of an epoch is not acknowledged a second time.
                if learner.acked >= learner.mark.0 || learner.mark.0.counter() == 0 {
                    learner.mark = (last, now_ms);
                }
                is_late |= now_ms.saturating_sub(learner.mark.1) > sync_ms;
            }
            if is_late {
                late.push(*link);
            }
        }
        for link in late {
            self.drop_learner(link, events, out);
        }
    }

    /// Steps down when the others store transactions and this server does not: without it they go on, and
    /// its own clients get no answers meanwhile (HC-133).
    fn check_own_log(&mut self, now_ms: u64, events: &mut Vec<LeaderEvent>) {
        let stored = self.broadcast.acked(self.me).unwrap_or(Zxid::ZERO);
        let (mark, since_ms) = self.mark;
        if stored >= mark || mark.counter() == 0 || !self.votes(self.me) {
            self.mark = (self.last_proposed(), now_ms);
        } else if now_ms.saturating_sub(since_ms)
            > self.settings.tick_ms * u64::from(self.settings.sync_limit)
        {
            let have = self.learners.values().filter(|l| l.follows && l.acked >= mark).map(|l| l.id);
            if self.is_quorum(&have.chain([self.me]).collect()) {
                let why = format!("the log here has not come to {mark} within syncLimit, others have");
                events.push(LeaderEvent::StepDown(why));
            }
        }
    }

    /// Every learner that has said who it is, in order of id.
    pub fn learners(&self) -> Vec<LearnerStatus> {
        let known = self.learners.iter().filter(|(_, l)| l.stage > Stage::Silent);
        let mut all: Vec<_> = known
            .map(|(link, l)| LearnerStatus {
                id: l.id,
                link: *link,
                follows: l.follows,
                votes: l.follows && self.votes(l.id),
                synced: l.stage == Stage::Serving,
                acked: l.acked,
            })
            .collect();
        all.sort_unstable_by_key(|learner| (learner.id, learner.link));
        all
    }
}

/// A learner as its leader sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LearnerStatus {
    /// Who it is.
    pub id: ServerId,
    /// Its link.
    pub link: LinkId,
    /// Whether it came as a follower; otherwise it observes.
    pub follows: bool,
    /// Whether it follows and votes.
    pub votes: bool,
    /// Whether it was told that it is up to date.
    pub synced: bool,
    /// The last transaction it acknowledged.
    pub acked: Zxid,
}

impl PartialOrd for Stage {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.rank().partial_cmp(&other.rank())
    }
}

impl Stage {
    fn rank(self) -> u8 {
        match self {
            Self::Silent => 0,
            Self::Known => 1,
            Self::Acknowledged(_) => 2,
            Self::Reading(_) => 3,
            Self::Syncing => 4,
            Self::Ready => 5,
            Self::Serving => 6,
        }
    }
}

//! One learner after the other: handshake, synchronization, acknowledgements.

use super::{Leader, LeaderEvent, Phase, proposal};
use crate::link::{LinkId, Transport};
use crate::quorum::ServerId;
use crate::sync::{Plan, plan};
use proto::mutant::{Mutant, is_on};
use proto::peer::packet::PROTOCOL_VERSION;
use proto::peer::{Entry, LearnerInfo, Packet, PacketKind};
use proto::{Reader, SessionId, Zxid};

/// How far a learner has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Connected and has said nothing.
    Silent,
    /// Said who it is; LEADERINFO is due or sent.
    Known,
    /// Said what it has.
    Acknowledged(Zxid),
    /// Its log entries are being looked up on disk.
    Reading(Zxid),
    /// Everything was sent, NEWLEADER last.
    Syncing,
    /// Has acknowledged NEWLEADER.
    Ready,
    /// Was told to serve.
    Serving,
}

/// One learner, known by its link.
#[derive(Debug)]
pub(super) struct Learner {
    pub(super) id: ServerId,
    /// Whether it came as a follower; otherwise it observes.
    pub(super) follows: bool,
    pub(super) stage: Stage,
    /// Whether transactions are sent to it as they come.
    pub(super) forwards: bool,
    /// Whether it is, or was, synchronized by a snapshot.
    pub(super) by_snapshot: bool,
    /// The last transaction sent to it.
    pub(super) sent: Zxid,
    /// What NEWLEADER stands for: everything committed that was sent before it.
    pub(super) synced_to: Zxid,
    pub(super) acked: Zxid,
    pub(super) heard_ms: u64,
    /// A transaction that was the newest at some time: too long without its acknowledgement is too slow.
    pub(super) mark: (Zxid, u64),
}

impl Leader {
    /// Somebody connected.
    pub fn on_accepted(&mut self, now_ms: u64, link: LinkId) {
        let learner = Learner {
            id: ServerId(-1),
            follows: false,
            stage: Stage::Silent,
            forwards: false,
            by_snapshot: false,
            sent: Zxid::ZERO,
            synced_to: Zxid::ZERO,
            acked: Zxid::ZERO,
            heard_ms: now_ms,
            mark: (Zxid::ZERO, now_ms),
        };
        self.learners.insert(link, learner);
    }

    /// A link is gone.
    pub fn on_closed(&mut self, link: LinkId, events: &mut Vec<LeaderEvent>) {
        let Some(learner) = self.learners.remove(&link) else { return };
        self.syncs.retain(|(_, of)| *of != link);
        if !self.learners.values().any(|other| other.id == learner.id) {
            self.connected.remove(&learner.id);
            self.broadcast.forget(learner.id);
            if self.phase < Phase::Synchronization {
                self.epoch_acks.remove(&learner.id);
            }
            if self.phase < Phase::Broadcast {
                self.new_leader_acks.remove(&learner.id);
            }
            self.connected.insert(self.me);
        }
        events.push(LeaderEvent::Gone(link));
        if self.outgoing {
            self.check_quorum(None, events);
        }
    }

    /// Ends the link to a learner that cannot go on.
    pub(super) fn drop_learner(
        &mut self,
        link: LinkId,
        events: &mut Vec<LeaderEvent>,
        out: &mut impl Transport,
    ) {
        if self.learners.contains_key(&link) {
            self.on_closed(link, events);
            out.close(link);
        }
    }

    /// A snapshot is on its way on this link, and gets on: its learner has no time to say anything.
    pub fn on_progress(&mut self, now_ms: u64, link: LinkId) {
        if let Some(learner) = self.learners.get_mut(&link)
            && learner.stage == Stage::Syncing
        {
            learner.heard_ms = now_ms;
        }
    }

    /// A packet has come. What makes no sense here ends the link.
    pub fn on_packet(
        &mut self,
        now_ms: u64,
        link: LinkId,
        packet: Packet,
        events: &mut Vec<LeaderEvent>,
        out: &mut impl Transport,
    ) {
        let Some(learner) = self.learners.get_mut(&link) else { return };
        learner.heard_ms = now_ms;
        let stage = learner.stage;
        let understood = match (packet.kind, stage) {
            (PacketKind::FollowerInfo | PacketKind::ObserverInfo, Stage::Silent) => {
                self.on_info(link, &packet, events, out)
            }
            (PacketKind::AckEpoch, Stage::Known) if self.phase > Phase::AcceptingEpoch => {
                self.on_ack_epoch(link, &packet, events, out)
            }
            (PacketKind::Ack, Stage::Syncing | Stage::Ready | Stage::Serving) => {
                self.on_ack(now_ms, link, packet.zxid, events, out)
            }
            (PacketKind::Ping, Stage::Syncing | Stage::Ready | Stage::Serving) => {
                touched(&packet).map(|sessions| {
                    if !sessions.is_empty() {
                        events.push(LeaderEvent::Touched(sessions));
                    }
                })
            }
            (PacketKind::Request, Stage::Serving | Stage::Ready) => {
                events.push(LeaderEvent::Request { link, packet });
                Some(())
            }
            (PacketKind::Revalidate, Stage::Serving | Stage::Ready) => {
                revalidation(&packet).map(|(session, timeout_ms)| {
                    events.push(LeaderEvent::Revalidate { link, session, timeout_ms });
                })
            }
            _ => None,
        };
        if understood.is_none() {
            self.drop_learner(link, events, out);
        }
    }

    fn on_info(
        &mut self,
        link: LinkId,
        packet: &Packet,
        events: &mut Vec<LeaderEvent>,
        out: &mut impl Transport,
    ) -> Option<()> {
        let info = LearnerInfo::decode(packet.data.as_deref()?).ok()?;
        // Older peers have no epochs; a newer configuration means this leader is behind (HC-138).
        if info.protocol < PROTOCOL_VERSION || info.config_version > self.config.version {
            return None;
        }
        let id = ServerId(info.server_id);
        if id == self.me {
            return None;
        }
        let older = self.learners.iter().find(|(other, l)| **other != link && l.id == id);
        if let Some(older) = older.map(|(other, _)| *other) {
            self.drop_learner(older, events, out);
        }
        let accepted = packet.zxid.epoch();
        let votes = self.counts(id, packet.kind == PacketKind::FollowerInfo);
        let learner = self.learners.get_mut(&link)?;
        learner.id = id;
        learner.follows = packet.kind == PacketKind::FollowerInfo;
        learner.stage = Stage::Known;
        if self.phase > Phase::Discovery {
            if accepted > self.epoch && votes {
                let why = format!("server {id} has accepted epoch {accepted}, later than {}", self.epoch);
                events.push(LeaderEvent::StepDown(why));
            }
            if self.phase > Phase::AcceptingEpoch {
                self.send_epoch(link, out);
            }
            return Some(());
        }
        // Everybody can raise the epoch, also with the very epoch this server has accepted (HC-41); only
        // voters count for the quorum (HC-40).
        let next = if is_on(Mutant::EpochNotRaised) { accepted } else { accepted.saturating_add(1) };
        self.epoch = self.epoch.max(next);
        if votes || is_on(Mutant::ObserversCount) {
            self.connected.insert(id);
        }
        self.decide_epoch(events);
        Some(())
    }

    pub(super) fn send_epoch(&self, link: LinkId, out: &mut impl Transport) {
        let zxid = Zxid::new(self.epoch, 0);
        out.send(link, Packet::with(PacketKind::LeaderInfo, zxid, PROTOCOL_VERSION.to_be_bytes()));
    }

    fn on_ack_epoch(
        &mut self,
        link: LinkId,
        packet: &Packet,
        events: &mut Vec<LeaderEvent>,
        out: &mut impl Transport,
    ) -> Option<()> {
        let current = Reader::new(packet.data.as_deref()?).i32().ok()?;
        let last = packet.zxid;
        let votes = self.learners.get(&link).map(|l| self.counts(l.id, l.follows))?;
        let learner = self.learners.get_mut(&link)?;
        let theirs = (i64::from(current), last);
        // Once a quorum has confirmed this history, what somebody else has beyond it was never committed.
        let undecided = self.phase == Phase::Acknowledging;
        if !is_on(Mutant::IgnoreNewerHistory)
            && current >= 0
            && theirs > (i64::from(self.summary.0), self.summary.1)
            && undecided
            && votes
        {
            let why = format!("server {} has a newer history: epoch {current}, zxid {last}", learner.id);
            events.push(LeaderEvent::StepDown(why));
            return None;
        }
        if current >= 0 && u32::try_from(current).is_ok_and(|epoch| epoch > self.epoch) {
            return None;
        }
        learner.stage = Stage::Acknowledged(last);
        if votes && (last.0 >= 0 || is_on(Mutant::EmptyDiskVotes)) {
            let id = learner.id;
            self.epoch_acks.insert(id);
        }
        if self.phase >= Phase::Synchronization {
            self.synchronize(link, None, events, out);
        } else {
            self.decide_history(events);
        }
        Some(())
    }

    /// Brings a learner up to date, if its turn has come. `read` is what the disk has of its history.
    pub(super) fn synchronize(
        &mut self,
        link: LinkId,
        read: Option<Option<Vec<(Zxid, Entry)>>>,
        events: &mut Vec<LeaderEvent>,
        out: &mut impl Transport,
    ) {
        let Some(learner) = self.learners.get(&link) else { return };
        let (Stage::Acknowledged(peer) | Stage::Reading(peer)) = learner.stage else { return };
        let (committed, follows) = (self.broadcast.committed(), learner.follows);
        let is_beginning = peer.counter() == 0;
        let memory = self.history.base().or(self.history.up_to(committed).next().map(|(zxid, _)| *zxid));
        let in_memory = memory.is_some_and(|from| from <= peer);
        let chosen = if self.settings.force_snapshot || peer.0 < 0 {
            Plan::Snapshot
        } else if peer == self.real_last() || in_memory || (peer > committed && !is_beginning) {
            plan(peer, self.real_last(), self.history.base(), self.history.up_to(committed))
        } else if let Some(read) = read {
            self.plan_with(peer, read.unwrap_or_default())
        } else if peer < committed && peer.0 > 0 {
            if let Some(learner) = self.learners.get_mut(&link) {
                learner.stage = Stage::Reading(peer);
            }
            return out.read_history(link, peer);
        } else {
            Plan::Snapshot
        };
        let by_snapshot = chosen == Plan::Snapshot;
        if !follows && self.is_crowded(by_snapshot) {
            // It comes again; the others have their time (HC-172).
            return self.drop_learner(link, events, out);
        }
        let from = match chosen {
            Plan::Diff { after } => {
                out.send(link, Packet::new(PacketKind::Diff, self.real_last()));
                after
            }
            Plan::Trunc { to } => {
                out.send(link, Packet::new(PacketKind::Trunc, to));
                to
            }
            Plan::Snapshot => {
                out.send(link, Packet::new(PacketKind::Snap, self.applied));
                out.send_snapshot(link);
                self.applied
            }
        };
        let mut sent = from;
        for (zxid, entry) in self.history.after(from).take_while(|(zxid, _)| *zxid <= committed) {
            sent = *zxid;
            out.send(link, proposal(*zxid, entry));
            out.send(link, Packet::new(PacketKind::Commit, *zxid));
        }
        let synced_to = committed.min(sent);
        let text = self.staged.as_ref().unwrap_or(&self.config).to_text();
        let new_leader = Zxid::new(self.epoch, 0);
        out.send(link, Packet::with(PacketKind::NewLeader, new_leader, text.into_bytes()));
        // What is not committed comes after it, as it would have come a moment later: 3.8's followers forget
        // what they were sent before NEWLEADER, and stumble over its commit when that precedes UPTODATE.
        for (zxid, entry) in self.history.after(sent).filter(|_| follows) {
            sent = *zxid;
            out.send(link, proposal(*zxid, entry));
        }
        if let Some(learner) = self.learners.get_mut(&link) {
            learner.stage = Stage::Syncing;
            learner.forwards = true;
            learner.by_snapshot = by_snapshot;
            learner.sent = sent;
            learner.synced_to = synced_to;
        }
    }

    /// Whether as many learners as may be are being synchronized, by snapshots or by differences. Followers
    /// are among them, but never wait for it.
    fn is_crowded(&self, by_snapshot: bool) -> bool {
        let alike = |l: &&Learner| l.stage == Stage::Syncing && l.by_snapshot == by_snapshot;
        let max = match by_snapshot {
            true => self.settings.snap_syncs_max,
            false => self.settings.diff_syncs_max,
        };
        self.learners.values().filter(alike).count() >= max as usize
    }

    /// The plan over what is on disk and in memory together; entries from the disk that memory does not
    /// have are put in front of it. A seam that does not fit means a snapshot (HC-34).
    fn plan_with(&mut self, peer: Zxid, read: Vec<(Zxid, Entry)>) -> Plan {
        let committed = self.broadcast.committed();
        if !self.history.extend_back(read, self.real_last()) {
            return Plan::Snapshot;
        }
        plan(peer, self.real_last(), self.history.base(), self.history.up_to(committed))
    }

    /// The last committed transaction: the beginning of an epoch is none.
    fn real_last(&self) -> Zxid {
        Some(self.broadcast.committed()).filter(|zxid| zxid.counter() > 0).unwrap_or(self.summary.1)
    }

    /// Log entries were read for a learner.
    pub fn on_history(
        &mut self,
        link: LinkId,
        entries: Option<Vec<(Zxid, Entry)>>,
        events: &mut Vec<LeaderEvent>,
        out: &mut impl Transport,
    ) {
        self.synchronize(link, Some(entries), events, out);
        self.history.trim(self.settings.history_count, self.applied);
    }

    fn on_ack(
        &mut self,
        now_ms: u64,
        link: LinkId,
        zxid: Zxid,
        events: &mut Vec<LeaderEvent>,
        out: &mut impl Transport,
    ) -> Option<()> {
        let learner = self.learners.get_mut(&link)?;
        let (id, follows) = (learner.id, learner.follows);
        if learner.stage == Stage::Syncing {
            if zxid != Zxid::new(self.epoch, 0) {
                // An early acknowledgement counts for nothing yet, and costs nobody the leadership (HC-25).
                // The reference's followers send some, and do not repeat them.
                if zxid <= learner.sent {
                    learner.acked = learner.acked.max(zxid);
                }
                return Some(());
            }
            learner.stage = Stage::Ready;
            learner.acked = learner.acked.max(learner.synced_to);
            learner.mark = (learner.sent, now_ms);
            let acked = learner.acked;
            if self.counts(id, follows) {
                self.new_leader_acks.insert(id);
            }
            if follows && self.votes(id) {
                self.ack(id, acked, events, out);
            }
            self.establish(events, out);
            self.welcome(link, out);
            return Some(());
        }
        // The second acknowledgement of a new leader, after UPTODATE.
        if zxid.counter() == 0 || !follows {
            return Some(());
        }
        if zxid > learner.sent {
            return None;
        }
        learner.acked = learner.acked.max(zxid);
        self.ack(id, zxid, events, out);
        Some(())
    }

    /// Tells a learner that it may serve, once this leader may.
    pub(super) fn welcome(&mut self, link: LinkId, out: &mut impl Transport) {
        let established = self.is_established();
        if let Some(learner) = self.learners.get_mut(&link)
            && learner.stage == Stage::Ready
            && (established || is_on(Mutant::WelcomeTooEarly))
        {
            learner.stage = Stage::Serving;
            out.send(link, Packet::new(PacketKind::UpToDate, Zxid(-1)));
        }
    }
}

/// Sessions in the answer to a PING.
fn touched(packet: &Packet) -> Option<Vec<(SessionId, i32)>> {
    let mut from = Reader::new(packet.data.as_deref().unwrap_or_default());
    let mut sessions = Vec::with_capacity(from.remaining() / 12);
    while from.remaining() > 0 {
        sessions.push((SessionId(from.i64().ok()?), from.i32().ok()?));
    }
    Some(sessions)
}

fn revalidation(packet: &Packet) -> Option<(SessionId, i32)> {
    let mut from = Reader::new(packet.data.as_deref()?);
    Some((SessionId(from.i64().ok()?), from.i32().ok()?))
}

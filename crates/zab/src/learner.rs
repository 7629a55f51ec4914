//! The learner's side of ZAB: find the leader, promise its epoch, take over its history, follow.
//!
//! One value for one attempt to follow one leader. It never acknowledges what it was not told is
//! durable, and its order of acknowledgements is the leader's (HC-21 to HC-25).
//!
//! //= java: Learner, Follower, Observer

use crate::config::Address;
use crate::history::follows;
use crate::link::{LinkId, Record, Transport};
use crate::quorum::ServerId;
use proto::mutant::{Mutant, is_on};
use proto::peer::packet::PROTOCOL_VERSION;
use proto::peer::{Entry, Forwarded, LearnerInfo, Packet, PacketKind};
use proto::{Reader, SessionId, Zxid, acl};
use std::collections::VecDeque;

/// Attempts to reach a leader before another election, at least.
const DIALS_MAX: u32 = 5;
/// The first pauses between attempts are shorter than the configured one, milliseconds.
const FIRST_PAUSE_MS: u64 = 10;
/// Sessions in one answer to PING: with twelve bytes each, below the reference's limit of a packet.
const PONG_SESSIONS_MAX: usize = 1 << 16;

/// What a learner is run by.
#[derive(Debug, Clone)]
pub struct LearnerSettings {
    /// A tick, milliseconds.
    pub tick_ms: u64,
    /// Ticks to get synchronized.
    pub init_limit: u32,
    /// Ticks the leader may be silent.
    pub sync_limit: u32,
    /// Longest pause between attempts to connect, milliseconds.
    pub connect_retry_ms: u64,
}

/// What follows from a leader's packet for the member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LearnerEvent {
    /// Make this durable, and report it with [`Learner::on_recorded`].
    Record(Record),
    /// Everything in this member's log is in the leader's history, and committed.
    Keep,
    /// Take back everything after this transaction; what is left is committed.
    Truncate(Zxid),
    /// Log this; once durable, report it with [`Learner::on_stored`].
    Append {
        /// Its zxid, directly after the last one.
        zxid: Zxid,
        /// The entry.
        entry: Entry,
    },
    /// Everything up to here may be applied.
    Committed(Zxid),
    /// The leader's membership, as last seen by it: its text.
    Membership(Entry),
    /// The membership of this transaction is in force.
    Activate {
        /// The transaction that brought it.
        zxid: Zxid,
        /// Who is to lead under it.
        leader: ServerId,
    },
    /// Clients may be served.
    Serve,
    /// The oldest outstanding `sync` is done, once everything committed so far is applied.
    SyncDone,
    /// Whether a session lives.
    Revalidated {
        /// Which.
        session: SessionId,
        /// Whether it does.
        valid: bool,
    },
    /// The leader wants to know who is alive: answer with [`Learner::pong`].
    Ping(Zxid),
    /// This attempt is over.
    Fail(String),
}

/// How far an attempt has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// No connection yet.
    Dialing,
    /// Said who this is.
    Introduced,
    /// The epoch is on its way to the disk.
    AcceptingEpoch,
    /// Said what is in the log here.
    Acknowledged,
    /// A snapshot is coming.
    AwaitingSnapshot,
    /// Taking over the history.
    Syncing,
    /// The history is complete, and on its way to the disk with the epoch behind it.
    StoringEpoch,
    /// NEWLEADER is acknowledged.
    Ready,
    /// Told to serve.
    Active,
}

/// What a learner starts from.
#[derive(Debug, Clone, Copy)]
pub struct LearnerStart {
    /// Who this is.
    pub me: ServerId,
    /// Whether it has no vote.
    pub observes: bool,
    /// `acceptedEpoch`.
    pub accepted_epoch: u32,
    /// `currentEpoch`.
    pub current_epoch: u32,
    /// Last transaction in the log.
    pub last_logged: Zxid,
    /// Version of the committed membership.
    pub config_version: i64,
    /// Ask for a snapshot, whatever is in the log.
    pub wants_snapshot: bool,
    /// Whether the leader was appointed, not elected: it may not know yet, so that a connection it closes
    /// before it has said anything is tried again.
    pub appointed: bool,
}

/// A server's attempt to follow a leader.
#[derive(Debug)]
pub struct Learner {
    leader: ServerId,
    addresses: Vec<Address>,
    start: LearnerStart,
    settings: LearnerSettings,
    stage: Stage,
    link: Option<LinkId>,
    dials: u32,
    dial_at_ms: Option<u64>,
    started_ms: u64,
    heard_ms: u64,
    epoch: u32,
    /// The last transaction appended.
    queued: Zxid,
    committed: Zxid,
    durable: Zxid,
    /// Appended, and the leader waits for the acknowledgement.
    unacked: VecDeque<Zxid>,
}

impl Learner {
    /// Begins to connect.
    pub fn new(
        leader: ServerId,
        addresses: Vec<Address>,
        start: LearnerStart,
        settings: LearnerSettings,
        now_ms: u64,
        out: &mut impl Transport,
    ) -> Self {
        out.dial(leader, &addresses);
        Self {
            leader,
            addresses,
            start,
            settings,
            stage: Stage::Dialing,
            link: None,
            dials: 1,
            dial_at_ms: None,
            started_ms: now_ms,
            heard_ms: now_ms,
            epoch: 0,
            queued: start.last_logged.max(Zxid::ZERO),
            committed: Zxid::ZERO,
            durable: start.last_logged,
            unacked: VecDeque::new(),
        }
    }

    /// Who is followed.
    pub fn leader(&self) -> ServerId {
        self.leader
    }

    /// The link to it.
    pub fn link(&self) -> Option<LinkId> {
        self.link
    }

    /// Whether this one has no vote.
    pub fn observes(&self) -> bool {
        self.start.observes
    }

    /// Whether clients may be served.
    pub fn is_active(&self) -> bool {
        self.stage == Stage::Active
    }

    /// The answer to [`Transport::dial`].
    pub fn on_dialed(
        &mut self,
        now_ms: u64,
        link: Option<LinkId>,
        events: &mut Vec<LearnerEvent>,
        out: &mut impl Transport,
    ) {
        let Some(link) = link else {
            if self.stage != Stage::Dialing {
                return;
            }
            let waited_ms = now_ms.saturating_sub(self.started_ms);
            if self.dials >= DIALS_MAX && waited_ms > self.settings.connect_retry_ms * u64::from(DIALS_MAX) {
                return events.push(LearnerEvent::Fail("the leader cannot be reached".into()));
            }
            let pause_ms = (FIRST_PAUSE_MS << self.dials.min(10)).min(self.settings.connect_retry_ms);
            self.dial_at_ms = Some(now_ms + pause_ms);
            return;
        };
        if self.stage != Stage::Dialing || self.link.is_some() {
            return out.close(link);
        }
        self.link = Some(link);
        self.stage = Stage::Introduced;
        self.heard_ms = now_ms;
        let kind = if self.start.observes { PacketKind::ObserverInfo } else { PacketKind::FollowerInfo };
        let info = LearnerInfo {
            server_id: self.start.me.0,
            protocol: PROTOCOL_VERSION,
            config_version: self.start.config_version,
        };
        out.send(link, Packet::with(kind, Zxid::new(self.start.accepted_epoch, 0), info.to_bytes()));
    }

    /// This learner's link is gone.
    pub fn on_closed(&mut self, now_ms: u64, events: &mut Vec<LearnerEvent>, out: &mut impl Transport) {
        self.link = None;
        if self.start.appointed && self.stage == Stage::Introduced {
            self.stage = Stage::Dialing;
            return self.on_dialed(now_ms, None, events, out);
        }
        events.push(LearnerEvent::Fail("the leader's connection is gone".into()));
    }

    /// A snapshot is coming on this learner's link, and gets on.
    pub fn on_progress(&mut self, now_ms: u64) {
        if self.stage == Stage::AwaitingSnapshot {
            self.heard_ms = now_ms;
        }
    }

    /// A packet has come on this learner's link.
    pub fn on_packet(
        &mut self,
        now_ms: u64,
        packet: Packet,
        events: &mut Vec<LearnerEvent>,
        out: &mut impl Transport,
    ) {
        self.heard_ms = now_ms;
        let Packet { kind, zxid, data, .. } = packet;
        let done = match (kind, self.stage) {
            (PacketKind::LeaderInfo, Stage::Introduced) => self.on_leader_info(zxid, events, out),
            (PacketKind::Diff | PacketKind::Trunc | PacketKind::Snap, Stage::Acknowledged) => {
                self.on_sync(kind, zxid, events)
            }
            (PacketKind::NewLeader, Stage::Syncing) => {
                let done = self.on_new_leader(zxid, data, events);
                if is_on(Mutant::AckNewLeaderEarly) {
                    self.stage = Stage::Ready;
                    self.send(out, Packet::new(PacketKind::Ack, Zxid::new(self.epoch, 0)));
                }
                done
            }
            (PacketKind::UpToDate, Stage::Ready) => {
                self.stage = Stage::Active;
                self.send(out, Packet::new(PacketKind::Ack, Zxid::new(self.epoch, 0)));
                events.push(LearnerEvent::Serve);
                Ok(())
            }
            (_, Stage::Syncing | Stage::StoringEpoch | Stage::Ready | Stage::Active) => {
                self.on_broadcast(kind, zxid, data, events)
            }
            (PacketKind::Ping, _) => Ok(()),
            _ => Err(format!("{kind:?} makes no sense now ({:?})", self.stage)),
        };
        if is_on(Mutant::AckBeforeSync) {
            self.durable = self.queued;
            self.acknowledge(out);
        }
        if let Err(why) = done {
            events.push(LearnerEvent::Fail(why));
        }
    }

    fn send(&self, out: &mut impl Transport, packet: Packet) {
        if let Some(link) = self.link {
            out.send(link, packet);
        }
    }

    fn on_leader_info(
        &mut self,
        zxid: Zxid,
        events: &mut Vec<LearnerEvent>,
        out: &mut impl Transport,
    ) -> Result<(), String> {
        self.epoch = zxid.epoch();
        let accepted = self.start.accepted_epoch;
        if self.epoch < accepted && !is_on(Mutant::AcceptOldEpoch) {
            return Err(format!("its epoch {} is older than the accepted {accepted}", self.epoch));
        }
        if is_on(Mutant::EpochBeforeHistory) {
            events.push(LearnerEvent::Record(Record::AcceptedEpoch(self.epoch)));
            events.push(LearnerEvent::Record(Record::CurrentEpoch(self.epoch)));
        }
        if is_on(Mutant::ForgetEpochFile) && self.epoch > accepted {
            self.ack_epoch(i32::try_from(self.start.current_epoch).unwrap_or(i32::MAX), out);
        } else if is_on(Mutant::PromiseBeforeFile) && self.epoch > accepted {
            events.push(LearnerEvent::Record(Record::AcceptedEpoch(self.epoch)));
            self.ack_epoch(i32::try_from(self.start.current_epoch).unwrap_or(i32::MAX), out);
        } else if self.epoch > accepted {
            self.stage = Stage::AcceptingEpoch;
            events.push(LearnerEvent::Record(Record::AcceptedEpoch(self.epoch)));
        } else {
            // This epoch was accepted before, maybe from this very leader: it must not count twice.
            self.ack_epoch(-1, out);
        }
        Ok(())
    }

    fn ack_epoch(&mut self, current: i32, out: &mut impl Transport) {
        self.stage = Stage::Acknowledged;
        let data = current.to_be_bytes();
        // An unknown history is answered with a snapshot by any leader.
        let last = if self.start.wants_snapshot { Zxid(-1) } else { self.start.last_logged };
        self.send(out, Packet::with(PacketKind::AckEpoch, last, data));
    }

    /// Something asked for by [`LearnerEvent::Record`] is durable, and everything asked for before it.
    pub fn on_recorded(&mut self, record: &Record, out: &mut impl Transport) {
        match record {
            Record::AcceptedEpoch(epoch) if self.stage == Stage::AcceptingEpoch && *epoch == self.epoch => {
                let current = i32::try_from(self.start.current_epoch).unwrap_or(i32::MAX);
                self.ack_epoch(current, out);
            }
            Record::CurrentEpoch(epoch) if self.stage == Stage::StoringEpoch && *epoch == self.epoch => {
                self.stage = Stage::Ready;
                self.send(out, Packet::new(PacketKind::Ack, Zxid::new(self.epoch, 0)));
                self.acknowledge(out);
            }
            _ => {}
        }
    }

    /// Everything appended up to `zxid` is durable.
    pub fn on_stored(&mut self, zxid: Zxid, out: &mut impl Transport) {
        self.durable = zxid;
        self.acknowledge(out);
    }

    /// Each transaction by itself: the reference's leader counts them so. None before NEWLEADER (HC-25).
    fn acknowledge(&mut self, out: &mut impl Transport) {
        if self.stage < Stage::Ready {
            return;
        }
        while let Some(zxid) = self.unacked.pop_front_if(|zxid| *zxid <= self.durable) {
            self.send(out, Packet::new(PacketKind::Ack, zxid));
        }
    }

    fn on_sync(
        &mut self,
        kind: PacketKind,
        zxid: Zxid,
        events: &mut Vec<LearnerEvent>,
    ) -> Result<(), String> {
        self.stage = Stage::Syncing;
        if self.start.wants_snapshot && kind != PacketKind::Snap {
            return Err(format!("{kind:?} instead of a snapshot"));
        }
        match kind {
            PacketKind::Diff => {
                self.committed = self.queued;
                events.push(LearnerEvent::Keep);
            }
            PacketKind::Trunc if zxid > self.queued => {
                return Err(format!("TRUNC to {zxid}, after the end of the log {}", self.queued));
            }
            PacketKind::Trunc => {
                self.queued = zxid;
                self.committed = zxid;
                // The same zxids come again, for the log that was cut: they are not durable yet.
                self.durable = self.durable.min(zxid);
                let skips = is_on(Mutant::SkipTrunc);
                events.push(if skips { LearnerEvent::Keep } else { LearnerEvent::Truncate(zxid) });
            }
            _ => {
                self.stage = Stage::AwaitingSnapshot;
                self.queued = zxid;
                self.committed = zxid;
                self.durable = self.durable.min(zxid);
            }
        }
        Ok(())
    }

    /// The snapshot behind a SNAP packet is complete: its zxid, if it was expected.
    pub fn on_snapshot(&mut self) -> Option<Zxid> {
        if self.stage != Stage::AwaitingSnapshot {
            return None;
        }
        self.stage = Stage::Syncing;
        Some(self.queued)
    }

    /// History first, then the epoch, then the acknowledgement (HC-23, HC-24).
    fn on_new_leader(
        &mut self,
        zxid: Zxid,
        data: Option<Entry>,
        events: &mut Vec<LearnerEvent>,
    ) -> Result<(), String> {
        if zxid != Zxid::new(self.epoch, 0) {
            return Err(format!("NEWLEADER of {zxid} in epoch {}", self.epoch));
        }
        self.stage = Stage::StoringEpoch;
        // The acknowledgement of this packet stands for what is committed by now. Whatever comes to be so
        // later is acknowledged by itself, also when its commit is quicker than the disk: leaders wait for it.
        let committed = self.committed;
        self.unacked.retain(|zxid| *zxid > committed);
        if let Some(text) = data.filter(|text| text.len() > 1) {
            events.push(LearnerEvent::Membership(text));
        }
        events.push(LearnerEvent::Record(Record::CurrentEpoch(self.epoch)));
        Ok(())
    }

    fn on_broadcast(
        &mut self,
        kind: PacketKind,
        zxid: Zxid,
        data: Option<Entry>,
        events: &mut Vec<LearnerEvent>,
    ) -> Result<(), String> {
        match kind {
            PacketKind::Proposal => self.on_proposal(zxid, data, events),
            PacketKind::Commit => self.on_commit(zxid, events),
            PacketKind::Inform => {
                self.on_proposal(zxid, data, events)?;
                self.on_commit(zxid, events)
            }
            PacketKind::CommitAndActivate => {
                let leader = designated(data.as_deref())?;
                self.on_commit(zxid, events)?;
                events.push(LearnerEvent::Activate { zxid, leader });
                Ok(())
            }
            PacketKind::InformAndActivate => {
                let leader = designated(data.as_deref())?;
                let entry = data.as_deref().and_then(|d| d.get(8..)).map(Entry::from);
                self.on_proposal(zxid, entry, events)?;
                self.on_commit(zxid, events)?;
                events.push(LearnerEvent::Activate { zxid, leader });
                Ok(())
            }
            PacketKind::Ping => {
                // While synchronizing there is nobody to report.
                if self.stage >= Stage::Ready {
                    events.push(LearnerEvent::Ping(zxid));
                }
                Ok(())
            }
            PacketKind::Sync => {
                events.push(LearnerEvent::SyncDone);
                Ok(())
            }
            PacketKind::Revalidate => {
                let mut from = Reader::new(data.as_deref().unwrap_or_default());
                let read = from.i64().and_then(|session| Ok((SessionId(session), from.bool()?)));
                let (session, valid) = read.map_err(|error| format!("REVALIDATE: {error}"))?;
                events.push(LearnerEvent::Revalidated { session, valid });
                Ok(())
            }
            _ => Err(format!("{kind:?} makes no sense now ({:?})", self.stage)),
        }
    }

    /// What was there already is ignored (HC-39, HC-49); a hole ends the attempt (HC-28).
    fn on_proposal(
        &mut self,
        zxid: Zxid,
        data: Option<Entry>,
        events: &mut Vec<LearnerEvent>,
    ) -> Result<(), String> {
        if zxid <= self.queued {
            return Ok(());
        }
        if self.queued != Zxid::ZERO && !follows(self.queued, zxid) {
            return Err(format!("{zxid} does not follow {}", self.queued));
        }
        let entry = data.ok_or_else(|| format!("the proposal {zxid} is empty"))?;
        self.queued = zxid;
        if !self.start.observes {
            self.unacked.push_back(zxid);
        }
        events.push(LearnerEvent::Append { zxid, entry });
        Ok(())
    }

    fn on_commit(&mut self, zxid: Zxid, events: &mut Vec<LearnerEvent>) -> Result<(), String> {
        if zxid > self.queued {
            return Err(format!("{zxid} is committed but was never proposed (the last was {})", self.queued));
        }
        if zxid > self.committed {
            self.committed = zxid;
            events.push(LearnerEvent::Committed(zxid));
        }
        Ok(())
    }

    /// Answers a [`LearnerEvent::Ping`] with the sessions heard from since the last; with several answers when
    /// one would be too large a packet.
    pub fn pong(&self, zxid: Zxid, sessions: &[(SessionId, i32)], out: &mut impl Transport) {
        let (first, rest) = sessions.split_at(sessions.len().min(PONG_SESSIONS_MAX));
        for sessions in std::iter::once(first).chain(rest.chunks(PONG_SESSIONS_MAX)) {
            let mut data = Vec::with_capacity(sessions.len() * 12);
            for (session, timeout_ms) in sessions {
                data.extend_from_slice(&session.0.to_be_bytes());
                data.extend_from_slice(&timeout_ms.to_be_bytes());
            }
            self.send(out, Packet::with(PacketKind::Ping, zxid, data));
        }
    }

    /// Forwards a client's request.
    pub fn request(&self, request: &Forwarded<'_>, auth: &[acl::Id], out: &mut impl Transport) {
        let packet = Packet::with(PacketKind::Request, Zxid(-1), request.to_bytes());
        self.send(out, Packet { auth: Some(auth.to_vec()), ..packet });
    }

    /// Asks whether a session lives.
    pub fn revalidate(&self, session: SessionId, timeout_ms: i32, out: &mut impl Transport) {
        let mut data = session.0.to_be_bytes().to_vec();
        data.extend_from_slice(&timeout_ms.to_be_bytes());
        self.send(out, Packet::with(PacketKind::Revalidate, Zxid(-1), data));
    }

    /// Time has passed: dial again, or give up.
    pub fn on_tick(&mut self, now_ms: u64, events: &mut Vec<LearnerEvent>, out: &mut impl Transport) {
        if self.dial_at_ms.is_some_and(|at| at <= now_ms) {
            self.dial_at_ms = None;
            self.dials += 1;
            out.dial(self.leader, &self.addresses);
        }
        if now_ms > self.patience_until() {
            let limit = if self.stage == Stage::Active { "syncLimit" } else { "initLimit" };
            events.push(LearnerEvent::Fail(format!("nothing heard from the leader within {limit}")));
        }
    }

    fn patience_until(&self) -> u64 {
        let limit =
            if self.stage == Stage::Active { self.settings.sync_limit } else { self.settings.init_limit };
        self.heard_ms + u64::from(limit) * self.settings.tick_ms
    }

    /// When [`Learner::on_tick`] is next needed.
    pub fn next_deadline(&self) -> u64 {
        let patience = self.patience_until() + 1;
        self.dial_at_ms.map_or(patience, |at| at.min(patience))
    }
}

/// Who is to lead from now on, as a packet says that activates a membership.
fn designated(data: Option<&[u8]>) -> Result<ServerId, String> {
    let read = Reader::new(data.unwrap_or_default()).i64();
    read.map(ServerId).map_err(|error| format!("the designated leader: {error}"))
}

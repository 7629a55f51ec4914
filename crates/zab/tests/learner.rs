//! A learner's attempt to follow, packet by packet.

mod common;

use common::{Wire, entry, z};
use proto::Zxid;
use proto::peer::{Packet, PacketKind as K};
use zab::{Learner, LearnerEvent as E, LearnerSettings, LearnerStart, LinkId, Record, ServerId};

const LINK: LinkId = LinkId(1);

struct Attempt {
    learner: Learner,
    wire: Wire,
    events: Vec<E>,
    now_ms: u64,
}

impl Attempt {
    fn new(accepted_epoch: u32, current_epoch: u32, last_logged: Zxid) -> Self {
        Self::with(accepted_epoch, current_epoch, last_logged, false)
    }

    fn with(accepted_epoch: u32, current_epoch: u32, last_logged: Zxid, observes: bool) -> Self {
        let start = LearnerStart {
            me: ServerId(2),
            observes,
            accepted_epoch,
            current_epoch,
            last_logged,
            config_version: 0,
            appointed: false,
            wants_snapshot: false,
        };
        let settings = LearnerSettings { tick_ms: 100, init_limit: 10, sync_limit: 5, connect_retry_ms: 100 };
        let mut wire = Wire::default();
        let mut learner = Learner::new(ServerId(1), Vec::new(), start, settings, 0, &mut wire);
        let mut events = Vec::new();
        learner.on_dialed(0, Some(LINK), &mut events, &mut wire);
        Self { learner, wire, events, now_ms: 0 }
    }

    fn packet(&mut self, kind: K, zxid: Zxid) {
        let packet = match kind {
            K::Proposal | K::Inform => Packet::with(kind, zxid, entry(zxid)),
            _ => Packet::new(kind, zxid),
        };
        self.learner.on_packet(self.now_ms, packet, &mut self.events, &mut self.wire);
    }

    fn record(&mut self) {
        for event in std::mem::take(&mut self.events) {
            match event {
                E::Record(record) => self.learner.on_recorded(&record, &mut self.wire),
                event => self.events.push(event),
            }
        }
    }

    /// Past the handshake, at epoch 5, before any sync packet.
    fn acknowledged(last: Zxid) -> Self {
        let mut a = Self::new(4, 4, last);
        a.packet(K::LeaderInfo, z(5, 0));
        a.record();
        a.wire.take(LINK);
        a
    }

    /// Following, at epoch 5.
    fn following(last: Zxid) -> Self {
        let mut a = Self::acknowledged(last);
        a.packet(K::Diff, last);
        a.packet(K::NewLeader, z(5, 0));
        a.record();
        a.packet(K::UpToDate, Zxid(-1));
        a.events.clear();
        a.wire.take(LINK);
        a
    }

    fn failed(&self) -> bool {
        self.events.iter().any(|e| matches!(e, E::Fail(_)))
    }
}

#[test]
fn the_epoch_is_promised_only_once_it_is_on_disk() {
    let mut a = Attempt::new(4, 3, z(3, 9));
    assert_eq!(a.wire.take(LINK), [(K::FollowerInfo, z(4, 0))]);
    a.packet(K::LeaderInfo, z(5, 0));
    assert_eq!(a.events, [E::Record(Record::AcceptedEpoch(5))]);
    assert!(a.wire.take(LINK).is_empty());
    a.record();
    assert_eq!(a.wire.sent[0].1, Packet::with(K::AckEpoch, z(3, 9), 3_i32.to_be_bytes()));
}

#[test]
fn an_epoch_accepted_before_is_acknowledged_so_that_it_does_not_count_twice() {
    let mut a = Attempt::new(5, 4, z(4, 9));
    a.wire.take(LINK);
    a.packet(K::LeaderInfo, z(5, 0));
    assert_eq!(a.wire.sent[0].1, Packet::with(K::AckEpoch, z(4, 9), (-1_i32).to_be_bytes()));
}

#[test]
fn hc_44_a_leader_of_an_older_epoch_is_refused() {
    let mut a = Attempt::new(6, 4, z(4, 9));
    a.packet(K::LeaderInfo, z(5, 0));
    assert!(a.failed());
}

#[test]
fn hc_21_23_24_history_then_epoch_then_acknowledgement() {
    let mut a = Attempt::acknowledged(z(4, 7));
    a.packet(K::Diff, z(4, 8));
    a.packet(K::Proposal, z(4, 8));
    a.packet(K::Commit, z(4, 8));
    a.packet(K::NewLeader, z(5, 0));
    let order: Vec<_> = a.events.iter().map(std::mem::discriminant).collect();
    let appended = E::Append { zxid: z(4, 8), entry: entry(z(4, 8)) };
    let expected = [E::Keep, appended, E::Committed(z(4, 8)), E::Record(Record::CurrentEpoch(5))];
    assert_eq!(order, expected.iter().map(std::mem::discriminant).collect::<Vec<_>>());
    assert!(a.wire.take(LINK).is_empty(), "nothing is acknowledged before the disk says so");
    a.learner.on_stored(z(4, 8), &mut a.wire);
    assert!(a.wire.take(LINK).is_empty());
    a.record();
    assert_eq!(a.wire.take(LINK), [(K::Ack, z(5, 0))]);
}

#[test]
fn hc_22_25_26_a_proposal_from_during_the_sync_is_acknowledged_after_the_new_leader() {
    let mut a = Attempt::acknowledged(z(4, 7));
    for (kind, zxid) in [
        (K::Diff, z(4, 7)),
        (K::Proposal, z(5, 1)),
        (K::Commit, z(5, 1)),
        (K::Proposal, z(5, 2)),
        (K::NewLeader, z(5, 0)),
        (K::Commit, z(5, 2)),
    ] {
        a.packet(kind, zxid);
    }
    assert!(!a.failed());
    a.learner.on_stored(z(5, 2), &mut a.wire);
    assert!(a.wire.take(LINK).is_empty());
    a.record();
    assert_eq!(a.wire.take(LINK)[0], (K::Ack, z(5, 0)));
    a.packet(K::UpToDate, Zxid(-1));
    assert!(a.events.contains(&E::Serve));
}

#[test]
fn what_is_proposed_before_the_new_leader_is_acknowledged_is_acknowledged_also_when_its_commit_is_quicker() {
    let mut a = Attempt::acknowledged(z(4, 7));
    for (kind, zxid) in [
        (K::Diff, z(4, 7)),
        (K::Proposal, z(5, 1)),
        (K::Commit, z(5, 1)),
        (K::NewLeader, z(5, 0)),
        (K::Proposal, z(5, 2)),
        (K::Commit, z(5, 2)),
    ] {
        a.packet(kind, zxid);
    }
    a.learner.on_stored(z(5, 2), &mut a.wire);
    a.record();
    assert_eq!(a.wire.take(LINK), [(K::Ack, z(5, 0)), (K::Ack, z(5, 2))], "the leader waits for it");
}

#[test]
fn more_sessions_than_fit_into_a_packet_are_reported_in_several() {
    let mut a = Attempt::following(z(4, 7));
    let sessions: Vec<_> = (0..200_000).map(|n| (proto::SessionId(n), 4000)).collect();
    a.learner.pong(z(5, 0), &sessions, &mut a.wire);
    let lengths: Vec<usize> =
        a.wire.sent.iter().map(|(_, p)| p.data.as_deref().unwrap_or(&[]).len()).collect();
    assert_eq!(lengths.iter().sum::<usize>(), 200_000 * 12);
    assert!(lengths.iter().all(|length| *length < 1_000_000), "{lengths:?}");
    a.wire.sent.clear();
    a.learner.pong(z(5, 0), &[], &mut a.wire);
    assert_eq!(a.wire.take(LINK), [(K::Ping, z(5, 0))], "also when there is nobody to report");
}

#[test]
fn each_proposal_is_acknowledged_by_itself_once_it_is_durable() {
    let mut a = Attempt::following(z(4, 7));
    for n in 1..=3 {
        a.packet(K::Proposal, z(5, n));
    }
    assert!(a.wire.take(LINK).is_empty());
    a.learner.on_stored(z(5, 2), &mut a.wire);
    assert_eq!(a.wire.take(LINK), [(K::Ack, z(5, 1)), (K::Ack, z(5, 2))]);
}

#[test]
fn hc_28_a_gap_ends_the_attempt() {
    for next in [z(5, 2), z(6, 2), z(4, 9)] {
        let mut a = Attempt::following(z(4, 7));
        a.packet(K::Proposal, next);
        assert!(a.failed(), "{next} after 4.7");
    }
    let mut a = Attempt::following(z(4, 7));
    a.packet(K::Inform, z(4, 9));
    assert!(a.failed());
}

#[test]
fn hc_39_49_what_is_there_already_is_ignored() {
    let mut a = Attempt::following(z(4, 7));
    a.packet(K::Proposal, z(5, 1));
    a.events.clear();
    a.packet(K::Proposal, z(5, 1));
    a.packet(K::Proposal, z(4, 7));
    assert!(a.events.is_empty());
    a.packet(K::Commit, z(5, 1));
    a.packet(K::Commit, z(5, 1));
    assert_eq!(a.events, [E::Committed(z(5, 1))]);
}

#[test]
fn hc_48_a_commit_of_what_was_never_proposed_ends_the_attempt() {
    let mut a = Attempt::following(z(4, 7));
    a.packet(K::Commit, z(5, 1));
    assert!(a.failed());
}

#[test]
fn hc_17_a_cut_comes_before_what_follows_and_only_within_the_log() {
    let mut a = Attempt::acknowledged(z(4, 7));
    a.packet(K::Trunc, z(4, 5));
    a.packet(K::Proposal, z(5, 1));
    assert_eq!(a.events[0], E::Truncate(z(4, 5)));
    assert!(!a.failed());
    let mut a = Attempt::acknowledged(z(4, 7));
    a.packet(K::Trunc, z(4, 9));
    assert!(a.failed());
}

#[test]
fn hc_29_32_a_snapshot_is_awaited_whole_and_the_proposals_behind_it_meet_its_zxid() {
    let mut a = Attempt::acknowledged(z(4, 7));
    assert_eq!(a.learner.on_snapshot(), None, "not before it was announced");
    a.packet(K::Snap, z(5, 9));
    assert_eq!(a.learner.on_snapshot(), Some(z(5, 9)));
    a.packet(K::Proposal, z(5, 10));
    assert!(!a.failed());
    let mut a = Attempt::acknowledged(z(4, 7));
    a.packet(K::Snap, z(5, 9));
    a.packet(K::NewLeader, z(5, 0));
    assert!(a.failed(), "NEWLEADER before the snapshot is there");
}

#[test]
fn hc_38_new_leader_belongs_to_the_epoch_that_was_promised() {
    let mut a = Attempt::acknowledged(z(4, 7));
    a.packet(K::Diff, z(4, 7));
    a.packet(K::NewLeader, z(6, 0));
    assert!(a.failed());
}

#[test]
fn an_observer_logs_what_it_is_informed_of_and_acknowledges_none_of_it() {
    let mut a = Attempt::with(4, 4, z(4, 7), true);
    assert_eq!(a.wire.take(LINK), [(K::ObserverInfo, z(4, 0))]);
    for (kind, zxid) in [(K::LeaderInfo, z(5, 0)), (K::Diff, z(4, 7)), (K::NewLeader, z(5, 0))] {
        a.packet(kind, zxid);
        a.record();
    }
    a.packet(K::UpToDate, Zxid(-1));
    a.packet(K::Inform, z(5, 1));
    assert!(a.events.contains(&E::Committed(z(5, 1))));
    a.wire.take(LINK);
    a.learner.on_stored(z(5, 1), &mut a.wire);
    assert!(a.wire.take(LINK).is_empty());
}

#[test]
fn hc_03_a_leader_that_cannot_be_reached_is_given_up_within_a_second() {
    let mut a = Attempt::new(4, 4, z(4, 7));
    let start = LearnerStart {
        me: ServerId(2),
        observes: false,
        accepted_epoch: 4,
        current_epoch: 4,
        last_logged: z(4, 7),
        config_version: 0,
        appointed: false,
        wants_snapshot: false,
    };
    let settings = LearnerSettings { tick_ms: 2000, init_limit: 10, sync_limit: 5, connect_retry_ms: 100 };
    a.learner = Learner::new(ServerId(1), Vec::new(), start, settings, 0, &mut a.wire);
    for now_ms in 0..1000 {
        if a.wire.dialed > 0 {
            a.wire.dialed = 0;
            a.learner.on_dialed(now_ms, None, &mut a.events, &mut a.wire);
        }
        if a.learner.next_deadline() <= now_ms {
            a.learner.on_tick(now_ms, &mut a.events, &mut a.wire);
        }
    }
    assert!(a.failed());
}

#[test]
fn hc_143_an_appointed_leader_may_not_know_yet() {
    for appointed in [false, true] {
        let mut a = Attempt::new(4, 4, z(4, 7));
        let start = LearnerStart {
            me: ServerId(2),
            observes: false,
            accepted_epoch: 4,
            current_epoch: 4,
            last_logged: z(4, 7),
            config_version: 0,
            appointed,
            wants_snapshot: false,
        };
        let settings =
            LearnerSettings { tick_ms: 2000, init_limit: 10, sync_limit: 5, connect_retry_ms: 100 };
        a.wire.dialed = 0;
        a.learner = Learner::new(ServerId(1), Vec::new(), start, settings, 0, &mut a.wire);
        a.learner.on_dialed(0, Some(LINK), &mut a.events, &mut a.wire);
        a.learner.on_closed(1, &mut a.events, &mut a.wire);
        a.learner.on_tick(200, &mut a.events, &mut a.wire);
        assert_eq!((a.wire.dialed, a.failed()), if appointed { (2, false) } else { (1, true) });
    }
}

#[test]
fn a_membership_in_force_comes_with_the_one_who_leads() {
    let mut a = Attempt::following(z(4, 7));
    a.packet(K::Proposal, z(5, 1));
    let packet = Packet::with(K::CommitAndActivate, z(5, 1), 3i64.to_be_bytes());
    a.learner.on_packet(0, packet, &mut a.events, &mut a.wire);
    assert!(a.events.contains(&E::Activate { zxid: z(5, 1), leader: ServerId(3) }));
    assert!(!a.failed());
    a.packet(K::Proposal, z(5, 2));
    a.packet(K::CommitAndActivate, z(5, 2));
    assert!(a.failed(), "nobody was named");
}

#[test]
fn hc_47_silence_is_borne_for_init_limit_first_and_sync_limit_later() {
    let mut a = Attempt::acknowledged(z(4, 7));
    a.learner.on_tick(1000, &mut a.events, &mut a.wire);
    assert!(!a.failed());
    a.learner.on_tick(1001, &mut a.events, &mut a.wire);
    assert!(a.failed());
    let mut a = Attempt::following(z(4, 7));
    a.learner.on_tick(500, &mut a.events, &mut a.wire);
    assert!(!a.failed());
    a.learner.on_tick(501, &mut a.events, &mut a.wire);
    assert!(a.failed());
}

#[test]
fn packets_that_make_no_sense_end_the_attempt() {
    for kind in [K::Request, K::Ack, K::FollowerInfo, K::Diff, K::NewLeader, K::UpToDate] {
        let mut a = Attempt::following(z(4, 7));
        a.packet(kind, z(5, 0));
        assert!(a.failed(), "{kind:?}");
    }
    for kind in [K::Proposal, K::Commit, K::UpToDate, K::NewLeader, K::Sync] {
        let mut a = Attempt::new(4, 4, z(4, 7));
        a.packet(kind, z(5, 0));
        assert!(a.failed(), "{kind:?}");
    }
}

//! A leader's term, packet by packet: one test for each rule that keeps what was promised.

#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

mod common;

use common::{Wire, config, entry, z};
use proto::SessionId;
use proto::Zxid;
use proto::peer::packet::PROTOCOL_VERSION;
use proto::peer::{Forwarded, LearnerInfo, Packet, PacketKind as K};
use std::collections::BTreeSet;
use zab::{Leader, LeaderEvent, LeaderSettings, LinkId, Record, ServerId};

const TICK_MS: u64 = 100;
const B: LinkId = LinkId(2);
const C: LinkId = LinkId(3);
const OBSERVER: LinkId = LinkId(4);

/// Server 1 of three voters and an observer, leading, with its disk under the test's control.
struct Term {
    leader: Leader,
    wire: Wire,
    events: Vec<LeaderEvent>,
    now_ms: u64,
}

impl Term {
    fn new(accepted: u32, current: u32, last: Zxid) -> Self {
        let settings = LeaderSettings {
            tick_ms: TICK_MS,
            init_limit: 10,
            sync_limit: 5,
            history_count: 4,
            force_snapshot: false,
            snap_syncs_max: 2,
            diff_syncs_max: 2,
            patience_ms: 200,
            reconfig: false,
            standalone_enabled: true,
        };
        let own = (accepted, current, last);
        let mut leader = Leader::new(ServerId(1), config(3, 1), None, settings, own, 0);
        let mut events = Vec::new();
        leader.start(&mut events);
        Self { leader, wire: Wire::default(), events, now_ms: 0 }
    }

    fn packet(&mut self, link: LinkId, packet: Packet) {
        self.leader.on_packet(self.now_ms, link, packet, &mut self.events, &mut self.wire);
    }

    fn info(&mut self, link: LinkId, accepted: u32) {
        self.leader.on_accepted(self.now_ms, link);
        let kind = if link == OBSERVER { K::ObserverInfo } else { K::FollowerInfo };
        let server_id = link.0 as i64;
        let info = LearnerInfo { server_id, protocol: PROTOCOL_VERSION, config_version: 0 };
        self.packet(link, Packet::with(kind, z(accepted, 0), info.to_bytes()));
    }

    fn ack_epoch(&mut self, link: LinkId, current: i32, last: Zxid) {
        self.packet(link, Packet::with(K::AckEpoch, last, current.to_be_bytes()));
    }

    fn ack(&mut self, link: LinkId, zxid: Zxid) {
        self.packet(link, Packet::new(K::Ack, zxid));
    }

    /// Records asked for so far are durable.
    fn record(&mut self) {
        while let Some(at) = self.events.iter().position(|e| matches!(e, LeaderEvent::Record(_))) {
            let LeaderEvent::Record(record) = self.events.remove(at) else { unreachable!() };
            self.leader.on_recorded(&record, &mut self.events, &mut self.wire);
        }
    }

    /// Everything until this leader is established, with follower B at `last`.
    fn established(accepted: u32, last: Zxid) -> Self {
        let mut term = Self::new(accepted, accepted, last);
        term.info(B, accepted);
        term.record();
        term.ack_epoch(B, accepted as i32, last);
        term.record();
        term.ack(B, z(accepted + 1, 0));
        assert!(term.leader.is_established());
        term.wire.take(B);
        term.events.clear();
        term
    }

    fn join(&mut self, link: LinkId, last: Zxid) -> Vec<(K, Zxid)> {
        let epoch = self.leader.epoch();
        self.wire.take(link);
        self.info(link, epoch - 1);
        assert_eq!(self.wire.take(link), [(K::LeaderInfo, z(epoch, 0))]);
        self.ack_epoch(link, (epoch - 1) as i32, last);
        self.wire.take(link)
    }

    fn propose(&mut self) -> Zxid {
        let zxid = self.leader.next_zxid().unwrap();
        self.leader.propose(zxid, &entry(zxid), &mut self.wire);
        zxid
    }

    fn stored(&mut self, zxid: Zxid) {
        self.leader.on_stored(zxid, &mut self.events, &mut self.wire);
    }

    fn steps_down(&self) -> bool {
        self.events.iter().any(|e| matches!(e, LeaderEvent::StepDown(_)))
    }
}

#[test]
fn the_handshake_goes_in_the_protocols_order_and_waits_for_the_disk() {
    let mut t = Term::new(4, 4, z(4, 7));
    t.info(B, 4);
    assert!(t.wire.take(B).is_empty(), "the epoch is proposed only once it is durable here");
    assert_eq!(t.events, [LeaderEvent::Record(Record::AcceptedEpoch(5))]);
    t.record();
    assert_eq!(t.wire.take(B), [(K::LeaderInfo, z(5, 0))]);
    t.ack_epoch(B, 4, z(4, 7));
    assert!(t.wire.take(B).is_empty());
    t.record();
    assert_eq!(t.wire.take(B), [(K::Diff, z(4, 7)), (K::NewLeader, z(5, 0))]);
    assert!(!t.leader.is_established());
    t.ack(B, z(5, 0));
    assert_eq!(t.events, [LeaderEvent::Established]);
    assert_eq!(t.wire.take(B), [(K::UpToDate, Zxid(-1))]);
}

#[test]
fn hc_40_an_observer_may_raise_the_epoch_but_never_makes_a_quorum() {
    let mut t = Term::new(4, 4, z(4, 7));
    t.info(OBSERVER, 9);
    assert!(t.events.is_empty(), "one voter of three");
    t.info(B, 4);
    assert_eq!(t.events, [LeaderEvent::Record(Record::AcceptedEpoch(10))]);
    t.record();
    t.ack_epoch(OBSERVER, 4, z(4, 7));
    assert!(t.events.is_empty());
    t.ack_epoch(B, 4, z(4, 7));
    t.record();
    t.ack(OBSERVER, z(10, 0));
    assert!(!t.leader.is_established());
    t.ack(B, z(10, 0));
    assert!(t.leader.is_established());
}

#[test]
fn hc_41_an_epoch_that_a_follower_accepted_before_is_not_proposed_again() {
    for (own, theirs, epoch) in [(4, 4, 5), (4, 5, 6), (4, 8, 9), (4, 1, 5)] {
        let mut t = Term::new(own, own, z(1, 1));
        t.info(B, theirs);
        assert_eq!(t.events, [LeaderEvent::Record(Record::AcceptedEpoch(epoch))]);
    }
    let mut t = Term::established(4, z(4, 7));
    t.info(C, 8);
    assert!(t.steps_down(), "a later epoch that comes late forces another election");
}

#[test]
fn hc_10_11_somebody_without_a_vote_does_not_count_even_as_a_follower() {
    let mut t = Term::new(4, 4, z(4, 7));
    t.leader.on_accepted(0, LinkId(77));
    let info = LearnerInfo { server_id: 77, protocol: PROTOCOL_VERSION, config_version: 0 };
    t.packet(LinkId(77), Packet::with(K::FollowerInfo, z(4, 0), info.to_bytes()));
    assert!(t.events.is_empty());
}

#[test]
fn hc_43_nothing_is_proposed_before_leadership_is_established() {
    let mut t = Term::new(4, 4, z(4, 7));
    t.info(B, 4);
    t.record();
    t.ack_epoch(B, 4, z(4, 7));
    t.record();
    let body = 4000_i32.to_be_bytes();
    let request = Forwarded { session: SessionId(1), cxid: 0, op: -10, body: &body };
    t.packet(B, Packet::with(K::Request, Zxid(-1), request.to_bytes()));
    assert!(t.wire.closed.contains(&B), "a request in the handshake ends the link");
    assert!(!t.events.iter().any(|e| matches!(e, LeaderEvent::Request { .. })));
}

#[test]
fn a_follower_with_a_newer_history_ends_a_term_that_has_not_begun() {
    let mut t = Term::new(4, 4, z(4, 7));
    t.info(B, 4);
    t.record();
    t.ack_epoch(B, 4, z(4, 8));
    assert!(t.steps_down());
}

#[test]
fn hc_17_what_the_leader_does_not_have_is_cut_before_anything_is_sent() {
    let mut t = Term::established(4, z(4, 7));
    assert_eq!(t.join(C, z(4, 9)), [(K::Trunc, z(4, 7)), (K::NewLeader, z(5, 0))]);
    let first = t.propose();
    t.stored(first);
    t.ack(B, first);
    t.leader.on_closed(C, &mut t.events);
    assert_eq!(
        t.join(C, z(4, 9)),
        [(K::Snap, z(4, 7)), (K::Proposal, first), (K::Commit, first), (K::NewLeader, z(5, 0))]
    );
    assert_eq!(t.wire.snapshots, [C], "a cut never crosses an epoch");
}

#[test]
fn hc_39_48_whoever_is_past_the_start_of_sync_gets_every_proposal_once_and_in_order() {
    let mut t = Term::established(4, z(4, 7));
    let (first, second) = (t.propose(), t.propose());
    t.stored(second);
    t.ack(B, first);
    assert_eq!(
        t.join(C, z(4, 7)),
        [
            (K::Diff, first),
            (K::Proposal, first),
            (K::Commit, first),
            (K::NewLeader, z(5, 0)),
            (K::Proposal, second)
        ]
    );
    let third = t.propose();
    t.ack(B, second);
    assert_eq!(t.wire.take(C), [(K::Proposal, third), (K::Commit, second)]);
    t.ack(C, z(5, 0));
    assert_eq!(t.wire.take(C), [(K::UpToDate, Zxid(-1))], "HC-49");
}

#[test]
fn an_observer_gets_what_is_committed_and_nothing_else() {
    let mut t = Term::established(4, z(4, 7));
    let (first, second) = (t.propose(), t.propose());
    t.stored(second);
    t.ack(B, first);
    assert_eq!(
        t.join(OBSERVER, z(4, 7)),
        [(K::Diff, first), (K::Proposal, first), (K::Commit, first), (K::NewLeader, z(5, 0))]
    );
    t.ack(OBSERVER, z(5, 0));
    t.ack(B, second);
    assert_eq!(t.wire.take(OBSERVER), [(K::UpToDate, Zxid(-1)), (K::Inform, second)]);
}

#[test]
fn hc_51_148_commits_come_in_order_and_only_with_a_quorum() {
    let mut t = Term::established(4, z(4, 7));
    let (first, second) = (t.propose(), t.propose());
    t.ack(B, second);
    assert!(t.events.is_empty(), "the leader itself has not stored it");
    t.stored(first);
    assert_eq!((t.leader.committed(), t.events.len()), (first, 1));
    assert_eq!(t.wire.take(B), [(K::Proposal, first), (K::Proposal, second), (K::Commit, first)]);
    t.stored(second);
    assert_eq!(t.wire.take(B), [(K::Commit, second)]);
}

#[test]
fn hc_25_an_acknowledgement_before_that_of_the_new_leader_counts_for_nothing() {
    let mut t = Term::established(4, z(4, 7));
    t.leader.on_closed(B, &mut t.events);
    let first = t.propose();
    t.stored(first);
    t.events.clear();
    t.join(C, z(4, 7));
    t.ack(C, first);
    assert!(t.events.is_empty() && t.wire.closed.is_empty());
    t.ack(C, z(5, 0));
    assert_eq!(t.events, [LeaderEvent::Committed], "with it, it does: it is not repeated");
}

#[test]
fn what_a_follower_had_is_forgotten_with_its_link_because_it_may_be_told_to_cut() {
    let mut t = Term::established(4, z(4, 7));
    let first = t.propose();
    t.ack(B, first);
    t.leader.on_closed(B, &mut t.events);
    t.events.clear();
    t.stored(first);
    assert!(t.events.is_empty(), "only this server is known to have it now");
}

#[test]
fn a_second_link_of_the_same_server_replaces_the_first() {
    let mut t = Term::established(4, z(4, 7));
    let again = LinkId(22);
    t.leader.on_accepted(0, again);
    let info = LearnerInfo { server_id: 2, protocol: PROTOCOL_VERSION, config_version: 0 };
    t.packet(again, Packet::with(K::FollowerInfo, z(5, 0), info.to_bytes()));
    assert_eq!(t.wire.closed, [B]);
    assert_eq!(t.leader.learners().len(), 1);
}

#[test]
fn hc_34_36_what_memory_does_not_reach_is_read_from_disk_and_joined_without_a_gap() {
    let mut t = Term::established(4, z(4, 7));
    let zxids: Vec<Zxid> = (0..8).map(|_| t.propose()).collect();
    t.stored(zxids[7]);
    t.ack(B, zxids[7]);
    t.leader.on_applied(zxids[7]);
    assert_eq!(t.join(C, z(4, 6)), [], "waits for the disk");
    assert_eq!(t.wire.reads, [(C, z(4, 6))]);
    let read: Vec<_> =
        [z(4, 6), z(4, 7)].iter().chain(&zxids[..6]).map(|zxid| (*zxid, entry(*zxid))).collect();
    t.leader.on_history(C, Some(read.clone()), &mut t.events, &mut t.wire);
    let sent = t.wire.take(C);
    assert_eq!(sent[..3], [(K::Diff, zxids[7]), (K::Proposal, z(4, 7)), (K::Commit, z(4, 7))]);
    assert_eq!(sent.len(), 1 + 2 * 9 + 1);

    t.leader.on_closed(C, &mut t.events);
    t.join(C, z(4, 6));
    t.leader.on_history(C, Some(read[..4].to_vec()), &mut t.events, &mut t.wire);
    assert_eq!(t.wire.take(C)[0].0, K::Snap, "a seam that does not fit");
    t.leader.on_closed(C, &mut t.events);
    t.join(C, z(4, 6));
    t.leader.on_history(C, None, &mut t.events, &mut t.wire);
    assert_eq!(t.wire.take(C)[0].0, K::Snap);
}

#[test]
fn hc_58_a_used_up_counter_ends_the_term() {
    let mut t = Term::established(4, z(4, 7));
    t.propose();
    let mut broadcast = zab::Broadcast::new(config(3, 0).quorum(), z(5, u32::MAX));
    assert!(broadcast.propose().is_err(), "no zxid with a wrapped counter");
    assert!(broadcast.next_epoch().is_err(), "and no new epoch without an election");
}

#[test]
fn hc_47_a_follower_that_acknowledges_nothing_is_dropped_and_a_slow_start_is_not() {
    let mut t = Term::established(4, z(4, 7));
    t.join(C, z(4, 7));
    let first = t.propose();
    t.stored(first);
    t.ack(B, first);
    for _ in 0..12 {
        t.now_ms += TICK_MS;
        t.packet(C, Packet::new(K::Ping, Zxid::ZERO));
        t.packet(B, Packet::new(K::Ping, Zxid::ZERO));
        t.leader.on_tick(t.now_ms, &BTreeSet::new(), &mut t.events, &mut t.wire);
    }
    assert!(t.wire.closed.is_empty(), "initLimit and syncLimit for the first acknowledgement");
    t.ack(C, z(5, 0));
    for _ in 0..7 {
        t.now_ms += TICK_MS;
        t.packet(C, Packet::new(K::Ping, Zxid::ZERO));
        t.packet(B, Packet::new(K::Ping, Zxid::ZERO));
        t.leader.on_tick(t.now_ms, &BTreeSet::new(), &mut t.events, &mut t.wire);
    }
    assert_eq!(t.wire.closed, [C], "alive, but its log does not move");
}

/// Ticks for longer than syncLimit, all of `links` answering.
fn pass_sync_limit(t: &mut Term, links: &[LinkId]) {
    for _ in 0..7 {
        t.now_ms += TICK_MS;
        for link in links {
            t.packet(*link, Packet::new(K::Ping, Zxid::ZERO));
        }
        t.leader.on_tick(t.now_ms, &BTreeSet::new(), &mut t.events, &mut t.wire);
    }
}

#[test]
fn hc_133_a_leader_whose_log_stands_still_steps_down_when_the_others_store_what_it_does_not() {
    let mut t = Term::established(4, z(4, 7));
    t.join(C, z(4, 7));
    t.ack(C, z(5, 0));
    let first = t.propose();
    t.ack(B, first);
    t.ack(C, first);
    assert_eq!(t.leader.committed(), first, "a slow leader does not slow commits");
    t.stored(first);
    pass_sync_limit(&mut t, &[B, C]);
    assert!(!t.steps_down(), "it has all there is");
    let second = t.propose();
    t.ack(B, second);
    t.ack(C, second);
    pass_sync_limit(&mut t, &[B, C]);
    assert!(t.steps_down());
}

#[test]
fn hc_133_a_leader_does_not_blame_its_log_when_nobody_stores_anything() {
    let mut t = Term::established(4, z(4, 7));
    t.propose();
    for _ in 0..4 {
        t.now_ms += TICK_MS;
        t.packet(B, Packet::new(K::Ping, Zxid::ZERO));
        t.leader.on_tick(t.now_ms, &BTreeSet::new(), &mut t.events, &mut t.wire);
    }
    assert!(!t.steps_down() && t.wire.closed.is_empty());
}

#[test]
fn hc_172_observers_beyond_the_limit_of_snapshots_and_of_differences_are_sent_away_and_followers_never() {
    for (last, kind) in [(Zxid(-1), K::Snap), (z(4, 7), K::Diff)] {
        let mut t = Term::established(4, z(4, 7));
        let observers: Vec<LinkId> = (5..8).map(LinkId).collect();
        for link in &observers {
            t.leader.on_accepted(0, *link);
            let info =
                LearnerInfo { server_id: link.0 as i64, protocol: PROTOCOL_VERSION, config_version: 0 };
            t.packet(*link, Packet::with(K::ObserverInfo, z(4, 0), info.to_bytes()));
            t.ack_epoch(*link, 4, last);
        }
        assert_eq!(t.wire.closed, [observers[2]]);
        assert_eq!(t.join(C, last)[0].0, kind, "a follower is exempt");
        t.ack(observers[0], z(5, 0));
        t.ack(C, z(5, 0));
        assert_eq!(t.join(OBSERVER, last)[0].0, kind, "there is room again");
    }
}

#[test]
fn what_a_late_follower_has_beyond_a_confirmed_history_does_not_end_the_term() {
    let mut t = Term::new(4, 4, z(4, 7));
    t.info(B, 4);
    t.record();
    t.ack_epoch(B, 4, z(4, 7));
    t.record();
    t.wire.take(C);
    t.info(C, 4);
    t.ack_epoch(C, 4, z(4, 9));
    assert!(!t.steps_down());
    let sent = [(K::LeaderInfo, z(5, 0)), (K::Trunc, z(4, 7)), (K::NewLeader, z(5, 0))];
    assert_eq!(t.wire.take(C), sent);
}

#[test]
fn nobody_speaks_for_the_leader_itself_or_before_he_is_spoken_to() {
    let mut t = Term::new(4, 4, z(4, 7));
    t.info(LinkId(1), 4);
    assert_eq!(t.wire.closed, [LinkId(1)]);
    t.leader.on_accepted(0, B);
    t.info(B, 4);
    t.ack_epoch(B, 4, z(4, 7));
    assert_eq!(t.wire.closed, [LinkId(1), B], "the epoch was not proposed yet");
}

#[test]
fn an_observer_may_acknowledge_what_it_likes_and_it_counts_for_nothing() {
    let mut t = Term::established(4, z(4, 7));
    t.join(OBSERVER, z(4, 7));
    t.ack(OBSERVER, z(5, 0));
    let first = t.propose();
    t.stored(first);
    t.ack(OBSERVER, first);
    assert!(t.wire.closed.is_empty());
    assert_eq!(t.leader.committed(), z(5, 0));
}

#[test]
fn a_learner_is_not_late_while_its_snapshot_gets_on() {
    let mut t = Term::established(4, z(4, 7));
    t.join(C, Zxid(-1));
    for _ in 0..40 {
        t.now_ms += TICK_MS;
        t.packet(B, Packet::new(K::Ping, Zxid::ZERO));
        t.leader.on_progress(t.now_ms, C);
        t.leader.on_tick(t.now_ms, &BTreeSet::new(), &mut t.events, &mut t.wire);
    }
    assert!(t.wire.closed.is_empty());
    for _ in 0..16 {
        t.now_ms += TICK_MS;
        t.packet(B, Packet::new(K::Ping, Zxid::ZERO));
        t.leader.on_tick(t.now_ms, &BTreeSet::new(), &mut t.events, &mut t.wire);
    }
    assert_eq!(t.wire.closed, [C]);
}

#[test]
fn hc_07_62_a_leader_whose_supporters_left_gives_up_early_and_hears_late_packets_out() {
    let mut t = Term::new(4, 4, z(4, 7));
    t.now_ms = 300;
    let looking = BTreeSet::from([ServerId(2), ServerId(3)]);
    t.leader.on_tick(t.now_ms, &looking, &mut t.events, &mut t.wire);
    assert!(t.steps_down());
    t.ack(B, z(4, 7));
    t.leader.on_history(C, None, &mut t.events, &mut t.wire);
    assert!(t.wire.sent.is_empty());
}

#[test]
fn without_a_quorum_of_followers_the_term_ends() {
    let mut t = Term::established(4, z(4, 7));
    t.leader.on_closed(B, &mut t.events);
    t.now_ms += TICK_MS;
    t.leader.on_tick(t.now_ms, &BTreeSet::new(), &mut t.events, &mut t.wire);
    assert!(t.steps_down());
}

#[test]
fn hc_54_a_sync_waits_for_what_was_proposed_before_it() {
    let mut t = Term::established(4, z(4, 7));
    t.leader.sync(B, &mut t.wire);
    assert_eq!(t.wire.take(B), [(K::Sync, Zxid::ZERO)]);
    let first = t.propose();
    t.leader.sync(B, &mut t.wire);
    t.stored(first);
    assert_eq!(t.wire.take(B), [(K::Proposal, first)]);
    t.ack(B, first);
    assert_eq!(t.wire.take(B), [(K::Commit, first), (K::Sync, Zxid::ZERO)]);
}

#[test]
fn hc_138_a_learner_with_a_newer_membership_is_not_led() {
    let mut t = Term::new(4, 4, z(4, 7));
    t.leader.on_accepted(0, B);
    let info = LearnerInfo { server_id: 2, protocol: PROTOCOL_VERSION, config_version: 9 };
    t.packet(B, Packet::with(K::FollowerInfo, z(4, 0), info.to_bytes()));
    assert_eq!(t.wire.closed, [B]);
    assert!(t.events.iter().all(|e| !matches!(e, LeaderEvent::Record(_))));
}

#[test]
fn packets_that_make_no_sense_end_their_link_and_nothing_else() {
    for kind in [K::Ack, K::AckEpoch, K::Request, K::Ping, K::Revalidate, K::Proposal, K::UpToDate] {
        let mut t = Term::new(4, 4, z(4, 7));
        t.leader.on_accepted(0, B);
        t.packet(B, Packet::new(kind, z(4, 7)));
        assert_eq!(t.wire.closed, [B], "{kind:?}");
        assert!(!t.steps_down());
    }
    let mut t = Term::established(4, z(4, 7));
    t.ack(B, z(5, 99));
    assert_eq!(t.wire.closed, [B], "an acknowledgement of what was never sent");
}

//! Changes of membership as a leader makes them, packet by packet.

#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

mod common;

use common::{Wire, config, entry, z};
use proto::Zxid;
use proto::peer::packet::PROTOCOL_VERSION;
use proto::peer::{LearnerInfo, Packet, PacketKind as K};
use std::collections::BTreeSet;
use zab::{Change, Config, Leader, LeaderEvent as E, LeaderSettings, LinkId, Refusal, ServerId};

const TICK_MS: u64 = 100;

/// Server 1 leads three voters and an observer, server 4, that have all acknowledged its epoch, 1.
struct Term {
    leader: Leader,
    wire: Wire,
    events: Vec<E>,
}

impl Term {
    fn new() -> Self {
        let settings = LeaderSettings {
            tick_ms: TICK_MS,
            init_limit: 10,
            sync_limit: 5,
            history_count: 4,
            force_snapshot: false,
            snap_syncs_max: 2,
            diff_syncs_max: 2,
            patience_ms: 200,
            reconfig: true,
            standalone_enabled: true,
        };
        let leader = Leader::new(ServerId(1), config(3, 1), None, settings, (0, 0, Zxid::ZERO), 0);
        let mut term = Self { leader, wire: Wire::default(), events: Vec::new() };
        term.leader.start(&mut term.events);
        for id in 2..=4 {
            term.join(id, if id == 4 { K::ObserverInfo } else { K::FollowerInfo });
        }
        term
    }

    fn join(&mut self, id: i64, kind: K) {
        let link = LinkId(id as u64);
        self.leader.on_accepted(0, link);
        let info = LearnerInfo { server_id: id, protocol: PROTOCOL_VERSION, config_version: 0 };
        self.packet(id, Packet::with(kind, Zxid::ZERO, info.to_bytes()));
        self.record();
        self.packet(id, Packet::with(K::AckEpoch, Zxid::ZERO, 0i32.to_be_bytes()));
        self.record();
        self.ack(id, z(1, 0));
    }

    fn packet(&mut self, id: i64, packet: Packet) {
        self.leader.on_packet(0, LinkId(id as u64), packet, &mut self.events, &mut self.wire);
    }

    fn ack(&mut self, id: i64, zxid: Zxid) {
        self.packet(id, Packet::new(K::Ack, zxid));
    }

    fn record(&mut self) {
        while let Some(at) = self.events.iter().position(|e| matches!(e, E::Record(_))) {
            let E::Record(record) = self.events.remove(at) else { unreachable!() };
            self.leader.on_recorded(&record, &mut self.events, &mut self.wire);
        }
    }

    fn propose(&mut self) -> Zxid {
        let zxid = self.leader.next_zxid().unwrap();
        self.leader.propose(zxid, &entry(zxid), &mut self.wire);
        self.leader.on_stored(zxid, &mut self.events, &mut self.wire);
        zxid
    }

    fn stage(&mut self, change: &Change<'_>) -> Zxid {
        let zxid = self.leader.next_zxid().unwrap();
        let next = self.leader.decide(change, zxid).unwrap();
        self.leader.stage(next);
        self.leader.propose(zxid, &entry(zxid), &mut self.wire);
        self.leader.on_stored(zxid, &mut self.events, &mut self.wire);
        self.events.clear();
        self.wire.sent.clear();
        zxid
    }

    fn sent(&self, id: i64, kind: K) -> Option<&Packet> {
        self.wire.sent.iter().find(|(to, p)| *to == LinkId(id as u64) && p.kind == kind).map(|(_, p)| p)
    }

    fn activated(&self) -> Option<(&Config, Option<ServerId>)> {
        self.events.iter().find_map(|event| match event {
            E::Activated { config, successor } => Some((config, *successor)),
            _ => None,
        })
    }
}

fn leaving(ids: &str) -> Change<'_> {
    Change { leaving: Some(ids), base: -1, ..Change::default() }
}

#[test]
fn hc_138_the_first_term_makes_its_epoch_the_version() {
    let t = Term::new();
    let staged = t.events.iter().position(|e| matches!(e, E::Staged(c) if c.version == z(1, 0).0));
    let established = t.events.iter().position(|e| *e == E::Established);
    assert!(staged.unwrap() < established.unwrap());
    assert_eq!(t.activated().unwrap(), (t.leader.config(), None));
    let text = t.sent(2, K::NewLeader).unwrap().data.clone().unwrap();
    assert!(text.ends_with(b"version=100000000"));
}

#[test]
fn a_change_is_activated_with_its_commit_which_names_who_leads() {
    let mut t = Term::new();
    let zxid = t.stage(&leaving("4"));
    t.ack(2, zxid);
    let commit = t.sent(3, K::CommitAndActivate).unwrap();
    assert_eq!((commit.zxid, commit.data.as_deref()), (zxid, Some(&1i64.to_be_bytes()[..])));
    let inform = t.sent(4, K::InformAndActivate).unwrap().data.clone().unwrap();
    assert_eq!(inform[..], [&1i64.to_be_bytes()[..], &entry(zxid)[..]].concat());
    assert_eq!(t.sent(3, K::Commit), None);
    let (config, successor) = t.activated().unwrap();
    assert_eq!((config.version, config.members.len(), successor), (zxid.0, 3, None));
}

#[test]
fn hc_143_the_new_voter_that_has_stored_most_succeeds_and_the_rest_is_its() {
    let mut t = Term::new();
    let zxid = t.stage(&leaving("1"));
    let after = t.propose();
    t.ack(3, after);
    assert_eq!(t.activated(), None, "half of the new voters");
    t.ack(2, zxid);
    assert_eq!(t.activated().unwrap().1, Some(ServerId(3)));
    let commit = t.sent(2, K::CommitAndActivate).unwrap();
    assert_eq!(commit.data.as_deref(), Some(&3i64.to_be_bytes()[..]));
    t.ack(2, after);
    assert_eq!(t.leader.committed(), zxid);
    for id in [2, 3] {
        t.leader.on_closed(LinkId(id), &mut t.events);
    }
    assert!(t.events.iter().any(|e| matches!(e, E::StepDown(_))), "at once, when the others have left");
}

#[test]
fn hc_143_an_outgoing_leader_does_not_stay_for_those_who_will_not_go() {
    let mut t = Term::new();
    let zxid = t.stage(&leaving("1"));
    t.ack(2, zxid);
    t.ack(3, zxid);
    let steps_down_at = (0..20).find(|n| {
        for id in [2, 3] {
            let link = LinkId(id);
            t.leader.on_packet(n * TICK_MS, link, Packet::new(K::Ping, zxid), &mut t.events, &mut t.wire);
        }
        t.leader.on_tick(n * TICK_MS, &BTreeSet::new(), &mut t.events, &mut t.wire);
        t.events.iter().any(|e| matches!(e, E::StepDown(_)))
    });
    assert!(steps_down_at.is_some_and(|n| (5..=8).contains(&n)), "{steps_down_at:?}");
}

#[test]
fn hc_147_what_is_not_possible_now_is_refused() {
    let mut t = Term::new();
    let decide = |t: &Term, change: &Change<'_>| t.leader.decide(change, z(1, 9)).map(drop);
    assert_eq!(decide(&t, &Change { base: z(1, 1).0, ..leaving("2") }), Err(Refusal::Version));
    assert_eq!(decide(&t, &Change { base: z(1, 0).0, ..leaving("2") }), Ok(()));
    let swap = "server.4=s4:1:2:participant;9";
    let change = Change { joining: Some(swap), leaving: Some("2,3"), base: -1, members: None };
    assert_eq!(decide(&t, &change), Err(Refusal::NoQuorum), "an observer stores nothing that counts");
    t.leader.on_closed(LinkId(2), &mut t.events);
    assert_eq!(decide(&t, &leaving("3")), Err(Refusal::NoQuorum), "who is gone does not count");
    assert_eq!(decide(&t, &leaving("2")), Ok(()));
    t.stage(&leaving("2"));
    assert_eq!(decide(&t, &leaving("2")), Err(Refusal::InProgress));
}

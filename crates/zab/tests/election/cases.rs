//! One server's election, driven by hand: every rule of whom it votes for, when it decides, and what it
//! tells others.

use proto::Zxid;
use proto::peer::{Notification, PeerState};
use zab::{Config, Decision, Election, ElectionSettings, ServerId};

const OF_THREE: [i64; 3] = [1, 2, 3];
const OF_FIVE: [i64; 5] = [1, 2, 3, 4, 5];

/// The text of a membership.
fn text(voters: &[i64], observers: &[i64], version: i64) -> String {
    let line = |id: &i64, role: &str| format!("server.{id}=host{id}:2888:3888:{role}\n");
    let voters = voters.iter().map(|id| line(id, "participant"));
    let observers = observers.iter().map(|id| line(id, "observer"));
    voters.chain(observers).collect::<String>() + &format!("version={version:x}")
}

fn config(text: &str) -> Config {
    Config::parse(text).expect("a membership")
}

/// A vote as it arrives: round, epoch, zxid, leader.
fn vote(state: PeerState, round: i64, epoch: i64, zxid: i64, leader: i64) -> Notification {
    Notification { state, leader, zxid: Zxid(zxid), round, epoch, version: 2, config: None }
}

fn looking(round: i64, epoch: i64, zxid: i64, leader: i64) -> Notification {
    vote(PeerState::Looking, round, epoch, zxid, leader)
}

fn following(round: i64, epoch: i64, zxid: i64, leader: i64) -> Notification {
    vote(PeerState::Following, round, epoch, zxid, leader)
}

fn leading(round: i64, epoch: i64, zxid: i64, leader: i64) -> Notification {
    vote(PeerState::Leading, round, epoch, zxid, leader)
}

/// What a notification says, without the configuration: state, round, epoch, zxid, leader.
type Said = (PeerState, i64, i64, i64, i64);

fn said(vote: &Notification) -> Said {
    (vote.state, vote.round, vote.epoch, vote.zxid.0, vote.leader)
}

/// A server in an election.
struct Server {
    election: Election,
    now_ms: u64,
    out: Vec<(ServerId, Notification)>,
}

impl Server {
    fn new(me: i64, membership: &str) -> Self {
        let election = Election::new(ServerId(me), config(membership), ElectionSettings::default());
        Self { election, now_ms: 1000, out: Vec::new() }
    }

    /// One of these voters that looks, with this epoch and zxid.
    fn looking(me: i64, voters: &[i64], epoch: u32, zxid: i64) -> Self {
        let mut server = Self::new(me, &text(voters, &[], 0));
        server.start(epoch, zxid);
        server
    }

    fn start(&mut self, epoch: u32, zxid: i64) {
        self.election.start(self.now_ms, Zxid(zxid), epoch, &mut self.out);
    }

    fn hear(&mut self, from: i64, vote: Notification) -> Option<Decision> {
        self.out.clear();
        self.election.on_notification(self.now_ms, ServerId(from), &vote, &mut self.out);
        self.election.take_decision()
    }

    fn link(&mut self, peer: i64, up: bool) -> Option<Decision> {
        self.out.clear();
        self.election.on_link(self.now_ms, ServerId(peer), up, &mut self.out);
        self.election.take_decision()
    }

    fn wait(&mut self, ms: u64) -> Option<Decision> {
        self.out.clear();
        let until = self.now_ms + ms;
        while let Some(due) = self.election.next_deadline().filter(|due| *due <= until) {
            self.now_ms = self.now_ms.max(due);
            self.election.on_tick(self.now_ms, &mut self.out);
        }
        self.now_ms = until;
        self.election.take_decision()
    }

    /// Who was told what by the last call.
    fn told(&self) -> Vec<(i64, Said)> {
        self.out.iter().map(|(to, vote)| (to.0, said(vote))).collect()
    }

    fn looking_voters(&self) -> Vec<i64> {
        self.election.looking_voters().map(|id| id.0).collect()
    }
}

#[test]
fn a_search_begins_with_a_vote_for_oneself_told_to_all_voters() {
    let server = Server::looking(2, &OF_THREE, 4, 9);
    let own = (PeerState::Looking, 1, 4, 9, 2);
    assert_eq!(server.told(), [(1, own), (3, own)]);
}

#[test]
fn a_voter_alone_leads_at_once() {
    let mut server = Server::looking(1, &[1], 0, 0);
    assert_eq!(server.election.take_decision(), Some(Decision::Lead));
    assert_eq!(server.election.take_decision(), None, "said once");
    assert_eq!(server.election.next_deadline(), None);
}

#[test]
fn votes_of_all_decide_without_waiting() {
    let mut best = Server::looking(3, &OF_THREE, 0, 9);
    assert_eq!(best.hear(1, looking(1, 0, 9, 3)), None);
    assert_eq!(best.hear(2, looking(1, 0, 9, 3)), Some(Decision::Lead));
    let mut other = Server::looking(1, &OF_THREE, 0, 9);
    assert_eq!(other.hear(3, looking(1, 0, 9, 3)), None);
    assert_eq!(other.told().len(), 2, "its new vote, to all");
    assert_eq!(other.hear(2, looking(1, 0, 9, 3)), Some(Decision::Follow(ServerId(3))));
}

#[test]
fn nobody_waits_for_a_voter_known_to_be_unreachable() {
    let mut server = Server::looking(3, &OF_THREE, 0, 9);
    assert_eq!(server.link(1, false), None);
    assert_eq!(server.hear(2, looking(1, 0, 9, 3)), Some(Decision::Lead));
    let mut server = Server::looking(3, &OF_THREE, 0, 9);
    assert_eq!(server.hear(2, looking(1, 0, 9, 3)), None);
    assert_eq!(server.link(1, false), Some(Decision::Lead), "learned during the wait");
}

#[test]
fn a_voter_that_was_never_reached_is_waited_for() {
    let mut server = Server::looking(3, &OF_THREE, 0, 9);
    assert_eq!(server.hear(2, looking(1, 0, 9, 3)), None);
    assert_eq!(server.wait(199), None);
    assert_eq!(server.wait(1), Some(Decision::Lead));
}

#[test]
fn a_voter_that_came_back_is_waited_for() {
    let mut server = Server::looking(3, &OF_THREE, 0, 9);
    server.link(1, false);
    server.link(1, true);
    assert_eq!(server.hear(2, looking(1, 0, 9, 3)), None);
    assert_eq!(server.wait(200), Some(Decision::Lead));
}

#[test]
fn news_starts_the_wait_anew_and_repetition_does_not() {
    let mut server = Server::looking(5, &OF_FIVE, 0, 9);
    server.hear(1, looking(1, 0, 9, 5));
    server.hear(2, looking(1, 0, 9, 5));
    assert_eq!(server.wait(150), None);
    assert_eq!(server.hear(3, looking(1, 0, 9, 3)), None);
    assert_eq!(server.wait(150), None);
    assert_eq!(server.hear(3, looking(1, 0, 9, 3)), None);
    assert_eq!(server.wait(50), Some(Decision::Lead));
}

#[test]
fn a_better_vote_during_the_wait_is_adopted() {
    let mut server = Server::looking(3, &OF_FIVE, 0, 9);
    server.hear(1, looking(1, 0, 9, 3));
    assert_eq!(server.hear(2, looking(1, 0, 9, 3)), None);
    assert_eq!(server.hear(4, looking(1, 0, 10, 4)), None);
    assert_eq!(server.told()[0].1, (PeerState::Looking, 1, 0, 10, 4));
    assert_eq!(server.wait(1000), None, "the others have to follow");
}

#[test]
fn a_quorum_that_breaks_during_the_wait_does_not_decide() {
    let mut server = Server::looking(5, &OF_FIVE, 0, 9);
    server.hear(1, looking(1, 0, 9, 5));
    server.hear(2, looking(1, 0, 9, 5));
    assert_eq!(server.link(2, false), None);
    assert_eq!(server.wait(10_000), None);
}

#[test]
fn votes_are_told_again_less_and_less_often() {
    let mut server = Server::looking(1, &OF_THREE, 0, 9);
    let mut at = Vec::new();
    for _ in 0..12 {
        let due = server.election.next_deadline().unwrap();
        at.push(due - server.now_ms);
        server.wait(due - server.now_ms);
        assert_eq!(server.told().len(), 2);
    }
    assert_eq!(at[..4], [200, 400, 800, 1600]);
    assert_eq!(at[10..], [60_000, 60_000]);
    server.hear(2, looking(1, 0, 0, 2));
    assert_eq!(server.election.next_deadline(), Some(server.now_ms + 200), "somebody new may have missed it");
}

#[test]
fn a_link_that_comes_up_is_told_the_vote() {
    let mut server = Server::looking(1, &OF_THREE, 0, 9);
    server.link(3, true);
    assert_eq!(server.told(), [(3, (PeerState::Looking, 1, 0, 9, 1))]);
    server.link(77, true);
    assert_eq!(server.told(), [], "a stranger");
}

#[test]
fn a_later_round_is_entered_with_the_better_of_its_vote_and_ones_own() {
    let mut server = Server::looking(2, &OF_THREE, 0, 9);
    server.hear(3, looking(1, 0, 9, 3));
    server.hear(1, looking(6, 0, 9, 1));
    assert_eq!(server.told()[0].1, (PeerState::Looking, 6, 0, 9, 2));
    assert_eq!(server.election.round(), 6);
    assert_eq!(server.hear(3, looking(1, 0, 9, 3)), None);
    assert_eq!(server.told(), [(3, (PeerState::Looking, 6, 0, 9, 2))], "a round that is over, set right");
    server.hear(3, looking(7, 1, 0, 1));
    assert_eq!(server.told()[0].1, (PeerState::Looking, 7, 1, 0, 1), "a later epoch outweighs the zxid");
}

#[test]
fn hc_02_a_joiner_in_a_later_round_joins_the_ensemble_and_takes_its_round() {
    let mut server = Server::looking(1, &OF_FIVE, 0, 9);
    server.hear(2, looking(5, 0, 9, 2));
    assert_eq!(server.hear(3, following(4, 2, 9, 5)), None);
    assert_eq!(server.hear(5, leading(4, 2, 9, 5)), None);
    assert_eq!(server.hear(4, following(4, 2, 9, 5)), Some(Decision::Follow(ServerId(5))));
    assert_eq!(server.election.round(), 4);
    server.hear(2, looking(5, 0, 9, 2));
    assert_eq!(server.told(), [(2, (PeerState::Following, 4, 2, 9, 5))], "so later joiners hear one round");
}

#[test]
fn hc_02_nobody_falls_back_to_an_older_round_to_lead() {
    let mut server = Server::looking(3, &OF_THREE, 2, 9);
    server.start(2, 9);
    for from in [1, 2] {
        assert_eq!(server.hear(from, following(1, 2, 9, 3)), None);
    }
    assert_eq!(server.wait(5000), None);
    assert_eq!(server.election.round(), 2);
}

#[test]
fn hc_03_a_dead_winner_is_given_up_and_the_living_finish() {
    let mut server = Server::looking(2, &OF_THREE, 0, 9);
    server.hear(3, looking(1, 0, 9, 3));
    server.link(3, false);
    assert_eq!(server.hear(1, looking(1, 0, 9, 3)), None, "following the dead is no use");
    assert_eq!(server.wait(200), None);
    assert!(server.told().contains(&(1, (PeerState::Looking, 2, 0, 9, 2))), "a new round, for itself");
    assert_eq!(server.hear(1, looking(2, 0, 9, 2)), Some(Decision::Lead));
}

#[test]
fn hc_03_rounds_for_one_out_of_reach_come_less_and_less_often() {
    let mut server = Server::looking(2, &OF_THREE, 0, 9);
    server.link(3, false);
    let mut waits = Vec::new();
    for round in 1..6 {
        assert_eq!(server.hear(1, looking(round, 0, 9, 3)), None);
        let from = server.now_ms;
        while server.election.round() == round {
            assert_eq!(server.wait(10), None);
        }
        waits.push(server.now_ms - from);
    }
    assert_eq!(waits, [200, 400, 800, 1600, 3200]);
}

#[test]
fn hc_03_a_winner_that_comes_back_in_time_is_followed() {
    let mut server = Server::looking(2, &OF_THREE, 0, 9);
    server.link(3, false);
    server.hear(1, looking(1, 0, 9, 3));
    server.wait(100);
    assert_eq!(server.link(3, true), None);
    assert_eq!(server.hear(3, looking(1, 0, 9, 3)), Some(Decision::Follow(ServerId(3))));
}

#[test]
fn hc_03_what_the_dead_said_does_not_count() {
    let mut server = Server::looking(1, &OF_FIVE, 0, 9);
    server.hear(5, leading(1, 0, 9, 5));
    server.hear(4, following(1, 0, 9, 5));
    server.link(5, false);
    assert_eq!(server.hear(3, following(1, 0, 9, 5)), None);
    assert_eq!(server.hear(2, following(1, 0, 9, 5)), None, "all follow, but nobody leads");
}

#[test]
fn hc_04_stale_votes_of_an_earlier_round_elect_nobody() {
    let mut server = Server::looking(3, &OF_THREE, 1, 9);
    server.start(1, 9);
    for from in [1, 2] {
        assert_eq!(server.hear(from, looking(1, 1, 9, 3)), None);
        assert_eq!(server.hear(from, following(1, 1, 9, 3)), None);
    }
    assert_eq!(server.wait(5000), None);
}

#[test]
fn hc_04_a_leader_is_joined_only_when_it_confirms() {
    let mut server = Server::looking(1, &OF_FIVE, 0, 9);
    for from in [2, 3, 4] {
        assert_eq!(server.hear(from, following(7, 3, 20, 5)), None);
    }
    assert_eq!(server.wait(5000), None);
    assert_eq!(server.hear(5, leading(7, 2, 20, 5)), None, "of another epoch");
    assert_eq!(server.hear(5, leading(7, 3, 20, 5)), Some(Decision::Follow(ServerId(5))));
}

#[test]
fn hc_04_a_self_declared_leader_without_a_quorum_is_not_joined() {
    let mut server = Server::looking(1, &OF_FIVE, 0, 9);
    assert_eq!(server.hear(5, leading(1, 3, 20, 5)), None);
    assert_eq!(server.hear(4, following(1, 3, 20, 5)), None);
    assert_eq!(server.wait(60_000), None);
}

#[test]
fn hc_05_a_follower_counts_as_a_vote_when_its_vote_was_lost() {
    let mut server = Server::looking(2, &OF_THREE, 0, 9);
    assert_eq!(server.hear(1, following(1, 0, 9, 2)), None);
    assert_eq!(server.wait(200), Some(Decision::Lead));
}

#[test]
fn hc_05_one_elected_by_others_while_it_changed_its_mind_leads() {
    let mut server = Server::looking(3, &OF_FIVE, 0, 9);
    server.hear(4, looking(1, 0, 9, 4));
    assert_eq!(server.hear(1, following(1, 0, 9, 3)), None);
    assert_eq!(server.hear(2, following(1, 0, 9, 3)), None);
    assert_eq!(server.hear(5, following(1, 0, 9, 3)), Some(Decision::Lead));
}

#[test]
fn hc_05_followers_of_what_it_was_before_a_restart_do_not_make_it_lead_at_once() {
    let mut server = Server::looking(3, &OF_THREE, 0, 9);
    for from in [1, 2] {
        assert_eq!(server.hear(from, following(1, 0, 9, 3)), None);
    }
    for from in [1, 2] {
        assert_eq!(server.hear(from, looking(2, 0, 9, from)), None, "they saw it die");
    }
    assert_eq!(server.hear(1, looking(2, 0, 9, 3)), None);
    assert_eq!(server.hear(2, looking(2, 0, 9, 3)), Some(Decision::Lead));
    assert_eq!(server.election.round(), 2);
}

#[test]
fn hc_06_members_that_remember_different_elections_are_joined() {
    let mut server = Server::looking(1, &OF_FIVE, 0, 9);
    assert_eq!(server.hear(5, leading(8, 6, 100, 5)), None);
    assert_eq!(server.hear(2, following(3, 6, 20, 5)), None);
    assert_eq!(server.hear(3, following(1, 5, 90, 5)), None, "not yet synchronized with this epoch");
    assert_eq!(server.hear(3, following(1, 6, 90, 5)), Some(Decision::Follow(ServerId(5))));
}

#[test]
fn hc_06_the_vote_has_the_new_epoch_after_synchronization() {
    let mut server = Server::looking(3, &OF_THREE, 5, 9);
    server.link(1, false);
    assert_eq!(server.hear(2, looking(1, 5, 9, 3)), Some(Decision::Lead));
    server.hear(1, looking(1, 0, 0, 1));
    assert_eq!(server.told(), [(1, (PeerState::Leading, 1, 5, 9, 3))]);
    server.election.established(6);
    server.hear(1, looking(1, 0, 0, 1));
    assert_eq!(server.told(), [(1, (PeerState::Leading, 1, 6, 9, 3))]);
}

#[test]
fn hc_07_a_leader_notices_who_looks_again() {
    let mut server = Server::looking(3, &OF_THREE, 0, 9);
    server.link(1, false);
    assert_eq!(server.hear(2, looking(1, 0, 9, 3)), Some(Decision::Lead));
    assert_eq!(server.looking_voters(), []);
    server.hear(2, looking(1, 0, 9, 3));
    assert_eq!(server.looking_voters(), [], "its vote once more");
    server.hear(2, looking(2, 0, 9, 2));
    server.hear(1, looking(1, 0, 0, 1));
    assert_eq!(server.looking_voters(), [1, 2]);
    server.hear(1, following(1, 0, 9, 3));
    assert_eq!(server.looking_voters(), [2]);
    server.start(0, 9);
    assert_eq!(server.looking_voters(), []);
}

#[test]
fn hc_10_observers_neither_count_nor_lead() {
    let mut server = Server::new(1, &text(&OF_THREE, &[8, 9], 0));
    server.start(0, 9);
    assert_eq!(server.told().len(), 2, "observers are not asked");
    for from in [8, 9] {
        assert_eq!(server.hear(from, looking(1, 0, 9, 1)), None);
        assert_eq!(server.told(), [(from, (PeerState::Looking, 1, 0, 9, 1))], "only answered");
    }
    assert_eq!(server.hear(2, looking(1, 9, 99, 8)), None);
    assert_eq!(server.told(), [], "nobody goes over to an observer");
    assert_eq!(server.wait(5000), None);
}

#[test]
fn hc_10_an_observer_finds_the_leader_without_a_vote() {
    let mut server = Server::new(9, &text(&OF_THREE, &[9], 0));
    server.start(7, 99);
    let nothing = (PeerState::Looking, 1, i64::MIN, i64::MIN, i64::MIN);
    assert_eq!(server.told(), [(1, nothing), (2, nothing), (3, nothing)]);
    assert_eq!(server.hear(1, following(4, 2, 5, 3)), None);
    assert_eq!(server.hear(3, leading(4, 2, 5, 3)), Some(Decision::Follow(ServerId(3))));
    server.hear(1, looking(5, 0, 0, 1));
    assert_eq!(server.told(), [(1, (PeerState::Observing, 4, 2, 5, 3))]);
}

#[test]
fn an_observer_may_take_part_in_a_round_and_adds_nothing_to_it() {
    let mut server = Server::new(9, &text(&OF_THREE, &[9], 0));
    server.start(7, 99);
    assert_eq!(server.hear(1, looking(4, 2, 5, 3)), None);
    assert_eq!(server.wait(1000), None, "one of three");
    assert_eq!(server.hear(2, looking(4, 2, 5, 3)), None);
    assert_eq!(server.hear(3, looking(4, 2, 5, 3)), Some(Decision::Follow(ServerId(3))));
}

#[test]
fn observers_that_asked_are_told_as_soon_as_it_is_decided() {
    let mut server = Server::new(3, &text(&OF_THREE, &[9], 0));
    server.start(0, 9);
    server.hear(9, looking(1, i64::MIN, i64::MIN, i64::MIN));
    server.hear(1, looking(1, 0, 9, 3));
    assert_eq!(server.hear(2, looking(1, 0, 9, 3)), Some(Decision::Lead));
    assert_eq!(server.told(), [(9, (PeerState::Leading, 1, 0, 9, 3))]);
}

#[test]
fn an_answer_is_not_answered() {
    let mut server = Server::looking(3, &OF_THREE, 0, 9);
    for state in [PeerState::Following, PeerState::Leading, PeerState::Observing] {
        server.hear(77, vote(state, 1, 0, 9, 3));
        assert_eq!(server.told(), []);
    }
}

#[test]
fn hc_11_votes_for_or_from_strangers_are_ignored() {
    let mut server = Server::looking(1, &OF_THREE, 0, 9);
    assert_eq!(server.hear(2, looking(1, 9, 99, 42)), None);
    assert_eq!(server.told(), []);
    assert_eq!(server.hear(42, looking(8, 9, 99, 3)), None);
    assert_eq!(server.told(), [(42, (PeerState::Looking, 1, 0, 9, 1))]);
    for from in [2, 3] {
        assert_eq!(server.hear(from, following(1, 9, 99, 42)), None);
    }
    assert_eq!(server.hear(42, leading(1, 9, 99, 42)), None);
    assert_eq!((server.wait(5000), server.election.round()), (None, 1));
}

#[test]
fn hc_12_a_server_without_weight_supports_others_and_is_never_elected() {
    let members = text(&OF_THREE, &[], 0);
    let grouped =
        members.replace("version=0", "group.1=1:2:3\nweight.1=1\nweight.2=1\nweight.3=0\nversion=0");
    let mut weightless = Server::new(3, &grouped);
    weightless.start(5, 99);
    assert_eq!(weightless.hear(1, looking(1, 0, 9, 1)), None);
    assert_eq!(weightless.told()[0].1, (PeerState::Looking, 1, 0, 9, 1), "anybody is better");
    let mut server = Server::new(2, &grouped);
    server.start(0, 9);
    assert_eq!(server.hear(3, looking(1, 5, 99, 3)), None);
    assert_eq!(server.told(), [], "not adopted");
    assert_eq!(server.hear(3, looking(1, 0, 9, 2)), None);
    assert_eq!(server.wait(5000), None, "no weight behind it");
    assert_eq!(server.hear(1, looking(1, 0, 9, 2)), Some(Decision::Lead));
}

#[test]
fn hc_13_a_server_whose_data_may_be_missing_helps_nobody_to_be_elected() {
    let mut wiped = Server::looking(2, &OF_THREE, 0, -1);
    assert_eq!(wiped.told()[0].1, (PeerState::Looking, 1, 0, -1, 2));
    assert_eq!(wiped.hear(3, looking(1, 0, 5, 3)), None);
    assert_eq!(wiped.told(), [], "no vote for it");
    assert_eq!(wiped.wait(5000), None);
    let mut lagging = Server::looking(3, &OF_THREE, 0, 5);
    assert_eq!(lagging.hear(2, looking(1, 0, -1, 2)), None);
    assert_eq!(lagging.hear(2, looking(4, 0, -1, 3)), None);
    assert_eq!((lagging.wait(5000), lagging.election.round()), (None, 1));
}

#[test]
fn hc_13_a_server_whose_data_may_be_missing_finds_an_existing_leader() {
    let mut wiped = Server::looking(2, &OF_THREE, 0, -1);
    assert_eq!(wiped.hear(3, leading(1, 1, 5, 3)), None);
    assert_eq!(wiped.hear(1, following(1, 1, 5, 3)), Some(Decision::Follow(ServerId(3))));
    let mut named = Server::looking(2, &OF_THREE, 0, -1);
    for from in [1, 3] {
        assert_eq!(named.hear(from, following(1, 0, -1, 2)), None, "not even if others already follow");
    }
    assert_eq!(named.wait(5000), None);
}

#[test]
fn hc_14_old_layouts_vote() {
    let bytes = looking(1, 0, 9, 3).to_bytes();
    let mut server = Server::looking(3, &OF_THREE, 0, 9);
    assert_eq!(server.hear(1, Notification::decode(&bytes[..28]).unwrap()), None);
    assert_eq!(server.hear(2, Notification::decode(&bytes[..40]).unwrap()), Some(Decision::Lead));
}

#[test]
fn hc_14_an_ensemble_of_mixed_layouts_is_joined() {
    let mut server = Server::looking(1, &OF_THREE, 0, 9);
    let old = Notification::decode(&following(4, 0, 9, 3).to_bytes()[..28]).unwrap();
    assert_eq!(server.hear(2, old), None);
    assert_eq!(server.hear(3, leading(4, 2, 9, 3)), Some(Decision::Follow(ServerId(3))));
}

#[test]
fn hc_15_votes_from_outside_a_round_do_not_decide_it() {
    let mut server = Server::looking(3, &OF_FIVE, 0, 9);
    server.start(0, 9);
    assert_eq!(server.hear(1, looking(2, 0, 9, 3)), None);
    assert_eq!(server.hear(2, following(1, 0, 9, 3)), None);
    assert_eq!(server.wait(5000), None, "two votes of this round");
    let mut server = Server::looking(1, &OF_FIVE, 0, 9);
    assert_eq!(server.hear(5, leading(9, 4, 9, 5)), None);
    assert_eq!(server.hear(4, following(1, 0, 9, 5)), None);
    assert_eq!(server.hear(3, following(1, 0, 9, 5)), None);
    assert_eq!(server.hear(2, following(1, 0, 9, 5)), None, "it leads, but not in that round");
}

#[test]
fn nothing_is_said_before_a_start_and_after_resigning() {
    let mut server = Server::new(3, &text(&OF_THREE, &[], 0));
    assert_eq!(server.hear(1, looking(1, 0, 9, 1)), None);
    assert_eq!(server.hear(77, looking(1, 0, 9, 1)), None);
    server.start(0, 9);
    server.link(1, false);
    assert_eq!(server.hear(2, looking(1, 0, 9, 3)), Some(Decision::Lead));
    server.election.resign();
    server.hear(2, looking(2, 0, 9, 2));
    assert_eq!(server.told(), []);
    server.start(0, 9);
    assert_eq!(server.election.round(), 2);
}

#[test]
fn two_memberships_in_force_have_to_agree_both() {
    let (old, new) = (text(&OF_THREE, &[], 1), text(&[3, 4, 5], &[], 2));
    let mut server = Server::new(3, &old);
    server.election.set_config(config(&old), Some(config(&new)));
    server.start(0, 9);
    assert_eq!(server.told().iter().map(|(to, _)| *to).collect::<Vec<_>>(), [1, 2, 4, 5]);
    for from in [1, 2] {
        assert_eq!(server.hear(from, looking(1, 0, 9, 3)), None);
    }
    assert_eq!(server.wait(5000), None, "a quorum of the old one");
    assert_eq!(server.hear(4, looking(1, 0, 9, 3)), None);
    assert_eq!(server.hear(5, looking(1, 0, 9, 3)), Some(Decision::Lead));
}

#[test]
fn a_membership_last_seen_that_is_not_newer_has_no_say() {
    let committed = text(&OF_THREE, &[], 2);
    let mut server = Server::new(3, &committed);
    server.election.set_config(config(&committed), Some(config(&text(&[4, 5], &[], 1))));
    server.start(0, 9);
    server.hear(1, looking(1, 0, 9, 3));
    assert_eq!(server.hear(2, looking(1, 0, 9, 3)), Some(Decision::Lead));
}

#[test]
fn notifications_carry_the_committed_membership() {
    let committed = text(&OF_THREE, &[9], 0x1_0000_0002);
    let mut server = Server::new(3, &committed);
    server.election.set_config(config(&committed), Some(config(&text(&OF_FIVE, &[], 0x2_0000_0000))));
    server.start(0, 9);
    for (_, vote) in &server.out {
        assert_eq!((vote.version, vote.config.as_deref()), (2, Some(&*committed)));
    }
}

#[test]
fn a_newer_membership_is_offered_once_and_its_sender_waits_for_the_next_search() {
    let mut server = Server::looking(3, &OF_THREE, 0, 9);
    let newer = text(&OF_FIVE, &[], 7);
    let with_config = |text: &str| Notification { config: Some(text.into()), ..looking(1, 0, 99, 2) };
    assert_eq!(server.hear(2, with_config(&newer)), None);
    assert_eq!(server.told(), [], "nothing is done under the old one");
    assert_eq!(server.election.take_newer_config(), Some(config(&newer)));
    server.hear(2, with_config(&newer));
    assert_eq!(server.election.take_newer_config(), None);
    assert_eq!(server.told()[0].1, (PeerState::Looking, 1, 0, 99, 2), "the member did not want it");
}

#[test]
fn a_newer_membership_of_the_same_members_does_not_cost_the_vote() {
    let mut server = Server::looking(3, &OF_THREE, 0, 9);
    let newer = text(&OF_THREE, &[], 7);
    server.hear(2, Notification { config: Some(newer.as_str().into()), ..looking(1, 0, 99, 2) });
    assert_eq!(server.election.take_newer_config(), Some(config(&newer)));
    assert_eq!(server.told()[0].1, (PeerState::Looking, 1, 0, 99, 2));
}

#[test]
fn memberships_that_are_older_or_make_no_sense_or_come_too_late_are_not_offered() {
    let mut server = Server::looking(3, &OF_THREE, 0, 9);
    let hear = |server: &mut Server, from, text: &str| {
        server.hear(from, Notification { config: Some(text.into()), ..looking(1, 0, 9, 3) });
        server.election.take_newer_config()
    };
    for bad in
        ["", "version=9", "server.1=x\nversion=9", "\u{fffd}", &text(&[], &[1], 9), &text(&OF_FIVE, &[], 0)]
    {
        assert_eq!(hear(&mut server, 1, bad), None, "{bad}");
    }
    assert_eq!(hear(&mut server, 2, ""), None);
    assert_eq!(hear(&mut server, 1, &text(&OF_FIVE, &[], 9)), None, "it leads by now");
}

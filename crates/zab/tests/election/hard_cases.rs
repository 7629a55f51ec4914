//! Situations that broke elections before, from the side of one server.

use crate::network::Random;
use crate::server::{OF_FIVE, OF_THREE, Server, following, leading, looking, text, vote};
use proto::peer::{Notification, PeerState};
use zab::{Decision, ServerId};

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
    server.lose(3);
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
fn hc_04_a_leader_that_still_looks_is_not_joined_at_once() {
    let mut server = Server::looking(1, &OF_FIVE, 0, 9);
    server.hear(5, looking(1, 0, 9, 5));
    for from in [2, 3] {
        assert_eq!(server.hear(from, following(1, 0, 9, 5)), None);
    }
    assert_eq!(server.wait(200), Some(Decision::Follow(ServerId(5))), "by the votes of the round");
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
    server.lose(1);
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
    server.lose(1);
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
fn hc_05_who_missed_a_vote_because_it_still_had_a_leader_is_told_again_at_once() {
    let mut server = Server::new(2, &text(&OF_THREE, &[], 0));
    server.start(0, 9);
    server.told();
    assert_eq!(server.hear(1, looking(1, 0, 9, 1)), None);
    assert_eq!(server.told(), [(1, (PeerState::Looking, 1, 0, 9, 2))]);
    assert_eq!(server.hear(1, looking(1, 0, 9, 2)), None);
    assert_eq!(server.told(), [], "it knows now");
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
    assert_eq!(
        server.told(),
        [(3, (PeerState::Looking, 1, 0, 9, 2))],
        "not adopted, but told of a better one"
    );
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
fn hc_15_votes_of_a_round_do_not_outlive_it() {
    let mut server = Server::looking(1, &OF_FIVE, 0, 9);
    assert_eq!(server.hear(5, leading(1, 3, 9, 5)), None);
    assert_eq!(server.hear(2, following(1, 3, 9, 5)), None);
    assert_eq!(server.hear(4, looking(2, 0, 0, 4)), None);
    assert_eq!(server.hear(3, following(2, 4, 9, 5)), None);
    assert_eq!(server.hear(5, leading(2, 4, 9, 5)), None);
    assert_eq!(server.hear(2, following(2, 4, 9, 5)), Some(Decision::Follow(ServerId(5))));
}

#[test]
fn hc_162_no_notification_makes_it_fail() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut server = Server::new(random.pick(&[1, 2, 3, 9]), &text(&OF_THREE, &[9], 5));
        let longs = [i64::MIN, i64::MIN + 1, -1, 0, 1, 2, 3, 9, i64::MAX - 1, i64::MAX];
        let states = [PeerState::Looking, PeerState::Following, PeerState::Leading, PeerState::Observing];
        let texts =
            ["", "version=", "version=7fffffffffffffff", &text(&OF_FIVE, &[], i64::MAX), "server.=\n\0"];
        for _ in 0..300 {
            let mut long = || random.pick(&longs);
            let [from, round, epoch, zxid, leader] = [long(), long(), long(), long(), long()];
            let config = Some(random.pick(&texts).into());
            let version = random.pick(&[i32::MIN, 0, 1, 2, i32::MAX]);
            let hostile =
                Notification { config, version, ..vote(random.pick(&states), round, epoch, zxid, leader) };
            server.hear(from, hostile);
            match random.below(5) {
                0 => drop(server.link(from, random.below(2) == 0)),
                1 => drop(server.wait(random.pick(&[0, 1, 200, 70_000]))),
                2 => server.start(random.pick(&[0, 1, u32::MAX]), random.pick(&longs)),
                _ => {}
            }
            assert!(server.out.iter().all(|(_, vote)| vote.config.is_some()));
        }
    }
}

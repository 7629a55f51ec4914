//! The rules of one election: whom a server votes for, when it decides, and what it tells others.

use crate::server::{OF_FIVE, OF_THREE, Server, looking, text, vote};
use proto::peer::PeerState;
use zab::{Decision, ServerId};

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
    assert_eq!(server.lose(1), None);
    assert_eq!(server.hear(2, looking(1, 0, 9, 3)), Some(Decision::Lead));
    let mut server = Server::looking(3, &OF_THREE, 0, 9);
    server.link(1, true);
    assert_eq!(server.hear(2, looking(1, 0, 9, 3)), None);
    assert_eq!(server.link(1, false), Some(Decision::Lead), "learned during the wait");
}

#[test]
fn a_voter_that_was_never_reached_is_waited_for() {
    for is_refused in [false, true] {
        let mut server = Server::looking(3, &OF_THREE, 0, 9);
        if is_refused {
            server.link(1, false);
        }
        assert_eq!(server.hear(2, looking(1, 0, 9, 3)), None);
        assert_eq!(server.wait(199), None);
        assert_eq!(server.wait(1), Some(Decision::Lead));
    }
}

#[test]
fn a_voter_that_came_back_is_waited_for() {
    let mut server = Server::looking(3, &OF_THREE, 0, 9);
    server.lose(1);
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
fn nothing_is_said_before_a_start_and_after_resigning() {
    let mut server = Server::new(3, &text(&OF_THREE, &[], 0));
    assert_eq!(server.hear(1, looking(1, 0, 9, 1)), None);
    assert_eq!(server.hear(77, looking(1, 0, 9, 1)), None);
    server.start(0, 9);
    server.lose(1);
    assert_eq!(server.hear(2, looking(1, 0, 9, 3)), Some(Decision::Lead));
    server.election.resign();
    server.hear(2, looking(2, 0, 9, 2));
    assert_eq!(server.told(), []);
    server.start(0, 9);
    assert_eq!(server.election.round(), 2);
}

//! The memberships of an election: those in force, and those that come with votes.

use crate::server::{OF_FIVE, OF_THREE, Server, config, following, leading, looking, text};
use proto::Zxid;
use proto::peer::{Notification, PeerState};
use zab::{Decision, ServerId};

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

#[test]
fn hc_139_who_votes_only_in_the_next_membership_names_nobody_and_its_round_counts() {
    let (old, new) = (text(&OF_THREE, &[], 1), text(&[3, 4, 5], &[], 2));
    let both = |id| {
        let mut server = Server::new(id, &old);
        server.election.set_config(config(&old), Some(config(&new)));
        server
    };
    let mut joiner = both(4);
    joiner.start(0, 9);
    let (_, undecided) = joiner.out.iter().find(|(to, _)| to.0 == 3).unwrap().clone();
    assert_eq!((undecided.leader, undecided.round), (i64::MIN, 1));
    let mut voter = both(3);
    voter.start(0, 9);
    voter.told();
    assert_eq!(voter.hear(4, Notification { round: 7, ..undecided }), None);
    assert_eq!(voter.election.round(), 7, "or the two would look past each other for ever");
    assert!(voter.told().contains(&(4, (PeerState::Looking, 7, 0, 9, 3))));
}

#[test]
fn who_is_in_no_membership_follows_without_a_vote() {
    let mut guest = Server::looking(9, &OF_THREE, 0, 9);
    guest.hear(2, following(1, 0, 9, 3));
    assert_eq!(guest.hear(3, leading(1, 0, 9, 3)), Some(Decision::Follow(ServerId(3))));
    guest.told();
    guest.hear(1, looking(1, 0, 0, 1));
    assert_eq!(guest.told(), [(1, (PeerState::Following, 1, 0, 9, 3))]);
}

#[test]
fn an_appointed_leader_is_named_to_those_who_look() {
    let mut server = Server::looking(1, &OF_THREE, 4, 9);
    server.told();
    server.election.appoint(ServerId(2), Zxid(11), 4);
    assert_eq!(server.election.take_decision(), None);
    server.hear(3, looking(1, 4, 9, 3));
    assert_eq!(server.told(), [(3, (PeerState::Following, 1, 4, 11, 2))]);
    server.election.appoint(ServerId(1), Zxid(11), 4);
    server.hear(3, looking(1, 4, 9, 3));
    assert_eq!(server.told()[0].1.0, PeerState::Leading);
}

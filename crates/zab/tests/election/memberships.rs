//! The memberships of an election: those in force, and those that come with votes.

use crate::server::{OF_FIVE, OF_THREE, Server, config, looking, text};
use proto::peer::{Notification, PeerState};
use zab::Decision;

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

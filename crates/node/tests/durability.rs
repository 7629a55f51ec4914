//! What a member says it has, it has: members whose disks are slow to answer, and packets that lie.

#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

#[path = "harness/cluster.rs"]
mod cluster;

use cluster::Cluster;
use node::Role;
use proto::Zxid;
use proto::peer::{Packet, PacketKind};

fn three() -> Cluster {
    let mut c = Cluster::new(3, 0);
    c.run_ms(1000);
    assert_eq!(c.role(3), Role::Leading);
    c
}

#[test]
fn hc_57_a_follower_applies_nothing_that_its_own_log_lacks() {
    let mut c = three();
    let client = c.connect(3);
    c.run_ms(100);
    c.hold_disk(1);
    let xid = c.create(client, "/a");
    c.run_ms(50);
    assert_eq!(c.err(client, xid), Some(0), "two of three have it");
    assert!(c.has(2, "/a") && !c.has(1, "/a"));
    c.release_disk(1);
    c.run_ms(50);
    assert!(c.has(1, "/a"));
}

#[test]
fn hc_50_a_follower_whose_disk_does_not_answer_acknowledges_nothing() {
    let mut c = three();
    let client = c.connect(3);
    c.run_ms(100);
    c.hold_disk(1);
    c.hold_disk(2);
    let xid = c.create(client, "/a");
    c.run_ms(100);
    assert_eq!(c.err(client, xid), None);
    assert!(!c.has(3, "/a"));
    c.release_disk(2);
    c.run_ms(100);
    assert_eq!(c.err(client, xid), Some(0));
}

#[test]
fn hc_27_30_a_server_does_not_vote_before_its_disk_has_what_it_would_speak_of() {
    let mut c = three();
    let client = c.connect(3);
    c.run_ms(100);
    c.hold_disk(1);
    c.create(client, "/a");
    c.run_ms(50);
    c.kill(3);
    c.run_ms(5000);
    assert_eq!((c.role(1), c.role(2)), (Role::Looking, Role::Looking), "one voice is no quorum");
    c.release_disk(1);
    c.run_ms(5000);
    assert!(c.node(1).status().serving && c.node(2).status().serving);
    assert!(c.has(1, "/a") && c.has(2, "/a"));
    assert_eq!(c.digest(1), c.digest(2));
}

#[test]
fn hc_22_23_the_new_leader_is_not_acknowledged_while_history_or_epoch_are_on_their_way() {
    let mut c = three();
    c.kill(2);
    c.kill(1);
    c.run_ms(5000);
    c.start(1);
    c.hold_disk(1);
    c.run_ms(1000);
    assert!(!c.node(3).status().serving, "the only follower has promised nothing durable");
    c.release_disk(1);
    c.run_ms(15_000);
    assert!(c.node(3).status().serving && c.node(1).status().serving);
}

#[test]
fn hc_33_a_sync_that_breaks_in_the_middle_advances_nothing() {
    let mut c = three();
    let client = c.connect(3);
    c.run_ms(100);
    c.create_ephemeral(client, "/mine");
    c.run_ms(50);
    c.kill(1);
    c.close_session(client);
    c.run_ms(100);
    assert!(!c.has(3, "/mine"));
    c.start(1);
    c.hold_disk(1);
    c.run_ms(20);
    c.isolate(1);
    c.run_ms(100);
    c.heal();
    c.run_ms(100);
    c.release_disk(1);
    c.run_ms(5000);
    assert!(c.node(1).status().serving);
    assert!(!c.has(1, "/mine"));
    assert_eq!(c.digest(1), c.digest(3));
}

#[test]
fn hc_37_111_a_tree_that_differs_from_the_leaders_is_noticed_at_its_transaction() {
    fn lie(to: i64, packet: &mut Packet) {
        if to == 1
            && packet.kind == PacketKind::Proposal
            && let Some(data) = &packet.data
        {
            let mut bytes = data.to_vec();
            *bytes.last_mut().unwrap() ^= 1;
            packet.data = Some(bytes.into());
        }
    }
    let mut c = three();
    let client = c.connect(3);
    c.run_ms(100);
    c.tamper = Some(lie);
    c.create(client, "/a");
    c.run_ms(100);
    let zxid = c.node(3).status().committed;
    assert_eq!(c.diverged, [(1, zxid)]);
    assert_eq!(c.node(1).status().diverged, 1);
}

#[test]
fn hc_60_a_proposal_that_cannot_be_read_is_not_logged_and_ends_the_link() {
    fn garble(to: i64, packet: &mut Packet) {
        if to == 1 && packet.kind == PacketKind::Proposal {
            packet.data = Some([0xff; 60].into());
        }
    }
    let mut c = three();
    let client = c.connect(3);
    c.run_ms(100);
    let before = c.node(1).status().last_logged;
    c.tamper = Some(garble);
    let xid = c.create(client, "/a");
    c.run_ms(100);
    assert_eq!(c.err(client, xid), Some(0), "the others go on");
    assert_eq!(c.node(1).status().last_logged, before);
    c.tamper = None;
    c.run_ms(5000);
    assert!(c.node(1).status().serving && c.has(1, "/a"));
}

#[test]
fn hc_42_epochs_count_once_they_are_on_disk() {
    let mut c = three();
    assert_eq!(c.node(1).status().accepted_epoch, 1);
    c.hold_disk(1);
    c.kill(3);
    c.run_ms(1000);
    let status = c.node(1).status();
    assert_eq!((status.accepted_epoch, status.current_epoch), (1, 1), "asked for, not durable");
    c.release_disk(1);
    c.run_ms(5000);
    let status = c.node(1).status();
    assert!(status.accepted_epoch >= 2 && status.current_epoch == status.accepted_epoch);
    assert!(status.committed >= Zxid::ZERO);
}

//! Changes of membership in a quiet ensemble: who joins, who leaves, who leads, and what is in force when
//! something breaks in between.

#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

#[path = "harness/cluster.rs"]
mod cluster;

use cluster::memberships::{
    ANY, agree, bulk, client, ensemble, file, joining, leaders, leaving, line, writes, written,
};
use cluster::{Cluster, Heard};
use node::{ConnId, Role};
use proto::stat::Stat;
use proto::{ErrorCode, Reader, Wire, Zxid};
use zab::{Change, Config, ServerId};

/// Asks for a change, waits, and returns the reply's code.
fn change(c: &mut Cluster, conn: ConnId, change: &Change<'_>) -> Option<i32> {
    let xid = c.reconfig(conn, change);
    c.run_ms(100);
    c.err(conn, xid)
}

#[test]
fn the_first_term_gives_the_membership_its_version_and_shows_it() {
    let c = ensemble(3, 1);
    let config = agree(&c, &[1, 2, 3, 4]);
    assert_eq!(config.version, Zxid::new(1, 0).0);
}

#[test]
fn hc_141_without_reconfig_the_file_of_each_server_is_its_membership() {
    let mut c = Cluster::new(3, 0);
    c.run_ms(1000);
    for id in [1, 2, 3] {
        assert_eq!(Config::parse(&c.shown(id)).unwrap().version, 0);
        assert_eq!(c.config_files(id), (None, None));
    }
    let conn = client(&mut c, 1);
    assert_eq!(change(&mut c, conn, &leaving("1")), Some(ErrorCode::ReconfigDisabled.code()));
    // The files change one by one, with restarts: three servers become four.
    for id in [1, 2, 3, 4] {
        if id < 4 {
            c.kill(id);
        }
        c.start_with(id, &file(&[1, 2, 3, 4], &[]));
        c.run_ms(8000);
        // Who needs three of four may have to wait for the others; they go on.
        let served = (1..=3).rev().find(|id| c.node(*id).status().serving).unwrap();
        writes(&mut c, served, &format!("/after-{id}"), &[served]);
    }
    assert_eq!(leaders(&c, &[1, 2, 3, 4]).len(), 1);
    writes(&mut c, 4, "/after-all", &[1, 2, 3, 4]);
    assert!((1..=4).all(|id| c.shown(id).contains("server.4=") && c.config_files(id) == (None, None)));
}

#[test]
fn a_joiner_learns_without_a_vote_and_votes_once_it_is_added() {
    for role in ["participant", "observer"] {
        let mut c = ensemble(3, 0);
        let own = format!("{}\n{}", file(&[1, 2, 3], &[]), line(4, role));
        c.start_with(4, &own);
        c.run_ms(2000);
        assert!(c.node(4).status().serving, "as {role}: {:?}", c.role(4));
        assert!(!c.config(4).contains("server.4="), "HC-138: the established membership counts for more");
        let conn = client(&mut c, 4);
        assert_eq!(change(&mut c, conn, &joining(&line(4, "participant"))), Some(0), "as {role}");
        c.run_ms(2000);
        let config = agree(&c, &[1, 2, 3, 4]);
        assert!(config.is_voter(ServerId(4)));
        // Two of four are no quorum, three are.
        c.kill(1);
        writes(&mut c, 4, "/three-of-four", &[2, 3, 4]);
        c.kill(2);
        c.run_ms(4000);
        assert_eq!(leaders(&c, &[3, 4]), []);
    }
}

#[test]
fn the_reply_has_the_text_and_the_stat_of_its_node() {
    let mut c = ensemble(3, 0);
    let conn = client(&mut c, 1);
    let watcher = client(&mut c, 2);
    c.get(watcher, "/zookeeper/config", true);
    let xid = c.reconfig(conn, &leaving("1"));
    c.run_ms(200);
    let reply = c.replies(conn).iter().find(|reply| reply.xid == xid).unwrap().clone();
    let mut from = Reader::new(&reply.body);
    let text = String::from_utf8(from.buffer().unwrap().unwrap().to_vec()).unwrap();
    let stat = Stat::decode(&mut from).unwrap();
    assert_eq!((stat.version, stat.mzxid, stat.data_length), (-1, reply.zxid, text.len() as i32));
    assert_eq!(Config::parse(&text).unwrap().version, reply.zxid);
    assert_eq!(agree(&c, &[1, 2, 3]).to_text(), text);
    assert!(c.heard(watcher).contains(&Heard::Event), "who watches the node hears of it");
}

#[test]
fn who_was_removed_stays_connected_without_a_vote() {
    let mut c = ensemble(3, 0);
    let conn = client(&mut c, 1);
    assert_eq!(change(&mut c, conn, &leaving("1")), Some(0));
    assert_eq!(c.role(1), Role::Following(ServerId(3)));
    writes(&mut c, 1, "/through-a-guest", &[1, 2, 3]);
    // The other two are all that is needed, and both are.
    c.kill(1);
    writes(&mut c, 2, "/two-of-two", &[2, 3]);
    c.start(1);
    c.run_ms(2000);
    agree(&c, &[1, 2, 3]);
    c.kill(2);
    c.run_ms(4000);
    assert_eq!(leaders(&c, &[1, 3]), [], "a guest does not count");
}

#[test]
fn hc_10_roles_change_and_the_new_ones_count() {
    let mut c = ensemble(3, 1);
    let conn = client(&mut c, 3);
    let swap = format!("{},{}", line(1, "observer"), line(4, "participant"));
    assert_eq!(change(&mut c, conn, &joining(&swap)), Some(0));
    c.run_ms(3000);
    agree(&c, &[1, 2, 3, 4]);
    assert_eq!((c.role(1), c.role(4)), (Role::Observing(ServerId(3)), Role::Following(ServerId(3))));
    c.kill(1);
    c.kill(2);
    writes(&mut c, 4, "/three-and-four", &[3, 4]);
}

#[test]
fn hc_143_a_leader_that_is_removed_hands_over_and_commits_nothing_more() {
    for how in [leaving("3"), joining("server.3=s3:2888:3888:observer;c3:2181")] {
        let mut c = ensemble(3, 0);
        let conn = client(&mut c, 1);
        c.reconfig(conn, &how);
        c.run_ms(600);
        agree(&c, &[1, 2]);
        assert_eq!(leaders(&c, &[1, 2, 3]).len(), 1, "and soon");
        assert_ne!(leaders(&c, &[1, 2, 3]), [3]);
        c.run_ms(3000);
        agree(&c, &[1, 2, 3]);
        assert_eq!(c.node(1).status().current_epoch, 2, "one more term, no more");
        writes(&mut c, 3, "/through-the-old-leader", &[1, 2, 3]);
    }
}

#[test]
fn hc_143_a_successor_that_fails_is_replaced_by_an_election() {
    let mut c = ensemble(5, 0);
    let conn = client(&mut c, 1);
    c.reconfig(conn, &leaving("5"));
    for _ in 0..200 {
        c.run_ms(1);
        if let Some(successor) = (1..5).find(|id| c.role(*id) == Role::Leading) {
            c.kill(successor);
            break;
        }
    }
    c.run_ms(6000);
    let alive: Vec<i64> = (1..=4).filter(|id| c.is_running(*id)).collect();
    assert_eq!(alive.len(), 3, "somebody was appointed");
    let config = agree(&c, &alive);
    assert!(!config.members.contains_key(&ServerId(5)));
    writes(&mut c, alive[0], "/goes-on", &alive);
}

#[test]
fn hc_146_hc_147_what_cannot_be_is_refused_and_changes_nothing() {
    let mut c = ensemble(3, 0);
    let conn = client(&mut c, 1);
    let before = agree(&c, &[1, 2, 3]);
    let stranger = line(9, "participant");
    let (four, five) = (written(&[3, 8, 9], &[]), written(&[1], &[2, 3]));
    for (asked, code) in [
        (Change { base: 5, ..Change::default() }, ErrorCode::BadVersion),
        (joining("server.4=s4:1:2"), ErrorCode::BadArguments),
        (joining("nonsense"), ErrorCode::BadArguments),
        (leaving("x"), ErrorCode::MarshallingError),
        (leaving("1,2"), ErrorCode::BadArguments),
        (leaving("1,2,3"), ErrorCode::BadArguments),
        (bulk("server.1=garbage"), ErrorCode::BadArguments),
        (bulk("clientPort=2181"), ErrorCode::BadArguments),
        (bulk(&five), ErrorCode::MarshallingError),
        (bulk(&four), ErrorCode::NewConfigNoQuorum),
    ] {
        assert_eq!(change(&mut c, conn, &asked), Some(code.code()), "{asked:?}");
    }
    assert_eq!(agree(&c, &[1, 2, 3]), before);
    // One who is not there may join as long as the others are enough.
    assert_eq!(change(&mut c, conn, &joining(&stranger)), Some(0));
    let next = agree(&c, &[1, 2, 3]);
    let base = Change { base: before.version, ..leaving("9") };
    assert_eq!(change(&mut c, conn, &base), Some(ErrorCode::BadVersion.code()));
    let base = Change { base: next.version, ..leaving("9") };
    assert_eq!(change(&mut c, conn, &base), Some(0));
}

#[test]
fn hc_144_a_change_without_a_difference_is_a_new_version_and_nothing_else() {
    let mut c = ensemble(3, 0);
    let conn = client(&mut c, 1);
    let before = agree(&c, &[1, 2, 3]);
    assert_eq!(change(&mut c, conn, &Change { base: ANY, ..Change::default() }), Some(0));
    let after = agree(&c, &[1, 2, 3]);
    assert!(after.version > before.version && after.members == before.members);
    assert!(c.is_open(conn), "nobody had to begin anew");
    assert_eq!(c.node(3).status().current_epoch, 1);
}

/// Three voters, and two servers that have joined without a vote; the next membership is {3, 4, 5}.
fn about_to_move() -> (Cluster, ConnId, String) {
    let mut c = ensemble(3, 0);
    for id in [4, 5] {
        c.start_with(id, &format!("{}\n{}", file(&[1, 2, 3], &[]), line(id, "participant")));
    }
    c.run_ms(2000);
    agree(&c, &[1, 2, 3, 4, 5]);
    let conn = client(&mut c, 3);
    (c, conn, written(&[3, 4, 5], &[]))
}

#[test]
fn hc_147_hc_148_while_a_change_is_pending_all_wait_for_both_quorums_in_order() {
    let (mut c, conn, next) = about_to_move();
    c.pause(4);
    c.pause(5);
    let (moved, written) = (c.reconfig(conn, &bulk(&next)), c.create(conn, "/behind"));
    let second = c.reconfig(conn, &leaving("1"));
    c.run_ms(300);
    assert_eq!((c.err(conn, moved), c.err(conn, written), c.err(conn, second)), (None, None, None));
    assert!(!c.has(1, "/behind"), "the old members have it, and that is not enough");
    c.resume(4);
    c.run_ms(100);
    let pending = Some(ErrorCode::ReconfigInProgress.code());
    assert_eq!((c.err(conn, moved), c.err(conn, written), c.err(conn, second)), (Some(0), Some(0), pending));
    let order: Vec<i32> = c.replies(conn).iter().map(|reply| reply.xid).filter(|xid| *xid > 0).collect();
    assert_eq!(order, [moved, written, second]);
    c.resume(5);
    c.run_ms(1000);
    let config = agree(&c, &[1, 2, 3, 4, 5]);
    assert_eq!(config.voters().map(|id| id.0).collect::<Vec<_>>(), [3, 4, 5]);
}

#[test]
fn hc_137_a_leader_that_loses_the_new_quorum_steps_down_and_the_next_completes() {
    let (mut c, conn, next) = about_to_move();
    c.pause(4);
    c.pause(5);
    c.reconfig(conn, &bulk(&next));
    c.run_ms(5000);
    assert_eq!(leaders(&c, &[1, 2, 3]), [], "the old quorum alone does not go on");
    assert!(c.config(3).contains("server.1="), "nor is the new membership in force");
    c.resume(4);
    c.resume(5);
    c.run_ms(6000);
    let config = agree(&c, &[1, 2, 3, 4, 5]);
    assert!(!config.members.contains_key(&ServerId(1)), "completed");
    writes(&mut c, 5, "/after", &[1, 2, 3, 4, 5]);
}

#[test]
fn hc_137_what_only_the_old_leader_staged_is_dropped() {
    let (mut c, conn, next) = about_to_move();
    for id in [1, 2, 4, 5] {
        c.pause(id);
    }
    c.reconfig(conn, &bulk(&next));
    c.run_ms(50);
    assert!(c.node(3).staged_membership().is_some());
    c.kill(3);
    for id in [1, 2, 4, 5] {
        c.drop_pending(id);
        c.resume(id);
    }
    c.run_ms(3000);
    agree(&c, &[1, 2, 4, 5]);
    c.start(3);
    c.run_ms(3000);
    let config = agree(&c, &[1, 2, 3, 4, 5]);
    assert!(config.members.contains_key(&ServerId(1)), "dropped");
}

#[test]
fn hc_139_a_crash_of_all_with_a_staged_membership_ends_in_one_membership() {
    for reached in [&[][..], &[1], &[1, 2], &[4], &[1, 4], &[1, 2, 4, 5], &[4, 5]] {
        let (mut c, conn, next) = about_to_move();
        for id in [1, 2, 4, 5].iter().filter(|id| !reached.contains(id)) {
            c.pause(*id);
        }
        let xid = c.reconfig(conn, &bulk(&next));
        c.run_ms(4);
        let answered = c.err(conn, xid) == Some(0);
        for id in 1..=5 {
            c.kill(id);
        }
        for id in 1..=5 {
            c.start(id);
        }
        c.run_ms(8000);
        let config = agree(&c, &[1, 2, 3, 4, 5]);
        let completed = !config.members.contains_key(&ServerId(1));
        assert!(completed || !answered, "{reached:?}: answered and lost");
        writes(&mut c, 4, "/after", &[1, 2, 3, 4, 5]);
    }
}

#[test]
fn hc_136_a_change_at_any_moment_of_a_joiners_synchronization_reaches_it() {
    for role in ["participant", "observer"] {
        for delay_ms in (0..400).step_by(7) {
            let mut c = ensemble(3, 0);
            let conn = client(&mut c, 1);
            for n in 0..3 {
                c.create(conn, &format!("/n{n}"));
            }
            c.run_ms(100);
            c.start_with(4, &format!("{}\n{}", file(&[1, 2, 3], &[]), line(4, role)));
            c.run_ms(delay_ms);
            // What is sent meanwhile comes at once, in the middle of whatever the joiner does.
            c.pause(4);
            assert_eq!(change(&mut c, conn, &joining(&line(4, "participant"))), Some(0));
            c.resume(4);
            c.run_ms(3000);
            let config = agree(&c, &[1, 2, 3, 4]);
            assert!(config.is_voter(ServerId(4)), "{role} after {delay_ms} ms");
            assert_eq!(c.role(4), Role::Following(ServerId(3)));
        }
    }
}

#[test]
fn a_server_that_was_away_during_changes_takes_them_over() {
    for wiped in [false, true] {
        let mut c = ensemble(3, 0);
        c.kill(1);
        let conn = client(&mut c, 2);
        for _ in 0..3 {
            assert_eq!(change(&mut c, conn, &Change { base: ANY, ..Change::default() }), Some(0));
        }
        assert_eq!(change(&mut c, conn, &joining(&line(1, "observer"))), Some(0));
        if wiped {
            c.wipe(1);
        }
        c.start(1);
        c.run_ms(3000);
        agree(&c, &[1, 2, 3]);
        assert_eq!(c.role(1), Role::Observing(ServerId(3)), "wiped: {wiped}");
    }
}

#[test]
fn groups_come_with_a_bulk_change_and_then_no_one_joins_by_name() {
    let mut c = ensemble(3, 0);
    let conn = client(&mut c, 1);
    let grouped = format!("{},group.1=1:2,group.2=3,weight.1=2", written(&[1, 2, 3], &[]));
    assert_eq!(change(&mut c, conn, &bulk(&grouped)), Some(0));
    let config = agree(&c, &[1, 2, 3]);
    assert_eq!(config.groups.len(), 2);
    let code = change(&mut c, conn, &joining(&line(4, "participant")));
    assert_eq!(code, Some(ErrorCode::BadArguments.code()));
    // Each group is needed; of the first, server 1 outweighs server 2.
    c.kill(2);
    writes(&mut c, 1, "/one-and-three", &[1, 3]);
}

#[test]
fn who_asks_for_a_change_of_its_own_server_gets_the_answer_first() {
    let mut c = ensemble(3, 1);
    let conn = client(&mut c, 4);
    assert_eq!(change(&mut c, conn, &joining(&line(4, "participant"))), Some(0));
    assert_eq!(c.heard(conn).last(), Some(&Heard::Closed), "and then the server begins anew");
    let conn = client(&mut c, 1);
    assert_eq!(change(&mut c, conn, &leaving("3")), Some(0), "the leader");
    let conn = client(&mut c, 1);
    assert_eq!(change(&mut c, conn, &joining(&line(1, "observer"))), Some(0));
    c.run_ms(1000);
    agree(&c, &[1, 2, 3, 4]);
}

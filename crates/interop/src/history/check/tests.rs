//! The judge has to notice each kind of lie, and believe the truth.

use super::*;
use crate::dump::Node;
use crate::wire::Acl;

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn op(times: (u64, u64), action: Action, outcome: Outcome, zxid: i64) -> Op {
    Op { session: 1, server: 1, called: at(times.0), returned: at(times.1), action, outcome, zxid }
}

fn state(value: &str, version: i32, mzxid: i64) -> Outcome {
    Outcome::State { value: value.to_owned(), version, mzxid }
}

fn write(times: (u64, u64), value: &str, version: i32, zxid: i64) -> Op {
    let action = Action::Write { key: "/k".to_owned(), value: value.to_owned(), expected: -1 };
    op(times, action, state(value, version, zxid), zxid)
}

fn lost(times: (u64, u64), value: &str) -> Op {
    let action = Action::Write { key: "/k".to_owned(), value: value.to_owned(), expected: -1 };
    op(times, action, Outcome::Unknown, 0)
}

fn read(times: (u64, u64), synced: bool, value: &str, version: i32, mzxid: i64) -> Op {
    op(times, Action::Read { key: "/k".to_owned(), synced }, state(value, version, mzxid), mzxid)
}

/// A session of its own for each, so that only what is meant to be wrong is.
fn of_strangers(mut history: History) -> History {
    history.iter_mut().enumerate().for_each(|(i, op)| op.session = i as i64);
    history
}

fn complaint(history: History, lenient: &[Id]) -> String {
    check(&history, lenient).expect_err("a lie").join("\n")
}

#[test]
fn concurrent_writes_may_take_either_order() {
    let history =
        of_strangers(vec![write((0, 1), "a", 0, 1), write((2, 9), "b", 2, 3), write((3, 8), "c", 1, 2)]);
    let summary = check(&history, &[]).expect("the truth");
    assert_eq!((summary.acknowledged, summary.gap), (3, at(7)));
}

#[test]
fn a_write_ordered_before_one_that_was_done_is_noticed() {
    let history = vec![write((0, 1), "a", 0, 1), write((2, 3), "b", 2, 3), write((4, 5), "c", 1, 2)];
    assert!(complaint(of_strangers(history), &[]).contains("wrong order"));
}

#[test]
fn one_zxid_for_two_writes_is_noticed() {
    let mut other = write((0, 1), "b", 0, 1);
    other.action = Action::Write { key: "/other".to_owned(), value: "b".to_owned(), expected: -1 };
    assert!(complaint(of_strangers(vec![write((0, 1), "a", 0, 1), other]), &[]).contains("one zxid"));
}

#[test]
fn a_version_without_a_writer_is_noticed_and_a_lost_answer_explains_it() {
    let history = vec![write((0, 1), "a", 0, 1), write((2, 3), "b", 2, 3)];
    assert!(complaint(history.clone(), &[]).contains("nobody wrote"));
    check(&[history, vec![lost((1, 2), "x")]].concat(), &[]).expect("it was the lost one");
}

#[test]
fn diverged_servers_are_noticed() {
    let history = vec![
        write((0, 1), "a", 0, 1),
        lost((1, 2), "b"),
        lost((1, 2), "c"),
        read((3, 4), false, "b", 1, 2),
        read((3, 4), false, "c", 1, 2),
    ];
    assert!(complaint(of_strangers(history), &[]).contains("for others"));
}

#[test]
fn a_stale_read_is_a_lie_after_sync_only_and_forgiven_to_some() {
    let stale =
        |synced| vec![write((0, 1), "a", 0, 1), write((2, 3), "b", 1, 2), read((4, 5), synced, "a", 0, 1)];
    assert!(complaint(of_strangers(stale(true)), &[2]).contains("stale after sync"));
    check(&of_strangers(stale(false)), &[]).expect("reads may be stale");
    check(&of_strangers(stale(true)), &[1]).expect("it did not know");
}

#[test]
fn what_one_read_saw_a_later_read_after_sync_sees_too() {
    let history = vec![
        write((0, 1), "a", 0, 1),
        lost((2, 3), "b"),
        read((3, 4), false, "b", 1, 2),
        read((5, 6), true, "a", 0, 1),
    ];
    assert!(complaint(of_strangers(history), &[]).contains("stale after sync"));
}

#[test]
fn a_session_never_goes_back() {
    let history = vec![write((0, 1), "a", 0, 1), write((2, 3), "b", 1, 2), read((4, 5), false, "a", 0, 1)];
    assert!(complaint(history, &[]).contains("was told of 0x2"));
}

#[test]
fn a_value_out_of_nowhere_is_noticed() {
    assert!(complaint(vec![read((0, 1), false, "x", 0, 1)], &[]).contains("nobody had written"));
    let early = vec![read((0, 1), false, "a", 0, 1), write((2, 3), "a", 0, 1)];
    assert!(complaint(early, &[]).contains("nobody had written"));
}

fn node(value: &str, version: i32, zxid: i64) -> Node {
    let stat = crate::wire::Stat { version, mzxid: zxid, czxid: zxid, ..crate::wire::Stat::default() };
    Node { data: Some(value.as_bytes().to_vec()), stat, acl: Acl::open() }
}

fn number(value: &str, outcome: Outcome, zxid: i64) -> Op {
    op((0, 1), Action::Number { value: value.to_owned() }, outcome, zxid)
}

#[test]
fn the_end_holds_all_that_was_acknowledged_and_nothing_invented() {
    let there = Outcome::Numbered { path: "/numbered/n-0".to_owned() };
    let history = vec![
        write((0, 1), "a", 0, 1),
        write((2, 3), "b", 1, 2),
        lost((2, 9), "c"),
        number("one", there, 3),
        number("two", Outcome::Unknown, 0),
    ];
    let tree = |register: Node, others: &[(&str, &str)]| {
        let mut tree = Tree::from([("/k".to_owned(), register)]);
        for (name, value) in others {
            tree.insert(format!("/numbered/{name}"), node(value, 0, 3));
        }
        check_tree(&history, &tree)
    };
    tree(node("b", 1, 2), &[("n-0", "one")]).expect("as acknowledged");
    tree(node("c", 2, 4), &[("n-0", "one"), ("n-1", "two")]).expect("with both unknown ones");
    tree(node("a", 0, 1), &[("n-0", "one")]).expect_err("the last write is lost");
    tree(node("b", 1, 2), &[]).expect_err("the numbered node is lost");
    tree(node("b", 1, 2), &[("n-0", "one"), ("n-1", "three")]).expect_err("nobody asked for three");
    tree(node("b", 1, 2), &[("n-0", "one"), ("n-1", "one")]).expect_err("done twice");
    tree(node("d", 3, 5), &[("n-0", "one")]).expect_err("more writes than were sent");
}

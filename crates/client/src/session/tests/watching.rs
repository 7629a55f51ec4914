//! Watches: set, fired, set again, taken away.

use super::headers;
use super::rig::Rig;
use crate::Error;
use crate::event::WatchedEvent;
use crate::session::{Effect, Notice, Registration, WatcherId};
use proto::request::{SetWatches, WatchesRequest};
use proto::watch::{EventType, WatcherKind};
use proto::{ErrorCode, OpCode, Reader, Wire, Zxid};

const CREATED: i32 = EventType::NodeCreated as i32;
const DATA: i32 = EventType::NodeDataChanged as i32;

fn ask(rig: &mut Rig, id: u64, by: Registration, path: &str) {
    let effect = Effect::Watch { id: WatcherId(id), by, path: path.to_owned(), wanted: true };
    rig.submit_as(id as u32, OpCode::AddWatch, None, effect);
}

/// A session in which each of these watches is set, by requests 1, 2, 3...
fn watching(watches: &[(u64, Registration, &str)]) -> Rig {
    let mut rig = Rig::up();
    for (xid, (id, by, path)) in watches.iter().enumerate() {
        ask(&mut rig, *id, *by, path);
        rig.reply(xid as i32 + 1, 10, 0);
    }
    rig.take_sent();
    rig.take_done();
    rig
}

fn event(kind: EventType, path: &str, zxid: Option<i64>) -> Notice {
    Notice::Event(WatchedEvent { kind, path: path.to_owned(), zxid: zxid.map(Zxid) })
}

fn removals(rig: &mut Rig) -> Vec<i32> {
    let sent = rig.take_sent();
    let kind = |frame: &Vec<u8>| WatchesRequest::decode(&mut Reader::new(&frame[12..])).unwrap().kind;
    assert!(headers(&sent).iter().all(|(_, op)| *op == OpCode::RemoveWatches.code()));
    sent.iter().map(kind).collect()
}

#[test]
fn a_watch_is_set_by_its_reply_and_what_exists_asks_decides_its_kind() {
    let mut rig = Rig::up();
    ask(&mut rig, 1, Registration::Exists, "/a");
    ask(&mut rig, 2, Registration::Data, "/a");
    ask(&mut rig, 3, Registration::Exists, "/b");
    rig.reply(1, 1, ErrorCode::NoNode.code());
    rig.reply(2, 1, ErrorCode::NoNode.code());
    rig.reply(3, 1, 0);
    rig.lose();
    rig.take_sent();
    rig.dialed();
    let sent = rig.take_sent();
    assert_eq!(headers(&sent[1..]), [(-8, OpCode::SetWatches.code())]);
    let set = SetWatches::decode(&mut Reader::new(&sent[1][12..])).unwrap();
    assert_eq!((set.exist, set.data, set.child), (vec!["/a".into()], vec!["/b".into()], vec![]));
    assert_eq!(set.relative_zxid, 1);
}

#[test]
fn a_reconnection_with_nothing_in_between_is_no_gap() {
    let mut rig = watching(&[(1, Registration::Persistent, "/a"), (2, Registration::Recursive, "/")]);
    rig.lose();
    rig.dialed();
    rig.greet(9000, 7);
    rig.reply(-8, 10, 0);
    assert_eq!(rig.take_notices(), []);
    rig.event(11, DATA, "/a");
    let told = event(EventType::NodeDataChanged, "/a", Some(11));
    assert_eq!(rig.take_notices(), [(1, told.clone()), (2, told)]);
}

#[test]
fn a_reconnection_with_transactions_in_between_is_told_to_lasting_watches() {
    let mut rig = watching(&[
        (1, Registration::Persistent, "/a"),
        (2, Registration::Recursive, "/"),
        (3, Registration::Data, "/a"),
    ]);
    rig.lose();
    rig.dialed();
    rig.greet(9000, 7);
    // The server compares for the one-shot kinds and fires what was missed, before its reply.
    rig.event(-1, DATA, "/a");
    rig.reply(-8, 12, 0);
    let told = event(EventType::NodeDataChanged, "/a", None);
    let expected = [(3, told.clone()), (1, told.clone()), (2, told), (1, Notice::Gap), (2, Notice::Gap)];
    assert_eq!(rig.take_notices(), expected);
}

#[test]
fn watches_that_a_server_does_not_set_again_are_tried_on_the_next() {
    let mut rig = watching(&[(1, Registration::Persistent, "/a")]);
    rig.lose();
    rig.dialed();
    rig.greet(9000, 7);
    rig.reply(-8, 12, ErrorCode::Unimplemented.code());
    assert_eq!(rig.take_hang_ups(), 1);
    assert!(!rig.state().is_connected());
}

#[test]
fn a_watch_whose_request_was_lost_is_not_set_again() {
    let mut rig = Rig::up();
    ask(&mut rig, 1, Registration::Persistent, "/a");
    rig.lose();
    assert_eq!(rig.take_done(), [(1, Err(Error::ConnectionLost))]);
    rig.take_sent();
    rig.dialed();
    assert_eq!(rig.take_sent().len(), 1, "the handshake alone");
}

#[test]
fn the_last_watcher_that_goes_takes_the_servers_watch_with_it() {
    let mut rig = watching(&[
        (1, Registration::Recursive, "/a"),
        (2, Registration::Recursive, "/a"),
        (3, Registration::Data, "/b"),
    ]);
    rig.forget(1);
    rig.forget(3);
    assert_eq!(removals(&mut rig), [0; 0], "another needs it; one-shot ones go by themselves");
    rig.forget(2);
    assert_eq!(removals(&mut rig), [WatcherKind::PersistentRecursive as i32]);
    rig.event(11, CREATED, "/a");
    assert_eq!(rig.take_notices(), []);
}

#[test]
fn servers_before_3_9_are_asked_to_remove_everything_when_nothing_else_is_watched() {
    let refused = ErrorCode::MarshallingError.code();
    let mut rig = watching(&[(1, Registration::Recursive, "/a")]);
    rig.forget(1);
    assert_eq!(removals(&mut rig), [5]);
    rig.reply(2, 10, refused);
    assert_eq!(removals(&mut rig), [WatcherKind::Any as i32]);
    rig.reply(3, 10, refused);
    assert_eq!(removals(&mut rig), [0; 0], "there is nothing else to try");

    let mut rig = watching(&[(1, Registration::Recursive, "/a"), (2, Registration::Data, "/a")]);
    rig.forget(1);
    assert_eq!(removals(&mut rig), [5]);
    rig.reply(3, 10, refused);
    assert_eq!(removals(&mut rig), [0; 0], "it would take the other one too");
}

#[test]
fn a_watch_that_is_being_set_keeps_the_servers_watch() {
    let mut rig = watching(&[(1, Registration::Persistent, "/a")]);
    ask(&mut rig, 2, Registration::Persistent, "/a");
    rig.take_sent();
    // Removing it now would come after the other's request, and take it away silently.
    rig.forget(1);
    assert_eq!(removals(&mut rig), [0; 0]);
    rig.reply(2, 10, 0);
    rig.event(11, DATA, "/a");
    assert_eq!(rig.take_notices(), [(2, event(EventType::NodeDataChanged, "/a", Some(11)))]);
}

#[test]
fn a_watcher_that_goes_before_its_reply_leaves_nothing_behind() {
    let mut rig = Rig::up();
    ask(&mut rig, 1, Registration::Persistent, "/a");
    ask(&mut rig, 2, Registration::Data, "/b");
    rig.take_sent();
    rig.forget(1);
    rig.forget(2);
    assert_eq!(removals(&mut rig), [0; 0]);
    rig.reply(1, 10, 0);
    assert_eq!(removals(&mut rig), [WatcherKind::Persistent as i32]);
    rig.reply(2, 10, 0);
    rig.event(11, DATA, "/a");
    rig.event(11, DATA, "/b");
    assert_eq!(rig.take_notices(), []);
}

#[test]
fn a_watcher_that_goes_while_watches_are_set_again_leaves_nothing_behind() {
    let mut rig = watching(&[(1, Registration::Persistent, "/a")]);
    rig.lose();
    rig.dialed();
    rig.forget(1);
    rig.greet(9000, 7);
    rig.take_sent();
    rig.reply(-8, 10, 0);
    assert_eq!(removals(&mut rig), [WatcherKind::Persistent as i32]);
}

#[test]
fn removal_on_request_ends_the_watchers_once_the_server_has_agreed() {
    let mut rig = watching(&[(1, Registration::Persistent, "/a"), (2, Registration::Data, "/a")]);
    let remove = || Effect::Unwatch { path: "/a".to_owned(), kind: WatcherKind::Any };
    rig.submit_as(7, OpCode::RemoveWatches, None, remove());
    rig.reply(3, 10, ErrorCode::NoWatcher.code());
    assert_eq!(rig.take_notices(), []);
    rig.submit_as(8, OpCode::RemoveWatches, None, remove());
    rig.reply(4, 10, 0);
    assert_eq!(rig.take_notices(), [(2, Notice::Removed), (1, Notice::Removed)]);
}

#[test]
fn the_end_of_a_session_is_told_to_every_watcher() {
    let mut rig = watching(&[(1, Registration::Persistent, "/a"), (2, Registration::Data, "/a")]);
    rig.lose();
    while !rig.session.is_over() {
        rig.pass_to_deadline();
        if rig.is_dialing() {
            rig.fail();
        }
    }
    let over = Notice::Over(Error::SessionExpired);
    assert_eq!(rig.take_notices(), [(1, over.clone()), (2, over)]);
}

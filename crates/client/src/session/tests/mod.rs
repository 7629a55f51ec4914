//! The session without sockets: every input by hand, time as a number.

mod closing;
mod rig;
mod watching;

use super::Input;
use crate::state::SessionState;
use crate::{Error, Outcome};
use proto::connect::{ConnectRequest, ConnectResponse};
use proto::request::RequestHeader;
use proto::{ErrorCode, OpCode, Reader, SessionId, Wire, Zxid};
use rig::{MS, Rig, SECOND};
use std::time::Duration;

fn greeting(frame: &[u8]) -> ConnectRequest<'_> {
    ConnectRequest::decode(&mut Reader::new(&frame[4..])).unwrap()
}

fn headers(frames: &[Vec<u8>]) -> Vec<(i32, i32)> {
    let header = |frame: &Vec<u8>| RequestHeader::decode(&mut Reader::new(&frame[4..])).unwrap();
    frames.iter().map(header).map(|header| (header.xid, header.kind)).collect()
}

#[test]
fn requests_wait_for_the_answer_to_the_handshake_and_go_in_order() {
    let mut rig = Rig::new();
    rig.submit(1, OpCode::GetData);
    rig.dialed();
    rig.submit(2, OpCode::SetData);
    assert_eq!(rig.take_sent().len(), 1, "only the handshake");
    rig.greet(9000, 7);
    rig.submit(3, OpCode::Exists);
    let sent = headers(&rig.take_sent());
    assert_eq!(sent, [(1, OpCode::GetData.code()), (2, OpCode::SetData.code()), (3, OpCode::Exists.code())]);
    rig.reply(1, 10, 0);
    rig.reply(2, 11, ErrorCode::BadVersion.code());
    rig.reply(3, 11, 0);
    let outcomes: Vec<_> = rig.take_done().into_iter().map(|(token, result)| (token, result.err())).collect();
    assert_eq!(outcomes, [(1, None), (2, Some(Error::Refused(ErrorCode::BadVersion))), (3, None)]);
}

#[test]
fn hc_156_the_read_only_byte_is_sent_and_not_needed_in_the_answer() {
    let mut rig = Rig::new();
    rig.dialed();
    let sent = rig.take_sent();
    assert_eq!(greeting(&sent[0]).read_only, Some(false));
    assert_eq!(sent[0].len(), 4 + 45);
    rig.answer(&ConnectResponse {
        protocol_version: 0,
        timeout_ms: 9000,
        session_id: SessionId(7),
        password: vec![1; 16],
        read_only: None,
    });
    assert!(rig.state().is_connected());
}

#[test]
fn hc_149_a_new_server_is_told_the_newest_transaction_seen_in_any_reply() {
    let mut rig = Rig::up();
    rig.submit(1, OpCode::GetData);
    rig.reply(1, 0x30_0000_0007, 0);
    // Of events and heartbeats it is not known whether everything before them has been shown.
    rig.event(0x30_0000_0009, 3, "/a");
    rig.reply(-2, 0x30_0000_0009, 0);
    rig.lose();
    rig.dialed();
    let sent = rig.take_sent();
    let request = greeting(sent.last().unwrap());
    assert_eq!((request.last_zxid_seen, request.session_id), (Zxid(0x30_0000_0007), SessionId(7)));
    assert_eq!(request.password, Some(&[1; 16][..]));
}

#[test]
fn hc_150_a_session_that_no_server_grants_is_asked_for_without_end() {
    let mut rig = Rig::new();
    rig.submit(1, OpCode::GetData);
    let mut attempts = 0;
    while rig.now < 3600 * SECOND {
        rig.pass_to_deadline();
        if rig.is_dialing() {
            attempts += 1;
            // By turns: no connection, a connection that breaks, a server that grants nothing, no answer.
            match attempts % 4 {
                0 => rig.fail(),
                1 => {
                    rig.dialed();
                    rig.fail();
                }
                2 => {
                    rig.dialed();
                    rig.answer(&ConnectResponse::refused(Some(false)));
                }
                _ => rig.dialed(),
            }
        }
    }
    assert!(attempts > 500, "{attempts}");
    assert_eq!(rig.state(), SessionState::Connecting);
    assert!(rig.take_done().is_empty());
}

#[test]
fn hc_150_the_wait_for_a_session_ends_when_told_so() {
    let mut rig = Rig::with(|settings| settings.establish_within = Some(5 * SECOND));
    rig.submit(1, OpCode::Create);
    while !rig.session.is_over() {
        rig.pass_to_deadline();
    }
    assert_eq!(rig.now, 5 * SECOND);
    assert_eq!(rig.state(), SessionState::NotEstablished);
    let done = rig.take_done();
    assert_eq!(done, [(1, Err(Error::NotEstablished))]);
    assert_eq!(Error::NotEstablished.outcome(), Outcome::DidNotHappen);
}

#[test]
fn hc_150_a_session_expires_here_when_all_servers_are_gone_for_longer() {
    let mut rig = Rig::up();
    rig.lose();
    rig.submit(1, OpCode::Create);
    while !rig.session.is_over() {
        rig.pass_to_deadline();
        if rig.is_dialing() {
            rig.fail();
        }
    }
    // A timeout of 9 s, four thirds of it.
    assert_eq!(rig.now, 12 * SECOND);
    assert_eq!(rig.take_states(), [SessionState::Disconnected, SessionState::Expired]);
    assert_eq!(rig.take_done(), [(1, Err(Error::SessionExpired))]);
    rig.submit(2, OpCode::GetData);
    assert_eq!(rig.take_done(), [(2, Err(Error::SessionExpired))]);
    assert_eq!(rig.session.next_deadline(), None);
}

#[test]
fn a_refused_session_has_expired() {
    let mut rig = Rig::up();
    rig.lose();
    rig.dialed();
    rig.answer(&ConnectResponse::refused(Some(false)));
    assert_eq!(rig.take_states(), [SessionState::Disconnected, SessionState::Expired]);
}

#[test]
fn hc_151_a_request_ends_exactly_when_its_time_is_over() {
    let mut rig = Rig::up();
    rig.submit_until(1, OpCode::SetData, 250 * MS);
    rig.submit_until(2, OpCode::SetData, 100 * MS);
    rig.submit(3, OpCode::GetData);
    assert_eq!(rig.session.next_deadline(), Some(100 * MS));
    rig.pass_to(100 * MS - Duration::from_nanos(1));
    assert!(rig.take_done().is_empty());
    rig.pass_to(100 * MS);
    assert_eq!(rig.take_done(), [(2, Err(Error::TimedOut(Outcome::MayHaveHappened)))]);
    rig.pass_to(250 * MS);
    assert_eq!(rig.take_done(), [(1, Err(Error::TimedOut(Outcome::MayHaveHappened)))]);
    // The late replies meet the places that were left for them, and disturb nobody.
    rig.reply(1, 1, 0);
    rig.reply(2, 2, 0);
    rig.reply(3, 2, 0);
    assert!(matches!(rig.take_done()[..], [(3, Ok(_))]));
    assert!(rig.state().is_connected());
}

#[test]
fn hc_151_a_request_that_was_never_sent_certainly_did_not_happen() {
    let mut rig = Rig::new();
    rig.submit_until(1, OpCode::Create, 40 * MS);
    rig.submit(2, OpCode::Create);
    rig.pass_to(40 * MS);
    assert_eq!(rig.take_done(), [(1, Err(Error::TimedOut(Outcome::DidNotHappen)))]);
    rig.dialed();
    rig.take_sent();
    rig.greet(9000, 7);
    assert_eq!(rig.take_sent().len(), 1, "the one that timed out is not sent any more");
}

#[test]
fn hc_152_what_waits_belongs_to_one_connection() {
    let mut rig = Rig::up();
    let old = rig.generation();
    rig.submit(1, OpCode::Create);
    rig.submit(2, OpCode::GetData);
    rig.lose();
    assert_eq!(rig.take_done(), [(1, Err(Error::ConnectionLost)), (2, Err(Error::ConnectionLost))]);
    rig.submit(3, OpCode::Delete);
    rig.dialed();
    rig.greet(9000, 7);
    assert_ne!(rig.generation(), old);
    // A reply of the old connection, with a number that the new one uses too; and its end.
    rig.reply_on(old, 1, 50, 0);
    rig.step(Input::Failed { generation: old });
    assert!(rig.take_done().is_empty());
    rig.reply(1, 51, 0);
    assert!(matches!(rig.take_done()[..], [(3, Ok(_))]));
}

#[test]
fn hc_152_a_reply_to_another_request_ends_the_connection() {
    let mut rig = Rig::up();
    rig.submit(1, OpCode::GetData);
    rig.submit(2, OpCode::GetData);
    rig.reply(2, 1, 0);
    assert_eq!(rig.take_done(), [(1, Err(Error::ConnectionLost)), (2, Err(Error::ConnectionLost))]);
    assert_eq!(rig.state(), SessionState::Disconnected);
}

#[test]
fn hc_158_numbers_of_requests_wrap_and_replies_follow() {
    let mut rig = Rig::up();
    rig.number_from(i32::MAX);
    rig.submit(1, OpCode::GetData);
    rig.submit(2, OpCode::GetData);
    assert_eq!(headers(&rig.take_sent()).iter().map(|(xid, _)| *xid).collect::<Vec<_>>(), [i32::MAX, 1]);
    rig.reply(i32::MAX, 1, 0);
    rig.reply(1, 1, 0);
    assert!(matches!(rig.take_done()[..], [(1, Ok(_)), (2, Ok(_))]));
}

#[test]
fn hc_159_a_read_only_server_is_left_for_a_writable_one() {
    let mut rig = Rig::with(|settings| settings.read_only = true);
    rig.dialed();
    assert_eq!(greeting(&rig.take_sent()[0]).read_only, Some(true));
    rig.greet_read_only(9000, 99);
    let SessionState::Connected(connection) = rig.state() else { panic!("connected") };
    assert!(connection.read_only);
    // It looks again and again, with growing pauses, as long as it is there.
    let mut looks = Vec::new();
    while rig.now < 5 * SECOND {
        rig.pass_to_deadline();
        if rig.take_probes() > 0 {
            looks.push(rig.now.as_millis());
        }
        rig.reply(-2, 0, 0);
    }
    assert_eq!(looks[..4], [100, 300, 700, 1500]);
    rig.step(Input::Writable { generation: rig.generation() });
    assert_eq!(rig.state(), SessionState::Connecting);
    rig.dialed();
    let sent = rig.take_sent();
    let request = greeting(sent.last().unwrap());
    assert_eq!(request.session_id, SessionId::NONE, "a read-only server's session is nobody else's");
    rig.greet(9000, 7);
    let SessionState::Connected(connection) = rig.state() else { panic!("connected") };
    assert_eq!((connection.session_id, connection.read_only), (SessionId(7), false));
}

#[test]
fn a_session_outlives_a_stay_on_a_read_only_server() {
    let mut rig = Rig::with(|settings| settings.read_only = true);
    rig.dialed();
    rig.greet(9000, 7);
    rig.lose();
    rig.dialed();
    rig.greet_read_only(9000, 99);
    rig.lose();
    rig.dialed();
    let sent = rig.take_sent();
    assert_eq!(greeting(sent.last().unwrap()).session_id, SessionId(7));
}

#[test]
fn a_server_that_grants_another_session_than_asked_for_is_left() {
    let mut rig = Rig::up();
    rig.lose();
    rig.dialed();
    rig.greet(9000, 8);
    assert_eq!(rig.state(), SessionState::Disconnected);
    assert_eq!(rig.session.credentials().unwrap().session_id, SessionId(7));
}

#[test]
fn silence_is_broken_by_heartbeats_and_a_silent_server_is_left_in_time() {
    let mut rig = Rig::up();
    rig.take_sent();
    rig.pass_to(3 * SECOND - MS);
    assert!(rig.take_sent().is_empty());
    rig.pass_to(3 * SECOND);
    assert_eq!(headers(&rig.take_sent()), [(-2, OpCode::Ping.code())]);
    rig.reply(-2, 0, 0);
    // Heard from at 3 s, silent since: a third of the timeout is left to find another server.
    rig.pass_to(6 * SECOND);
    assert_eq!(headers(&rig.take_sent()), [(-2, OpCode::Ping.code())]);
    rig.pass_to(9 * SECOND - MS);
    assert!(rig.state().is_connected());
    rig.pass_to(9 * SECOND);
    assert_eq!(rig.state(), SessionState::Disconnected);
    assert!(rig.is_dialing(), "at once, when the connection had been good");
}

#[test]
fn an_attempt_that_takes_too_long_is_given_up_for_the_next() {
    let mut rig = Rig::new();
    let first = rig.generation();
    rig.pass_to(3 * SECOND);
    assert_eq!(rig.take_hang_ups(), 1);
    assert_ne!(rig.generation(), first);
    // Also when the server takes the connection and then says nothing.
    rig.dialed();
    rig.pass_to(rig.now + 3 * SECOND);
    assert_eq!(rig.take_hang_ups(), 1);
}

#[test]
fn hc_160_bytes_that_make_no_sense_end_the_connection_and_nothing_else() {
    let mut random = fastrand::Rng::with_seed(160);
    for round in 0..2000 {
        let mut rig = Rig::up();
        rig.submit(1, OpCode::GetData);
        let mut bytes = Vec::new();
        proto::response::ReplyHeader { xid: [-1, -2, -4, -8, 1][round % 5], zxid: Zxid(3), err: 0 }
            .encode(&mut bytes);
        bytes.extend((0..random.usize(..40)).map(|_| random.u8(..)));
        bytes.truncate(random.usize(..=bytes.len()));
        if !bytes.is_empty() && random.bool() {
            let at = random.usize(..bytes.len());
            bytes[at] = random.u8(..);
        }
        let generation = rig.generation();
        rig.step(Input::Frame { generation, payload: &bytes });
        if bytes.len() < 16 {
            assert_eq!(rig.state(), SessionState::Disconnected);
            assert_eq!(rig.take_done(), [(1, Err(Error::ConnectionLost))]);
        }
    }
}

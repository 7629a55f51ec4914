//! Credentials, closing, and what requests hold.

use super::headers;
use super::rig::{Rig, SECOND};
use crate::session::Input;
use crate::state::SessionState;
use crate::{Error, Outcome};
use proto::connect::ConnectResponse;
use proto::{ErrorCode, OpCode};

fn authenticate(rig: &mut Rig, token: u32, data: &str) {
    let (scheme, data) = ("digest".to_owned(), data.as_bytes().to_vec());
    rig.step(Input::Auth { scheme, data, token: Some(token) });
}

fn close(rig: &mut Rig, token: u32) {
    let deadline = rig.now + 9 * SECOND;
    rig.step(Input::Close { token: Some(token), deadline });
}

#[test]
fn credentials_are_sent_again_on_every_connection_before_anything_else() {
    let mut rig = Rig::up();
    authenticate(&mut rig, 1, "a:1");
    authenticate(&mut rig, 2, "b:2");
    rig.reply(-4, 0, 0);
    assert!(matches!(rig.take_done()[..], [(1, Ok(_))]));
    rig.lose();
    assert!(rig.take_done().is_empty(), "the second waits for the next connection");
    rig.submit(3, OpCode::GetData);
    rig.take_sent();
    rig.dialed();
    let auth = (-4, OpCode::Auth.code());
    assert_eq!(headers(&rig.take_sent()[1..]), [auth, auth]);
    rig.greet(9000, 7);
    assert_eq!(headers(&rig.take_sent()), [(1, OpCode::GetData.code())]);
    rig.reply(-4, 0, 0);
    rig.reply(-4, 0, 0);
    assert!(matches!(rig.take_done()[..], [(2, Ok(_))]));
}

#[test]
fn credentials_that_are_not_accepted_end_the_session() {
    let mut rig = Rig::up();
    authenticate(&mut rig, 1, "a:1");
    rig.submit(2, OpCode::Create);
    rig.reply(-4, 0, ErrorCode::AuthFailed.code());
    assert_eq!(rig.state(), SessionState::AuthFailed);
    let done = rig.take_done();
    assert_eq!(done, [(2, Err(Error::ConnectionLost)), (1, Err(Error::AuthFailed))]);
    assert_eq!(rig.take_hang_ups(), 1);
}

#[test]
fn closing_waits_for_what_was_asked_before_and_refuses_what_comes_after() {
    let mut rig = Rig::up();
    rig.submit(1, OpCode::Create);
    close(&mut rig, 2);
    rig.submit(3, OpCode::Create);
    assert_eq!(rig.take_done(), [(3, Err(Error::Closed))]);
    assert_eq!(headers(&rig.take_sent()), [(1, OpCode::Create.code()), (2, OpCode::CloseSession.code())]);
    rig.reply(1, 5, 0);
    rig.reply(2, 6, 0);
    assert!(matches!(rig.take_done()[..], [(1, Ok(_)), (2, Ok(_))]));
    assert_eq!(rig.state(), SessionState::Closed);
    close(&mut rig, 4);
    assert_eq!(rig.take_done(), [(4, Err(Error::Closed))]);
}

#[test]
fn a_close_whose_reply_is_lost_is_asked_about_again() {
    let mut rig = Rig::up();
    close(&mut rig, 1);
    rig.lose();
    assert!(rig.take_done().is_empty());
    // The session is still there: it is closed again.
    rig.dialed();
    rig.take_sent();
    rig.greet(9000, 7);
    assert_eq!(headers(&rig.take_sent()), [(1, OpCode::CloseSession.code())]);
    rig.lose();
    // Now it is not, which is what was wanted.
    rig.dialed();
    rig.answer(&ConnectResponse::refused(Some(false)));
    assert!(matches!(rig.take_done()[..], [(1, Ok(_))]));
    assert_eq!(rig.state(), SessionState::Closed);
}

#[test]
fn a_close_that_reaches_nobody_gives_up_in_time() {
    let mut rig = Rig::up();
    rig.lose();
    close(&mut rig, 1);
    while !rig.session.is_over() {
        rig.pass_to_deadline();
        if rig.is_dialing() {
            rig.fail();
        }
    }
    assert_eq!(rig.now, 9 * SECOND);
    assert_eq!(rig.take_done(), [(1, Err(Error::TimedOut(Outcome::DidNotHappen)))]);
    assert_eq!(rig.state(), SessionState::Closed);
}

#[test]
fn closing_before_there_is_a_session_ends_at_once_unless_one_is_being_made() {
    let mut rig = Rig::new();
    rig.submit(1, OpCode::Create);
    close(&mut rig, 2);
    assert!(matches!(rig.take_done()[..], [(1, Err(Error::Closed)), (2, Ok(_))]));
    assert_eq!(rig.take_hang_ups(), 1);

    let mut rig = Rig::new();
    rig.dialed();
    close(&mut rig, 1);
    assert!(!rig.session.is_over(), "a server may just be making the session");
    rig.take_sent();
    rig.greet(9000, 7);
    assert_eq!(headers(&rig.take_sent()), [(1, OpCode::CloseSession.code())]);
}

#[test]
fn a_request_holds_its_room_until_its_reply_or_the_end_of_its_connection() {
    let mut rig = Rig::up();
    rig.submit_until(1, OpCode::Create, SECOND);
    rig.pass_to(SECOND);
    assert_eq!(rig.take_done().len(), 1);
    assert_eq!(rig.room_taken(), 12, "the server may still have to read it");
    rig.reply(1, 1, 0);
    assert_eq!(rig.room_taken(), 0);
    rig.submit(2, OpCode::Create);
    rig.lose();
    assert_eq!(rig.room_taken(), 0);
}

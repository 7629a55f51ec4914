//! A session and everything it has put out, sorted.

use crate::Error;
use crate::session::{
    Effect, Input, Notice, Output, Permit, Phase, Reply, Session, Settings, Submission, WatcherId,
};
use crate::state::SessionState;
use proto::connect::ConnectResponse;
use proto::request::{RequestHeader, frame};
use proto::response::ReplyHeader;
use proto::watch::WatcherEvent;
use proto::{OpCode, SessionId, Wire, Zxid};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

pub(super) const MS: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) struct Rig {
    pub(super) session: Session<u32>,
    pub(super) now: Duration,
    room: Arc<AtomicUsize>,
    sent: Vec<Vec<u8>>,
    done: Vec<(u32, Result<Reply, Error>)>,
    notices: Vec<(u64, Notice)>,
    states: Vec<SessionState>,
    last_state: SessionState,
    hang_ups: usize,
    probes: usize,
}

impl Rig {
    /// A session that asks for 9 s, gives attempts 3 s, and dials for the first time at 0.
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            session_timeout: 9 * SECOND,
            attempt_timeout: 3 * SECOND,
            establish_within: None,
            backoff_first: 20 * MS,
            backoff_most: SECOND,
            read_only: false,
            seed: 1,
        };
        change(&mut settings);
        let mut rig = Self {
            session: Session::new(settings, None, Duration::ZERO),
            now: Duration::ZERO,
            room: Arc::default(),
            sent: Vec::new(),
            done: Vec::new(),
            notices: Vec::new(),
            states: Vec::new(),
            last_state: SessionState::Connecting,
            hang_ups: 0,
            probes: 0,
        };
        rig.step(Input::Tick);
        rig
    }

    /// In session 7 for 9 s, with nothing in the books.
    pub(super) fn up() -> Self {
        let mut rig = Self::new();
        rig.dialed();
        rig.greet(9000, 7);
        rig.take_sent();
        rig.take_states();
        rig
    }

    pub(super) fn step(&mut self, input: Input<'_, u32>) {
        let mut out = Vec::new();
        self.session.step(self.now, input, &mut out);
        for output in out {
            match output {
                Output::Send(bytes) => self.sent.push(bytes),
                Output::Complete(token, result) => self.done.push((token, result)),
                Output::Notify(id, notice) => self.notices.push((id.0, notice)),
                Output::State(state) => {
                    self.last_state = state.clone();
                    self.states.push(state);
                }
                Output::HangUp => self.hang_ups += 1,
                Output::Probe { .. } => self.probes += 1,
                Output::Dial { generation } => assert_eq!(generation, self.session.generation),
            }
        }
    }

    pub(super) fn pass_to(&mut self, now: Duration) {
        self.now = now;
        self.step(Input::Tick);
    }

    pub(super) fn pass_to_deadline(&mut self) {
        let deadline = self.session.next_deadline().expect("something is due");
        self.pass_to(deadline.max(self.now));
    }

    pub(super) fn generation(&self) -> u64 {
        self.session.generation
    }

    pub(super) fn is_dialing(&self) -> bool {
        matches!(self.session.phase, Phase::Dialing { .. })
    }

    pub(super) fn dialed(&mut self) {
        assert!(self.is_dialing());
        self.step(Input::Connected { generation: self.generation() });
    }

    pub(super) fn fail(&mut self) {
        self.step(Input::Failed { generation: self.generation() });
    }

    /// The connection, which had been good, is gone; the next attempt begins.
    pub(super) fn lose(&mut self) {
        self.reply(-2, 0, 0);
        self.fail();
        assert!(self.is_dialing());
    }

    pub(super) fn answer(&mut self, response: &ConnectResponse) {
        let mut payload = Vec::new();
        response.encode(&mut payload);
        self.frame_on(self.generation(), &payload);
    }

    pub(super) fn greet(&mut self, timeout_ms: i32, session: i64) {
        self.answer(&granted(timeout_ms, session, false));
    }

    pub(super) fn greet_read_only(&mut self, timeout_ms: i32, session: i64) {
        self.answer(&granted(timeout_ms, session, true));
    }

    fn frame_on(&mut self, generation: u64, payload: &[u8]) {
        self.step(Input::Frame { generation, payload });
    }

    pub(super) fn reply(&mut self, xid: i32, zxid: i64, err: i32) {
        self.reply_on(self.generation(), xid, zxid, err);
    }

    pub(super) fn reply_on(&mut self, generation: u64, xid: i32, zxid: i64, err: i32) {
        let mut payload = Vec::new();
        ReplyHeader { xid, zxid: Zxid(zxid), err }.encode(&mut payload);
        self.frame_on(generation, &payload);
    }

    pub(super) fn event(&mut self, zxid: i64, kind: i32, path: &str) {
        let mut payload = Vec::new();
        ReplyHeader { xid: -1, zxid: Zxid(zxid), err: 0 }.encode(&mut payload);
        WatcherEvent { kind, state: 3, path: path.to_owned() }.encode(&mut payload);
        self.frame_on(self.generation(), &payload);
    }

    pub(super) fn submit(&mut self, token: u32, op: OpCode) {
        self.submit_as(token, op, None, Effect::None);
    }

    pub(super) fn submit_until(&mut self, token: u32, op: OpCode, deadline: Duration) {
        self.submit_as(token, op, Some(deadline), Effect::None);
    }

    pub(super) fn submit_as(&mut self, token: u32, op: OpCode, deadline: Option<Duration>, effect: Effect) {
        let mut bytes = Vec::new();
        frame(&mut bytes, |out| RequestHeader { xid: 0, kind: op.code() }.encode(out));
        let permit = Permit::take(&self.room, bytes.len(), usize::MAX).expect("room");
        self.step(Input::Submit(Submission { frame: bytes, token, deadline, effect, permit }));
    }

    pub(super) fn number_from(&mut self, next: i32) {
        let Phase::Up { link, .. } = &mut self.session.phase else { panic!("not connected") };
        link.number_from(next);
    }

    pub(super) fn forget(&mut self, id: u64) {
        self.step(Input::Forget(WatcherId(id)));
    }

    pub(super) fn state(&self) -> SessionState {
        self.last_state.clone()
    }

    pub(super) fn take_sent(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.sent)
    }

    pub(super) fn take_done(&mut self) -> Vec<(u32, Result<Reply, Error>)> {
        std::mem::take(&mut self.done)
    }

    pub(super) fn take_notices(&mut self) -> Vec<(u64, Notice)> {
        std::mem::take(&mut self.notices)
    }

    pub(super) fn take_states(&mut self) -> Vec<SessionState> {
        std::mem::take(&mut self.states)
    }

    pub(super) fn take_hang_ups(&mut self) -> usize {
        std::mem::take(&mut self.hang_ups)
    }

    pub(super) fn take_probes(&mut self) -> usize {
        std::mem::take(&mut self.probes)
    }

    /// Bytes of room that requests hold.
    pub(super) fn room_taken(&self) -> usize {
        self.room.load(std::sync::atomic::Ordering::Relaxed)
    }
}

fn granted(timeout_ms: i32, session: i64, read_only: bool) -> ConnectResponse {
    ConnectResponse {
        protocol_version: 0,
        timeout_ms,
        session_id: SessionId(session),
        password: vec![1; 16],
        read_only: Some(read_only),
    }
}

//! A client as a value: what it asks, what it believes, and what it checks in every answer.

mod ops;
mod replies;
mod watches;

pub(crate) use ops::Ask;

use crate::net::TcpId;
use crate::queue::{MS, Time};
use crate::reference::Reference;
use crate::rng::Rng;
use crate::trace::Verdict;
use proto::connect::{ConnectRequest, ConnectResponse};
use proto::request::{RequestHeader, frame, xid};
use proto::{OpCode, Reader, SessionId, Wire, Zxid};
use std::collections::VecDeque;
use watches::Watched;

/// What a client looks at while it takes something in.
pub(crate) struct Surroundings<'a> {
    pub(crate) now: Time,
    pub(crate) reference: &'a mut Reference,
    pub(crate) verdict: &'a mut Verdict,
    /// The newest write acknowledged to anybody.
    pub(crate) acked: &'a mut Zxid,
    /// Counts changes of leadership; `None` while there is not exactly one leader.
    pub(crate) reign: Option<u64>,
    /// Bounds what a server may claim to have applied.
    pub(crate) newest: Zxid,
}

/// A request without an answer.
#[derive(Debug)]
struct Waiting {
    xid: i32,
    ask: Ask,
    /// The newest write acknowledged to anybody when it was sent.
    floor: Zxid,
    reign: Option<u64>,
}

/// Where a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Down,
    /// The connection is not there yet, or the handshake not answered.
    Connecting {
        tcp: Option<TcpId>,
        since: Time,
    },
    Up(TcpId),
}

/// What is to be done after something came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    GoOn,
    /// The connection is of no more use.
    Drop,
}

pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) rng: Rng,
    pub(crate) session: SessionId,
    password: Vec<u8>,
    pub(crate) timeout_ms: i32,
    last_seen: Zxid,
    pub(crate) link: Link,
    /// The member it talks to.
    pub(crate) host: usize,
    connections: u64,
    next_xid: i32,
    waiting: VecDeque<Waiting>,
    input: Vec<u8>,
    pub(crate) heard_at: Time,
    pub(crate) sent_at: Time,
    watched: Watched,
    marks: u64,
    pub(crate) closing: bool,
    /// Requests answered, and lost without an answer.
    pub(crate) answered: u64,
    pub(crate) lost: u64,
    pub(crate) sessions_lost: u64,
}

impl Client {
    pub(crate) fn new(number: usize, timeout_ms: i32, rng: Rng) -> Self {
        Self {
            name: format!("c{number}"),
            rng,
            session: SessionId::NONE,
            password: vec![0; 16],
            timeout_ms,
            last_seen: Zxid::ZERO,
            link: Link::Down,
            host: 0,
            connections: 0,
            next_xid: 1,
            waiting: VecDeque::new(),
            input: Vec::new(),
            heard_at: 0,
            sent_at: 0,
            watched: Watched::default(),
            marks: (number as u64) << 32,
            closing: false,
            answered: 0,
            lost: 0,
            sessions_lost: 0,
        }
    }

    pub(crate) fn timeout(&self) -> Time {
        self.timeout_ms.unsigned_abs() as Time * MS
    }

    pub(crate) fn last_seen(&self) -> Zxid {
        self.last_seen
    }

    /// Its number for the request it made last.
    pub(crate) fn last_xid(&self) -> i32 {
        self.next_xid - 1
    }

    pub(crate) fn outstanding(&self) -> usize {
        self.waiting.len()
    }

    /// The first frame of a connection.
    pub(crate) fn greet(&mut self, now: Time) -> Vec<u8> {
        self.connections += 1;
        self.input.clear();
        (self.heard_at, self.sent_at) = (now, now);
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: self.last_seen,
            timeout_ms: self.timeout_ms,
            session_id: self.session,
            password: Some(&self.password),
            read_only: Some(false),
        };
        let mut out = Vec::new();
        frame(&mut out, |out| request.encode(out));
        out
    }

    /// The connection is gone: nobody knows what became of the requests on their way.
    pub(crate) fn disconnected(&mut self) {
        self.link = Link::Down;
        self.lost += self.waiting.len() as u64;
        self.waiting.clear();
        self.input.clear();
        if self.closing {
            // Whether the session ended or will expire: this client begins a new one.
            self.forget_session();
        }
    }

    /// The session is over: a new life, which has seen nothing.
    pub(crate) fn forget_session(&mut self) {
        self.session = SessionId::NONE;
        self.password = vec![0; 16];
        self.last_seen = Zxid::ZERO;
        self.watched = Watched::default();
        self.next_xid = 1;
        self.closing = false;
    }

    /// Draws the next request and appends its frame.
    pub(crate) fn ask(&mut self, around: &mut Surroundings<'_>, out: &mut Vec<u8>) -> Option<Ask> {
        if self.closing {
            return None;
        }
        self.marks += 1;
        let mut ask = match self.rng.permille(6) {
            true => Ask::Close,
            false => Ask::draw(&mut self.rng, self.marks),
        };
        if self.watched.is_full()
            && let Ask::Get { watch, .. } | Ask::Exists { watch, .. } | Ask::Children { watch, .. } = &mut ask
        {
            *watch = false;
        }
        self.closing = ask == Ask::Close;
        let number = self.next_xid;
        self.next_xid += 1;
        ask.encode(number, out);
        if ask.is_write() {
            around.reference.asked(self.session, number, ask.clone(), self.connections);
        }
        self.sent_at = around.now;
        let (floor, reign) = (*around.acked, around.reign);
        self.waiting.push_back(Waiting { xid: number, ask: ask.clone(), floor, reign });
        Some(ask)
    }

    pub(crate) fn ping(&mut self, now: Time) -> Vec<u8> {
        self.sent_at = now;
        let mut out = Vec::new();
        frame(&mut out, |out| RequestHeader { xid: xid::PING, kind: OpCode::Ping.code() }.encode(out));
        out
    }

    /// Bytes have come. Frames the answer asks for are appended to `out`.
    pub(crate) fn take(&mut self, bytes: &[u8], around: &mut Surroundings<'_>, out: &mut Vec<u8>) -> After {
        self.heard_at = around.now;
        self.input.extend_from_slice(bytes);
        let mut input = std::mem::take(&mut self.input);
        let mut at = 0;
        let mut after = After::GoOn;
        while let Some(len) = input[at..].first_chunk::<4>().map(|b| u32::from_be_bytes(*b) as usize) {
            if input.len() < at + 4 + len || after == After::Drop {
                break;
            }
            let payload = &input[at + 4..at + 4 + len];
            after = match self.link {
                Link::Connecting { tcp: Some(tcp), .. } => self.on_welcome(tcp, payload, around, out),
                _ => self.on_reply(payload, around),
            };
            at += 4 + len;
        }
        input.drain(..at);
        self.input = input;
        after
    }

    fn on_welcome(
        &mut self,
        tcp: TcpId,
        payload: &[u8],
        around: &mut Surroundings<'_>,
        out: &mut Vec<u8>,
    ) -> After {
        let Ok(response) = ConnectResponse::decode(&mut Reader::new(payload)) else {
            around.verdict.fail(around.now, "Protocol", format!("{}: no connect response", self.name));
            return After::Drop;
        };
        if response.timeout_ms <= 0 {
            self.sessions_lost += u64::from(self.session != SessionId::NONE);
            self.forget_session();
            return After::Drop;
        }
        let (had, got) = (self.session, response.session_id);
        around.verdict.require(around.now, "Session", had == SessionId::NONE || had == got, || {
            format!("{} asked for session {had} and got {got}", self.name)
        });
        let known = around.reference.sessions.contains_key(&got);
        around.verdict.require(around.now, "Session", known, || {
            format!("{} got session {got}, which no transaction created", self.name)
        });
        self.session = got;
        self.password = response.password;
        self.timeout_ms = response.timeout_ms;
        self.link = Link::Up(tcp);
        if !self.watched.is_empty() {
            self.watched.rearming = true;
            let request = self.watched.request(self.last_seen);
            proto::request::encode_frame(xid::SET_WATCHES, OpCode::SetWatches, &request, out);
        }
        After::GoOn
    }
}

//! One connection: what was sent on it and not answered yet.

use super::Unsent;
use super::io::{Effect, Output, Permit};
use super::watches::WatchKind;
use super::xid::Xids;
use proto::request::{AuthPacket, RequestHeader, WatchesRequest, encode_frame, frame, xid};
use proto::watch::WatcherKind;
use proto::{OpCode, Wire, Zxid};
use std::collections::VecDeque;
use std::time::Duration;

/// What the requests of one connection wait for. It goes with its connection (HC-152).
#[derive(Debug)]
pub(crate) struct Link<T> {
    xids: Xids,
    /// In the order sent, which is the order of replies.
    pub(crate) pending: VecDeque<Pending<T>>,
    /// Credentials sent and not confirmed, by their position in the session's list.
    pub(crate) auths: VecDeque<usize>,
    /// Packets that set watches again, by the lasting watches in them.
    pub(crate) resumed: VecDeque<Vec<(WatchKind, String)>>,
    /// The last transaction seen before this connection.
    pub(crate) resumed_at: Zxid,
    /// When something was last sent.
    pub(crate) last_sent: Duration,
}

/// A request that was sent.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    pub(crate) sequence: u64,
    pub(crate) xid: i32,
    /// `None` when nobody waits for the reply (any more).
    pub(crate) token: Option<T>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) effect: Effect,
    _permit: Option<Permit>,
}

impl<T> Link<T> {
    /// A connection on which nothing was sent yet.
    pub(crate) fn new(now: Duration, resumed_at: Zxid) -> Self {
        Self {
            xids: Xids::new(),
            pending: VecDeque::new(),
            auths: VecDeque::new(),
            resumed: VecDeque::new(),
            resumed_at,
            last_sent: now,
        }
    }

    /// Sends an application's request.
    pub(crate) fn send(&mut self, now: Duration, unsent: Unsent<T>, out: &mut Vec<Output<T>>) {
        let Unsent { sequence, submission } = unsent;
        let mut frame = submission.frame;
        let xid = self.xids.next();
        frame[4..8].copy_from_slice(&xid.to_be_bytes());
        self.pending.push_back(Pending {
            sequence,
            xid,
            token: Some(submission.token),
            deadline: submission.deadline,
            effect: submission.effect,
            _permit: Some(submission.permit),
        });
        self.put(now, frame, out);
    }

    /// Sends a request of the session's own.
    fn send_own(&mut self, now: Duration, effect: Effect, frame: Vec<u8>, out: &mut Vec<Output<T>>) {
        let xid = i32::from_be_bytes(frame[4..8].try_into().expect("a frame has a header"));
        let sequence = self.pending.back().map_or(0, |last| last.sequence);
        self.pending.push_back(Pending { sequence, xid, token: None, deadline: None, effect, _permit: None });
        self.put(now, frame, out);
    }

    /// Hands bytes to the driver.
    pub(crate) fn put(&mut self, now: Duration, frame: Vec<u8>, out: &mut Vec<Output<T>>) {
        self.last_sent = now;
        out.push(Output::Send(frame));
    }

    /// Sends credentials.
    pub(crate) fn send_auth(
        &mut self,
        now: Duration,
        index: usize,
        scheme: &str,
        data: &[u8],
        out: &mut Vec<Output<T>>,
    ) {
        let packet = AuthPacket { kind: 0, scheme: Some(scheme.into()), auth: Some(data) };
        let mut bytes = Vec::new();
        encode_frame(xid::AUTH, OpCode::Auth, &packet, &mut bytes);
        self.auths.push_back(index);
        self.put(now, bytes, out);
    }

    /// Asks the server to forget watches that nobody needs.
    pub(crate) fn remove_watch(
        &mut self,
        now: Duration,
        path: &str,
        kind: WatcherKind,
        out: &mut Vec<Output<T>>,
    ) {
        let request = WatchesRequest { path: path.into(), kind: kind as i32 };
        let mut bytes = Vec::new();
        encode_frame(self.xids.next(), OpCode::RemoveWatches, &request, &mut bytes);
        self.send_own(now, Effect::Tidy { path: path.to_owned(), kind }, bytes, out);
    }

    /// Ends the session.
    pub(crate) fn send_close(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        let bytes = bare(self.xids.next(), OpCode::CloseSession);
        self.send_own(now, Effect::Close, bytes, out);
    }

    /// Tells the server that we are there.
    pub(crate) fn ping(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        self.put(now, bare(xid::PING, OpCode::Ping), out);
    }

    /// Whether a request is on its way that sets a watch on `path`.
    pub(crate) fn registers(&self, path: &str) -> bool {
        let sets = |effect: &Effect| matches!(effect, Effect::Watch { path: own, .. } if own == path);
        self.pending.iter().any(|pending| sets(&pending.effect))
    }

    /// Takes the owner of a request that waits for its reply, and leaves its place in the queue.
    pub(crate) fn abandon(&mut self, sequence: u64) -> Option<T> {
        let own = |pending: &&mut Pending<T>| pending.sequence == sequence && pending.token.is_some();
        let start = self.pending.partition_point(|pending| pending.sequence < sequence);
        self.pending.range_mut(start..).take_while(|p| p.sequence == sequence).find(own)?.token.take()
    }

    #[cfg(test)]
    pub(crate) fn number_from(&mut self, next: i32) {
        self.xids = Xids::starting_at(next);
    }
}

/// A request without a body.
fn bare(xid: i32, op: OpCode) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(12);
    frame(&mut bytes, |out| RequestHeader { xid, kind: op.code() }.encode(out));
    bytes
}

//! A client's session as a value: handshake, request numbers, what waits for replies, watches, timers.
//!
//! It is given inputs (a request to send, bytes from the server, "the time is now t") and puts out outputs
//! (bytes to send, a completed request, an event for a watcher). It opens no socket, reads no clock and
//! draws no random number but from its seed; the driver (`crate::driver`) does all that.
//!
//! One *generation* is one attempt to connect and the connection that came of it. What waits for replies
//! belongs to a generation and ends with it, so no reply can meet a request of another connection.

mod backoff;
mod ending;
mod handshake;
mod io;
mod link;
mod replies;
mod resume;
mod timers;
mod watches;
mod xid;

#[cfg(test)]
mod tests;

pub(crate) use io::{Effect, Input, Notice, Output, Permit, Registration, Reply, Settings, Submission};
pub(crate) use watches::WatcherId;

use crate::Error;
use crate::state::{Credentials, SessionState};
use backoff::Backoff;
use ending::Ending;
use link::Link;
use proto::Zxid;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;
use watches::{WatchKind, WatchTable};

/// A session, from before the first connection to its end. `T` is what a request's owner gave to know it by.
///
/// Times are durations since an origin of the driver's choosing, and never go back.
#[derive(Debug)]
pub(crate) struct Session<T> {
    settings: Settings,
    phase: Phase<T>,
    generation: u64,
    /// The session that servers know; a read-only server's own sessions are not kept here.
    identity: Option<Credentials>,
    /// Its timeout as last negotiated.
    timeout: Duration,
    /// The newest transaction seen in a reply of any server (HC-149).
    last_zxid: Zxid,
    /// When a server was last heard from.
    last_heard: Duration,
    backoff: Backoff,
    /// Requests that wait for a connection, oldest first.
    unsent: VecDeque<Unsent<T>>,
    next_sequence: u64,
    /// When requests give up, with their sequence numbers.
    deadlines: BTreeSet<(Duration, u64)>,
    watches: WatchTable,
    /// Replayed on every connection, in the order they came.
    auth: Vec<Auth<T>>,
    closing: Option<Closing<T>>,
    /// When to give up having a session at all.
    establish_by: Option<Duration>,
}

#[derive(Debug)]
enum Phase<T> {
    /// Between two attempts.
    Waiting { until: Duration },
    /// The driver connects.
    Dialing { until: Duration },
    /// The first flight is sent, the server has not answered.
    Greeting { until: Duration, link: Link<T> },
    /// In session.
    Up { link: Link<T>, probing: Option<Probing> },
    /// For good.
    Over(Ending),
}

/// Looking for a writable server while connected to a read-only one.
#[derive(Debug)]
struct Probing {
    next: Duration,
    pause: Duration,
}

#[derive(Debug)]
struct Unsent<T> {
    sequence: u64,
    submission: Submission<T>,
}

#[derive(Debug)]
struct Auth<T> {
    scheme: String,
    data: Vec<u8>,
    /// Who waits for the first server's word on it.
    token: Option<T>,
}

#[derive(Debug)]
struct Closing<T> {
    token: Option<T>,
    deadline: Duration,
}

impl<T> Session<T> {
    /// A session that is about to connect for the first time; `resume` takes up an existing one.
    pub(crate) fn new(settings: Settings, resume: Option<Credentials>, now: Duration) -> Self {
        Self {
            phase: Phase::Waiting { until: now },
            generation: 0,
            identity: resume,
            timeout: settings.session_timeout,
            last_zxid: Zxid::ZERO,
            last_heard: now,
            backoff: Backoff::new(settings.backoff_first, settings.backoff_most, settings.seed),
            unsent: VecDeque::new(),
            next_sequence: 0,
            deadlines: BTreeSet::new(),
            watches: WatchTable::default(),
            auth: Vec::new(),
            closing: None,
            establish_by: settings.establish_within.map(|within| now + within),
            settings,
        }
    }

    /// Credentials from the beginning.
    pub(crate) fn add_auth(&mut self, scheme: String, data: Vec<u8>) {
        self.auth.push(Auth { scheme, data, token: None });
    }

    /// Takes in one input and appends what is to be done for it, in order.
    pub(crate) fn step(&mut self, now: Duration, input: Input<'_, T>, out: &mut Vec<Output<T>>) {
        match input {
            Input::Submit(submission) => self.on_submit(now, submission, out),
            Input::Auth { scheme, data, token } => self.on_auth(now, scheme, data, token, out),
            Input::Forget(id) => self.on_forget(now, id, out),
            Input::Close { token, deadline } => self.on_close(now, token, deadline, out),
            Input::Connected { generation } if generation == self.generation => self.on_connected(now, out),
            Input::Failed { generation } if generation == self.generation => self.on_failed(now, out),
            Input::Frame { generation, payload } if generation == self.generation => {
                self.on_frame(now, payload, out);
            }
            Input::Writable { generation } if generation == self.generation => self.on_writable(now, out),
            // From a connection that is no longer ours.
            Input::Connected { .. }
            | Input::Failed { .. }
            | Input::Frame { .. }
            | Input::Writable { .. }
            | Input::Tick => {}
        }
        self.pass_time(now, out);
    }

    /// Whether the session has ended for good.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_))
    }

    /// The session as servers know it; `None` before there is one.
    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.identity.as_ref()
    }

    fn on_submit(&mut self, now: Duration, submission: Submission<T>, out: &mut Vec<Output<T>>) {
        let refusal = match &self.phase {
            Phase::Over(ending) => Some(ending.error()),
            _ if self.closing.is_some() => Some(Error::Closed),
            _ => None,
        };
        if let Some(error) = refusal {
            return out.push(Output::Complete(submission.token, Err(error)));
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        if let Some(deadline) = submission.deadline {
            self.deadlines.insert((deadline, sequence));
        }
        let unsent = Unsent { sequence, submission };
        match &mut self.phase {
            Phase::Up { link, .. } => link.send(now, unsent, out),
            _ => self.unsent.push_back(unsent),
        }
    }

    fn on_auth(
        &mut self,
        now: Duration,
        scheme: String,
        data: Vec<u8>,
        token: Option<T>,
        out: &mut Vec<Output<T>>,
    ) {
        if let Phase::Over(ending) = &self.phase {
            return out.extend(token.map(|token| Output::Complete(token, Err(ending.error()))));
        }
        self.auth.push(Auth { scheme, data, token });
        let index = self.auth.len() - 1;
        let Auth { scheme, data, .. } = &self.auth[index];
        if let Phase::Up { link, .. } | Phase::Greeting { link, .. } = &mut self.phase {
            link.send_auth(now, index, scheme, data, out);
        }
    }

    /// A watcher is no longer wanted. What lasts on the server is removed there too, unless somebody else
    /// needs it.
    fn on_forget(&mut self, now: Duration, id: WatcherId, out: &mut Vec<Output<T>>) {
        for effect in self.effects() {
            if let Effect::Watch { id: own, wanted, .. } = effect
                && *own == id
            {
                *wanted = false;
                return;
            }
        }
        if let Some((kind, path)) = self.watches.remove(id) {
            self.tidy(now, kind, &path, out);
        }
    }

    /// The effects of all requests without a reply.
    fn effects(&mut self) -> impl Iterator<Item = &mut Effect> {
        let pending = match &mut self.phase {
            Phase::Up { link, .. } => Some(&mut link.pending),
            _ => None,
        };
        let pending = pending.into_iter().flatten().map(|pending| &mut pending.effect);
        pending.chain(self.unsent.iter_mut().map(|unsent| &mut unsent.submission.effect))
    }

    /// Has the server forget a lasting watch that nobody needs. The others go with their next event.
    fn tidy(&mut self, now: Duration, kind: WatchKind, path: &str, out: &mut Vec<Output<T>>) {
        if let Phase::Up { link, .. } = &mut self.phase
            && !kind.is_one_shot()
            && !link.registers(path)
            && self.watches.watchers(kind, path).is_empty()
        {
            link.remove_watch(now, path, kind.removal(), out);
        }
    }

    /// Whether the server's watches on `path` serve nobody any more.
    fn is_unwatched(&self, path: &str) -> bool {
        let registers = |link: &Link<T>| link.registers(path);
        !self.watches.is_watched(path) && !matches!(&self.phase, Phase::Up { link, .. } if registers(link))
    }

    /// The connection is gone, or has to go: everything that waited for its replies may have happened.
    fn lose(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        let was_up = matches!(self.phase, Phase::Up { .. });
        let until = now + self.backoff.next();
        let before = std::mem::replace(&mut self.phase, Phase::Waiting { until });
        if let Phase::Greeting { link, .. } | Phase::Up { link, .. } = before {
            self.fail_pending(link, out);
        }
        if was_up {
            let state = match self.identity {
                Some(_) => SessionState::Disconnected,
                None => SessionState::Connecting,
            };
            out.push(Output::State(state));
        }
    }

    fn fail_pending(&mut self, link: Link<T>, out: &mut Vec<Output<T>>) {
        for pending in link.pending {
            if let Some(deadline) = pending.deadline {
                self.deadlines.remove(&(deadline, pending.sequence));
            }
            out.extend(pending.token.map(|token| Output::Complete(token, Err(Error::ConnectionLost))));
        }
    }

    /// Ends the connection from this side.
    fn hang_up(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        out.push(Output::HangUp);
        self.lose(now, out);
    }

    fn on_failed(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        if !matches!(self.phase, Phase::Over(_) | Phase::Waiting { .. }) {
            self.lose(now, out);
        }
    }

    fn on_writable(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        if let Phase::Up { probing: Some(_), .. } = self.phase {
            self.hang_up(now, out);
        }
    }
}

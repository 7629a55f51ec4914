//! The end of a session, and closing it in good order.

use super::io::{Notice, Output, Reply};
use super::{Closing, Phase, Session};
use crate::state::SessionState;
use crate::{Error, Outcome};
use proto::Zxid;
use std::time::Duration;

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// A server said so, or none was heard of for too long.
    Expired,
    /// Credentials were not accepted.
    AuthFailed,
    /// On request.
    Closed,
    /// It never began.
    NotEstablished,
}

impl Ending {
    /// What requests are told that come, or were not sent yet.
    pub(crate) fn error(self) -> Error {
        match self {
            Self::Expired => Error::SessionExpired,
            Self::AuthFailed => Error::AuthFailed,
            Self::Closed => Error::Closed,
            Self::NotEstablished => Error::NotEstablished,
        }
    }

    fn state(self) -> SessionState {
        match self {
            Self::Expired => SessionState::Expired,
            Self::AuthFailed => SessionState::AuthFailed,
            Self::Closed => SessionState::Closed,
            Self::NotEstablished => SessionState::NotEstablished,
        }
    }
}

impl<T> Session<T> {
    /// Everything submitted before goes first. A close that no server confirmed is tried again until its
    /// deadline: a refused session is a closed one.
    pub(super) fn on_close(
        &mut self,
        now: Duration,
        token: Option<T>,
        deadline: Duration,
        out: &mut Vec<Output<T>>,
    ) {
        if matches!(self.phase, Phase::Over(_)) || self.closing.is_some() {
            let error = Err(Error::Closed);
            return out.extend(token.map(|token| Output::Complete(token, error)));
        }
        self.closing = Some(Closing { token, deadline });
        if let Phase::Up { link, .. } = &mut self.phase {
            link.send_close(now, out);
        }
    }

    /// Nobody could be told of the end in time: the session stays until the servers expire it.
    pub(super) fn give_up_closing(&mut self, out: &mut Vec<Output<T>>) {
        let token = self.closing.as_mut().and_then(|closing| closing.token.take());
        let outcome = match self.phase {
            Phase::Up { .. } => Outcome::MayHaveHappened,
            _ => Outcome::DidNotHappen,
        };
        out.extend(token.map(|token| Output::Complete(token, Err(Error::TimedOut(outcome)))));
        self.end(Ending::Closed, out);
    }

    /// Ends everything: what was sent may have happened, what was not did not.
    pub(super) fn end(&mut self, ending: Ending, out: &mut Vec<Output<T>>) {
        let ending =
            if self.closing.is_some() && ending == Ending::Expired { Ending::Closed } else { ending };
        let before = std::mem::replace(&mut self.phase, Phase::Over(ending));
        if !matches!(before, Phase::Waiting { .. }) {
            out.push(Output::HangUp);
        }
        out.push(Output::State(ending.state()));
        if let Phase::Greeting { link, .. } | Phase::Up { link, .. } = before {
            self.fail_pending(link, out);
        }
        for unsent in self.unsent.drain(..) {
            out.push(Output::Complete(unsent.submission.token, Err(ending.error())));
        }
        self.deadlines.clear();
        for token in self.auth.drain(..).filter_map(|auth| auth.token) {
            out.push(Output::Complete(token, Err(ending.error())));
        }
        for id in self.watches.drain() {
            out.push(Output::Notify(id, Notice::Over(ending.error())));
        }
        if let Some(token) = self.closing.take().and_then(|closing| closing.token) {
            let result = match ending {
                // The session is gone, which is what was asked for.
                Ending::Closed => Ok(Reply { body: Vec::new(), zxid: Zxid::ZERO }),
                _ => Err(ending.error()),
            };
            out.push(Output::Complete(token, result));
        }
    }
}

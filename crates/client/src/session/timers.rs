//! Everything that happens because time passes.

use super::ending::Ending;
use super::io::Output;
use super::link::Link;
use super::{Phase, Probing, Session};
use crate::{Error, Outcome};
use std::time::Duration;

/// The longest silence of ours, whatever the session timeout.
const PING_AFTER_MAX: Duration = Duration::from_secs(10);
/// The longest pause between two looks for a writable server.
const PROBE_PAUSE_MAX: Duration = Duration::from_secs(60);

impl<T> Session<T> {
    /// When to be stepped next at the latest; `None`: only on an input.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let phase = match &self.phase {
            Phase::Waiting { until } | Phase::Dialing { until } | Phase::Greeting { until, .. } => *until,
            Phase::Up { link, probing } => {
                let probe = probing.as_ref().map_or(Duration::MAX, |probing| probing.next);
                self.ping_at(link).min(self.silent_at()).min(probe)
            }
            Phase::Over(_) => return None,
        };
        let request = self.deadlines.first().map(|(deadline, _)| *deadline);
        let closing = self.closing.as_ref().map(|closing| closing.deadline);
        [request, closing, self.expires_at(), self.unestablished_at()]
            .into_iter()
            .flatten()
            .chain([phase])
            .min()
    }

    /// Does what is due.
    pub(super) fn pass_time(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        self.time_out_requests(now, out);
        match &self.phase {
            Phase::Dialing { until } | Phase::Greeting { until, .. } if *until <= now => {
                tracing::debug!("an attempt to connect took too long");
                self.hang_up(now, out);
            }
            Phase::Up { .. } if self.silent_at() <= now => {
                tracing::warn!("the server has gone silent; dropped the connection");
                self.hang_up(now, out);
            }
            _ => {}
        }
        if self.closing.as_ref().is_some_and(|closing| closing.deadline <= now) {
            return self.give_up_closing(out);
        }
        let is_apart = matches!(self.phase, Phase::Waiting { .. } | Phase::Dialing { .. });
        if self.closing.is_some() && self.identity.is_none() && is_apart {
            // No server knows of anything to close.
            return self.end(Ending::Closed, out);
        }
        let ending = match (self.expires_at(), self.unestablished_at()) {
            (Some(at), _) if at <= now => Some(Ending::Expired),
            (_, Some(at)) if at <= now => Some(Ending::NotEstablished),
            _ => None,
        };
        if let Some(ending) = ending {
            return self.end(ending, out);
        }
        match &mut self.phase {
            Phase::Waiting { until } if *until <= now => self.dial(now, out),
            Phase::Up { .. } => self.keep_up(now, out),
            _ => {}
        }
    }

    fn time_out_requests(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        while let Some((deadline, sequence)) = self.deadlines.first().copied() {
            if deadline > now {
                break;
            }
            self.deadlines.pop_first();
            if let Ok(at) = self.unsent.binary_search_by_key(&sequence, |unsent| unsent.sequence) {
                if let Some(unsent) = self.unsent.remove(at) {
                    let error = Error::TimedOut(Outcome::DidNotHappen);
                    out.push(Output::Complete(unsent.submission.token, Err(error)));
                }
            } else if let Phase::Up { link, .. } = &mut self.phase {
                // Its place in the queue stays: the reply may still come, and has to meet it.
                let error = Error::TimedOut(Outcome::MayHaveHappened);
                out.extend(link.abandon(sequence).map(|token| Output::Complete(token, Err(error))));
            }
        }
    }

    fn keep_up(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        let ping_after = self.ping_after();
        let Phase::Up { link, probing } = &mut self.phase else { return };
        if link.last_sent + ping_after <= now {
            link.ping(now, out);
        }
        if let Some(Probing { next, pause }) = probing
            && *next <= now
        {
            *pause = (*pause * 2).min(PROBE_PAUSE_MAX);
            *next = now + *pause;
            out.push(Output::Probe { generation: self.generation });
        }
    }

    /// A third of the session timeout: two thirds are left for the answer and a server that is slow.
    fn ping_after(&self) -> Duration {
        (self.timeout / 3).min(PING_AFTER_MAX)
    }

    fn ping_at(&self, link: &Link<T>) -> Duration {
        link.last_sent + self.ping_after()
    }

    /// When a server that says nothing is given up: a third of the timeout remains to find another one.
    fn silent_at(&self) -> Duration {
        self.last_heard + self.timeout * 2 / 3
    }

    /// When a session is held for expired without a server's word. The servers' own measure begins with
    /// the last they heard of us, which may have been later than the last we heard of them.
    ///
    /// //= java: ClientCnxn 3.10, 4/3 of the session timeout
    fn expires_at(&self) -> Option<Duration> {
        let is_apart = !matches!(self.phase, Phase::Up { .. } | Phase::Over(_));
        (is_apart && self.identity.is_some()).then(|| self.last_heard + self.timeout * 4 / 3)
    }

    fn unestablished_at(&self) -> Option<Duration> {
        let is_apart = !matches!(self.phase, Phase::Up { .. } | Phase::Over(_));
        self.establish_by.filter(|_| is_apart && self.identity.is_none())
    }
}

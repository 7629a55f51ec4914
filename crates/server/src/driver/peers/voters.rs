//! Which election connection to each server is kept, and when to try for one.
//!
//! Between two servers there is one connection: the one opened by the larger id. The smaller one may
//! connect too, says who it is, and is called back. No sockets here, only what is decided about them.
//!
//! //= java: QuorumCnxManager

use super::settings::Other;
use proto::peer::Notification;
use std::collections::BTreeMap;
use zab::ServerId;

/// Wait after a first failed attempt; it doubles up to [`RETRY_MAX_MS`].
const RETRY_MS: u64 = 100;
/// Longest wait between attempts: a server that is back is found within this time.
const RETRY_MAX_MS: u64 = 1_000;
/// A line this young is not given up because its other end connects as well: both began at once.
const CROSSING_MS: u64 = 1_000;
/// Servers outside of the membership that are remembered.
const STRANGERS_MAX: usize = 64;

/// What to do about a server that has connected and said who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its connection is the line now, in place of this one if there was one.
    Keep(Option<usize>),
    /// Close its connection; a call to it is made or under way.
    CallBack,
    /// Close its connection, and the line there was: it is out of date. It is called back.
    Replace(usize),
    /// Close its connection; nothing follows.
    Refuse,
}

/// Another server.
#[derive(Debug, Default)]
struct Voter {
    /// From the membership.
    addresses: Vec<(String, u16)>,
    /// From its own first message; used only without the above.
    said: Vec<(String, u16)>,
    is_member: bool,
    votes: bool,
    /// The connection kept, and since when.
    line: Option<(usize, u64)>,
    is_dialing: bool,
    /// It has called and is to be called back.
    has_called: bool,
    /// A vote that has not left.
    queued: Option<Vec<u8>>,
    /// The last one that left: sent again on a new line.
    last: Option<Vec<u8>>,
    failures: u32,
    next_try_ms: u64,
    /// What the node was told.
    reported: Option<bool>,
}

/// All other servers.
#[derive(Debug)]
pub(super) struct Voters {
    me: ServerId,
    voters: BTreeMap<ServerId, Voter>,
}

impl Voters {
    pub(super) fn new(me: ServerId, others: &BTreeMap<ServerId, Other>) -> Self {
        let mut voters = Self { me, voters: BTreeMap::new() };
        voters.set_members(others);
        voters
    }

    /// The membership: whom to look for, and where.
    pub(super) fn set_members(&mut self, others: &BTreeMap<ServerId, Other>) {
        for voter in self.voters.values_mut() {
            (voter.is_member, voter.votes) = (false, false);
        }
        for (id, other) in others {
            let voter = self.voters.entry(*id).or_default();
            (voter.is_member, voter.votes) = (true, other.votes);
            if voter.addresses != other.addresses {
                voter.addresses.clone_from(&other.addresses);
                voter.next_try_ms = 0;
            }
        }
    }

    /// Whether the membership has it.
    pub(super) fn is_member(&self, id: ServerId) -> bool {
        self.voters.get(&id).is_some_and(|voter| voter.is_member)
    }

    /// A vote for a server, in place of one that has not left. Returns its line, if it has one.
    pub(super) fn queue(&mut self, to: ServerId, vote: &Notification, now_ms: u64) -> Option<usize> {
        let voter = self.admit(to)?;
        voter.queued = Some(framed(vote));
        if voter.failures == 0 {
            voter.next_try_ms = voter.next_try_ms.min(now_ms);
        }
        voter.line.map(|(token, _)| token)
    }

    /// The next message for a line that is free to send.
    pub(super) fn take(&mut self, to: ServerId) -> Option<Vec<u8>> {
        let voter = self.voters.get_mut(&to)?;
        let message = voter.queued.take()?;
        voter.last = Some(message.clone());
        Some(message)
    }

    /// A server has connected and said who it is and where it listens.
    pub(super) fn on_hello(&mut self, from: ServerId, said: Vec<(String, u16)>, now_ms: u64) -> Verdict {
        let me = self.me;
        let Some(voter) = self.admit(from).filter(|_| from != me) else { return Verdict::Refuse };
        if !said.is_empty() {
            voter.said = said;
        }
        if from > me {
            return Verdict::Keep(voter.line.map(|(token, _)| token));
        }
        match voter.line {
            Some((_, since_ms)) if now_ms < since_ms + CROSSING_MS => Verdict::Refuse,
            line => {
                voter.has_called = true;
                voter.next_try_ms = now_ms;
                line.map_or(Verdict::CallBack, |(token, _)| Verdict::Replace(token))
            }
        }
    }

    /// This connection is kept. Returns whether the node is to be told that the server is there.
    pub(super) fn on_line(&mut self, with: ServerId, token: usize, now_ms: u64) -> bool {
        let Some(voter) = self.voters.get_mut(&with) else { return false };
        voter.line = Some((token, now_ms));
        if voter.queued.is_none() {
            voter.queued = voter.last.clone();
        }
        voter.reported.replace(true) != Some(true)
    }

    /// A connection is gone. Returns whether the node is to be told that the server is not there.
    pub(super) fn on_line_lost(&mut self, with: ServerId, token: usize, now_ms: u64) -> bool {
        let Some(voter) = self.voters.get_mut(&with) else { return false };
        let Some((_, since_ms)) = voter.line.filter(|(line, _)| *line == token) else { return false };
        voter.line = None;
        // One that breaks again and again is not to be tried without rest.
        match now_ms < since_ms + RETRY_MAX_MS {
            true => voter.fail(now_ms),
            false => voter.next_try_ms = now_ms,
        }
        voter.reported.replace(false) != Some(false)
    }

    /// Whom to call now.
    pub(super) fn due(&mut self, now_ms: u64) -> Vec<(ServerId, Vec<(String, u16)>)> {
        let due = self.voters.iter_mut().filter(|(_, v)| v.is_wanted() && v.next_try_ms <= now_ms);
        due.map(|(id, voter)| {
            voter.is_dialing = true;
            voter.has_called = false;
            let addresses = if voter.addresses.is_empty() { &voter.said } else { &voter.addresses };
            (*id, addresses.clone())
        })
        .collect()
    }

    /// When [`Voters::due`] has something next.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.voters.values().filter(|voter| voter.is_wanted()).map(|voter| voter.next_try_ms).min()
    }

    /// A call got through. Whether to say hello on it: not when the server has called meanwhile.
    pub(super) fn on_dialed(&mut self, to: ServerId, now_ms: u64) -> bool {
        let Some(voter) = self.voters.get_mut(&to) else { return false };
        voter.is_dialing = false;
        voter.failures = 0;
        // A larger one calls back now, and is to be given the time for it.
        voter.next_try_ms = now_ms + RETRY_MAX_MS;
        voter.line.is_none()
    }

    /// A call failed. Returns whether the node is to be told that the server is not there.
    pub(super) fn on_dial_failed(&mut self, to: ServerId, now_ms: u64) -> bool {
        let Some(voter) = self.voters.get_mut(&to) else { return false };
        voter.is_dialing = false;
        voter.fail(now_ms);
        voter.line.is_none() && voter.reported.replace(false) != Some(false)
    }

    /// The server, known from now on; `None` when too many strangers are.
    fn admit(&mut self, id: ServerId) -> Option<&mut Voter> {
        let strangers = self.voters.values().filter(|voter| !voter.is_member).count();
        if !self.voters.contains_key(&id) && strangers >= STRANGERS_MAX {
            let idle = |v: &Voter| !v.is_member && v.line.is_none() && !v.is_dialing;
            let idle = self.voters.iter().find(|(_, voter)| idle(voter)).map(|(id, _)| *id)?;
            self.voters.remove(&idle);
        }
        Some(self.voters.entry(id).or_default())
    }
}

impl Voter {
    fn fail(&mut self, now_ms: u64) {
        let wait_ms = RETRY_MS << self.failures.min(8);
        self.failures = self.failures.saturating_add(1);
        self.next_try_ms = now_ms + wait_ms.min(RETRY_MAX_MS);
    }

    /// Whether a line to it is missed: it votes, or has called, or a vote waits for it.
    fn is_wanted(&self) -> bool {
        let reachable = !self.addresses.is_empty() || !self.said.is_empty();
        let missed = self.votes || self.has_called || self.queued.is_some();
        self.line.is_none() && !self.is_dialing && reachable && missed
    }
}

/// A vote with its length in front.
fn framed(vote: &Notification) -> Vec<u8> {
    let body = vote.to_bytes();
    let mut out = Vec::with_capacity(4 + body.len());
    out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(0).to_be_bytes());
    out.extend_from_slice(&body);
    out
}

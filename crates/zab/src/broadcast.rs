//! Broadcast: the leader numbers transactions and learns which of them a quorum has stored.
//!
//! The caller never decides what is committed. It reports what is durable, its own log included,
//! as acknowledgements, and takes the commit point from here, so there is no rule about disks for
//! a driver to forget.
//!
//! //= zab: broadcast, leader steps 1 to 3

use crate::quorum::{Quorum, ServerId};
use proto::Zxid;
use proto::mutant::{Mutant, is_on};
use std::collections::BTreeMap;
use std::fmt;

/// The zxids of this epoch are used up; a new epoch must begin before anything can be proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted {
    /// The last zxid given out.
    pub last: Zxid,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the zxids of epoch {} are used up (last {})", self.last.epoch(), self.last)
    }
}

impl std::error::Error for Exhausted {}

/// A leader's view of the transactions it has proposed.
#[derive(Debug)]
pub struct Broadcast {
    quorum: Quorum,
    /// A membership on its way: who decides from this transaction on, besides those who did before.
    next: Option<(Zxid, Quorum)>,
    /// The last transaction that is this leader's to commit, once that is known.
    end: Option<Zxid>,
    last_proposed: Zxid,
    committed: Zxid,
    acked: BTreeMap<ServerId, Zxid>,
}

impl Broadcast {
    /// Leads on from `last`, the newest transaction in the leader's log, all of which a quorum has.
    pub fn new(quorum: Quorum, last: Zxid) -> Self {
        Self { quorum, next: None, end: None, last_proposed: last, committed: last, acked: BTreeMap::new() }
    }

    /// The zxid given out last.
    pub fn last_proposed(&self) -> Zxid {
        self.last_proposed
    }

    /// Everything up to here may be applied, everywhere.
    pub fn committed(&self) -> Zxid {
        self.committed
    }

    /// Gives out the next zxid.
    ///
    /// # Errors
    /// [`Exhausted`] when the counter would wrap (HC-58): go to [`Broadcast::next_epoch`].
    pub fn propose(&mut self) -> Result<Zxid, Exhausted> {
        let zxid = self.last_proposed.next().ok_or(Exhausted { last: self.last_proposed })?;
        self.last_proposed = zxid;
        Ok(zxid)
    }

    /// Begins a new epoch without an election, which only a sole voter may: it has nobody to ask.
    ///
    /// # Errors
    /// [`Exhausted`] when there are other voters, or no epochs are left either.
    pub fn next_epoch(&mut self) -> Result<(), Exhausted> {
        let epoch = self.last_proposed.epoch() + 1;
        if self.quorum.len() > 1 || epoch > i32::MAX as u32 {
            return Err(Exhausted { last: self.last_proposed });
        }
        self.last_proposed = Zxid::new(epoch, 0);
        Ok(())
    }

    /// The transaction just proposed brings a new membership: it and those after it need a quorum of
    /// both (HC-148), until it is committed; then the new one decides alone.
    pub fn stage(&mut self, next: Quorum) {
        self.next = Some((self.last_proposed, next));
    }

    /// Nothing after this transaction will be committed here: then somebody else leads (HC-143).
    pub fn end_with(&mut self, last: Zxid) {
        self.end = Some(last);
    }

    /// Takes note that `from` has stored everything up to `zxid`, and returns the commit point.
    ///
    /// Acknowledgements are cumulative because each log is contiguous, so commits cannot overtake
    /// one another (HC-51). Ones from servers without a vote, for transactions never proposed, or
    /// older than what is known change nothing.
    pub fn ack(&mut self, from: ServerId, zxid: Zxid) -> Zxid {
        let votes = self.quorum.is_voter(from) || self.next.as_ref().is_some_and(|(_, q)| q.is_voter(from));
        if votes && zxid <= self.last_proposed {
            let known = self.acked.entry(from).or_insert(zxid);
            *known = zxid.max(*known);
            self.advance();
        }
        self.committed
    }

    fn advance(&mut self) {
        let acked = &self.acked;
        let reached = |quorum: &Quorum| quorum.reached(|id| acked.get(&id).copied());
        let Some(mut point) = (match is_on(Mutant::CommitWithoutQuorum) {
            true => acked.values().max().copied(),
            false => reached(&self.quorum),
        }) else {
            return;
        };
        if let Some((staged, next)) = &self.next
            && point >= *staged
        {
            match reached(next).filter(|both| both >= staged) {
                Some(both) => {
                    point = both;
                    self.quorum = next.clone();
                    self.next = None;
                }
                None => point = Zxid(staged.0 - 1),
            }
        }
        point = self.end.map_or(point, |end| end.min(point));
        self.committed = self.committed.max(point);
    }

    /// Forgets what a server has stored: its connection is gone, and it may be told to cut its log.
    pub fn forget(&mut self, from: ServerId) {
        self.acked.remove(&from);
    }

    /// What a server is known to have stored.
    pub fn acked(&self, from: ServerId) -> Option<Zxid> {
        self.acked.get(&from).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ServerId = ServerId(1);
    const B: ServerId = ServerId(2);
    const C: ServerId = ServerId(3);

    #[test]
    fn nothing_commits_before_a_quorum_has_it() {
        let mut b = Broadcast::new(Quorum::majority([A, B, C]), Zxid(0));
        let (first, second) = (b.propose().unwrap(), b.propose().unwrap());
        assert_eq!(b.ack(A, second), Zxid(0));
        assert_eq!(b.ack(B, first), first);
        assert_eq!(b.ack(C, second), second);
    }

    #[test]
    fn hc_51_commits_come_in_zxid_order_whatever_the_acks_do() {
        let mut b = Broadcast::new(Quorum::majority([A]), Zxid(0));
        let (first, second) = (b.propose().unwrap(), b.propose().unwrap());
        assert_eq!(b.ack(A, second), second);
        assert_eq!(b.ack(A, first), second);
    }

    #[test]
    fn hc_148_a_new_membership_and_what_follows_it_need_a_quorum_of_both() {
        let (old, new) = (Quorum::majority([A, B, C]), Quorum::majority([A, ServerId(4), ServerId(5)]));
        let mut b = Broadcast::new(old, Zxid(0));
        let before = b.propose().unwrap();
        let staged = b.propose().unwrap();
        b.stage(new);
        let after = b.propose().unwrap();
        b.ack(A, after);
        assert_eq!(b.ack(B, after), before, "only the old membership has it");
        assert_eq!(b.ack(ServerId(4), staged), staged);
        assert_eq!(b.ack(C, after), staged, "no longer asked");
        assert_eq!(b.ack(ServerId(5), after), after);
    }

    #[test]
    fn hc_143_a_leader_that_is_to_go_commits_nothing_after_that() {
        let mut b = Broadcast::new(Quorum::majority([A, B, C]), Zxid(0));
        let staged = b.propose().unwrap();
        b.stage(Quorum::majority([B, C]));
        b.end_with(staged);
        let after = b.propose().unwrap();
        for voter in [A, B, C] {
            b.ack(voter, after);
        }
        assert_eq!(b.committed(), staged);
    }

    #[test]
    fn strangers_and_the_future_do_not_count() {
        let mut b = Broadcast::new(Quorum::majority([A]), Zxid(0));
        let first = b.propose().unwrap();
        assert_eq!(b.ack(B, first), Zxid(0));
        assert_eq!(b.ack(A, Zxid(first.0 + 1)), Zxid(0));
    }

    #[test]
    fn hc_58_a_used_up_counter_needs_a_new_epoch() {
        let last = Zxid::new(3, u32::MAX);
        let mut b = Broadcast::new(Quorum::majority([A]), last);
        assert_eq!(b.propose(), Err(Exhausted { last }));
        b.next_epoch().unwrap();
        assert_eq!(b.propose(), Ok(Zxid::new(4, 1)));
        let mut b = Broadcast::new(Quorum::majority([A, B, C]), last);
        assert!(b.next_epoch().is_err());
        let mut b = Broadcast::new(Quorum::majority([A]), Zxid::new(i32::MAX as u32, u32::MAX));
        assert!(b.next_epoch().is_err());
    }
}

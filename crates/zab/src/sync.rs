//! How a learner is brought to its leader's history: by what it lacks, by a cut first, or by a snapshot.
//!
//! //= java: LearnerHandler.syncFollower, queueCommittedProposals

use proto::Zxid;
use proto::mutant::{Mutant, is_on};
use proto::peer::Entry;

/// The way to bring one learner up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// The learner's log is a prefix of the leader's: send what comes after this.
    Diff {
        /// The last transaction both have.
        after: Zxid,
    },
    /// The learner has something the leader has not: cut after this, then send what comes after it.
    Trunc {
        /// The last transaction to keep.
        to: Zxid,
    },
    /// The learner's history and what is known here of the leader's do not meet.
    Snapshot,
}

/// Chooses by the last transaction `peer` of the learner. `committed` is a contiguous end of the leader's
/// committed history, oldest first, `base` the transaction directly before it, if known, and `last` its
/// last one, also when it is empty.
pub(crate) fn plan<'a>(
    peer: Zxid,
    last: Zxid,
    base: Option<Zxid>,
    committed: impl Iterator<Item = &'a (Zxid, Entry)>,
) -> Plan {
    if peer == last || Some(peer) == base {
        return Plan::Diff { after: peer };
    }
    // A counter of zero is no transaction but the beginning of an epoch, whose leader the learner was.
    let is_beginning = peer.counter() == 0;
    if peer > last {
        return if is_beginning { Plan::Snapshot } else { Plan::Trunc { to: last } };
    }
    let mut before = base.filter(|base| *base < peer);
    for (zxid, _) in committed {
        if *zxid < peer {
            before = Some(*zxid);
            continue;
        }
        return match before {
            _ if *zxid == peer => Plan::Diff { after: peer },
            // Nothing in between is known only if something before it is (HC-36).
            Some(before) if is_beginning => Plan::Diff { after: before },
            None if is_on(Mutant::DiffOverGap) => Plan::Diff { after: peer },
            // Cutting across epochs could take away what was committed in between.
            Some(before) if zxid.epoch() == peer.epoch() => Plan::Trunc { to: before },
            _ => Plan::Snapshot,
        };
    }
    Plan::Snapshot
}

#[cfg(test)]
mod tests {
    use super::*;

    fn z(epoch: u32, counter: u32) -> Zxid {
        Zxid::new(epoch, counter)
    }

    fn chosen(peer: Zxid, history: &[Zxid]) -> Plan {
        let entries: Vec<(Zxid, Entry)> = history.iter().map(|zxid| (*zxid, Entry::from([]))).collect();
        plan(peer, history.last().copied().unwrap_or(z(3, 7)), None, entries.iter())
    }

    #[test]
    fn a_learner_in_range_gets_what_it_lacks() {
        let history = [z(1, 5), z(1, 6), z(2, 1), z(2, 2)];
        for zxid in history {
            assert_eq!(chosen(zxid, &history), Plan::Diff { after: zxid });
        }
        assert_eq!(chosen(z(3, 7), &[]), Plan::Diff { after: z(3, 7) });
    }

    #[test]
    fn hc_17_a_transaction_the_leader_never_had_is_cut_off() {
        assert_eq!(chosen(z(1, 7), &[z(1, 5), z(1, 6)]), Plan::Trunc { to: z(1, 6) });
        assert_eq!(chosen(z(2, 1), &[z(1, 5), z(1, 6)]), Plan::Trunc { to: z(1, 6) });
        assert_eq!(chosen(z(7, 4), &[z(7, 3), z(8, 1)]), Plan::Snapshot, "never across an epoch");
    }

    #[test]
    fn a_learner_out_of_range_gets_a_snapshot() {
        assert_eq!(chosen(z(1, 4), &[z(1, 5), z(1, 6)]), Plan::Snapshot);
        assert_eq!(chosen(z(1, 4), &[]), Plan::Snapshot);
        assert_eq!(chosen(Zxid::ZERO, &[z(1, 1), z(1, 2)]), Plan::Snapshot, "HC-36");
    }

    #[test]
    fn hc_18_the_beginning_of_an_epoch_is_no_transaction() {
        assert_eq!(chosen(z(2, 0), &[z(1, 5), z(2, 1)]), Plan::Diff { after: z(1, 5) });
        assert_eq!(chosen(z(4, 0), &[z(1, 5), z(2, 1)]), Plan::Snapshot);
    }
}

//! Which sets of servers may decide.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A member of the ensemble, its `myid`. Negative ids stand for observers without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub i64);

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A quorum verifier: more than half of the voters, or of the weight in more than half of the groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    /// Voters and their weights.
    voters: BTreeMap<ServerId, i64>,
}

impl Quorum {
    /// More than half of these voters. Without voters nothing is ever decided.
    pub fn majority(voters: impl IntoIterator<Item = ServerId>) -> Self {
        Self { voters: voters.into_iter().map(|id| (id, 1)).collect() }
    }

    /// Whether `id` has a vote.
    pub fn is_voter(&self, id: ServerId) -> bool {
        self.voters.contains_key(&id)
    }

    /// The weight of `id`; 0 can never be elected.
    pub fn weight(&self, id: ServerId) -> i64 {
        self.voters.get(&id).copied().unwrap_or(0)
    }

    /// Those who vote.
    pub fn voters(&self) -> impl Iterator<Item = ServerId> {
        self.voters.keys().copied()
    }

    /// Number of voters.
    pub fn len(&self) -> usize {
        self.voters.len()
    }

    /// Whether nobody votes.
    pub fn is_empty(&self) -> bool {
        self.voters.is_empty()
    }

    /// Whether these servers suffice to decide; those without a vote do not count.
    pub fn contains(&self, servers: &BTreeSet<ServerId>) -> bool {
        self.reached(|id| servers.contains(&id).then_some(())).is_some()
    }

    /// The highest position that a quorum has reached, given each voter's own; voters without a
    /// position have reached nothing.
    pub fn reached<T: Ord + Copy>(&self, position: impl Fn(ServerId) -> Option<T>) -> Option<T> {
        let mut reached: Vec<T> = self.voters.keys().filter_map(|id| position(*id)).collect();
        reached.sort_unstable_by(|a, b| b.cmp(a));
        reached.get(self.voters.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(positions: &[Option<i32>]) -> Option<i32> {
        let ids = (0..positions.len()).map(|n| ServerId(n as i64));
        Quorum::majority(ids).reached(|id| positions[id.0 as usize])
    }

    #[test]
    fn one_voter_decides_alone() {
        assert_eq!(reached(&[Some(7)]), Some(7));
        assert_eq!(reached(&[None]), None);
        assert_eq!(reached(&[]), None);
    }

    #[test]
    fn the_slower_half_does_not_hold_up_and_does_not_decide() {
        assert_eq!(reached(&[Some(9), Some(5), Some(1)]), Some(5));
        assert_eq!(reached(&[Some(9), None, None]), None);
        assert_eq!(reached(&[Some(9), Some(9), None, None]), None);
        assert_eq!(reached(&[Some(4), Some(3), Some(2), Some(1), None]), Some(2));
    }
}

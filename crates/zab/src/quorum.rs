//! Which sets of servers may decide.

use std::collections::BTreeSet;
use std::fmt;

/// A member of the ensemble, its `myid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u8);

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// More than half of the voters.
#[derive(Debug, Clone)]
pub struct Majority {
    voters: BTreeSet<ServerId>,
}

impl Majority {
    /// A quorum verifier over these voters.
    ///
    /// # Panics
    /// Without voters: nothing could ever be decided, and no caller means that.
    pub fn new(voters: impl IntoIterator<Item = ServerId>) -> Self {
        let voters: BTreeSet<_> = voters.into_iter().collect();
        assert!(!voters.is_empty(), "a quorum needs voters");
        Self { voters }
    }

    /// Whether `id` has a vote.
    pub fn is_voter(&self, id: ServerId) -> bool {
        self.voters.contains(&id)
    }

    /// Number of voters.
    pub fn voters(&self) -> usize {
        self.voters.len()
    }

    /// The highest position that a quorum has reached, given each voter's own; voters without a
    /// position have reached nothing.
    pub fn reached<T: Ord + Copy>(&self, position: impl Fn(ServerId) -> Option<T>) -> Option<T> {
        let mut reached: Vec<T> = self.voters.iter().filter_map(|id| position(*id)).collect();
        reached.sort_unstable_by(|a, b| b.cmp(a));
        reached.get(self.voters.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(positions: &[Option<i32>]) -> Option<i32> {
        let ids = (0..positions.len()).map(|n| ServerId(n as u8));
        Majority::new(ids).reached(|id| positions[usize::from(id.0)])
    }

    #[test]
    fn one_voter_decides_alone() {
        assert_eq!(reached(&[Some(7)]), Some(7));
        assert_eq!(reached(&[None]), None);
    }

    #[test]
    fn the_slower_half_does_not_hold_up_and_does_not_decide() {
        assert_eq!(reached(&[Some(9), Some(5), Some(1)]), Some(5));
        assert_eq!(reached(&[Some(9), None, None]), None);
        assert_eq!(reached(&[Some(9), Some(9), None, None]), None);
        assert_eq!(reached(&[Some(4), Some(3), Some(2), Some(1), None]), Some(2));
    }
}

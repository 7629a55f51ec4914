//! Which sets of servers may decide.
//!
//! //= java: QuorumMaj, QuorumHierarchical

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
    groups: Option<Groups>,
}

/// The groups of a hierarchical quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Groups {
    /// The group of each server.
    of: BTreeMap<ServerId, i64>,
    /// The weight of each group whose weight is not zero; others do not count.
    weights: BTreeMap<i64, i128>,
}

impl Quorum {
    /// More than half of these voters. Without voters nothing is ever decided.
    pub fn majority(voters: impl IntoIterator<Item = ServerId>) -> Self {
        Self { voters: voters.into_iter().map(|id| (id, 1)).collect(), groups: None }
    }

    /// More than half of the groups that have any weight, each with more than half of its weight.
    ///
    /// `weights` has a weight of at least 0 for whoever is in a group; servers in a group that do not
    /// vote add to its weight all the same, as in the reference.
    pub fn hierarchical(
        voters: impl IntoIterator<Item = ServerId>,
        groups: &BTreeMap<i64, Vec<ServerId>>,
        weights: &BTreeMap<ServerId, i64>,
    ) -> Self {
        let weight = |id: &ServerId| weights.get(id).copied().unwrap_or(0);
        let of = groups.iter().flat_map(|(group, ids)| ids.iter().map(|id| (*id, *group))).collect();
        let totals =
            groups.iter().map(|(group, ids)| (*group, ids.iter().map(|id| i128::from(weight(id))).sum()));
        let weights = totals.filter(|(_, total)| *total > 0).collect();
        let voters = voters.into_iter().map(|id| (id, weight(&id))).collect();
        Self { voters, groups: Some(Groups { of, weights }) }
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
        let voting = self.voters.iter().filter(|(id, _)| servers.contains(id));
        match &self.groups {
            None => voting.count() > self.voters.len() / 2,
            Some(groups) => groups.decide(voting.map(|(id, weight)| (*id, *weight))),
        }
    }

    /// The highest position that a quorum has reached, given each voter's own; voters without a
    /// position have reached nothing.
    pub fn reached<T: Ord + Copy>(&self, position: impl Fn(ServerId) -> Option<T>) -> Option<T> {
        let placed = self.voters.iter().filter_map(|(id, weight)| Some((position(*id)?, *id, *weight)));
        let mut placed: Vec<(T, ServerId, i64)> = placed.collect();
        placed.sort_unstable_by(|a, b| b.cmp(a));
        let Some(groups) = &self.groups else {
            return placed.get(self.voters.len() / 2).map(|(at, ..)| *at);
        };
        // The first so many decide together; then so do more of them, so halving finds the fewest.
        let decide =
            |count: &[(T, ServerId, i64)]| groups.decide(count.iter().map(|(_, id, weight)| (*id, *weight)));
        let (mut too_few, mut enough) = (0, placed.len());
        if !decide(&placed) {
            return None;
        }
        while enough - too_few > 1 {
            let count = too_few + (enough - too_few) / 2;
            match decide(&placed[..count]) {
                true => enough = count,
                false => too_few = count,
            }
        }
        placed.get(enough.checked_sub(1)?).map(|(at, ..)| *at)
    }
}

impl Groups {
    fn decide(&self, servers: impl Iterator<Item = (ServerId, i64)>) -> bool {
        let mut present: BTreeMap<i64, i128> = BTreeMap::new();
        for (id, weight) in servers {
            if let Some(group) = self.of.get(&id) {
                *present.entry(*group).or_default() += i128::from(weight);
            }
        }
        let won = self
            .weights
            .iter()
            .filter(|(group, total)| present.get(group).is_some_and(|sum| sum * 2 > **total));
        won.count() > self.weights.len() / 2
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

    fn ids(of: impl IntoIterator<Item = i64>) -> BTreeSet<ServerId> {
        of.into_iter().map(ServerId).collect()
    }

    /// Voters 1.. with these weights, in groups of these sizes.
    fn grouped(sizes: &[usize], weights: &[i64]) -> Quorum {
        let mut next = 1..;
        let group = |size: &usize| next.by_ref().take(*size).map(ServerId).collect();
        let groups: BTreeMap<i64, Vec<ServerId>> = (1..).zip(sizes.iter().map(group)).collect();
        let weights: BTreeMap<_, _> = (1..).map(ServerId).zip(weights.iter().copied()).collect();
        Quorum::hierarchical(weights.keys().copied().collect::<Vec<_>>(), &groups, &weights)
    }

    fn subsets(count: usize) -> impl Iterator<Item = BTreeSet<ServerId>> {
        (0..1u32 << count)
            .map(move |bits| ids((0..count as i64).filter(|n| bits >> n & 1 == 1).map(|n| n + 1)))
    }

    #[test]
    fn hc_12_a_majority_of_weight_in_a_majority_of_groups_decides() {
        let quorum = grouped(&[3, 3, 3], &[1; 9]);
        assert!(quorum.contains(&ids([1, 2, 4, 5])));
        assert!(!quorum.contains(&ids([1, 2, 3, 4, 7])), "one group, and a minority of the others");
        assert!(!quorum.contains(&ids([1, 2, 40, 50])), "strangers have no weight");
        let heavy = grouped(&[3], &[3, 1, 1]);
        assert!(heavy.contains(&ids([1])) && !heavy.contains(&ids([2, 3])));
    }

    #[test]
    fn hc_12_half_is_not_enough_whatever_the_parity() {
        let quorum = grouped(&[2, 2], &[1, 1, 2, 3]);
        assert!(!quorum.contains(&ids([1, 3, 4])), "half of the first group");
        assert!(!quorum.contains(&ids([1, 2])), "half of the groups");
        assert!(quorum.contains(&ids([1, 2, 4])), "3 of 5");
        assert!(!quorum.contains(&ids([1, 2, 3])), "2 of 5");
    }

    #[test]
    fn hc_12_groups_and_servers_without_weight_do_not_count() {
        let quorum = grouped(&[2, 2, 1], &[1, 1, 0, 0, 1]);
        assert!(quorum.contains(&ids([1, 2, 5])));
        assert!(!quorum.contains(&ids([1, 2, 3, 4])), "one of the two groups that count");
        assert_eq!((quorum.weight(ServerId(3)), quorum.weight(ServerId(1))), (0, 1));
        let none = grouped(&[2], &[0, 0]);
        assert!(subsets(2).all(|set| !none.contains(&set)), "nobody can decide");
        assert_eq!(none.reached(|_| Some(1)), None);
    }

    #[test]
    fn hc_12_two_sets_that_may_decide_share_a_voter() {
        for (sizes, weights) in [
            (&[3, 2, 2][..], &[1, 1, 1, 1, 1, 1, 1][..]),
            (&[2, 2, 1], &[2, 1, 1, 1, 0]),
            (&[1, 1, 1, 1], &[5, 1, 0, 1]),
        ] {
            let quorum = grouped(sizes, weights);
            let deciding: Vec<_> = subsets(weights.len()).filter(|set| quorum.contains(set)).collect();
            assert!(!deciding.is_empty());
            for (a, b) in deciding.iter().flat_map(|a| deciding.iter().map(move |b| (a, b))) {
                assert!(!a.is_disjoint(b), "{a:?} and {b:?} in {quorum:?}");
            }
        }
    }

    #[test]
    fn hc_12_the_position_reached_is_the_highest_whose_holders_may_decide() {
        let kinds = [
            grouped(&[2, 2, 1], &[2, 1, 1, 1, 3]),
            grouped(&[3, 2], &[1, 0, 2, 1, 1]),
            Quorum::majority((1..6).map(ServerId)),
        ];
        for quorum in kinds {
            for code in 0..4u32.pow(5) {
                let at = |id: ServerId| Some(code / 4u32.pow(id.0 as u32 - 1) % 4).filter(|n| *n > 0);
                let holders = |n: u32| quorum.voters().filter(|id| at(*id) >= Some(n)).collect();
                let expected = (1..4).rev().find(|n| quorum.contains(&holders(*n)));
                assert_eq!(quorum.reached(at), expected, "{code} in {quorum:?}");
            }
        }
    }

    #[test]
    fn weights_near_the_limit_do_not_overflow() {
        let quorum = grouped(&[3], &[i64::MAX; 3]);
        assert!(quorum.contains(&ids([1, 2])) && !quorum.contains(&ids([1])));
    }
}

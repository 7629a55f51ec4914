//! Whose turn it is: the hosts of one round, each once, then the source is asked again.

use crate::hosts::{Host, HostGroups};
use std::collections::VecDeque;

/// The hosts still to be tried in this round.
#[derive(Debug)]
pub(super) struct Rota {
    left: VecDeque<Host>,
    /// The one tried last.
    last: Option<Host>,
    random: fastrand::Rng,
}

impl Rota {
    /// Nothing to try: the first question goes to the source.
    pub(super) fn new(seed: u64) -> Self {
        Self { left: VecDeque::new(), last: None, random: fastrand::Rng::with_seed(seed) }
    }

    /// Starts a round: groups in their order, each shuffled. The host tried last waits until the others of
    /// its group had their turn.
    pub(super) fn refill(&mut self, groups: HostGroups) {
        self.left.clear();
        for mut group in groups {
            self.random.shuffle(&mut group);
            if let Some(at) = group.iter().position(|host| Some(host) == self.last.as_ref()) {
                let last = group.remove(at);
                group.push(last);
            }
            self.left.extend(group);
        }
    }

    /// The next to try; `None`: the round is over.
    pub(super) fn next(&mut self) -> Option<Host> {
        let host = self.left.pop_front()?;
        self.last = Some(host.clone());
        Some(host)
    }

    /// A connection is lost that was good: what comes next is a new round, the nearest hosts first.
    pub(super) fn start_over(&mut self) {
        self.left.clear();
    }

    /// Makes a host the next one.
    pub(super) fn prefer(&mut self, host: Host) {
        self.left.push_front(host);
    }

    /// A random one of what `groups` hold, but not the one tried last.
    pub(super) fn other(&mut self, groups: HostGroups) -> Option<Host> {
        let mut all: Vec<Host> = groups.into_iter().flatten().collect();
        all.retain(|host| Some(host) != self.last.as_ref());
        self.random.shuffle(&mut all);
        all.pop()
    }

    /// Puts addresses of one name into random order.
    pub(super) fn shuffle<A>(&mut self, addresses: &mut [A]) {
        self.random.shuffle(addresses);
    }
}

#[cfg(test)]
mod tests {
    use super::Rota;
    use crate::hosts::Host;

    fn group(names: &[&str]) -> Vec<Host> {
        names.iter().map(|name| Host::new(*name, 1)).collect()
    }

    fn round(rota: &mut Rota) -> Vec<String> {
        std::iter::from_fn(|| rota.next()).map(|host| host.name).collect()
    }

    #[test]
    fn every_host_gets_its_turn_and_groups_keep_their_order() {
        let mut rota = Rota::new(1);
        rota.refill(vec![group(&["a", "b", "c"]), group(&["x", "y"])]);
        let mut tried = round(&mut rota);
        tried[..3].sort();
        tried[3..].sort();
        assert_eq!(tried, ["a", "b", "c", "x", "y"]);
        assert_eq!(rota.next(), None);
    }

    #[test]
    fn different_clients_begin_with_different_hosts() {
        let first = |seed| {
            let mut rota = Rota::new(seed);
            rota.refill(vec![group(&["a", "b", "c"])]);
            rota.next().unwrap().name
        };
        let firsts: std::collections::BTreeSet<_> = (0..50).map(first).collect();
        assert_eq!(firsts.len(), 3);
    }

    #[test]
    fn the_host_just_lost_is_tried_last() {
        for seed in 0..20 {
            let mut rota = Rota::new(seed);
            rota.refill(vec![group(&["a", "b", "c"])]);
            let lost = rota.next().unwrap().name;
            rota.start_over();
            rota.refill(vec![group(&["a", "b", "c"])]);
            assert_eq!(round(&mut rota).last(), Some(&lost));
        }
    }
}

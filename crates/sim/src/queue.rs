//! What happens next: events in order of time, those of one moment in the order they were made.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Virtual time, microseconds since the start of a run.
pub(crate) type Time = u64;

/// A millisecond.
pub(crate) const MS: Time = 1000;
/// A second.
pub(crate) const SECOND: Time = 1_000_000;

#[derive(Debug)]
struct Due<E> {
    /// Time and number in one: comparing is one instruction or two.
    key: u128,
    event: E,
}

impl<E> PartialEq for Due<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl<E> Eq for Due<E> {}
impl<E> PartialOrd for Due<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Due<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

/// Events to come, and the virtual clock. Its memory is reused, so pushing rarely allocates.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    heap: BinaryHeap<Reverse<Due<E>>>,
    now: Time,
    made: u64,
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::with_capacity(1024), now: 0, made: 0 }
    }

    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// Not before now.
    pub(crate) fn at(&mut self, at: Time, event: E) {
        self.made += 1;
        let key = (u128::from(at.max(self.now)) << 64) | u128::from(self.made);
        self.heap.push(Reverse(Due { key, event }));
    }

    pub(crate) fn after(&mut self, delay: Time, event: E) {
        self.at(self.now + delay, event);
    }

    /// The next event; the clock moves to it.
    pub(crate) fn pop(&mut self) -> Option<E> {
        let Reverse(due) = self.heap.pop()?;
        self.now = (due.key >> 64) as u64;
        Some(due.event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_of_time_and_then_of_making() {
        let mut queue = Queue::new();
        for (at, event) in [(5, 'c'), (1, 'a'), (5, 'd'), (2, 'b')] {
            queue.at(at, event);
        }
        let order: String = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!((order.as_str(), queue.now()), ("abcd", 5));
        queue.at(1, 'e');
        assert_eq!((queue.pop(), queue.now()), (Some('e'), 5));
    }
}

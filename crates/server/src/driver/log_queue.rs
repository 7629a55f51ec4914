//! What the node hands to the log thread, and what comes back: both in the node's order.
//!
//! Everything handed over counts as one, and the log thread reports how many of them are durable. That
//! count is a single atomic, because it is on the path of every write; the rare trees that come back
//! with it lie in a list beside it.

use crate::driver::linger::Linger;
use node::Input;
use parking_lot::{Condvar, Mutex};
use proto::Zxid;
use proto::peer::Entry;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tree::Tree;
use zab::Record;

/// One thing for the log thread to perform.
#[derive(Debug)]
pub(crate) enum LogOp {
    /// An entry for the log.
    Append(Zxid, Entry),
    /// A small file.
    Record(Record),
    /// See [`node::Outbox::truncate`].
    Truncate {
        /// The last transaction to keep.
        to: Zxid,
        /// Whether the tree is to be read back.
        reload: bool,
    },
    /// See [`node::Outbox::install`].
    Install {
        /// The snapshot's name.
        zxid: Zxid,
        /// What is in it.
        tree: Box<Tree>,
    },
}

/// What waiting for operations brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Batch,
    /// None came in time.
    Nothing,
    /// None will come any more.
    Closed,
}

/// Operations on their way to the log thread, and their outcomes on the way back.
#[derive(Debug, Default)]
pub(crate) struct LogQueue {
    state: Mutex<State>,
    ready: Condvar,
    /// Whether there may be operations: to look without the lock.
    filled: AtomicBool,
    /// How many things are known to be durable that the node was not told of; 0 for none.
    stored: AtomicU64,
    /// Whether there may be something in `results`.
    has_results: AtomicBool,
    /// What operations gave back, each with its place in the count.
    results: Mutex<VecDeque<(u64, Input)>>,
}

#[derive(Debug, Default)]
struct State {
    ops: Vec<LogOp>,
    /// The event loop that brought the first of them, and so waits longest.
    from: usize,
    closed: bool,
}

/// Operations taken out of the queue.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) ops: Vec<LogOp>,
    /// The event loop to be woken when they are done.
    pub(crate) from: usize,
}

impl LogQueue {
    /// Adds operations; the caller holds the node, which keeps them in order. `from` is the event loop
    /// to be woken when the first of them is done, which then calls [`LogQueue::tell`].
    pub(crate) fn push(&self, ops: &mut Vec<LogOp>, from: usize) {
        if ops.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        if state.ops.is_empty() {
            state.from = from;
        }
        state.ops.append(ops);
        self.filled.store(true, Ordering::Release);
    }

    /// Whether [`LogQueue::tell`] would find something; free when it would not.
    pub(crate) fn has_stored(&self) -> bool {
        self.stored.load(Ordering::Acquire) != 0
    }

    /// Takes what has become durable since the last call and gives it to the node: the trees that came
    /// back first, then the count that covers them. The caller holds the node: of two threads with
    /// something to tell, the one that took it first must be the one that tells it first.
    pub(crate) fn tell(&self, mut step: impl FnMut(Input)) {
        // Most calls find nothing, and a load is cheaper than a swap.
        if !self.has_stored() {
            return;
        }
        let count = self.stored.swap(0, Ordering::AcqRel);
        if count == 0 {
            return;
        }
        if self.has_results.load(Ordering::Acquire) {
            for result in self.take_results(count) {
                step(result);
            }
        }
        step(Input::Stored(count));
    }

    /// What the operations up to the `count`th gave back.
    fn take_results(&self, count: u64) -> Vec<Input> {
        let mut results = self.results.lock();
        let due = results.partition_point(|(place, _)| *place <= count);
        let due = results.drain(..due).map(|(_, input)| input).collect();
        self.has_results.store(!results.is_empty(), Ordering::Release);
        due
    }

    /// Keeps what the operation that counts as `place` gave back, until that count is told.
    pub(crate) fn give_back(&self, place: u64, input: Input) {
        let mut results = self.results.lock();
        results.push_back((place, input));
        self.has_results.store(true, Ordering::Release);
    }

    /// Says that so many things are durable.
    pub(crate) fn set_stored(&self, count: u64) {
        self.stored.store(count, Ordering::Release);
    }

    /// Wakes the log thread when there is something for it.
    pub(crate) fn notify(&self) {
        self.ready.notify_one();
    }

    /// No operation will come any more.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.ready.notify_one();
    }

    /// Takes what there is into `batch`, waiting for it, at most for `patience` when one is given.
    pub(crate) fn take(&self, batch: &mut Batch, patience: Option<Duration>) -> Taken {
        let mut state = self.state.lock();
        while state.ops.is_empty() {
            if state.closed {
                return Taken::Closed;
            }
            match patience {
                None => self.ready.wait(&mut state),
                Some(patience) if self.ready.wait_for(&mut state, patience).timed_out() => {
                    return Taken::Nothing;
                }
                Some(_) => {}
            }
        }
        std::mem::swap(&mut state.ops, &mut batch.ops);
        batch.from = state.from;
        self.filled.store(false, Ordering::Release);
        Taken::Batch
    }

    /// Looks for operations for a moment, as far as that has paid lately.
    pub(crate) fn look(&self, linger: &mut Linger) {
        linger.begin(Instant::now());
        while linger.goes_on(Instant::now()) {
            if self.filled.load(Ordering::Acquire) {
                return linger.end(true);
            }
            std::hint::spin_loop();
        }
    }

    /// Waits until `deadline` for company for the operations already taken.
    pub(crate) fn take_more(&self, batch: &mut Batch, deadline: Instant) -> bool {
        let mut state = self.state.lock();
        while state.ops.is_empty() && !state.closed {
            if self.ready.wait_until(&mut state, deadline).timed_out() {
                return false;
            }
        }
        batch.ops.append(&mut state.ops);
        self.filled.store(false, Ordering::Release);
        !state.closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(queue: &LogQueue) -> Vec<String> {
        let mut told = Vec::new();
        queue.tell(|input| {
            told.push(match input {
                Input::Truncated(tree) => format!("truncated, reloaded {}", tree.is_some()),
                Input::Stored(count) => format!("stored {count}"),
                other => format!("{other:?}"),
            });
        });
        told
    }

    #[test]
    fn what_comes_back_is_told_before_the_count_that_covers_it_and_not_with_an_earlier_one() {
        let queue = LogQueue::default();
        queue.set_stored(3);
        queue.give_back(4, Input::Truncated(None));
        assert_eq!(told(&queue), ["stored 3"]);
        assert_eq!(told(&queue), [""; 0]);
        queue.set_stored(4);
        queue.set_stored(7);
        assert_eq!(told(&queue), ["truncated, reloaded false", "stored 7"]);
        assert_eq!(told(&queue), [""; 0]);
    }
}

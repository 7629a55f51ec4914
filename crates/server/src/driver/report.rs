//! The log thread's word to the node: this much is durable.

use crate::driver::outbox::Courier;
use crate::driver::shared::Shared;

/// Things made durable together up to which the log thread tells the node itself: more would keep it
/// from the next batch, which is better written while these are applied by somebody else.
const FEW: u64 = 16;

/// Counts what is durable, and sees to it that the node hears of it.
pub(crate) struct Reporter<'a> {
    shared: &'a Shared,
    stored: u64,
    /// For a member of an ensemble.
    courier: Option<Courier<'a>>,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Self {
        let courier = shared.peers.is_some().then(|| Courier::apart(shared));
        Self { shared, stored: 0, courier }
    }

    /// How many things are durable since the start, with `count` more.
    pub(crate) fn count(&mut self, count: u64) -> u64 {
        self.stored += count;
        self.stored
    }

    /// Says what was counted. `from` is the thread that waits for it, and steps the node when it is woken.
    ///
    /// In an ensemble that is mostly nothing but an acknowledgement to be passed on: so as not to wake one
    /// thread that wakes another one elsewhere, this thread steps the node, if it is free.
    pub(crate) fn tell(&mut self, count: u64, from: usize) {
        let shared = self.shared;
        shared.log.set_stored(self.stored);
        if count <= FEW
            && let Some(courier) = &mut self.courier
            && let Some(mut node) = shared.node.try_lock()
        {
            let now = shared.clock.now();
            shared.log.tell(|input| node.step(now, input, courier));
            return shared.release(node, courier, now);
        }
        shared.wake(from);
    }
}

//! What other threads leave for an event loop.

use mio::Waker;
use mio::net::TcpStream;
use node::Delivery;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

/// One event loop's inbox.
#[derive(Debug)]
pub(crate) struct Mailbox {
    waker: Waker,
    pending: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    deliveries: Vec<Delivery>,
    accepted: Vec<(TcpStream, SocketAddr)>,
}

impl Mailbox {
    pub(crate) fn new(waker: Waker) -> Self {
        Self { waker, pending: AtomicBool::new(false), inner: Mutex::default() }
    }

    /// Moves deliveries in. Returns whether the loop has to be woken: only the first of several
    /// has to do it.
    #[must_use]
    pub(crate) fn put(&self, deliveries: &mut Vec<Delivery>) -> bool {
        self.inner.lock().deliveries.append(deliveries);
        !self.pending.swap(true, Ordering::AcqRel)
    }

    /// Hands over a connection.
    pub(crate) fn hand_over(&self, stream: TcpStream, peer: SocketAddr) {
        self.inner.lock().accepted.push((stream, peer));
        if !self.pending.swap(true, Ordering::AcqRel) {
            self.wake();
        }
    }

    /// Whether there may be something; free when there is not.
    pub(crate) fn has_mail(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }

    /// Takes everything out.
    pub(crate) fn take(&self, deliveries: &mut Vec<Delivery>, accepted: &mut Vec<(TcpStream, SocketAddr)>) {
        let mut inner = self.inner.lock();
        self.pending.store(false, Ordering::Release);
        deliveries.append(&mut inner.deliveries);
        accepted.append(&mut inner.accepted);
    }

    /// Interrupts the loop's wait.
    pub(crate) fn wake(&self) {
        // Fails only when the loop is gone, and then there is nobody to wake.
        let _ = self.waker.wake();
    }
}

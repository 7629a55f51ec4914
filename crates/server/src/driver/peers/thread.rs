//! The thread that owns the sockets between members: it steps the node with what they bring, and keeps
//! the node's time.

use super::Peers;
use super::sockets::Sockets;
use crate::driver::outbox::Courier;
use crate::driver::shared::Shared;
use node::{Input, Now, PeerInput};
use std::io;
use std::time::Duration;

/// Longest wait, so that nothing computed elsewhere is missed by much.
const WAIT_MAX_MS: u64 = 500;

/// Runs until the server stops.
///
/// # Errors
/// The system no longer lets it wait for events.
pub(crate) fn run(shared: &Shared, sockets: Sockets) -> io::Result<()> {
    let Some(peers) = &shared.peers else { return Ok(()) };
    let me = shared.mailboxes.len();
    PeerThread { shared, peers, sockets, courier: Courier::new(shared, me), inputs: Vec::new() }.run()
}

struct PeerThread<'a> {
    shared: &'a Shared,
    peers: &'a Peers,
    sockets: Sockets,
    courier: Courier<'a>,
    inputs: Vec<PeerInput>,
}

impl PeerThread<'_> {
    fn run(&mut self) -> io::Result<()> {
        let clock = self.shared.clock;
        while !self.shared.is_stopping() {
            let wait = self.wait();
            self.sockets.turn(wait, || clock.now().monotonic_ms, &mut self.inputs)?;
            self.peers.sleeps_until(0);
            if let Some((host, port)) = self.sockets.take_client_port() {
                self.shared.move_client_port(host, port);
            }
            self.step(clock.now());
            self.sockets.pump(self.shared, clock.now().monotonic_ms, &mut self.inputs);
        }
        Ok(())
    }

    /// How long to sleep. The deadline is looked at after it was said until when this thread sleeps, so
    /// that whoever moves the deadline at this moment sees that he has to wake it; only then is the
    /// deadline itself the time until which it sleeps, and the same one again wakes nobody.
    fn wait(&self) -> Duration {
        let now_ms = self.shared.clock.now().monotonic_ms;
        let wait_ms = self.sockets.wait_ms(now_ms).unwrap_or(WAIT_MAX_MS).min(WAIT_MAX_MS);
        self.peers.sleeps_until(now_ms + wait_ms);
        let due_ms = self.peers.deadline().saturating_sub(now_ms);
        self.peers.sleeps_until(now_ms + wait_ms.min(due_ms));
        match self.shared.log.has_stored() || self.peers.has_mail() || !self.inputs.is_empty() {
            true => Duration::ZERO,
            false => Duration::from_millis(wait_ms.min(due_ms)),
        }
    }

    /// Tells the node everything there is to tell, holding it once.
    fn step(&mut self, now: Now) {
        let due = self.peers.deadline() <= now.monotonic_ms;
        if self.inputs.is_empty() && !due && !self.shared.log.has_stored() {
            return;
        }
        let shared = self.shared;
        let mut node = shared.node.lock();
        shared.log.tell(|input| node.step(now, input, &mut self.courier));
        for input in std::mem::take(&mut self.inputs) {
            if self.is_wanted(&input) {
                node.step(now, Input::Peer(input), &mut self.courier);
            }
        }
        if due {
            node.step(now, Input::Tick, &mut self.courier);
        }
        shared.release(node, &mut self.courier, now);
    }

    /// Whether the node is to hear of this: not when it has closed the link meanwhile. Of its end it
    /// hears once.
    fn is_wanted(&self, input: &PeerInput) -> bool {
        match input {
            PeerInput::Closed(link) => self.peers.remove_wire(*link).is_some(),
            PeerInput::Accepted(link)
            | PeerInput::Packet { link, .. }
            | PeerInput::Snapshot { link, .. }
            | PeerInput::Progress(link)
            | PeerInput::History { link, .. } => self.peers.has_wire(*link),
            PeerInput::Dialed { .. } | PeerInput::Vote { .. } | PeerInput::VoterLink { .. } => true,
        }
    }
}

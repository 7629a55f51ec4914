//! All sockets of the peer thread, and one turn of theirs: wait, read, pass on what the node wishes.
//!
//! This is everything but the node: what it is to be told comes out as a list.

use super::dialer::{Dialer, Outcome, Purpose};
use super::lines::Lines;
use super::links::Links;
use super::membership::Missing;
use super::outgoing::{Outgoing, Pumped};
use super::ports::{BindError, For, Port, Ports};
use super::settings::PeerSettings;
use super::{Ground, Mail, Peers, WAKER};
use crate::driver::acceptor::Acceptor;
use crate::driver::shared::Shared;
use mio::{Events, Interest, Poll, Registry, Token};
use node::PeerInput;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use zab::{Address, ServerId};

/// A port this server listens on.
pub(super) struct Door {
    pub(super) token: usize,
    pub(super) port: Port,
    pub(super) acceptor: Acceptor,
}

/// The peer thread's sockets.
pub(crate) struct Sockets {
    poll: Poll,
    registry: Arc<Registry>,
    events: Option<Events>,
    peers: Arc<Peers>,
    pub(super) settings: PeerSettings,
    pub(super) doors: Vec<Door>,
    /// Ports to be opened.
    pub(super) missing: Vec<Missing>,
    /// The client port the membership now names.
    pub(super) moved: Option<(String, u16)>,
    dialer: Dialer,
    pub(super) lines: Lines,
    links: Links,
    outgoing: Vec<Outgoing>,
    /// Whether snapshots on their way can go on at once.
    pumping: bool,
    next_token: usize,
}

impl Sockets {
    /// Watches the ports through `poll`, on which `peers` has its waker.
    ///
    /// # Errors
    /// The system refuses to watch a port.
    pub(crate) fn new(
        poll: Poll,
        peers: Arc<Peers>,
        settings: PeerSettings,
        ports: Ports,
        tree: tree::Settings,
    ) -> io::Result<Self> {
        let registry = Arc::new(poll.registry().try_clone()?);
        let mut sockets = Self {
            poll,
            registry,
            events: Some(Events::with_capacity(256)),
            dialer: Dialer::new(Arc::clone(&peers)),
            lines: Lines::new(&settings),
            links: Links::new(Arc::clone(&peers), &settings, tree),
            peers,
            settings,
            doors: Vec::new(),
            missing: Vec::new(),
            moved: None,
            outgoing: Vec::new(),
            pumping: false,
            next_token: 0,
        };
        sockets.watch(ports)?;
        Ok(sockets)
    }

    fn watch(&mut self, ports: Ports) -> io::Result<()> {
        for (port, mut acceptor) in ports.open {
            self.next_token += 1;
            let token = self.next_token;
            self.registry.register(&mut acceptor.listener, Token(token), Interest::READABLE)?;
            self.doors.push(Door { token, port, acceptor });
        }
        Ok(())
    }

    /// Waits for something to happen, at most `wait`, does what can be done without the node, and adds
    /// what the node is to be told to `inputs`. `clock` says what time it is, milliseconds.
    ///
    /// # Errors
    /// The system no longer lets it wait for events, or listen on a port of its own.
    pub(crate) fn turn(
        &mut self,
        wait: Duration,
        clock: impl Fn() -> u64,
        inputs: &mut Vec<PeerInput>,
    ) -> io::Result<()> {
        let mut events = self.events.take().unwrap_or_else(|| Events::with_capacity(256));
        match self.poll.poll(&mut events, Some(wait)) {
            Err(e) if e.kind() != io::ErrorKind::Interrupted => return Err(e),
            _ => {}
        }
        let now_ms = clock();
        let mut next_token = self.next_token;
        let registry = Arc::clone(&self.registry);
        let mut ground = Ground { registry: &registry, next_token: &mut next_token, now_ms, inputs };
        for event in &events {
            self.on_event(event, &mut ground);
        }
        self.events = Some(events);
        let done = self.rest(&mut ground);
        self.next_token = next_token;
        done
    }

    fn on_event(&mut self, event: &mio::event::Event, ground: &mut Ground<'_>) {
        let Token(token) = event.token();
        if event.token() == WAKER
            || self.links.on_ready(token, event)
            || self.lines.on_ready(token, event, ground)
            || self.dialer.on_ready(token)
        {
            return;
        }
        self.accept(Some(token), ground);
    }

    /// What is due in every turn, whatever has happened.
    fn rest(&mut self, ground: &mut Ground<'_>) -> io::Result<()> {
        self.accept(None, ground);
        for mail in self.peers.take_mail() {
            self.on_mail(mail, ground);
        }
        self.links.serve(ground);
        self.lines.serve_rest(ground);
        self.links.expire(ground);
        self.lines.expire(ground);
        self.dialer.expire(ground.now_ms);
        self.call(ground);
        self.settle(ground);
        let unable = |refused: BindError| {
            io::Error::new(
                refused.error.kind(),
                format!("cannot listen on {}: {}", refused.address, refused.error),
            )
        };
        self.open_missing(ground).map_err(unable)
    }

    /// Takes in who has connected at one door, or at those that rested and may go on.
    fn accept(&mut self, at: Option<usize>, ground: &mut Ground<'_>) {
        for Door { token, port, acceptor } in &mut self.doors {
            if at.map_or_else(|| !acceptor.rested(), |at| at != *token) {
                continue;
            }
            while let Some((stream, peer)) = acceptor.accept() {
                match port.whom {
                    For::Learners => self.links.accept(stream, peer, ground),
                    For::Voters => self.lines.accept(stream, peer, ground),
                }
            }
        }
    }

    fn on_mail(&mut self, mail: Mail, ground: &mut Ground<'_>) {
        match mail {
            Mail::Dial(leader, addresses) => self.dial(leader, &addresses, ground),
            Mail::Vote(to, vote) => self.lines.vote(to, vote, ground),
            Mail::Closed(link) => self.links.closed(link, ground.now_ms),
            Mail::Membership { text, committed } => self.membership_changed(&text, committed, ground),
            Mail::Flush(link) => self.links.flush_later(link),
            Mail::Stream(outgoing) => {
                self.outgoing.push(*outgoing);
                self.pumping = true;
            }
            Mail::Resolved { name, found } => self.dialer.on_resolved(&name, &found, ground),
            Mail::Input(input) => ground.inputs.push(input),
        }
    }

    fn dial(&mut self, leader: ServerId, addresses: &[Address], ground: &mut Ground<'_>) {
        let targets: Vec<(String, u16)> =
            addresses.iter().map(|address| (address.host.clone(), address.quorum_port)).collect();
        self.dialer.start(Purpose::Leader(leader), &targets, self.settings.dial_ms, ground);
    }

    /// Calls the servers whose lines are missed.
    fn call(&mut self, ground: &mut Ground<'_>) {
        for (to, addresses) in self.lines.voters.due(ground.now_ms) {
            self.dialer.start(Purpose::Voter(to), &addresses, self.settings.connect_ms, ground);
        }
    }

    /// Passes on which calls got through.
    fn settle(&mut self, ground: &mut Ground<'_>) {
        for outcome in self.dialer.outcomes() {
            match outcome {
                Outcome::Connected { purpose: Purpose::Leader(leader), token, stream, peer } => {
                    self.links.dialed(leader, token, stream, peer, ground);
                }
                Outcome::Connected { purpose: Purpose::Voter(to), token, stream, peer } => {
                    self.lines.dialed(to, token, stream, peer, ground);
                }
                Outcome::Failed { purpose: Purpose::Leader(leader), why } => {
                    tracing::warn!(%leader, why, "cannot connect to the leader");
                    ground.inputs.push(PeerInput::Dialed { leader, link: None });
                }
                Outcome::Failed { purpose: Purpose::Voter(to), why } => {
                    tracing::debug!(server = %to, why, "cannot connect for an election");
                    if self.lines.voters.on_dial_failed(to, ground.now_ms) {
                        tracing::info!(server = %to, why, "not reachable for elections");
                        ground.inputs.push(PeerInput::VoterLink { peer: to, up: false });
                    }
                }
            }
        }
    }

    /// Lets snapshots on their way go on, and says of which links they do.
    pub(crate) fn pump(&mut self, shared: &Shared, now_ms: u64, inputs: &mut Vec<PeerInput>) {
        self.pumping = false;
        let (pumping, peers) = (&mut self.pumping, &self.peers);
        self.outgoing.retain_mut(|outgoing| {
            let pumped = outgoing.pump(shared, peers);
            *pumping |= pumped == Pumped::More;
            inputs.extend(outgoing.progress(now_ms).map(PeerInput::Progress));
            pumped != Pumped::Done
        });
    }

    /// How long a turn may wait.
    pub(crate) fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        if self.links.has_work() || self.lines.has_work() || self.pumping || self.peers.has_mail() {
            return Some(0);
        }
        let deadlines = [
            self.links.next_deadline(),
            self.lines.next_deadline(),
            self.lines.voters.next_deadline(),
            self.dialer.next_deadline(),
            self.next_opening(),
        ];
        let rests = self.doors.iter().filter_map(|door| door.acceptor.rest());
        let rests = rests.map(|rest| u64::try_from(rest.as_millis()).unwrap_or(u64::MAX) + 1);
        let deadlines = deadlines.into_iter().flatten().map(|at_ms| at_ms.saturating_sub(now_ms));
        deadlines.chain(rests).min()
    }
}

#[cfg(test)]
impl Sockets {
    /// Changes who else is a member.
    pub(super) fn set_members(
        &mut self,
        others: &std::collections::BTreeMap<ServerId, super::settings::Other>,
    ) {
        self.lines.voters.set_members(others);
    }

    /// Links and election connections there are.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.links.count(), self.lines.count())
    }
}

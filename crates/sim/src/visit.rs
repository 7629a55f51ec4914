//! The clients' side of the network: where they connect, when they give up, when they ask.

use crate::client::{After, Link, Surroundings};
use crate::net::{Message, Purpose, TcpId};
use crate::queue::{MS, SECOND};
use crate::trace::say;
use crate::world::{Event, World};
use proto::SessionId;

impl World {
    fn surroundings(&mut self) -> (Surroundings<'_>, &mut Vec<crate::client::Client>) {
        let leaders = self.hosts.iter().filter(|h| h.is_leading()).count();
        let newest = self.checks.newest(&self.reference);
        let around = Surroundings {
            now: self.queue.now(),
            reference: &mut self.reference,
            verdict: &mut self.verdict,
            acked: &mut self.acked,
            reign: (leaders == 1).then_some(self.checks.reigns),
            newest,
        };
        (around, &mut self.clients)
    }

    /// A client looks after its connection: connects, pings, gives up.
    pub(crate) fn tend(&mut self, client: usize) {
        let now = self.queue.now();
        let it = &mut self.clients[client];
        let timeout = it.timeout();
        let silent = now.saturating_sub(it.heard_at);
        let mut next = timeout / 6;
        match it.link {
            Link::Down => {
                let hosts = self.hosts.len();
                it.host = match it.rng.permille(200) {
                    true => it.host,
                    false => it.rng.index(hosts),
                };
                let delay = 3 * self.net.delay(hosts + client, it.host);
                it.link = Link::Connecting { tcp: None, since: now };
                self.queue.after(delay, Event::Connect { client: client as u8 });
            }
            Link::Connecting { since, .. } if now > since + timeout / 3 => {
                self.disconnect(client, "no answer");
                next = it_waits(&mut self.clients[client].rng);
            }
            Link::Connecting { .. } => {}
            Link::Up(_) if silent > timeout * 2 / 3 => {
                self.disconnect(client, "silence");
                next = it_waits(&mut self.clients[client].rng);
            }
            Link::Up(tcp) => {
                if now.saturating_sub(it.sent_at) > timeout / 3 {
                    let bytes = it.ping(now);
                    self.transmit(tcp, 0, Message::Frames(bytes));
                }
            }
        }
        self.queue.after(next.max(MS), Event::Client(client as u8));
    }

    pub(crate) fn on_connect(&mut self, client: usize) {
        if !matches!(self.clients[client].link, Link::Connecting { tcp: None, .. }) {
            return;
        }
        let (end, host) = (self.client_end(client), self.clients[client].host);
        let cut = self.net.is_cut(end, host) || self.net.is_cut(host, end);
        let machine = &self.hosts[host];
        if cut || !machine.powered || machine.paused {
            return;
        }
        if !machine.is_up() {
            return self.disconnect(client, "refused");
        }
        let now = self.queue.now();
        let tcp = self.net.connect(Purpose::Client, [end, host], [0, machine.boots]);
        self.accept(host, tcp);
        self.clients[client].link = Link::Connecting { tcp: Some(tcp), since: now };
        let bytes = self.clients[client].greet(now);
        say!(self, self.clients[client].name, "connects to {}", self.hosts[host].name);
        self.transmit(tcp, 0, Message::Frames(bytes));
    }

    /// A client gives its connection up, or has lost it.
    pub(crate) fn disconnect(&mut self, client: usize, why: &str) {
        if let Link::Up(tcp) | Link::Connecting { tcp: Some(tcp), .. } = self.clients[client].link
            && std::mem::replace(&mut self.net.tcps[tcp as usize].open[0], false)
        {
            self.transmit(tcp, 0, Message::Fin);
        }
        say!(self, self.clients[client].name, "is disconnected: {why}");
        self.clients[client].disconnected();
    }

    pub(crate) fn on_reply_bytes(&mut self, tcp: TcpId, client: usize, message: Message) {
        if !self.uses(client, tcp) {
            return;
        }
        let Message::Frames(bytes) = message else {
            self.net.tcps[tcp as usize].open[0] = false;
            return self.disconnect(client, "closed");
        };
        let mut out = Vec::new();
        let (mut around, clients) = self.surroundings();
        let (had, answered) = (clients[client].session, clients[client].answered);
        let after = clients[client].take(&bytes, &mut around, &mut out);
        let it = &self.clients[client];
        if it.answered > answered {
            say!(self, it.name, "gets {} answers, has seen {}", it.answered - answered, it.last_seen());
        }
        if it.session != had {
            say!(self, it.name, "has session {} (had {had})", it.session);
        }
        if !out.is_empty() {
            self.transmit(tcp, 0, Message::Frames(out));
        }
        if after == After::Drop {
            self.disconnect(client, "done");
        }
    }

    /// A client asks, sometimes for several things at once, and thinks about the next question.
    pub(crate) fn on_ask(&mut self, client: usize) {
        if self.queue.now() >= self.plan.asking_until {
            return;
        }
        let think = self.clients[client].rng.exponential(self.plan.think);
        self.queue.after(think.max(MS), Event::Ask(client as u8));
        let Link::Up(tcp) = self.clients[client].link else { return };
        if self.clients[client].rng.permille(4) {
            return self.leave(client);
        }
        let burst = match self.clients[client].rng.permille(80) {
            true => self.plan.pipeline,
            false => 1,
        };
        let mut out = Vec::new();
        for _ in 0..burst {
            if self.clients[client].outstanding() >= self.plan.pipeline {
                break;
            }
            let (mut around, clients) = self.surroundings();
            if let Some(ask) = clients[client].ask(&mut around, &mut out) {
                let it = &self.clients[client];
                say!(self, it.name, "asks {} {ask:?}", it.last_xid());
            }
        }
        if !out.is_empty() {
            self.transmit(tcp, 0, Message::Frames(out));
        }
    }

    /// A client moves to another server, or is gone for good and somebody new takes its place.
    fn leave(&mut self, client: usize) {
        if self.clients[client].rng.permille(500) {
            return self.disconnect(client, "moves");
        }
        self.disconnect(client, "dies");
        let session = self.clients[client].session;
        if session != SessionId::NONE {
            self.clients[client].forget_session();
        }
    }
}

/// A moment before the next attempt.
fn it_waits(rng: &mut crate::rng::Rng) -> u64 {
    rng.below(SECOND / 2)
}

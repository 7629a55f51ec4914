//! What a member is to its ensemble, and how it gets from one role to the next.
//!
//! ```text
//! Looking -> Leading  -> Leaving -> Looking
//!         -> Learning ->
//! ```
//!
//! Leaving lasts until everything handed to the log is durable: what a server says it has when it looks,
//! it has (HC-20, HC-27).

mod leading;
mod learning;
mod reconfiguring;

use crate::delivery::{Delivery, Outbox, What};
use crate::member::Node;
use crate::peer::{EnsembleSettings, Membership, PeerInput};
use crate::store::Serving;
use proto::Zxid;
use proto::mutant::{Mutant, is_on};
use proto::peer::{Notification, Packet};
use std::collections::{BTreeMap, BTreeSet};
use zab::{
    Ballots, Broadcast, Config, Decision, Election, Leader, LeaderEvent, Learner, LearnerEvent, LinkId,
    ServerId,
};

/// Learners that may be early.
const EARLY_LINKS_MAX: usize = 256;
/// Pause before the next election after one that came to nothing, milliseconds: doubled each time.
const PAUSE_MS: u64 = 20;
const PAUSE_MAX_MS: u64 = 1000;
/// A server without a leader for less than this is not taken for partitioned, milliseconds.
const READ_ONLY_AFTER_MS: u64 = 2000;

/// What a member does now.
#[derive(Debug)]
pub(crate) enum Duty {
    /// Serves without an ensemble.
    Alone(Box<Broadcast>),
    /// Waits for its log before it looks for a leader.
    Leaving {
        /// Not before this time, monotonic milliseconds.
        until_ms: u64,
    },
    /// Elects.
    Looking {
        /// Since when, monotonic milliseconds.
        since_ms: u64,
    },
    /// Leads, or tries to.
    Leading(Box<Leader>),
    /// Follows or observes, or tries to.
    Learning(Box<Learner>),
}

impl Duty {
    pub(crate) fn fresh(now_ms: u64) -> Self {
        Self::Leaving { until_ms: now_ms }
    }
}

/// A member's view of its ensemble.
#[derive(Debug)]
pub(crate) struct Ensemble {
    pub(crate) settings: EnsembleSettings,
    pub(crate) config: Config,
    pub(crate) last_seen: Option<Config>,
    /// The leader's membership as its NEWLEADER said.
    offered: Option<Config>,
    /// Who leads next without an election, as an outgoing leader said.
    appointed: Option<ServerId>,
    /// With this transaction applied, this member is to begin anew.
    moves_after: Option<Zxid>,
    pub(crate) election: Election,
    /// Links of learners that came before this server leads.
    early: BTreeMap<LinkId, (u64, Option<Packet>)>,
    /// Terms in a row that never came to serve.
    failures: u32,
    pub(crate) election_ms: u64,
    /// The log here is of no use to the leader that was followed last.
    wants_snapshot: bool,
    leader_events: Vec<LeaderEvent>,
    learner_events: Vec<LearnerEvent>,
}

impl Ensemble {
    pub(crate) fn new(membership: Membership) -> Self {
        let Membership { me, config, last_seen, settings, .. } = membership;
        let mut election = Election::new(me, config.clone(), settings.election.clone());
        election.set_config(config.clone(), last_seen.clone());
        Self {
            settings,
            config,
            last_seen,
            offered: None,
            appointed: None,
            moves_after: None,
            election,
            early: BTreeMap::new(),
            failures: 0,
            election_ms: 0,
            wants_snapshot: false,
            leader_events: Vec::new(),
            learner_events: Vec::new(),
        }
    }

    /// A member of either membership.
    fn member(&self, id: ServerId) -> Option<&zab::Member> {
        self.config.members.get(&id).or_else(|| self.last_seen.as_ref()?.members.get(&id))
    }
}

/// A part of a delay that differs from server to server, and from time to time.
fn part_of(delay_ms: u64, me: ServerId, now_ms: u64) -> u64 {
    let mixed = (now_ms ^ (me.0 as u64) << 48).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (mixed * delay_ms.min(u64::from(u32::MAX))) >> 32
}

/// Where an election's votes go.
struct Booth<'a, O>(&'a mut O);

impl<O: Outbox> Ballots for Booth<'_, O> {
    fn notify(&mut self, to: ServerId, vote: Notification) {
        self.0.vote(to, vote);
    }
}

impl Node {
    pub(crate) fn on_peer(&mut self, input: PeerInput, out: &mut impl Outbox) {
        let now_ms = self.now.monotonic_ms;
        let Some(ensemble) = &mut self.ensemble else { return };
        match input {
            PeerInput::Vote { from, vote } => {
                ensemble.election.on_notification(now_ms, from, &vote, &mut Booth(out));
                self.follow_election(out);
            }
            PeerInput::VoterLink { peer, up } => {
                ensemble.election.on_link(now_ms, peer, up, &mut Booth(out));
                self.follow_election(out);
            }
            PeerInput::Accepted(link) => match &mut self.duty {
                Duty::Leading(leader) => leader.on_accepted(now_ms, link),
                Duty::Learning(_) => out.close(link),
                _ if ensemble.early.len() >= EARLY_LINKS_MAX => out.close(link),
                _ => {
                    ensemble.early.insert(link, (now_ms, None));
                }
            },
            PeerInput::Dialed { leader, link } => match &self.duty {
                Duty::Learning(learner) if learner.leader() == leader => {
                    self.learn(out, |learner, events, out| learner.on_dialed(now_ms, link, events, out));
                }
                _ => {
                    if let Some(link) = link {
                        out.close(link);
                    }
                }
            },
            PeerInput::Packet { link, packet } => self.on_packet(link, packet, out),
            PeerInput::Snapshot { link, tree } => self.on_snapshot(link, tree, out),
            PeerInput::History { link, entries } => {
                self.lead(out, |leader, events, out| leader.on_history(link, entries, events, out));
            }
            PeerInput::Progress(link) => match &mut self.duty {
                Duty::Leading(leader) => leader.on_progress(now_ms, link),
                Duty::Learning(learner) if learner.link() == Some(link) => learner.on_progress(now_ms),
                _ => {}
            },
            PeerInput::Closed(link) => self.on_closed(link, out),
        }
    }

    fn on_packet(&mut self, link: LinkId, packet: Packet, out: &mut impl Outbox) {
        let now_ms = self.now.monotonic_ms;
        match &self.duty {
            Duty::Leading(_) => {
                self.lead(out, |leader, events, out| leader.on_packet(now_ms, link, packet, events, out));
            }
            Duty::Learning(learner) if learner.link() == Some(link) => {
                self.learn(out, |learner, events, out| learner.on_packet(now_ms, packet, events, out));
            }
            _ => {
                let Some(ensemble) = &mut self.ensemble else { return };
                let Some((_, first)) = ensemble.early.get_mut(&link) else { return };
                // Whoever knows the protocol says who it is, and waits for the answer.
                if first.replace(packet).is_some() {
                    ensemble.early.remove(&link);
                    out.close(link);
                }
            }
        }
    }

    fn on_closed(&mut self, link: LinkId, out: &mut impl Outbox) {
        let now_ms = self.now.monotonic_ms;
        if let Some(ensemble) = &mut self.ensemble {
            ensemble.early.remove(&link);
        }
        match &self.duty {
            Duty::Leading(_) => self.lead(out, |leader, events, _| leader.on_closed(link, events)),
            Duty::Learning(learner) if learner.link() == Some(link) => {
                self.learn(out, |learner, events, out| learner.on_closed(now_ms, events, out));
            }
            _ => {}
        }
    }

    /// Ends the current role.
    pub(crate) fn leave(&mut self, why: &str, out: &mut impl Outbox) {
        let now_ms = self.now.monotonic_ms;
        let served = match &self.duty {
            Duty::Leading(leader) => leader.is_established(),
            _ => self.store.serving() == Serving::Yes,
        };
        match &self.duty {
            Duty::Leading(leader) => {
                for link in leader.links() {
                    out.close(link);
                }
            }
            Duty::Learning(learner) => {
                if let Some(link) = learner.link() {
                    out.close(link);
                }
            }
            Duty::Alone(_) | Duty::Leaving { .. } | Duty::Looking { .. } => return,
        }
        let Some(ensemble) = &mut self.ensemble else { return };
        ensemble.moves_after = None;
        ensemble.failures = if served { 0 } else { ensemble.failures + 1 };
        let pause_ms = match ensemble.failures {
            0 | 1 => 0,
            n => (PAUSE_MS << n.min(10)).min(PAUSE_MAX_MS),
        };
        let pause_ms = match &self.duty {
            Duty::Learning(learner) if learner.observes() && ensemble.appointed.is_none() => {
                pause_ms.max(part_of(ensemble.settings.observer_delay_ms, self.me, now_ms))
            }
            _ => pause_ms,
        };
        // Joiners must not be told of a leader that may be gone.
        ensemble.election.resign();
        // What is not known to be committed by now is so only if the next leader says so.
        self.applicable = self.store.view().tree.last_zxid();
        self.welcome = None;
        self.duty = Duty::Leaving { until_ms: now_ms + pause_ms };
        if !is_on(Mutant::HalfShutdown) {
            self.store.set_serving(Serving::No);
            self.close_clients(out);
        }
        out.role_changed(self.role(), why);
        self.look_when_settled(out);
    }

    fn close_clients(&mut self, out: &mut impl Outbox) {
        let mut gone: BTreeSet<_> = std::mem::take(&mut self.conns).into_keys().collect();
        let clients = std::mem::take(&mut self.clients);
        gone.extend(clients.opening.into_values());
        for conn in gone {
            out.deliver(Delivery { conn, what: What::Close });
        }
        out.publish();
        for proposal in &mut self.tail {
            proposal.origin = None;
        }
        self.sessions.restart(false);
        self.outstanding = tree::Outstanding::new();
    }

    /// Begins to look for a leader once everything logged is durable.
    pub(crate) fn look_when_settled(&mut self, out: &mut impl Outbox) {
        let now_ms = self.now.monotonic_ms;
        let Duty::Leaving { until_ms } = self.duty else { return };
        let Some(ensemble) = &mut self.ensemble else { return };
        if !(self.ledger.is_settled() || is_on(Mutant::LookBeforeDurable)) || now_ms < until_ms {
            return;
        }
        if !ensemble.config.observes(self.me)
            && let Some(kept) = self.ledger.forget_unkept(out)
        {
            self.tail.clear();
            self.applicable = kept;
            return;
        }
        let (last, (_, current_epoch)) = (self.ledger.last_logged(), self.ledger.epochs());
        ensemble.offered = None;
        if let Some(leader) = ensemble.appointed.take().filter(|leader| ensemble.config.is_voter(*leader)) {
            ensemble.election.appoint(leader, last, current_epoch);
            return match leader == self.me {
                true => self.begin_leading(out),
                false => self.begin_learning(leader, true, out),
            };
        }
        self.duty = Duty::Looking { since_ms: now_ms };
        ensemble.election.start(now_ms, last, current_epoch, &mut Booth(out));
        self.follow_election(out);
    }

    /// Does what the election says.
    fn follow_election(&mut self, out: &mut impl Outbox) {
        let Duty::Looking { since_ms } = self.duty else { return };
        let now_ms = self.now.monotonic_ms;
        let Some(ensemble) = &mut self.ensemble else { return };
        if let Some(config) = ensemble.election.take_newer_config() {
            self.adopt_config(config, out);
        }
        let Some(ensemble) = &mut self.ensemble else { return };
        let Some(decision) = ensemble.election.take_decision() else { return };
        ensemble.election_ms = now_ms.saturating_sub(since_ms);
        self.end_read_only(out);
        match decision {
            Decision::Lead => self.begin_leading(out),
            Decision::Follow(leader) => self.begin_learning(leader, false, out),
        }
    }

    pub(crate) fn on_tick(&mut self, out: &mut impl Outbox) {
        self.expire_sessions(out);
        if self.leads() {
            self.housekeep(out);
        }
        let now_ms = self.now.monotonic_ms;
        let Some(ensemble) = &mut self.ensemble else { return };
        ensemble.election.on_tick(now_ms, &mut Booth(out));
        let patience_ms = u64::from(ensemble.settings.init_limit) * self.settings.tick_time_ms;
        let old: Vec<LinkId> = ensemble
            .early
            .iter()
            .filter(|(_, (since_ms, _))| now_ms.saturating_sub(*since_ms) > patience_ms)
            .map(|(link, _)| *link)
            .collect();
        for link in old {
            ensemble.early.remove(&link);
            out.close(link);
        }
        match &self.duty {
            Duty::Leading(_) => {
                let looking = ensemble.election.looking_voters().collect();
                self.lead(out, |leader, events, out| leader.on_tick(now_ms, &looking, events, out));
            }
            Duty::Learning(_) => {
                self.learn(out, |learner, events, out| learner.on_tick(now_ms, events, out));
            }
            Duty::Leaving { .. } => self.look_when_settled(out),
            Duty::Looking { since_ms } => {
                let since_ms = *since_ms;
                self.follow_election(out);
                self.serve_read_only(since_ms, out);
            }
            Duty::Alone(_) => {}
        }
    }

    /// How long a member looks for a leader before it serves those who only read, milliseconds.
    fn read_only_after_ms(&self) -> Option<u64> {
        let enabled = self.ensemble.as_ref().is_some_and(|ensemble| ensemble.settings.read_only_mode);
        enabled.then(|| READ_ONLY_AFTER_MS.max(self.settings.tick_time_ms))
    }

    /// Serves reads while there is no leader to be found; the election goes on (HC-159).
    fn serve_read_only(&mut self, since_ms: u64, out: &mut impl Outbox) {
        let due = self.read_only_after_ms().is_some_and(|ms| self.now.monotonic_ms >= since_ms + ms);
        let idle = matches!(self.duty, Duty::Looking { .. }) && self.store.serving() == Serving::No;
        if due && idle && !self.ledger.is_reloading() {
            self.store.set_serving(Serving::ReadOnly);
            out.role_changed(self.role(), "no leader for a while");
        }
    }

    /// Read-only service ends when there is a leader: its sessions were nobody else's.
    fn end_read_only(&mut self, out: &mut impl Outbox) {
        if self.store.serving() == Serving::ReadOnly {
            self.store.set_serving(Serving::No);
            self.close_clients(out);
        }
    }

    pub(crate) fn roles_deadline(&self) -> u64 {
        let Some(ensemble) = &self.ensemble else { return u64::MAX };
        let role = match &self.duty {
            Duty::Leading(leader) => leader.next_deadline(),
            Duty::Learning(learner) => learner.next_deadline(),
            Duty::Leaving { until_ms } if self.ledger.is_settled() => *until_ms,
            Duty::Looking { since_ms } if self.store.serving() == Serving::No => {
                self.read_only_after_ms().map_or(u64::MAX, |ms| since_ms + ms)
            }
            Duty::Alone(_) | Duty::Leaving { .. } | Duty::Looking { .. } => u64::MAX,
        };
        ensemble.election.next_deadline().map_or(role, |election| election.min(role))
    }
}

//! What must hold at every step, whatever happens. One file for each kind of promise.

mod acks;
mod commits;
mod end;
mod log;
mod sessions;

use crate::host::Host;
use crate::queue::Time;
use crate::reference::Reference;
use crate::trace::Verdict;
use proto::peer::{Entry, Packet, PacketKind};
use proto::{SessionId, Zxid};
use std::collections::BTreeMap;
use zab::Config;

/// What checks look at.
pub(crate) struct Context<'a> {
    pub(crate) now: Time,
    pub(crate) hosts: &'a mut [Host],
    pub(crate) reference: &'a mut Reference,
    pub(crate) verdict: &'a mut Verdict,
    pub(crate) config: &'a Config,
}

impl Context<'_> {
    fn fail(&mut self, check: &'static str, what: String) {
        self.verdict.fail(self.now, check, what);
    }

    fn require(&mut self, check: &'static str, holds: bool, what: impl FnOnce() -> String) {
        self.verdict.require(self.now, check, holds, what);
    }
}

/// What checks remember.
pub(crate) struct Checks {
    /// Leaders established so far.
    pub(crate) terms: u64,
    /// Changes of anybody's role so far.
    pub(crate) reigns: u64,
    /// DIFF, TRUNC and SNAP sent.
    pub(crate) syncs: [u64; 3],
    /// Every transaction a primary ever broadcast, as it did first.
    proposed: BTreeMap<Zxid, Entry>,
    /// Who was established for which epoch, in which of its lives.
    leaders: BTreeMap<u32, (usize, u32)>,
    /// The epoch each member leads, established.
    leads: Vec<Option<u32>>,
    /// The highest epochs each disk ever held.
    epochs: Vec<(u32, u32)>,
    /// When a member, as a leader, last heard of a session.
    heard: BTreeMap<(usize, SessionId), Time>,
    /// When any member last did.
    seen: BTreeMap<SessionId, Time>,
}

impl Checks {
    pub(crate) fn new(hosts: usize) -> Self {
        Self {
            terms: 0,
            reigns: 0,
            syncs: [0; 3],
            proposed: BTreeMap::new(),
            leaders: BTreeMap::new(),
            leads: vec![None; hosts],
            epochs: vec![(0, 0); hosts],
            heard: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    pub(crate) fn epoch_of(&self, host: usize) -> u32 {
        self.leads[host].unwrap_or(0)
    }

    pub(crate) fn on_boot(&mut self, host: usize) {
        self.leads[host] = None;
    }

    pub(crate) fn on_wipe(&mut self, host: usize) {
        self.epochs[host] = (0, 0);
    }

    pub(crate) fn on_crash(&mut self, host: usize, context: &mut Context<'_>) {
        self.leads[host] = None;
        self.reigns += 1;
        self.on_durable(host, context);
    }

    /// The newest state anybody may show: a new epoch begins before its first transaction.
    pub(crate) fn newest(&self, reference: &Reference) -> Zxid {
        let epoch = self.leaders.keys().next_back().copied().unwrap_or(0);
        reference.last().max(Zxid::new(epoch, 0))
    }

    /// A packet has come to a member.
    pub(crate) fn on_receive(&mut self, host: usize, packet: &Packet, hosts: &mut [Host], now: Time) {
        let known = &mut hosts[host].known;
        match packet.kind {
            PacketKind::Diff => (known.synced_to, known.syncing) = (known.last(), true),
            PacketKind::Trunc | PacketKind::Snap => (known.synced_to, known.syncing) = (packet.zxid, true),
            PacketKind::Proposal | PacketKind::Inform if known.syncing => known.synced_to = packet.zxid,
            PacketKind::NewLeader => known.syncing = false,
            PacketKind::LeaderInfo => known.promised = packet.zxid.epoch(),
            // As in the reference, a forwarded request does not postpone its session's end.
            PacketKind::Ping | PacketKind::Revalidate => self.hear_of(host, packet, now),
            _ => {}
        }
    }
}

//! Runs a node as a server does: carries its outputs out, in order, and brings it what follows.

use crate::check::Context;
use crate::disk::{Done, Op};
use crate::host::{Known, Process, Sending};
use crate::net::{Message, TcpId};
use crate::queue::{MS, SECOND, Time};
use crate::trace::say;
use crate::world::{Event, World};
use node::{Delivery, EnsembleSettings, Input, Membership, Node, Output, Settings, Store};
use proto::Zxid;
use proto::mutant::{Mutant, is_on};
use proto::peer::PacketKind;
use std::sync::Arc;
use zab::{ElectionSettings, LinkId, Record};

/// Nodes of a snapshot written at once: few, so that the tree changes in between.
const NODES_PER_SLICE: usize = 8;

/// The connection behind a link, and which end of it this is.
pub(crate) fn end_of(link: LinkId) -> (TcpId, usize) {
    ((link.0 / 2) as TcpId, (link.0 % 2) as usize)
}

/// The link at an end of a connection.
pub(crate) fn link_at(tcp: TcpId, end: usize) -> LinkId {
    LinkId(u64::from(tcp) * 2 + end as u64)
}

impl World {
    /// Gives a node an input and carries out what it puts out.
    pub(crate) fn step(&mut self, host: usize, input: Input) {
        let now = self.now_at(host);
        let Some(process) = &mut self.hosts[host].process else { return };
        let mut outputs = std::mem::take(&mut self.outputs);
        process.node.step(now, input, &mut outputs);
        for output in outputs.0.drain(..) {
            if let Some(left) = &mut self.hosts[host].dies_after {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    say!(self, self.hosts[host].name, "dies between two outputs");
                    self.crash(host, true);
                }
            }
            if self.hosts[host].process.is_none() {
                break;
            }
            self.perform(host, output);
        }
        outputs.0.clear();
        self.outputs = outputs;
        self.after_step(host);
    }

    fn after_step(&mut self, host: usize) {
        let Some(process) = &mut self.hosts[host].process else { return };
        if process.node.stopped().is_some() {
            self.verdict.fail(self.queue.now(), "Exhausted", self.hosts[host].name.clone());
            return;
        }
        let deadline_ms = process.node.next_deadline();
        let timer_at = process.timer_at;
        let deadline = self.hosts[host].clock.when(deadline_ms);
        let at = deadline.max(self.queue.now() + MS);
        if at < timer_at {
            let boot = self.hosts[host].boots;
            self.queue.at(at, Event::Timer { host: host as u8, boot });
            if let Some(process) = &mut self.hosts[host].process {
                process.timer_at = at;
            }
        }
        self.begin_batch(host);
        self.observe(host);
    }

    /// Lets the checks look at a process.
    pub(crate) fn observe(&mut self, host: usize) {
        let mut context = Context {
            now: self.queue.now(),
            hosts: &mut self.hosts,
            reference: &mut self.reference,
            verdict: &mut self.verdict,
            config: &self.config,
        };
        let established = self.checks.after_step(host, &mut context);
        if established {
            say!(self, self.hosts[host].name, "LEADS epoch {}", self.checks.epoch_of(host));
            if std::mem::take(&mut self.doomed_leader) {
                let delay = self.fault_rng.exponential(20 * MS);
                let boot = self.hosts[host].boots;
                self.queue.after(delay, Event::Crash { host: host as u8, boot, power: true });
                self.queue.after(delay + 2 * SECOND, Event::Boot { host: host as u8 });
            }
        }
    }

    pub(crate) fn on_timer(&mut self, host: usize) {
        let now = self.queue.now();
        let Some(process) = &mut self.hosts[host].process else { return };
        if process.timer_at > now {
            return;
        }
        process.timer_at = Time::MAX;
        self.step(host, Input::Tick);
    }

    fn perform(&mut self, host: usize, output: Output) {
        match output {
            Output::Append { zxid, entry } => {
                let name = &self.hosts[host].name;
                say!(self, name, "logs {zxid}{}", crate::describe::entry(&entry));
                let mut context = Context {
                    now: self.queue.now(),
                    hosts: &mut self.hosts,
                    reference: &mut self.reference,
                    verdict: &mut self.verdict,
                    config: &self.config,
                };
                self.checks.on_append(host, zxid, &entry, &mut context);
                self.hosts[host].disk.push(Op::Append(zxid, entry));
                if let Some(process) = &mut self.hosts[host].process {
                    process.logged += 1;
                }
            }
            Output::Record(record) => {
                match &record {
                    Record::Config { committed, .. } => {
                        say!(self, self.hosts[host].name, "keeps a membership (committed: {committed})");
                    }
                    other => say!(self, self.hosts[host].name, "keeps {other:?}"),
                }
                self.hosts[host].disk.push(Op::Record(record));
            }
            Output::Truncate { to, reload } => {
                say!(self, self.hosts[host].name, "cuts its log after {to}");
                let known = &mut self.hosts[host].known;
                known.log.retain(|zxid| *zxid <= to);
                known.log_from = known.log_from.min(to);
                self.hosts[host].disk.push(Op::Truncate { to, reload });
            }
            Output::Install { zxid, tree } => {
                say!(self, self.hosts[host].name, "installs a snapshot of {zxid}");
                let known = &mut self.hosts[host].known;
                known.log.clear();
                known.log_from = zxid;
                self.hosts[host].disk.push(Op::Install { zxid, tree });
            }
            Output::Deliver(Delivery { conn, what }) => self.deliver(host, conn, what),
            Output::Send(link, packet) => self.send_packet(host, link, packet),
            Output::Close(link) => self.close_link(host, link),
            Output::Dial(leader, addresses) => self.dial(host, leader, &addresses),
            Output::Vote(to, vote) => self.send_vote(host, to, vote),
            Output::ReadHistory { link, after } => {
                say!(self, self.hosts[host].name, "reads its log after {after}");
                let delay = self.rng.exponential(10 * MS);
                let boot = self.hosts[host].boots;
                self.queue.after(delay, Event::History { host: host as u8, boot, link, after });
            }
            Output::SendSnapshot(link) => self.begin_sending(host, link),
            Output::Role(role, why) => {
                say!(self, self.hosts[host].name, "is now {role:?}: {why}");
                self.hosts[host].known.established = role == node::Role::Leading && why == "established";
                self.hosts[host].known.role = role;
                self.checks.reigns += 1;
                if let Some(process) = &mut self.hosts[host].process {
                    process.snapshot = None;
                }
            }
            Output::Diverged(zxid) => {
                let what = format!("{} differs from its leader after {zxid}", self.hosts[host].name);
                self.verdict.fail(self.queue.now(), "Digest", what);
            }
        }
    }

    fn begin_batch(&mut self, host: usize) {
        let disk = &mut self.hosts[host].disk;
        if disk.begin() {
            let time = (self.plan.sync_time / 4 + self.rng.exponential(self.plan.sync_time)) * disk.slowness;
            let boot = self.hosts[host].boots;
            self.queue.after(time.min(60 * SECOND), Event::Stored { host: host as u8, boot });
        }
    }

    /// A batch is durable, or the disk has failed and the process ends.
    pub(crate) fn on_stored(&mut self, host: usize) {
        if !self.hosts[host].disk.is_busy() {
            return;
        }
        let batch = match self.hosts[host].disk.finish() {
            Ok(batch) => batch,
            Err(why) => {
                say!(self, self.hosts[host].name, "stops: {why}");
                self.crash(host, false);
                let delay = self.rng.exponential(5 * SECOND);
                return self.queue.after(delay, Event::Boot { host: host as u8 });
            }
        };
        let mut context = Context {
            now: self.queue.now(),
            hosts: &mut self.hosts,
            reference: &mut self.reference,
            verdict: &mut self.verdict,
            config: &self.config,
        };
        self.checks.on_durable(host, &mut context);
        let Some(process) = &mut self.hosts[host].process else { return };
        match batch.done {
            Done::Nothing => {}
            Done::Truncated(tree) => {
                process.snapshot = None;
                self.step(host, Input::Truncated(tree));
            }
            Done::Installed(tree) => {
                process.snapshot = None;
                self.step(host, Input::Installed(tree));
            }
        }
        self.step(host, Input::Stored(batch.stored));
        self.maybe_snapshot(host);
    }

    /// Takes a snapshot when enough was logged, of a member that serves.
    fn maybe_snapshot(&mut self, host: usize) {
        let Some(process) = &mut self.hosts[host].process else { return };
        if process.logged < process.snapshot_at || process.snapshot.is_some() {
            return;
        }
        process.logged = 0;
        process.snapshot_at = self.plan.snap_count / 2 + self.rng.below(self.plan.snap_count / 2 + 1);
        if !self.hosts[host].known.serving {
            return;
        }
        let Some(process) = &mut self.hosts[host].process else { return };
        let cursor = process.store.view().tree.snapshot_begin();
        let zxid = cursor.zxid();
        process.snapshot = Some((cursor, Vec::new()));
        self.hosts[host].disk.roll();
        say!(self, self.hosts[host].name, "begins a snapshot at {zxid}");
        let boot = self.hosts[host].boots;
        self.queue.after(MS, Event::Slice { host: host as u8, boot });
    }

    pub(crate) fn on_slice(&mut self, host: usize) {
        let delay = self.rng.exponential(10 * MS);
        let boot = self.hosts[host].boots;
        let Some(process) = &mut self.hosts[host].process else { return };
        let Some((cursor, bytes)) = &mut process.snapshot else { return };
        let view = process.store.view();
        if !view.tree.snapshot_step(cursor, NODES_PER_SLICE, bytes) {
            drop(view);
            return self.queue.after(delay, Event::Slice { host: host as u8, boot });
        }
        let late = is_on(Mutant::SnapshotNamedByEnd);
        let zxid = if late { view.tree.last_zxid() } else { cursor.zxid() };
        let digest = view.tree.zxid_digest();
        drop(view);
        let bytes = std::mem::take(bytes).into();
        process.snapshot = None;
        say!(self, self.hosts[host].name, "has the snapshot of {zxid}");
        self.hosts[host].disk.add_snapshot(crate::disk::Snapshot { zxid, bytes, digest: Some(digest) });
    }

    /// Begins to stream the tree into a link: as of now, whatever changes meanwhile.
    fn begin_sending(&mut self, host: usize, link: LinkId) {
        let boot = self.hosts[host].boots;
        let Some(process) = &mut self.hosts[host].process else { return };
        let cursor = process.store.view().tree.snapshot_begin();
        self.checks.syncs[2] += 1;
        let sending = Sending { cursor, bytes: Vec::new(), held: Vec::new(), closes: false };
        process.sending.insert(link, sending);
        self.queue.after(MS, Event::SendSlice { host: host as u8, boot, link });
    }

    pub(crate) fn on_send_slice(&mut self, host: usize, link: LinkId) {
        let boot = self.hosts[host].boots;
        let delay = self.rng.exponential(5 * MS);
        let Some(process) = &mut self.hosts[host].process else { return };
        let Some(sending) = process.sending.get_mut(&link) else { return };
        let view = process.store.view();
        if !view.tree.snapshot_step(&mut sending.cursor, NODES_PER_SLICE, &mut sending.bytes) {
            return self.queue.after(delay, Event::SendSlice { host: host as u8, boot, link });
        }
        drop(view);
        let Some(sending) = process.sending.remove(&link) else { return };
        let (tcp, end) = end_of(link);
        self.transmit(tcp, end, Message::Snapshot(sending.bytes));
        for packet in sending.held {
            self.transmit(tcp, end, Message::Packet(packet));
        }
        if sending.closes {
            self.close_link(host, link);
        }
    }

    /// A machine comes up, and its process starts from what is on its disk.
    pub(crate) fn boot(&mut self, host: usize) {
        let now = self.now_at(host);
        let machine = &mut self.hosts[host];
        if machine.is_up() || !machine.wanted {
            return;
        }
        machine.powered = true;
        let tree = match machine.disk.recover() {
            Ok(tree) => tree,
            Err(why) => {
                // An operator gives a member that refuses to start an empty disk.
                say!(self, self.hosts[host].name, "refuses to start: {why}");
                let is_ours = self.hosts[host].disk.rotten;
                self.verdict.require(self.queue.now(), "RecoverEquivalence", is_ours, || why);
                self.wipe(host);
                let delay = self.rng.exponential(3 * SECOND);
                return self.queue.after(delay, Event::Boot { host: host as u8 });
            }
        };
        machine.boots += 1;
        let last = machine.disk.last();
        // What came as a snapshot from a leader may be ahead of its zxid until the log has caught up.
        let expected = self.reference.digest_at(tree.last_zxid()).filter(|_| tree.is_exact());
        let known = self.reference.find(tree.last_zxid()).is_some();
        self.verdict.require(
            self.queue.now(),
            "RecoverEquivalence",
            !known || expected.is_none_or(|digest| digest == tree.digest()),
            || format!("{} starts with another tree than others had at {last}", machine.name),
        );
        say!(self, self.hosts[host].name, "starts with {last}, epochs {:?}", self.hosts[host].disk.epochs());
        let machine = &mut self.hosts[host];
        let durable = &machine.disk.durable;
        machine.known = Known {
            log: durable.log.iter().map(|(zxid, _)| *zxid).collect(),
            log_from: durable.log_from.max(if durable.log.is_empty() { last } else { Zxid::ZERO }),
            applied: tree.last_zxid(),
            ..Known::default()
        };
        let store = Arc::new(Store::new(tree));
        let settings = self.settings(host);
        let node = match self.alone {
            true => Node::standalone(settings, store.clone(), now),
            false => Node::member(settings, self.membership(host), store.clone(), now),
        };
        if self.alone {
            self.hosts[host].known.role = node::Role::Standalone;
        }
        self.hosts[host].process = Some(Process {
            node,
            store,
            timer_at: Time::MAX,
            conns: Default::default(),
            sending: Default::default(),
            announced: Default::default(),
            voters: Default::default(),
            snapshot: None,
            logged: 0,
            snapshot_at: self.plan.snap_count / 2 + self.rng.below(self.plan.snap_count / 2 + 1),
        });
        self.checks.on_boot(host);
        self.step(host, Input::Tick);
    }

    fn settings(&self, host: usize) -> Settings {
        Settings {
            server_id: self.hosts[host].id.0 as u8,
            tick_time_ms: self.plan.tick_ms,
            min_session_timeout_ms: 2 * self.plan.tick_ms as i32,
            max_session_timeout_ms: 20 * self.plan.tick_ms as i32,
            ..Settings::default()
        }
    }

    fn membership(&self, host: usize) -> Membership {
        let durable = &self.hosts[host].disk.durable;
        Membership {
            me: self.hosts[host].id,
            config: self.config.clone(),
            last_seen: None,
            accepted_epoch: durable.accepted_epoch,
            current_epoch: durable.current_epoch,
            last_logged: durable.last(),
            floor: durable.snapshots.first().map_or(Zxid::ZERO, |oldest| oldest.zxid),
            settings: EnsembleSettings {
                init_limit: self.plan.init_limit,
                sync_limit: self.plan.sync_limit,
                history_count: self.plan.history_count,
                leader_serves: self.plan.leader_serves,
                election: ElectionSettings {
                    max_notification_interval_ms: 10_000,
                    ..ElectionSettings::default()
                },
                ..EnsembleSettings::default()
            },
        }
    }

    /// The process is gone. With its machine's power, nobody is told.
    pub(crate) fn crash(&mut self, host: usize, power: bool) {
        let machine = &mut self.hosts[host];
        if machine.process.take().is_none() {
            return;
        }
        machine.powered = !power;
        machine.paused = false;
        // What waits in the network is still there, to meet nobody.
        let waiting = std::mem::take(&mut machine.deferred);
        machine.dies_after = None;
        let crashed = machine.disk.crash(&mut self.fault_rng);
        let boot = machine.boots;
        self.verdict.require(self.queue.now(), "RecoverEquivalence", crashed.is_ok(), || {
            crashed.err().unwrap_or_default()
        });
        say!(self, self.hosts[host].name, "is gone ({})", if power { "power" } else { "killed" });
        let mut context = Context {
            now: self.queue.now(),
            hosts: &mut self.hosts,
            reference: &mut self.reference,
            verdict: &mut self.verdict,
            config: &self.config,
        };
        self.checks.on_crash(host, &mut context);
        for event in waiting.into_iter().filter(|event| matches!(event, Event::Arrive { .. })) {
            self.queue.after(0, event);
        }
        let ends: Vec<_> = self
            .net
            .live()
            .flat_map(|(tcp, c)| [(tcp, 0, c.ends[0], c.boots[0]), (tcp, 1, c.ends[1], c.boots[1])])
            .filter(|(_, _, at, booted)| *at == host && *booted == boot)
            .map(|(tcp, end, ..)| (tcp, end))
            .collect();
        for (tcp, end) in ends {
            if std::mem::replace(&mut self.net.tcps[tcp as usize].open[end], false) && !power {
                self.transmit(tcp, end, Message::Fin);
            }
        }
    }

    /// The disk is replaced by an empty one.
    pub(crate) fn wipe(&mut self, host: usize) {
        say!(self, self.hosts[host].name, "gets an empty disk");
        let machine = &mut self.hosts[host];
        machine.forgot = machine.disk.last().max(machine.forgot);
        machine.disk.wipe();
        machine.amnesia = Some(self.reference.last().max(machine.forgot));
        self.checks.on_wipe(host);
    }

    /// A packet leaves for a link, behind a snapshot that is being sent there.
    fn send_packet(&mut self, host: usize, link: LinkId, packet: proto::peer::Packet) {
        say!(self, self.hosts[host].name, "sends {}", crate::describe::packet(&packet, link));
        match packet.kind {
            PacketKind::Diff => self.checks.syncs[0] += 1,
            PacketKind::Trunc => self.checks.syncs[1] += 1,
            _ => {}
        }
        let mut context = Context {
            now: self.queue.now(),
            hosts: &mut self.hosts,
            reference: &mut self.reference,
            verdict: &mut self.verdict,
            config: &self.config,
        };
        self.checks.on_send(host, &packet, &mut context);
        let Some(process) = &mut self.hosts[host].process else { return };
        if let Some(sending) = process.sending.get_mut(&link) {
            return sending.held.push(packet);
        }
        let (tcp, end) = end_of(link);
        if self.net.tcps[tcp as usize].open[end] {
            self.transmit(tcp, end, Message::Packet(packet));
        }
    }
}

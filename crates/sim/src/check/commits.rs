//! What is committed: by a quorum's disks, in one order, everywhere the same; and who may lead.

use super::{Checks, Context};
use crate::host::Host;
use node::Role;
use proto::Zxid;
use proto::peer::Entry;
use std::collections::BTreeSet;

impl Checks {
    /// A member has taken a step; `true` when it is established as leader by it.
    pub(crate) fn after_step(&mut self, host: usize, context: &mut Context<'_>) -> bool {
        let machine = &mut context.hosts[host];
        let Some(process) = &machine.process else { return false };
        let status = process.node.status();
        let (applied, digest) = {
            let view = process.store.view();
            (view.tree.last_zxid(), view.tree.digest())
        };
        let serving = status.serving || machine.known.established;
        let moved = applied != machine.known.applied || serving != machine.known.serving;
        machine.known.applied = applied;
        machine.known.serving = serving;
        if status.diverged > 0 {
            context.fail("Digest", format!("{} transactions differ", status.diverged));
        }
        if !serving {
            self.leads[host] = None;
            return false;
        }
        let leads = matches!(status.role, Role::Leading | Role::Standalone);
        let established = leads && self.leads[host].is_none();
        if established {
            self.on_established(host, status.current_epoch, context);
        }
        if !leads {
            self.leads[host] = None;
        }
        if status.committed > context.reference.last() {
            self.on_commit(host, status.committed, context);
        }
        if moved {
            self.check_state(host, applied, digest, context);
        }
        established
    }

    /// A member serves a state: it must be the one everybody agreed on.
    fn check_state(&self, host: usize, applied: Zxid, digest: u64, context: &mut Context<'_>) {
        let name = context.hosts[host].name.clone();
        let is_known = applied.counter() == 0 || context.reference.find(applied).is_some();
        context.require("Agreement", is_known, || format!("{name} shows {applied}, which is not committed"));
        let last = context.hosts[host].disk.last();
        context.require("MemoryWithinDisk", applied.counter() == 0 || applied <= last, || {
            format!("{name} shows {applied}, its disk ends at {last}")
        });
        let expected = context.reference.digest_at(applied);
        context.require("Digest", expected.is_none_or(|e| e == digest), || {
            format!("{name} at {applied} has digest {digest:#x}, not {expected:#x?}")
        });
    }

    fn on_established(&mut self, host: usize, epoch: u32, context: &mut Context<'_>) {
        let machine = &context.hosts[host];
        let (name, life) = (machine.name.clone(), (host, machine.boots));
        self.leads[host] = Some(epoch);
        self.terms += 1;
        self.reigns += 1;
        let (_, current) = machine.disk.epochs();
        let standalone = machine.known.role == Role::Standalone;
        if let Some(other) = self.leaders.insert(epoch, life)
            && !standalone
        {
            let what = format!("{name} leads epoch {epoch}, as n{} did before", other.0 + 1);
            return context.fail("Leadership", what);
        }
        context.require("EpochFiles", standalone || current >= epoch, || {
            format!("{name} leads epoch {epoch}, its disk says {current}")
        });
        let last = context.reference.last();
        let known = &context.hosts[host].known;
        // One that was paused may hear only now that it was confirmed; what a later epoch committed it need not have.
        let is_late = last.epoch() > epoch;
        let has_all = is_late || last <= known.log_from || known.log.binary_search(&last).is_ok();
        context.require("LeaderLogCompleteness", has_all, || {
            format!("{name} leads epoch {epoch} without {last}, which is committed")
        });
        // Every session has its whole timeout ahead of it.
        for session in context.reference.sessions.keys() {
            self.heard.insert((host, *session), context.now);
        }
    }

    /// A member holds everything up to `committed` for committed.
    fn on_commit(&mut self, host: usize, committed: Zxid, context: &mut Context<'_>) {
        let known = &context.hosts[host].known;
        let before = context.reference.last();
        let name = context.hosts[host].name.clone();
        let mut new = Vec::new();
        if known.log_from > before {
            // It came as a snapshot: whoever still has the last entry in a log has those before it.
            let from = known.log_from;
            let logs = context.hosts.iter().map(|host| &host.known);
            let source = logs.filter(|k| k.log_from <= before).find(|k| k.log.binary_search(&from).is_ok());
            let Some(source) = source else {
                let what = format!("{name} holds everything up to {from} for committed, nobody else does");
                return context.fail("CommitQuorum", what);
            };
            new.extend(source.log.iter().filter(|zxid| before < **zxid && **zxid <= from));
        }
        let first = known.log.partition_point(|zxid| *zxid <= before);
        let end = known.log.partition_point(|zxid| *zxid <= committed);
        new.extend_from_slice(&known.log[first..end]);
        for zxid in new {
            let Some(entry) = self.proposed.get(&zxid).cloned() else {
                return context.fail("Integrity", format!("{name} commits {zxid}, which nobody broadcast"));
            };
            self.check_quorum(zxid, &entry, &name, context);
            context.reference.commit(context.now, zxid, entry, context.verdict);
        }
    }

    fn check_quorum(&self, zxid: Zxid, entry: &Entry, name: &str, context: &mut Context<'_>) {
        let holds = |host: &&Host| {
            host.disk.durable.holds(zxid, entry) || host.amnesia.is_some() && zxid <= host.forgot
        };
        let holders: BTreeSet<_> = context.hosts.iter().filter(holds).map(|host| host.id).collect();
        context.require("CommitQuorum", context.config.quorum().contains(&holders), || {
            format!("{name} commits {zxid}, which only the disks of {holders:?} have")
        });
    }
}

//! When faults have stopped: somebody leads within a bound, and in the end all agree.

use crate::queue::{MS, SECOND};
use crate::trace::say;
use crate::world::{Event, World};

impl World {
    /// Faults stopped a while ago.
    pub(crate) fn must_serve(&mut self) {
        let leads = self.hosts.iter().any(|h| h.is_leading() && h.known.serving);
        let roles =
            || self.hosts.iter().map(|h| format!("{} {:?}", h.name, h.known.role)).collect::<Vec<_>>();
        self.verdict.require(self.queue.now(), "Liveness", leads, || {
            format!("nobody leads although all are connected: {}", roles().join(", "))
        });
    }

    /// Clients have stopped asking a while ago.
    pub(crate) fn must_agree(&mut self) {
        let now = self.queue.now();
        let last = self.reference.last();
        let settled = self.hosts.iter().all(|host| host.known.applied >= last);
        if !settled && now + 3 * SECOND < self.plan.end {
            // A session may be ending just now.
            return self.queue.after(1300 * MS, Event::MustAgree);
        }
        for host in &self.hosts {
            let Some(process) = &host.process else {
                return self.verdict.fail(now, "Liveness", format!("{} does not run", host.name));
            };
            let (applied, digest) = {
                let view = process.store.view();
                (view.tree.last_zxid(), view.tree.digest())
            };
            let agrees = host.known.serving && (applied == last || applied.counter() == 0 && applied > last);
            self.verdict.require(now, "Liveness", agrees, || {
                let (name, role, serving) = (&host.name, host.known.role, host.known.serving);
                format!("{name} ({role:?}, serving: {serving}) ends at {applied}, committed is {last}")
            });
            let expected = self.reference.digest_at(last).unwrap_or(digest);
            self.verdict.require(now, "Digest", digest == expected, || {
                format!("{} ends with digest {digest:#x}, not {expected:#x}", host.name)
            });
        }
        self.check_disks();
        self.check_sessions();
        for client in &self.clients {
            self.verdict.require(now, "Liveness", client.outstanding() == 0, || {
                format!("{} waits for {} answers", client.name, client.outstanding())
            });
        }
    }

    /// Every kept snapshot and the log behind it make the tree that everybody has.
    fn check_disks(&mut self) {
        for host in &self.hosts {
            for at in 0..host.disk.durable.snapshots.len() {
                let rebuilt = host.disk.durable.rebuild(&self.tree_settings, at);
                let problem = match rebuilt {
                    Ok(tree) if self.reference.digest_at(tree.last_zxid()) == Some(tree.digest()) => continue,
                    Ok(tree) if tree.last_zxid().0 == 0 => continue,
                    Ok(tree) => format!("a tree at {} with digest {:#x}", tree.last_zxid(), tree.digest()),
                    Err(what) => what,
                };
                let what = format!("{}: snapshot {at} and log make {problem}", host.name);
                return self.verdict.fail(self.queue.now(), "RecoverEquivalence", what);
            }
        }
    }

    /// No session outlives its silence, and no ephemeral node its session.
    fn check_sessions(&mut self) {
        let now = self.queue.now();
        let slack = 3 * self.plan.tick_ms * MS + 5 * SECOND;
        for (session, timeout_ms) in self.reference.tree().sessions() {
            let overdue = self.checks.overdue(session, timeout_ms, slack, now);
            self.verdict.require(now, "ExpiryBound", !overdue, || {
                format!("session {session} of {timeout_ms} ms still lives, long after it was last heard of")
            });
        }
        for owner in self.reference.model.owners() {
            let lives = self.reference.tree().has_session(proto::SessionId(owner));
            self.verdict
                .require(now, "EphemeralOwner", lives, || format!("nodes of session {owner:#x} outlive it"));
        }
        say!(self, "all", "agree on {} transactions", self.reference.log.len());
    }
}

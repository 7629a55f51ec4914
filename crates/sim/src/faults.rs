//! What goes wrong, and how it is repaired.

use crate::net::{EndId, Purpose, TcpId};
use crate::plan::Fault;
use crate::queue::{MS, SECOND};
use crate::trace::say;
use crate::world::{Event, World};

/// How a fault ends.
#[derive(Debug)]
pub(crate) enum Repair {
    /// These directions pass again.
    Mend(Vec<(EndId, EndId)>),
    /// These are as fast as before.
    Hasten(EndId, EndId),
    /// A disk is as fast as before.
    FastDisk(usize),
}

impl World {
    pub(crate) fn on_fault(&mut self) {
        if self.is_calm() {
            return;
        }
        let delay = self.fault_rng.exponential(self.plan.fault_every).max(100 * MS);
        self.queue.after(delay, Event::Fault);
        let Some(kind) = self.fault_rng.weighted(&self.plan.weights) else { return };
        say!(self, "FAULT", "{:?}", Fault::ALL[kind]);
        if self.inject(Fault::ALL[kind]) {
            self.faults[kind] += 1;
        }
    }

    fn some_host(&mut self) -> usize {
        self.fault_rng.index(self.hosts.len())
    }

    /// Two different members.
    fn some_pair(&mut self) -> Option<(usize, usize)> {
        let count = self.hosts.len();
        let a = self.some_host();
        (count > 1).then(|| (a, (a + 1 + self.fault_rng.index(count - 1)) % count))
    }

    fn leader(&self) -> Option<usize> {
        self.hosts.iter().position(|h| h.is_leading() && h.known.serving)
    }

    fn repair_time(&mut self) -> u64 {
        self.fault_rng.exponential(self.plan.repair).max(50 * MS)
    }

    fn later(&mut self, repair: Repair) {
        let delay = self.repair_time();
        self.repairs.push(Some(repair));
        self.queue.after(delay, Event::Repair(self.repairs.len() as u32 - 1));
    }

    /// Ends a process and brings it back some time later.
    fn down(&mut self, host: usize, power: bool) -> bool {
        if !self.hosts[host].is_up() {
            return false;
        }
        self.crash(host, power);
        let delay = self.repair_time();
        self.queue.after(delay, Event::Boot { host: host as u8 });
        true
    }

    fn cut(&mut self, directions: Vec<(EndId, EndId)>) -> bool {
        for (from, to) in &directions {
            self.net.cut(*from, *to);
        }
        let any = !directions.is_empty();
        self.later(Repair::Mend(directions));
        any
    }

    /// Does it; `false` when there is nothing to do it to.
    fn inject(&mut self, fault: Fault) -> bool {
        match fault {
            Fault::Kill | Fault::PowerLoss => {
                let host = self.some_host();
                self.down(host, fault == Fault::PowerLoss)
            }
            Fault::KillLeader => match self.leader() {
                Some(host) => self.down(host, false),
                None => false,
            },
            Fault::KillNextLeader => {
                self.doomed_leader = true;
                match self.leader() {
                    Some(host) => self.down(host, true),
                    None => true,
                }
            }
            Fault::KillMajority | Fault::KillAll => self.kill_many(fault == Fault::KillAll),
            Fault::CrashAtStep => {
                let host = self.some_host();
                self.hosts[host].dies_after = Some(self.fault_rng.within(1, 200));
                let delay = self.repair_time();
                self.queue.after(10 * SECOND + delay, Event::Boot { host: host as u8 });
                self.hosts[host].is_up()
            }
            Fault::Pause => self.pause(),
            Fault::RollingRestart => self.rolling_restart(),
            Fault::Halves | Fault::Isolate | Fault::OneWay | Fault::Bridge => self.partition(fault),
            Fault::SlowLink => {
                let Some((a, b)) = self.some_pair() else { return false };
                let by = self.net.slowness();
                self.net.slow_down(a, b, by);
                self.later(Repair::Hasten(a, b));
                true
            }
            Fault::SwizzleClog => self.swizzle(),
            Fault::Reset | Fault::HalfOpen | Fault::ClientReset => self.break_connection(fault),
            Fault::ClientIsolate => {
                let client = self.fault_rng.index(self.clients.len());
                let end = self.client_end(client);
                let all = 0..self.hosts.len();
                self.cut(all.flat_map(|host| [(host, end), (end, host)]).collect())
            }
            Fault::SlowDisk => {
                let host = self.some_host();
                self.hosts[host].disk.slowness = self.fault_rng.pick(&[10, 100, 1000]);
                self.later(Repair::FastDisk(host));
                true
            }
            Fault::DiskError => {
                let host = self.some_host();
                self.hosts[host].disk.failing = true;
                self.hosts[host].is_up()
            }
            Fault::BitRot | Fault::Wipe => self.damage(fault),
            Fault::OldSnapshot => {
                let host = self.some_host();
                self.down(host, true) && self.hosts[host].disk.lose_newest_snapshot()
            }
            Fault::WallJump => {
                let host = self.some_host();
                let hours = self.fault_rng.within(0, 7_200_000) as i64 - 3_600_000;
                self.hosts[host].clock.wall_off_ms = hours;
                true
            }
        }
    }

    fn kill_many(&mut self, all: bool) -> bool {
        let voters = self.plan.voters;
        let count = if all { self.hosts.len() } else { voters / 2 + 1 };
        let first = if all { 0 } else { self.fault_rng.index(voters) };
        let power = self.fault_rng.permille(700);
        for n in 0..count {
            let host = if all { n } else { (first + n) % voters };
            self.down(host, power);
        }
        true
    }

    fn pause(&mut self) -> bool {
        let host = match self.leader() {
            Some(host) if self.fault_rng.permille(500) => host,
            _ => self.some_host(),
        };
        let machine = &mut self.hosts[host];
        if !machine.is_up() || std::mem::replace(&mut machine.paused, true) {
            return false;
        }
        let time = 100 * MS + self.fault_rng.exponential(8 * SECOND);
        self.queue.after(time.min(60 * SECOND), Event::Resume { host: host as u8 });
        true
    }

    pub(crate) fn resume(&mut self, host: usize) {
        let machine = &mut self.hosts[host];
        if std::mem::replace(&mut machine.paused, false) {
            for event in std::mem::take(&mut machine.deferred) {
                self.queue.after(0, event);
            }
        }
    }

    fn rolling_restart(&mut self) -> bool {
        for host in 0..self.hosts.len() {
            let at = self.queue.now() + host as u64 * 4 * SECOND;
            let boot = self.hosts[host].boots;
            self.queue.at(at, Event::Crash { host: host as u8, boot, power: false });
            self.queue.at(at + SECOND, Event::Boot { host: host as u8 });
        }
        true
    }

    fn partition(&mut self, fault: Fault) -> bool {
        let count = self.hosts.len();
        let odd = self.some_host();
        let sides: Vec<bool> = (0..count)
            .map(|host| if fault == Fault::Isolate { host == odd } else { self.fault_rng.permille(500) })
            .collect();
        let mut directions = Vec::new();
        for a in 0..count {
            for b in 0..count {
                let bridged = fault == Fault::Bridge && (a == odd || b == odd);
                if a != b && sides[a] != sides[b] && !bridged {
                    directions.push((a, b));
                }
            }
        }
        if fault == Fault::OneWay {
            let Some((a, b)) = self.some_pair() else { return false };
            let inverse = self.fault_rng.permille(500);
            // One direction of one link, or everything one member sends or hears.
            directions = match self.fault_rng.below(3) {
                0 => vec![(a, b)],
                _ => (0..count).filter(|n| *n != a).map(|n| if inverse { (a, n) } else { (n, a) }).collect(),
            };
        }
        self.cut(directions)
    }

    /// The connections of one member stop one after the other, and go on in another order.
    fn swizzle(&mut self) -> bool {
        let host = self.some_host();
        let now = self.queue.now();
        let tcps: Vec<TcpId> =
            self.net.live().filter(|(_, t)| t.ends.contains(&host)).map(|(id, _)| id).collect();
        for tcp in &tcps {
            let time = self.repair_time();
            self.net.tcps[*tcp as usize].clogged_until = now + time;
        }
        !tcps.is_empty()
    }

    fn break_connection(&mut self, fault: Fault) -> bool {
        let wanted = |purpose| (purpose == Purpose::Client) == (fault == Fault::ClientReset);
        let tcps: Vec<TcpId> = self.net.live().filter(|(_, t)| wanted(t.purpose)).map(|(id, _)| id).collect();
        if tcps.is_empty() {
            return false;
        }
        let tcp = tcps[self.fault_rng.index(tcps.len())];
        let end = self.fault_rng.index(2);
        let tells = match fault {
            Fault::HalfOpen => [end == 0, end == 1],
            _ => [true; 2],
        };
        say!(self, "FAULT", "connection {tcp} breaks, ends told: {tells:?}");
        self.reset(tcp, tells);
        true
    }

    /// A disk loses what it promised to keep: never of more voters at once than may be lost.
    fn damage(&mut self, fault: Fault) -> bool {
        let host = self.some_host();
        let forgetful = self.hosts.iter().filter(|h| h.votes && (h.amnesia.is_some() || h.disk.rotten));
        if self.alone || forgetful.count() >= (self.plan.voters - 1) / 2 || !self.hosts[host].is_up() {
            return false;
        }
        self.down(host, true);
        match fault {
            Fault::Wipe => self.wipe(host),
            _ => self.hosts[host].disk.rot(&mut self.fault_rng),
        }
        true
    }

    pub(crate) fn repair(&mut self, number: usize) {
        match self.repairs[number].take() {
            Some(Repair::Mend(directions)) => {
                for (from, to) in directions {
                    self.net.mend(from, to);
                }
                self.wake_connections();
            }
            Some(Repair::Hasten(from, to)) => self.net.slow_down(from, to, 0),
            Some(Repair::FastDisk(host)) => self.hosts[host].disk.slowness = 1,
            None => {}
        }
    }

    /// Messages that were held back may pass now.
    fn wake_connections(&mut self) {
        let stuck: Vec<TcpId> = (0..self.net.tcps.len() as TcpId).collect();
        for tcp in stuck {
            for from in [0, 1] {
                if let Some(at) = self.net.arm(tcp, from) {
                    self.queue.at(at, Event::Arrive { tcp, from: from as u8 });
                }
            }
        }
    }

    /// Faults are over.
    pub(crate) fn repair_all(&mut self) {
        say!(self, "FAULT", "no more");
        self.doomed_leader = false;
        self.repairs.iter_mut().for_each(|repair| *repair = None);
        self.net.mend_all();
        for host in 0..self.hosts.len() {
            self.hosts[host].disk.slowness = 1;
            self.hosts[host].disk.failing = false;
            self.hosts[host].dies_after = None;
            // What a slow disk had begun is done soon.
            let boot = self.hosts[host].boots;
            self.queue.after(50 * MS, Event::Stored { host: host as u8, boot });
            self.resume(host);
            self.queue.after(MS, Event::Boot { host: host as u8 });
        }
        let now = self.queue.now();
        for (tcp, connection) in self.net.tcps.iter_mut().enumerate() {
            if std::mem::replace(&mut connection.clogged_until, 0) > now {
                // Whoever waits for the end of the clog waits no longer.
                for from in [0, 1] {
                    self.queue.at(now, Event::Arrive { tcp: tcp as TcpId, from });
                }
            }
        }
        self.wake_connections();
    }
}

//! The whole simulation as one value, and its loop: take the next event, see what follows, check.

use crate::check::Checks;
use crate::client::{Client, Link};
use crate::disk::{Contents, Disk};
use crate::host::{Clock, Host, Known};
use crate::net::{Net, TcpId};
use crate::plan::{Fault, Plan};
use crate::queue::{MS, Queue, SECOND, Time};
use crate::reference::Reference;
use crate::rng::Rng;
use crate::trace::{Trace, Verdict, Violation};
use node::{ConnId, Input, Outputs};
use proto::Zxid;
use std::collections::VecDeque;
use zab::{Address, Config, LinkId, Member, MemberRole, ServerId};

/// Something that happens at a moment. Small, so that the queue is fast: what is large waits where it
/// belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The first message of a direction is due.
    Arrive {
        tcp: TcpId,
        from: u8,
    },
    /// A node's timer.
    Timer {
        host: u8,
        boot: u32,
    },
    /// The batch of a disk is done.
    Stored {
        host: u8,
        boot: u32,
    },
    /// The next slice of the snapshot being taken.
    Slice {
        host: u8,
        boot: u32,
    },
    /// The next slice of a snapshot being sent.
    SendSlice {
        host: u8,
        boot: u32,
        link: LinkId,
    },
    /// Log entries have been read.
    History {
        host: u8,
        boot: u32,
        link: LinkId,
        after: Zxid,
    },
    /// An attempt to connect to a leader comes to its end.
    Dial {
        host: u8,
        boot: u32,
        leader: u8,
    },
    /// An attempt to connect to a voter comes to its end.
    DialVoter {
        host: u8,
        boot: u32,
        peer: u8,
    },
    /// A connection looks into its mailbox.
    Mail {
        host: u8,
        boot: u32,
        conn: ConnId,
    },
    /// A machine comes up.
    Boot {
        host: u8,
    },
    /// A paused process goes on.
    Resume {
        host: u8,
    },
    /// A process is killed, or its machine loses power.
    Crash {
        host: u8,
        boot: u32,
        power: bool,
    },
    /// A client looks after its connection.
    Client(u8),
    /// A client's connection attempt comes to its end.
    Connect {
        client: u8,
    },
    /// A client asks.
    Ask(u8),
    /// The next fault.
    Fault,
    /// A fault is repaired.
    Repair(u32),
    /// No more faults; everything is repaired.
    Calm,
    /// By now somebody leads.
    MustServe,
    /// By now all agree.
    MustAgree,
    End,
}

/// How a run is to be watched.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Print what happens.
    pub trace: bool,
    /// From this moment on, seconds.
    pub trace_from: u64,
    /// A single standalone server instead of an ensemble.
    pub alone: bool,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// The first broken promise.
    pub violation: Option<Violation>,
    /// The same for the same seed and code.
    pub hash: u64,
    /// Events processed.
    pub events: u64,
    /// Virtual time, microseconds.
    pub time: u64,
    /// Faults injected, in the order of [`Fault::ALL`].
    pub faults: [u64; Fault::ALL.len()],
    /// Requests answered to clients.
    pub answered: u64,
    /// Requests whose outcome clients never learned.
    pub lost: u64,
    /// Transactions committed.
    pub committed: u64,
    /// Sessions that ended without their client's will.
    pub sessions_lost: u64,
    /// Leaders that were established.
    pub terms: u64,
    /// Learners synchronized by DIFF, TRUNC and SNAP.
    pub syncs: [u64; 3],
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) alone: bool,
    pub(crate) plan: Plan,
    pub(crate) queue: Queue<Event>,
    pub(crate) rng: Rng,
    pub(crate) fault_rng: Rng,
    pub(crate) net: Net,
    pub(crate) hosts: Vec<Host>,
    pub(crate) clients: Vec<Client>,
    pub(crate) reference: Reference,
    pub(crate) checks: Checks,
    pub(crate) verdict: Verdict,
    pub(crate) trace: Trace,
    /// Inputs that follow from what a node put out.
    pub(crate) inbox: VecDeque<(usize, Input)>,
    pub(crate) outputs: Outputs,
    pub(crate) acked: Zxid,
    pub(crate) faults: [u64; Fault::ALL.len()],
    pub(crate) repairs: Vec<Option<crate::faults::Repair>>,
    pub(crate) config: Config,
    pub(crate) tree_settings: tree::Settings,
    /// Whoever is established next dies.
    pub(crate) doomed_leader: bool,
    calm: bool,
    ended: bool,
    events: u64,
}

/// Address of a member: its host name is its number.
fn config(plan: &Plan) -> Config {
    let member = |n: usize| {
        let address = Address { host: format!("n{}", n + 1), quorum_port: 2888, election_port: 3888 };
        let role = if n < plan.voters { MemberRole::Participant } else { MemberRole::Observer };
        (ServerId(n as i64 + 1), Member { addresses: vec![address], role, client: None })
    };
    let members = (0..plan.voters + plan.observers).map(member).collect();
    Config { members, ..Config::default() }
}

impl World {
    pub(crate) fn new(seed: u64, options: Options) -> Self {
        let plan = Plan::draw(seed, options.alone);
        let tree_settings = tree::Settings::default();
        let members = plan.voters + plan.observers;
        let host = |n: usize| Host {
            id: ServerId(n as i64 + 1),
            name: format!("n{}", n + 1),
            votes: n < plan.voters,
            disk: match plan.real_files {
                true => Disk::new(Contents::fresh(&tree_settings), tree_settings.clone()).with_files(),
                false => Disk::new(Contents::fresh(&tree_settings), tree_settings.clone()),
            },
            clock: Clock { drift: plan.drift[n], wall_off_ms: 0 },
            process: None,
            boots: 0,
            powered: true,
            paused: false,
            deferred: Vec::new(),
            wanted: true,
            dies_after: None,
            amnesia: None,
            forgot: Zxid::ZERO,
            known: Known::default(),
        };
        let mut rng = Rng::new(seed, 2);
        let mut client = |n: usize| {
            let ticks = rng.within(4, 15);
            Client::new(n, (plan.tick_ms * ticks) as i32, Rng::new(seed, 100 + n as u64))
        };
        Self {
            seed,
            alone: options.alone,
            queue: Queue::new(),
            net: Net::new(members + plan.clients, plan.delay, plan.jitter, Rng::new(seed, 3)),
            hosts: (0..members).map(host).collect(),
            clients: (0..plan.clients).map(&mut client).collect(),
            rng,
            fault_rng: Rng::new(seed, 4),
            reference: Reference::new(tree_settings.clone()),
            checks: Checks::new(members),
            verdict: Verdict::default(),
            trace: Trace::new(options.trace, options.trace_from * SECOND),
            inbox: VecDeque::new(),
            outputs: Outputs::default(),
            acked: Zxid::ZERO,
            faults: [0; Fault::ALL.len()],
            repairs: Vec::new(),
            config: config(&plan),
            tree_settings,
            doomed_leader: false,
            calm: false,
            ended: false,
            events: 0,
            plan,
        }
    }

    /// Runs to the end, or to the first violation.
    pub(crate) fn run(mut self) -> Outcome {
        self.schedule_start();
        while !self.ended && self.verdict.is_clean() {
            let Some(event) = self.queue.pop() else { break };
            self.events += 1;
            self.happen(event);
            while let Some((host, input)) = self.inbox.pop_front() {
                self.step(host, input);
            }
        }
        let time = self.queue.now();
        Outcome {
            seed: self.seed,
            violation: self.verdict.into_first(),
            hash: self.trace.hash(),
            events: self.events,
            time,
            faults: self.faults,
            answered: self.clients.iter().map(|c| c.answered).sum(),
            lost: self.clients.iter().map(|c| c.lost).sum(),
            committed: self.reference.log.len() as u64,
            sessions_lost: self.clients.iter().map(|c| c.sessions_lost).sum(),
            terms: self.checks.terms,
            syncs: self.checks.syncs,
        }
    }

    fn schedule_start(&mut self) {
        for host in 0..self.hosts.len() {
            let delay = self.rng.below(SECOND);
            self.queue.at(delay, Event::Boot { host: host as u8 });
        }
        for client in 0..self.clients.len() as u8 {
            self.queue.at(SECOND + self.rng.below(SECOND), Event::Client(client));
            self.queue.at(3 * SECOND, Event::Ask(client));
        }
        if self.plan.fault_every > 0 {
            self.queue.at(5 * SECOND, Event::Fault);
        }
        let calm = self.plan.faults_until;
        let limit = self.plan.tick_ms * u64::from(self.plan.init_limit) * MS;
        self.queue.at(calm, Event::Calm);
        self.queue.at(calm + (2 * limit).max(30 * SECOND), Event::MustServe);
        self.queue.at(self.plan.asking_until + 10 * SECOND, Event::MustAgree);
        self.queue.at(self.plan.end, Event::End);
    }

    fn happen(&mut self, event: Event) {
        self.note(event);
        if let Some((host, boot)) = addressee(event) {
            let host = &mut self.hosts[host];
            if host.boots != boot || host.process.is_none() {
                return;
            }
            if host.paused {
                return host.deferred.push(event);
            }
        }
        match event {
            Event::Arrive { tcp, from } => self.arrive(tcp, from as usize),
            Event::Timer { host, .. } => self.on_timer(host as usize),
            Event::Stored { host, .. } => self.on_stored(host as usize),
            Event::Slice { host, .. } => self.on_slice(host as usize),
            Event::SendSlice { host, link, .. } => self.on_send_slice(host as usize, link),
            Event::History { host, link, after, .. } => self.on_history(host as usize, link, after),
            Event::Dial { host, leader, .. } => self.on_dial(host as usize, leader as usize),
            Event::DialVoter { host, peer, .. } => self.on_dial_voter(host as usize, peer as usize),
            Event::Mail { host, conn, .. } => self.take_mail(host as usize, conn),
            Event::Boot { host } => self.boot(host as usize),
            Event::Resume { host } => self.resume(host as usize),
            Event::Crash { host, power, .. } => self.crash(host as usize, power),
            Event::Client(client) => self.tend(client as usize),
            Event::Connect { client } => self.on_connect(client as usize),
            Event::Ask(client) => self.on_ask(client as usize),
            Event::Fault => self.on_fault(),
            Event::Repair(number) => self.repair(number as usize),
            Event::Calm => self.on_calm(),
            Event::MustServe => self.must_serve(),
            Event::MustAgree => self.must_agree(),
            Event::End => self.ended = true,
        }
    }

    fn note(&mut self, event: Event) {
        let (kind, what) = match event {
            Event::Arrive { tcp, from } => (1, u64::from(tcp) * 2 + u64::from(from)),
            Event::Timer { host, boot } => (2, u64::from(host) << 32 | u64::from(boot)),
            Event::Stored { host, boot } => (3, u64::from(host) << 32 | u64::from(boot)),
            Event::Ask(client) => (4, u64::from(client)),
            Event::Mail { conn, .. } => (5, conn.0),
            _ => (6, 0),
        };
        self.trace.note(self.queue.now() << 3 | kind);
        self.trace.note(what);
    }

    fn on_calm(&mut self) {
        self.calm = true;
        self.repair_all();
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm
    }

    /// Where a client is on the network.
    pub(crate) fn client_end(&self, client: usize) -> usize {
        self.hosts.len() + client
    }

    /// Whether a client's connection is this one.
    pub(crate) fn uses(&self, client: usize, tcp: TcpId) -> bool {
        match self.clients[client].link {
            Link::Up(used) | Link::Connecting { tcp: Some(used), .. } => used == tcp,
            _ => false,
        }
    }
}

/// The process an event is for.
fn addressee(event: Event) -> Option<(usize, u32)> {
    match event {
        Event::Timer { host, boot }
        | Event::Stored { host, boot }
        | Event::Slice { host, boot }
        | Event::SendSlice { host, boot, .. }
        | Event::History { host, boot, .. }
        | Event::Dial { host, boot, .. }
        | Event::DialVoter { host, boot, .. }
        | Event::Mail { host, boot, .. } => Some((host as usize, boot)),
        _ => None,
    }
}

impl World {
    /// The time as a machine sees it.
    pub(crate) fn now_at(&self, host: usize) -> node::Now {
        self.hosts[host].clock.now(self.queue.now())
    }

    /// Sends into a connection from one of its ends.
    pub(crate) fn transmit(&mut self, tcp: TcpId, from: usize, message: crate::net::Message) {
        let now: Time = self.queue.now();
        if let Some(at) = self.net.send(now, tcp, from, message) {
            self.queue.at(at, Event::Arrive { tcp, from: from as u8 });
        }
    }
}

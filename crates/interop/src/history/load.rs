//! Clients that work on an ensemble, all of it, and write down what they did.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Action, History, NUMBERED, Op, Outcome};
use crate::client::{Client, Reply};
use crate::ensemble::Id;
use crate::ensemble::roamer::Roamer;
use crate::request::{AccessList, Request};
use crate::rng::Rng;
use crate::server::mode;
use crate::wire::{Acl, Reader, op};

/// Registers; few, so that clients meet.
const KEYS: usize = 4;
const CLIENTS: usize = 6;
/// Sessions outlive every fault that is meant to be short.
const SESSION_MS: i32 = 10_000;
/// A client moves to another server once in so many operations.
const MOVE: usize = 150;
/// What leaves the servers some of the machine.
const PAUSE: Duration = Duration::from_micros(500);
/// How often somebody looks who leads.
const LOOK: Duration = Duration::from_millis(20);
/// Longest wait for the first acknowledgement after a fault.
const PROGRESS: Duration = Duration::from_secs(60);

fn key(n: usize) -> String {
    format!("/register{n}")
}

/// Creates what the clients work on; call it once for an ensemble and keep the history for all runs on it.
///
/// # Errors
/// The ensemble does not take it.
pub fn prepare(addr: SocketAddr) -> io::Result<History> {
    let begin = Instant::now();
    let mut client = Client::connect(addr, SESSION_MS)?;
    client.create(NUMBERED, b"")?;
    let mut history = History::new();
    for key in (0..KEYS).map(key) {
        client.create(&key, b"first")?;
        let (_, stat) = client.get(&key)?.ok_or_else(|| io::Error::other("created and not there"))?;
        history.push(Op {
            session: client.session.session,
            server: 1,
            called: Duration::ZERO,
            returned: begin.elapsed(),
            action: Action::Write { key, value: "first".to_owned(), expected: -1 },
            outcome: Outcome::State { value: "first".to_owned(), version: 0, mzxid: stat.mzxid },
            zxid: stat.mzxid,
        });
    }
    client.close()?;
    Ok(history)
}

/// What a scenario sees of the clients that work meanwhile.
#[derive(Debug)]
pub struct Watch {
    begin: Instant,
    acknowledged: AtomicU64,
    over: AtomicBool,
}

impl Watch {
    /// The time as the clients write it down.
    pub fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Changes acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until `count` more changes are acknowledged.
    ///
    /// # Errors
    /// They are not in time.
    pub fn await_progress(&self, count: u64) -> io::Result<()> {
        let wanted = self.acknowledged() + count;
        let deadline = Instant::now() + PROGRESS;
        while self.acknowledged() < wanted {
            if Instant::now() > deadline {
                return Err(io::Error::other(format!(
                    "{} of {count} writes acknowledged within {} s",
                    self.acknowledged() + count - wanted,
                    PROGRESS.as_secs()
                )));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// Lets clients work on the servers at `addrs` (members 1, 2, ...) while `body` runs, adds what they did to
/// `history`, and whoever led meanwhile to `led`.
///
/// # Errors
/// Those of `body`.
pub fn under_load<T>(
    addrs: &[SocketAddr],
    rng: &mut Rng,
    history: &mut History,
    led: &mut BTreeSet<Id>,
    body: impl FnOnce(&Watch) -> io::Result<T>,
) -> io::Result<T> {
    // Later than everything in the history so far.
    let origin = history.iter().map(|op| op.returned).max().unwrap_or_default();
    let begin = Instant::now().checked_sub(origin).unwrap_or_else(Instant::now);
    let watch = Watch { begin, acknowledged: AtomicU64::new(0), over: AtomicBool::new(false) };
    let written = Mutex::new(Vec::new());
    let run = rng.bits();
    let outcome = std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let worker = Worker {
                roamer: Roamer::new(addrs, number, SESSION_MS),
                rng: Rng::new(run ^ number as u64),
                name: format!("{run:x}-{number}"),
                versions: [0; KEYS],
                watch: &watch,
                ops: History::new(),
            };
            let written = &written;
            scope.spawn(move || {
                let ops = worker.work();
                written.lock().expect("no panic while locked").extend(ops);
            });
        }
        scope.spawn(|| note_leaders(addrs, &watch, led));
        let outcome = body(&watch);
        watch.over.store(true, Ordering::Relaxed);
        outcome
    });
    history.extend(written.into_inner().expect("no panic while locked"));
    outcome
}

fn note_leaders(addrs: &[SocketAddr], watch: &Watch, led: &mut BTreeSet<Id>) {
    while !watch.over.load(Ordering::Relaxed) {
        for (id, addr) in (1..).zip(addrs) {
            if mode(*addr).as_deref() == Some("leader") {
                led.insert(id);
            }
        }
        std::thread::sleep(LOOK);
    }
}

struct Worker<'a> {
    roamer: Roamer,
    rng: Rng,
    name: String,
    /// Of each register, as last seen.
    versions: [i32; KEYS],
    watch: &'a Watch,
    ops: History,
}

impl Worker<'_> {
    fn work(mut self) -> History {
        while !self.watch.over.load(Ordering::Relaxed) {
            if self.rng.one_in(MOVE) {
                self.roamer.leave();
            }
            // A connection first, so that an operation is asked of one known server.
            if self.roamer.connect().is_err() {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            self.step();
            std::thread::sleep(PAUSE);
        }
        self.ops
    }

    fn step(&mut self) {
        let register = self.rng.below(KEYS);
        let (key, value) = (key(register), format!("{}-{}", self.name, self.ops.len()));
        let action = match self.rng.below(10) {
            0..4 => Action::Write { key, value, expected: -1 },
            4 => Action::Write { key, value, expected: self.versions[register] },
            5 => Action::Number { value },
            6..8 => Action::Read { key, synced: true },
            _ => Action::Read { key, synced: false },
        };
        let (server, session) = (self.roamer.at() as Id + 1, self.roamer.session());
        let called = self.watch.now();
        let replies = self.roamer.call(&requests(&action));
        let returned = self.watch.now();
        let (outcome, zxid) = match &replies {
            Ok(replies) => outcome(&action, replies),
            Err(_) => (Outcome::Unknown, 0),
        };
        if let Outcome::State { version, .. } = &outcome {
            self.versions[register] = *version;
        }
        let changed = matches!(outcome, Outcome::State { .. } | Outcome::Numbered { .. });
        if changed && !matches!(action, Action::Read { .. }) {
            self.watch.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        self.ops.push(Op { session, server, called, returned, action, outcome, zxid });
    }
}

fn requests(action: &Action) -> Vec<Request> {
    match action {
        Action::Write { key, value, expected } => vec![Request::set_data(key, value.as_bytes(), *expected)],
        Action::Number { value } => {
            let (path, acl) = (format!("{NUMBERED}/n-"), AccessList::Entries(Acl::open()));
            vec![Request::create(&path, Some(value.as_bytes()), acl, 2)]
        }
        Action::Read { key, synced: false } => vec![Request::get_data(key, false)],
        Action::Read { key, synced: true } => {
            vec![Request::Path { op: op::SYNC, path: key.as_str().into() }, Request::get_data(key, false)]
        }
    }
}

fn outcome(action: &Action, replies: &[Reply]) -> (Outcome, i64) {
    // A read whose sync was refused is no read after sync.
    let reply =
        replies.iter().find(|reply| reply.error != 0).or(replies.last()).expect("one for each request");
    let zxid = replies.iter().map(|reply| reply.zxid).max().unwrap_or(0);
    if reply.error != 0 {
        return (Outcome::Refused(reply.error), zxid);
    }
    let mut reader = Reader::new(&reply.body);
    let read = match action {
        Action::Write { value, .. } => reader.stat().map(|stat| (value.clone(), stat)),
        Action::Number { .. } => {
            return (reader.string().map_or(Outcome::Unknown, |path| Outcome::Numbered { path }), zxid);
        }
        Action::Read { .. } => reader.string().and_then(|value| Some((value, reader.stat()?))),
    };
    let state = |(value, stat): (String, crate::wire::Stat)| Outcome::State {
        value,
        version: stat.version,
        mzxid: stat.mzxid,
    };
    (read.map_or(Outcome::Unknown, state), zxid)
}

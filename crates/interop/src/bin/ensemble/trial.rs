//! One ensemble from its start to the verdict.

use std::collections::BTreeSet;
use std::io;

use interop::client::Client;
use interop::dump::{self, Tree};
use interop::ensemble::{Ensemble, Id, Role, Wiring};
use interop::history::{self, History, Watch};
use interop::request::Request;
use interop::rng::Rng;
use interop::server::Kind;
use interop::wire::op;

/// What all scenarios get.
#[derive(Debug)]
pub(crate) struct Cx {
    /// Chance.
    pub(crate) rng: Rng,
    /// Whether faults are repeated.
    pub(crate) long: bool,
    /// What runs in Zabra's place.
    pub(crate) zabra: Kind,
}

impl Cx {
    /// `kinds` with Zabra's place taken.
    pub(crate) fn cast(&self, kinds: &[Kind]) -> Vec<Kind> {
        kinds.iter().map(|kind| if *kind == Kind::Zabra { self.zabra } else { *kind }).collect()
    }

    /// `short` rounds, or five times as many.
    pub(crate) fn rounds(&self, short: usize) -> usize {
        if self.long { short * 5 } else { short }
    }
}

/// A named way to try an ensemble.
pub(crate) struct Scenario {
    /// How it is called.
    pub(crate) name: &'static str,
    /// What it needs.
    pub(crate) kinds: &'static [Kind],
    /// Says why this machine cannot run it.
    pub(crate) obstacle: Option<fn() -> Option<String>>,
    /// Runs only when named.
    pub(crate) on_demand: bool,
    /// Runs it.
    pub(crate) run: fn(&mut Cx) -> io::Result<()>,
}

impl Scenario {
    /// One that any machine with these servers can run.
    pub(crate) fn new(
        name: &'static str,
        kinds: &'static [Kind],
        run: fn(&mut Cx) -> io::Result<()>,
    ) -> Self {
        Self { name, kinds, obstacle: None, on_demand: false, run }
    }
}

/// Three servers under test.
pub(crate) const THREE: [Kind; 3] = [Kind::Zabra; 3];

/// An ensemble and all that its clients did.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) ensemble: Ensemble,
    pub(crate) history: History,
    /// Those that may have been leaders without knowing that they are not any more.
    pub(crate) deposed: BTreeSet<Id>,
    led: BTreeSet<Id>,
    java: BTreeSet<Id>,
}

impl Trial {
    /// Starts voters of these kinds, the last of which leads.
    pub(crate) fn start(kinds: &[Kind], wiring: Wiring) -> io::Result<Self> {
        let members: Vec<_> = kinds.iter().map(|kind| (*kind, Role::Participant)).collect();
        let leader = members.len() as Id;
        Self::of(Ensemble::new(&members, wiring, &[])?, leader)
    }

    /// Starts an ensemble that `leader` shall lead.
    pub(crate) fn of(mut ensemble: Ensemble, leader: Id) -> io::Result<Self> {
        ensemble.start_led_by(leader)?;
        let history = history::prepare(ensemble.addr(leader))?;
        let (deposed, led, java) = Default::default();
        let mut trial = Self { ensemble, history, deposed, led, java };
        trial.note_kinds();
        Ok(trial)
    }

    fn note_kinds(&mut self) {
        let ensemble = &self.ensemble;
        self.java.extend(ensemble.ids().iter().filter(|id| ensemble.server(**id).kind() != Kind::Zabra));
    }

    /// Runs `body` while clients work on all servers.
    pub(crate) fn under_load<T>(
        &mut self,
        rng: &mut Rng,
        body: impl FnOnce(&mut Ensemble, &Watch) -> io::Result<T>,
    ) -> io::Result<T> {
        let addrs = self.ensemble.addrs();
        let ensemble = &mut self.ensemble;
        let outcome =
            history::under_load(&addrs, rng, &mut self.history, &mut self.led, |watch| body(ensemble, watch));
        self.note_kinds();
        outcome
    }

    /// Waits until all servers are equal and judges what clients saw. All members have to run, and to reach each other.
    pub(crate) fn judge(mut self) -> io::Result<()> {
        let ids = self.ensemble.ids();
        self.ensemble.await_serving(&ids)?;
        // Before the first write of an epoch its leader counts from another number than its followers.
        let mut last = Client::connect(self.ensemble.addr(ids[0]), 10_000)?;
        last.create("/last", b"")?;
        last.close()?;
        self.ensemble.await_level()?;
        let trees = ids.iter().map(|id| tree(&self.ensemble, *id)).collect::<io::Result<Vec<_>>>()?;
        for (id, other) in ids.iter().zip(&trees).skip(1) {
            let lines = dump::differences(&trees[0], other, |_, left, right| left == right);
            complain(&format!("servers {} and {id} differ", ids[0]), &lines)?;
        }
        // A Java leader answers a sync at once, also when it has not yet applied what a follower has.
        let lenient: Vec<Id> = self.led.intersection(&self.java).chain(&self.deposed).copied().collect();
        match history::check(&self.history, &lenient) {
            Ok(summary) => println!("        {summary}"),
            Err(lines) => complain("the history is impossible", &lines)?,
        }
        history::check_tree(&self.history, &trees[0]).or_else(|lines| complain("the end is wrong", &lines))
    }
}

/// The tree as one server shows it, without what is that server's own.
pub(crate) fn tree(ensemble: &Ensemble, id: Id) -> io::Result<Tree> {
    let mut client = Client::connect_super(ensemble.addr(id))?;
    client.must(&Request::Path { op: op::SYNC, path: "/".into() })?;
    let mut tree = dump::dump(&mut client)?;
    // Each server puts its own view of the membership there when it starts.
    tree.remove("/zookeeper/config");
    client.close()?;
    Ok(tree)
}

fn complain(what: &str, lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let shown = lines[..lines.len().min(10)].join("\n  ");
    Err(io::Error::other(format!("{what} ({} complaints):\n  {shown}", lines.len())))
}

/// Fails unless `condition`.
pub(crate) fn expect(condition: bool, what: &str) -> io::Result<()> {
    if condition { Ok(()) } else { Err(io::Error::other(format!("not so: {what}"))) }
}

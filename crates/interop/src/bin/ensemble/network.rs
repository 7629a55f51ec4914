//! Links that are cut, both ways or one, slow, or closed again and again.

use std::io;
use std::time::Duration;

use interop::ensemble::netns;
use interop::ensemble::{Ensemble, Flow, Id, Role, Wiring};
use interop::rng::Rng;
use interop::server::{Kind, zabra_binary};

use crate::trial::{Cx, Scenario, THREE, Trial, expect};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("leader-cut-off", &[Kind::Zabra], leader_cut_off),
        Scenario::new("follower-cut-off", &[Kind::Zabra], follower_cut_off),
        Scenario::new("one-way-links", &[Kind::Zabra], one_way_links),
        Scenario::new("slow-and-broken-links", &[Kind::Zabra], slow_and_broken_links),
        Scenario {
            obstacle: Some(|| netns::inside().err().map(|error| format!("no namespaces: {error}"))),
            ..Scenario::new("namespaces", &[Kind::Zabra], namespaces)
        },
        Scenario { on_demand: true, ..Scenario::new("inside-namespaces", &[Kind::Zabra], inside_namespaces) },
    ]
}

const CUTS: [Flow; 2] = [Flow::Held, Flow::Refused];

/// The others elect a leader and go on; the old one acknowledges nothing and comes back.
fn leader_cut_off(cx: &mut Cx) -> io::Result<()> {
    let mut trial = Trial::start(&cx.cast(&THREE), Wiring::Proxied)?;
    for round in 0..cx.rounds(2) {
        let flow = CUTS[round % 2];
        let deposed = trial.under_load(&mut cx.rng, |ensemble, watch| {
            watch.await_progress(100)?;
            let ids = ensemble.ids();
            let leader = ensemble.await_leader_among(&ids)?;
            let others: Vec<Id> = ids.iter().copied().filter(|id| *id != leader).collect();
            ensemble.links().isolate(leader, flow);
            ensemble.await_leader_among(&others)?;
            watch.await_progress(200)?;
            ensemble.until("the leader without followers does not serve", |ensemble| {
                Ok(ensemble.server(leader).mode().is_none())
            })?;
            ensemble.links().heal();
            ensemble.await_serving(&ids)?;
            watch.await_progress(50)?;
            Ok(leader)
        })?;
        trial.deposed.insert(deposed);
    }
    trial.judge()
}

/// The others do not even notice, and it comes back.
fn follower_cut_off(cx: &mut Cx) -> io::Result<()> {
    let mut trial = Trial::start(&cx.cast(&THREE), Wiring::Proxied)?;
    let rounds = cx.rounds(2);
    trial.under_load(&mut cx.rng, |ensemble, watch| {
        for round in 0..rounds {
            watch.await_progress(100)?;
            let ids = ensemble.ids();
            let leader = ensemble.await_leader_among(&ids)?;
            let follower = ensemble.await_follower()?;
            ensemble.links().isolate(follower, CUTS[round % 2]);
            watch.await_progress(300)?;
            ensemble.until("the follower without a leader does not serve", |ensemble| {
                Ok(ensemble.server(follower).mode().is_none())
            })?;
            ensemble.links().heal();
            ensemble.await_serving(&ids)?;
            expect(ensemble.leader() == Some(leader), "the leader went on leading")?;
        }
        Ok(())
    })?;
    trial.judge()
}

/// Bytes pass in one direction only. No progress can be demanded meanwhile, only that nothing is broken afterwards.
fn one_way_links(cx: &mut Cx) -> io::Result<()> {
    let mut trial = Trial::start(&cx.cast(&THREE), Wiring::Proxied)?;
    for round in 0..cx.rounds(3) {
        let leader = trial.under_load(&mut cx.rng, |ensemble, watch| {
            watch.await_progress(50)?;
            let ids = ensemble.ids();
            let leader = ensemble.await_leader_among(&ids)?;
            let others: Vec<Id> = ids.iter().copied().filter(|id| *id != leader).collect();
            let links = ensemble.links();
            match round % 3 {
                0 => others.iter().for_each(|id| links.set(leader, *id, Flow::Held)),
                1 => others.iter().for_each(|id| links.set(*id, leader, Flow::Held)),
                _ => links.set(leader, others[0], Flow::Held),
            }
            std::thread::sleep(Duration::from_secs(3));
            ensemble.links().heal();
            ensemble.await_serving(&ids)?;
            watch.await_progress(50)?;
            Ok(leader)
        })?;
        trial.deposed.insert(leader);
    }
    trial.judge()
}

fn slow_and_broken_links(cx: &mut Cx) -> io::Result<()> {
    let mut trial = Trial::start(&cx.cast(&THREE), Wiring::Proxied)?;
    let rounds = cx.rounds(20);
    let mut chance = Rng::new(cx.rng.bits());
    trial.under_load(&mut cx.rng, |ensemble, watch| {
        for _ in 0..rounds {
            std::thread::sleep(Duration::from_millis(chance.below(300) as u64));
            let (one, other) = (1 + chance.below(3) as Id, 1 + chance.below(3) as Id);
            if one == other {
                ensemble.links().heal();
            } else if chance.one_in(3) {
                ensemble.links().reset(one, other);
            } else {
                let delay = Duration::from_millis(chance.below(100) as u64);
                ensemble.links().set(one, other, Flow::Open(delay));
            }
        }
        ensemble.links().heal();
        let ids = ensemble.ids();
        ensemble.await_serving(&ids)?;
        watch.await_progress(100)
    })?;
    // Any of them may have led when its links were closed.
    trial.deposed = trial.ensemble.ids().into_iter().collect();
    trial.judge()
}

/// Servers on addresses of their own, and packets that get lost. Run by this program anew, inside a namespace.
fn namespaces(cx: &mut Cx) -> io::Result<()> {
    let mut command = netns::inside()?;
    command.args(["inside-namespaces", "--as", &cx.zabra.to_string()]);
    if cx.long {
        command.arg("--long");
    }
    if cx.zabra == Kind::Zabra {
        command.env("ZABRA_BIN", zabra_binary());
    }
    let output = command.env("ZABRA_SEED", cx.rng.bits().to_string()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        text.lines().filter(|line| line.starts_with("    ")).for_each(|line| println!("{line}"));
        return Ok(());
    }
    Err(io::Error::other(format!("{text}{}", String::from_utf8_lossy(&output.stderr))))
}

fn inside_namespaces(cx: &mut Cx) -> io::Result<()> {
    expect(netns::is_inside(), "started by the scenario `namespaces`")?;
    let members: Vec<_> = cx.cast(&THREE).into_iter().map(|kind| (kind, Role::Participant)).collect();
    let mut trial = Trial::of(Ensemble::new(&members, Wiring::Namespaces, &[])?, 3)?;
    for _ in 0..cx.rounds(2) {
        let leader = trial.under_load(&mut cx.rng, |ensemble, watch| {
            watch.await_progress(100)?;
            let ids = ensemble.ids();
            let leader = ensemble.await_leader_among(&ids)?;
            let others: Vec<Id> = ids.iter().copied().filter(|id| *id != leader).collect();
            ensemble.net().part(&[leader])?;
            ensemble.await_leader_among(&others)?;
            watch.await_progress(200)?;
            ensemble.net().heal()?;
            ensemble.await_serving(&ids)?;
            // One way: the follower hears nothing, and is heard.
            let leader_now = ensemble.await_leader_among(&ids)?;
            let follower = ensemble.await_follower()?;
            ensemble.net().cut(leader_now, follower)?;
            watch.await_progress(200)?;
            ensemble.net().heal()?;
            ensemble.await_serving(&ids)?;
            Ok(leader)
        })?;
        trial.deposed.insert(leader);
    }
    trial.judge()
}

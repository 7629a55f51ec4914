//! Processes that die, stop in their tracks, and come back.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use interop::client::{Client, ConnectRequest, Reply};
use interop::ensemble::{Ensemble, Id, Wiring};
use interop::history::{Action, Op, Outcome};
use interop::request::Request;
use interop::server::Kind;
use interop::wire::Reader;

use crate::trial::{Cx, Scenario, THREE, Trial, expect};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new("leader-killed", &[Kind::Zabra], leader_killed),
        Scenario::new("follower-killed", &[Kind::Zabra], follower_killed),
        Scenario::new("all-killed", &[Kind::Zabra], all_killed),
        Scenario::new("leader-paused", &[Kind::Zabra], leader_paused),
        Scenario::new("restart-storm", &[Kind::Zabra], restart_storm),
        Scenario::new("five-two-killed", &[Kind::Zabra], five_two_killed),
        Scenario::new("a-loss-is-noticed", &[Kind::Zabra], a_loss_is_noticed),
    ]
}

fn leader_killed(cx: &mut Cx) -> io::Result<()> {
    let mut trial = Trial::start(&cx.cast(&THREE), Wiring::Direct)?;
    let rounds = cx.rounds(3);
    trial.under_load(&mut cx.rng, |ensemble, watch| {
        for _ in 0..rounds {
            watch.await_progress(200)?;
            let ids = ensemble.ids();
            let leader = ensemble.await_leader_among(&ids)?;
            ensemble.kill(leader);
            watch.await_progress(200)?;
            ensemble.launch(leader)?;
        }
        Ok(())
    })?;
    trial.judge()
}

fn follower_killed(cx: &mut Cx) -> io::Result<()> {
    let mut trial = Trial::start(&cx.cast(&THREE), Wiring::Direct)?;
    let rounds = cx.rounds(3);
    trial.under_load(&mut cx.rng, |ensemble, watch| {
        for _ in 0..rounds {
            watch.await_progress(200)?;
            let follower = ensemble.await_follower()?;
            ensemble.kill(follower);
            watch.await_progress(300)?;
            ensemble.launch(follower)?;
        }
        Ok(())
    })?;
    trial.judge()
}

/// The power of the whole rack goes.
fn all_killed(cx: &mut Cx) -> io::Result<()> {
    let mut trial = Trial::start(&cx.cast(&THREE), Wiring::Direct)?;
    let rounds = cx.rounds(2);
    trial.under_load(&mut cx.rng, |ensemble, watch| {
        for _ in 0..rounds {
            watch.await_progress(300)?;
            for id in ensemble.ids() {
                ensemble.kill(id);
            }
            ensemble.start()?;
        }
        watch.await_progress(100)
    })?;
    trial.judge()
}

fn five_two_killed(cx: &mut Cx) -> io::Result<()> {
    let mut trial = Trial::start(&cx.cast(&[Kind::Zabra; 5]), Wiring::Direct)?;
    let rounds = cx.rounds(1);
    trial.under_load(&mut cx.rng, |ensemble, watch| {
        for _ in 0..rounds {
            watch.await_progress(200)?;
            let ids = ensemble.ids();
            let leader = ensemble.await_leader_among(&ids)?;
            let other = ensemble.await_follower()?;
            ensemble.kill(leader);
            ensemble.kill(other);
            watch.await_progress(200)?;
            ensemble.launch(leader)?;
            ensemble.launch(other)?;
        }
        Ok(())
    })?;
    trial.judge()
}

/// The judge's own test: all servers forget everything, and it has to say so.
fn a_loss_is_noticed(cx: &mut Cx) -> io::Result<()> {
    let mut trial = Trial::start(&cx.cast(&THREE), Wiring::Direct)?;
    trial.under_load(&mut cx.rng, |_, watch| watch.await_progress(100))?;
    let ensemble = &mut trial.ensemble;
    for id in ensemble.ids() {
        ensemble.kill(id);
        fs::remove_dir_all(ensemble.member_dir(id).join("data/version-2"))?;
    }
    ensemble.start()?;
    match trial.judge() {
        Err(error) if error.to_string().contains("the end is wrong") => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err(io::Error::other("everything was lost and the judge saw nothing")),
    }
}

/// A leader that sleeps through its own deposition must not acknowledge anything when it wakes up.
fn leader_paused(cx: &mut Cx) -> io::Result<()> {
    let mut trial = Trial::start(&cx.cast(&THREE), Wiring::Direct)?;
    for round in 0..cx.rounds(2) {
        let asked = trial.under_load(&mut cx.rng, |ensemble, watch| {
            watch.await_progress(100)?;
            let ids = ensemble.ids();
            let leader = ensemble.await_leader_among(&ids)?;
            let others: Vec<Id> = ids.iter().copied().filter(|id| *id != leader).collect();
            // This client waits longer than the leader sleeps.
            let hello = ConnectRequest { timeout_ms: 10_000, ..ConnectRequest::default() };
            let mut client = Client::connect_within(ensemble.addr(leader), &hello, Duration::from_secs(60))?;
            ensemble.server(leader).pause()?;
            let value = format!("asked of a sleeper {round}");
            let called = watch.now();
            let xid = client.send(&Request::set_data("/register0", value.as_bytes(), -1))?;
            let slept = ensemble.await_leader_among(&others).and_then(|_| watch.await_progress(200));
            ensemble.server(leader).resume()?;
            slept?;
            let reply = client.reply(xid);
            let returned = watch.now();
            ensemble.await_serving(&ids)?;
            watch.await_progress(50)?;
            let action = Action::Write { key: "/register0".to_owned(), value: value.clone(), expected: -1 };
            let (session, zxid) = (client.session.session, reply.as_ref().map_or(0, |reply| reply.zxid));
            let outcome = outcome_of(value, reply);
            Ok(Op { session, server: leader, called, returned, action, outcome, zxid })
        })?;
        println!("        a write asked of a sleeping leader: {:?}", asked.outcome);
        trial.deposed.insert(asked.server);
        trial.history.push(asked);
    }
    trial.judge()
}

fn outcome_of(value: String, reply: io::Result<Reply>) -> Outcome {
    match reply {
        Ok(reply) if reply.error != 0 => Outcome::Refused(reply.error),
        Ok(reply) => match Reader::new(&reply.body).stat() {
            Some(stat) => Outcome::State { value, version: stat.version, mzxid: stat.mzxid },
            None => Outcome::Unknown,
        },
        Err(_) => Outcome::Unknown,
    }
}

/// Everything dies and comes back at random; then all is well again within a bound.
fn restart_storm(cx: &mut Cx) -> io::Result<()> {
    let mut trial = Trial::start(&cx.cast(&THREE), Wiring::Direct)?;
    let length = Duration::from_secs(if cx.long { 60 } else { 8 });
    let mut chance = interop::rng::Rng::new(cx.rng.bits());
    trial.under_load(&mut cx.rng, |ensemble, watch| {
        watch.await_progress(50)?;
        let end = Instant::now() + length;
        let mut restarts = 0;
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(chance.below(900) as u64));
            let id = 1 + chance.below(3) as Id;
            if ensemble.server(id).pid().is_none() {
                ensemble.server_mut(id).spawn()?;
                restarts += 1;
            } else if chance.one_in(4) {
                ensemble.stop(id)?;
            } else {
                ensemble.kill(id);
            }
        }
        expect(restarts > 0, "somebody was restarted")?;
        all_back(ensemble)?;
        watch.await_progress(100)
    })?;
    trial.judge()
}

fn all_back(ensemble: &mut Ensemble) -> io::Result<()> {
    for id in ensemble.ids() {
        if ensemble.server(id).pid().is_none() {
            ensemble.server_mut(id).spawn()?;
        }
    }
    let ids = ensemble.ids();
    ensemble.await_serving(&ids)
}

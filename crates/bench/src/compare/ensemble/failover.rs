//! The longest gap between acknowledged writes when the leader is killed.
//!
//! Sessions at all three servers write all the time, and each is back the moment its server takes it again: what is
//! measured is the ensemble, not the patience of a client.

use super::trio::{SIZE, Trio};
use crate::compare::figure::{Figure, Goal, Unit};
use crate::compare::lab::{Lab, note};
use crate::compare::reads::Samples;
use crate::error::Error;
use crate::rawclient::RawClient;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Sessions at each server: a server that forgets one connection is asked through another.
const SESSIONS: usize = 2;
/// Writers pause so long between two writes, and between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(1);
/// Longest wait for a handshake; a server takes it at once or is not there.
const HANDSHAKE: Duration = Duration::from_millis(100);
/// Longest wait for a reply.
const REPLY: Duration = Duration::from_secs(2);
/// Writing goes on so long before the kill, and after writes are acknowledged again.
const AROUND: Duration = Duration::from_millis(1_000);
/// Longest gap that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

const PATH: &str = "/zabra-bench-failover";

/// The gap that a killed leader leaves: the middle one and the worst of `kills`.
pub(super) fn figures(lab: &Lab, trios: &mut [Trio], kills: usize) -> Result<Vec<Figure>, Error> {
    let (mut gaps, mut worst) = (Samples::default(), Samples::default());
    for kill in 1..=kills {
        note(format!("failover: kill {kill} of {kills}"));
        for trio in trios.iter_mut() {
            lab.await_quiet();
            let gap = gap(trio)?;
            note(format!("  {:?}: {:.0} ms", trio.side(), gap.as_secs_f64() * 1e3));
            gaps.of(Some(trio.side())).push(gap.as_secs_f64() * 1e6);
        }
    }
    for trio in trios.iter() {
        let most = gaps.of(Some(trio.side())).iter().copied().reduce(f64::max);
        worst.of(Some(trio.side())).extend(most);
    }
    let goals = [Goal::AtMost(300_000.0), Goal::ShareOfJava(0.333)];
    let what = format!("longest gap between writes when the leader is killed, median of {kills}");
    Ok(vec![gaps.figure(&what, Unit::Micros, &goals), worst.figure("... the worst", Unit::Micros, &[])])
}

/// What the writers and the killer share.
#[derive(Default)]
struct Shared {
    acknowledged: Mutex<Vec<Instant>>,
    over: AtomicBool,
}

fn gap(trio: &mut Trio) -> Result<Duration, Error> {
    let addresses = trio.addresses();
    let leader = trio.leader()?;
    let shared = Shared::default();
    let killed = std::thread::scope(|scope| {
        for session in 0..SESSIONS * SIZE {
            let (address, shared) = (addresses[session % SIZE], &shared);
            scope.spawn(move || write(address, shared));
        }
        let outcome = kill_between(trio, leader, &shared);
        shared.over.store(true, Ordering::Relaxed);
        outcome
    })?;
    trio.spawn(leader)?;
    trio.await_answer(leader)?;
    let mut times = shared.acknowledged.into_inner().expect("writers do not panic");
    times.sort();
    // The gap begins before the kill is noticed anywhere and contains it, or follows it.
    let gaps = times.windows(2).filter(|pair| pair[1] >= killed).map(|pair| pair[1] - pair[0]);
    Ok(gaps.max().unwrap_or_default())
}

/// Waits for writes, kills the leader, waits for writes again. Returns when the kill was.
fn kill_between(trio: &mut Trio, leader: usize, shared: &Shared) -> Result<Instant, Error> {
    let last = || shared.acknowledged.lock().expect("writers do not panic").last().copied();
    trio.until("a write is acknowledged", last)?;
    std::thread::sleep(AROUND);
    let killed = Instant::now();
    trio.kill(leader);
    let deadline = killed + PATIENCE;
    let dead = Instant::now();
    while last().is_none_or(|at| at <= dead) && Instant::now() < deadline {
        std::thread::sleep(PAUSE);
    }
    std::thread::sleep(AROUND);
    Ok(killed)
}

/// Writes at one server as long as it lives, and again when it is back.
fn write(server: SocketAddr, shared: &Shared) {
    let mut session: Option<RawClient> = None;
    let mut connected = false;
    while !shared.over.load(Ordering::Relaxed) {
        std::thread::sleep(PAUSE);
        if !connected {
            let opened = match &session {
                None => RawClient::connect(server, HANDSHAKE),
                Some(old) => old.resume(server, HANDSHAKE),
            };
            let Ok(mut client) = opened else { continue };
            // The node is there after the first of all; a failed connection shows at the write.
            connected = client.set_patience(REPLY).and_then(|()| client.create(PATH, b"")).is_ok();
            session = Some(client);
            continue;
        }
        let Some(client) = session.as_mut() else { continue };
        match client.set_data(PATH, &[b'x'; 100]) {
            Ok(0) => shared.acknowledged.lock().expect("writers do not panic").push(Instant::now()),
            Ok(_) => {}
            Err(_) => connected = false,
        }
    }
}

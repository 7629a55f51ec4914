//! Kills a server with SIGKILL again and again under load and checks what it had acknowledged.
//!
//! `crash --kills 100 --server zabra`. Each writer performs one numbered sequence of operations, pipelined, so that
//! the state after operation j is known for every j: after a restart the tree must be one of these states, at or
//! after the last acknowledged operation and at or before the last one sent. That covers loss, halves and order.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use interop::client::{Client, Reply};
use interop::request::{AccessList, Request};
use interop::rng::Rng;
use interop::server::{Kind, Server};
use interop::suite::argument;
use interop::wire::{Acl, Reader};

const WRITERS: usize = 4;
/// Requests in flight on each writer's connection.
const WINDOW: usize = 24;
/// Operations after which a node of the sequence is deleted again.
const LIFE: u64 = 40;
/// Timeout of the sessions that are left to die.
const MORTAL_TIMEOUT_MS: i32 = 2_000;

fn main() -> ExitCode {
    let kind = argument("--server", Kind::Zabra);
    let kills = argument("--kills", 10);
    if !kind.is_installed() {
        println!("SKIPPED crash: {kind} is not installed\n0 passed, 0 failed, 1 skipped");
        return ExitCode::SUCCESS;
    }
    let seed = Rng::seed_from_environment();
    println!("ZABRA_SEED={seed} {kind}, {kills} kills");
    match run(kind, kills, &mut Rng::new(seed)) {
        Ok(acknowledged) => {
            println!(
                "{acknowledged} acknowledged writes survived {kills} kills\n{kills} passed, 0 failed, 0 skipped"
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("FAILED  crash: {error}\n0 passed, 1 failed, 0 skipped");
            ExitCode::FAILURE
        }
    }
}

/// The nodes below a writer's root: data and data version.
type State = BTreeMap<String, (String, i32)>;

/// One writer's sequence, and how far it certainly got.
#[derive(Debug, Clone)]
struct Writer {
    root: String,
    /// Number of the last operation known to be done.
    done: u64,
    state: State,
}

fn run(kind: Kind, kills: usize, rng: &mut Rng) -> io::Result<u64> {
    let dir = tempfile::tempdir()?;
    let settings = [
        ("tickTime", "500"),
        ("snapCount", "2000"),
        ("maxClientCnxns", "0"),
        ("maxSessionTimeout", "600000"),
    ];
    let mut server = Server::start(kind, dir.path(), &settings)?;
    let mut writers = prepare(server.addr())?;
    let mut keeper = Client::connect(server.addr(), 600_000)?;
    keeper.create_with("/kept", Some(b"alive"), &Acl::open(), 1)?;

    for kill in 1..=kills {
        leave_ephemerals(server.addr(), kill)?;
        let pause = Duration::from_millis(40 + rng.below(500) as u64);
        let outcomes = load_until_killed(&mut server, &writers, pause);
        server.launch()?;
        for (writer, outcome) in writers.iter_mut().zip(outcomes) {
            verify(server.addr(), writer, &outcome?)?;
        }
        keeper = Client::connect_with(server.addr(), &keeper.resume_request())?;
        let (_, stat) =
            keeper.get("/kept")?.ok_or_else(|| io::Error::other("an ephemeral of a live session is gone"))?;
        expect(stat.ephemeral_owner == keeper.session.session, "the ephemeral kept its owner")?;
        let left = keeper.children("/mortal")?;
        expect(left.contains(&format!("e{kill}")), "a session lives on for its timeout after a restart")?;
        if kill % 10 == 0 || kill == kills {
            await_no_ephemerals(&mut keeper)?;
        }
    }
    keeper.close()?;
    server.stop()?;
    Ok(writers.iter().map(|writer| writer.done).sum())
}

fn expect(condition: bool, what: &str) -> io::Result<()> {
    if condition { Ok(()) } else { Err(io::Error::other(format!("not so: {what}"))) }
}

fn prepare(addr: SocketAddr) -> io::Result<Vec<Writer>> {
    let mut client = Client::connect(addr, 30_000)?;
    client.create("/mortal", b"")?;
    let mut writers = Vec::new();
    for i in 0..WRITERS {
        let root = format!("/w{i}");
        client.create(&root, b"")?;
        client.create(&format!("{root}/value"), b"0")?;
        client.create(&format!("{root}/q"), b"")?;
        let state =
            State::from([("value".to_owned(), ("0".to_owned(), 0)), ("q".to_owned(), (String::new(), 0))]);
        writers.push(Writer { root, done: 0, state });
    }
    client.close()?;
    Ok(writers)
}

/// A session that will never be heard of again.
fn leave_ephemerals(addr: SocketAddr, kill: usize) -> io::Result<()> {
    let mut client = Client::connect(addr, MORTAL_TIMEOUT_MS)?;
    client.create_with(&format!("/mortal/e{kill}"), None, &Acl::open(), 1)?;
    Ok(())
}

fn await_no_ephemerals(client: &mut Client) -> io::Result<()> {
    // Full timeout anew after the restart, rounded up to ticks, and as much again for a busy machine.
    let deadline = Instant::now() + Duration::from_millis(2 * MORTAL_TIMEOUT_MS as u64 + 3_000);
    while !client.children("/mortal")?.is_empty() {
        expect(Instant::now() < deadline, "ephemerals of dead sessions vanish in due time")?;
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// What a writer saw before its connection broke.
#[derive(Debug)]
struct Outcome {
    sent: u64,
    acknowledged: u64,
}

fn load_until_killed(server: &mut Server, writers: &[Writer], pause: Duration) -> Vec<io::Result<Outcome>> {
    let addr = server.addr();
    std::thread::scope(|scope| {
        let running: Vec<_> =
            writers.iter().map(|writer| scope.spawn(move || write_on(addr, writer))).collect();
        std::thread::sleep(pause);
        server.kill();
        running.into_iter().map(|thread| thread.join().expect("writers do not panic")).collect()
    })
}

/// Performs operations from where the writer is until the connection breaks.
fn write_on(addr: SocketAddr, writer: &Writer) -> io::Result<Outcome> {
    let mut outcome = Outcome { sent: writer.done, acknowledged: writer.done };
    // The kill may come before the connection does.
    let Ok(mut client) = Client::connect(addr, 30_000) else { return Ok(outcome) };
    let mut waiting = VecDeque::new();
    let mut last_zxid = 0;
    loop {
        while waiting.len() < WINDOW {
            let number = outcome.sent + 1;
            // Counted first: a request whose sending failed half-way may still have arrived.
            outcome.sent = number;
            match client.send(&operation(&writer.root, number)) {
                Ok(xid) => waiting.push_back(xid),
                Err(_) => return Ok(outcome),
            }
        }
        let xid = waiting.pop_front().expect("the window is not empty");
        let Ok(reply) = client.reply(xid) else { return Ok(outcome) };
        outcome.acknowledged += 1;
        expect(
            succeeded(&reply),
            &format!("operation {} of {} succeeds: {reply:?}", outcome.acknowledged, writer.root),
        )?;
        expect(reply.zxid > last_zxid, "acknowledged zxids ascend")?;
        last_zxid = reply.zxid;
    }
}

/// A failed multi has no error in its header, only in its first result.
fn succeeded(reply: &Reply) -> bool {
    reply.error == 0 && Reader::new(&reply.body).int() != Some(-1)
}

/// The `number`th operation of a writer.
fn operation(root: &str, number: u64) -> Request {
    let open = || AccessList::Entries(Acl::open());
    let text = number.to_string();
    let data = Some(text.as_bytes());
    let value = format!("{root}/value");
    match number % 5 {
        0 => Request::create(&format!("{root}/n{number}"), data, open(), 0),
        1 => Request::set_data(&value, text.as_bytes(), -1),
        2 => Request::multi(vec![
            Request::create(&format!("{root}/m{number}"), data, open(), 0),
            Request::set_data(&value, text.as_bytes(), -1),
            Request::create(&format!("{root}/q/s-"), data, open(), 2),
        ]),
        3 if number > LIFE => Request::multi(vec![
            Request::delete(&format!("{root}/m{}", number - 1 - LIFE), 0),
            Request::set_data(&value, text.as_bytes(), -1),
            Request::delete(&format!("{root}/q/s-{:010}", (number - 3 - LIFE) / 5), 0),
        ]),
        4 if number > LIFE + 4 => Request::delete(&format!("{root}/n{}", number - 4 - LIFE), 0),
        _ => Request::set_data(&value, text.as_bytes(), -1),
    }
}

/// What the `number`th operation does to the state.
fn apply(state: &mut State, number: u64) {
    let text = number.to_string();
    let set_value = |state: &mut State| {
        let (data, version) = state.get_mut("value").expect("never deleted");
        *data = text.clone();
        *version += 1;
    };
    match number % 5 {
        0 => drop(state.insert(format!("n{number}"), (text.clone(), 0))),
        2 => {
            state.insert(format!("m{number}"), (text.clone(), 0));
            state.insert(format!("q/s-{:010}", (number - 2) / 5), (text.clone(), 0));
            set_value(state);
        }
        3 if number > LIFE => {
            state.remove(&format!("m{}", number - 1 - LIFE)).expect("created one life ago");
            state.remove(&format!("q/s-{:010}", (number - 3 - LIFE) / 5)).expect("created one life ago");
            set_value(state);
        }
        4 if number > LIFE + 4 => {
            drop(state.remove(&format!("n{}", number - 4 - LIFE)).expect("created one life ago"))
        }
        _ => set_value(state),
    }
}

/// Finds how far the writer got, and moves it there.
fn verify(addr: SocketAddr, writer: &mut Writer, outcome: &Outcome) -> io::Result<()> {
    let mut client = Client::connect(addr, 30_000)?;
    let found = read_state(&mut client, &writer.root)?;
    client.close()?;
    let (done, state) = reached(writer, outcome, &found)?;
    writer.done = done;
    writer.state = state;
    Ok(())
}

/// The operation after which the tree is as `found`.
fn reached(writer: &Writer, outcome: &Outcome, found: &State) -> io::Result<(u64, State)> {
    let mut state = writer.state.clone();
    for number in writer.done + 1..=outcome.acknowledged {
        apply(&mut state, number);
    }
    let certain = state.clone();
    let mut number = outcome.acknowledged;
    while state != *found {
        number += 1;
        if number > outcome.sent {
            return Err(io::Error::other(format!(
                "{} is in no state between acknowledged {} and sent {}: missing {:?}, unexpected {:?}",
                writer.root,
                outcome.acknowledged,
                outcome.sent,
                certain.iter().filter(|&(name, node)| found.get(name) != Some(node)).collect::<Vec<_>>(),
                found.iter().filter(|&(name, node)| certain.get(name) != Some(node)).collect::<Vec<_>>(),
            )));
        }
        apply(&mut state, number);
    }
    Ok((number, state))
}

fn read_state(client: &mut Client, root: &str) -> io::Result<State> {
    let mut state = State::new();
    let mut names = client.children(root)?;
    names.extend(client.children(&format!("{root}/q"))?.iter().map(|name| format!("q/{name}")));
    for name in names {
        let path = format!("{root}/{name}");
        let (data, stat) =
            client.get(&path)?.ok_or_else(|| io::Error::other(format!("{path} is listed and missing")))?;
        let text = String::from_utf8_lossy(&data.unwrap_or_default()).into_owned();
        state.insert(name, (text, stat.version));
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        let state =
            State::from([("value".to_owned(), ("0".to_owned(), 0)), ("q".to_owned(), (String::new(), 0))]);
        Writer { root: "/w".to_owned(), done: 0, state }
    }

    fn after(number: u64) -> State {
        let mut state = writer().state;
        (1..=number).for_each(|number| apply(&mut state, number));
        state
    }

    #[test]
    fn any_state_between_acknowledged_and_sent_is_accepted() {
        let outcome = Outcome { sent: 120, acknowledged: 100 };
        for number in 100..=120 {
            assert_eq!(reached(&writer(), &outcome, &after(number)).expect("accepted").0, number);
        }
    }

    #[test]
    fn a_lost_an_invented_and_a_half_applied_operation_are_noticed() {
        let outcome = Outcome { sent: 120, acknowledged: 100 };
        assert!(reached(&writer(), &outcome, &after(99)).is_err(), "the last acknowledged one is missing");
        assert!(reached(&writer(), &outcome, &after(121)).is_err(), "one that was never sent");
        let mut half = after(101);
        half.insert("m102".to_owned(), ("102".to_owned(), 0));
        assert!(reached(&writer(), &outcome, &half).is_err(), "the create of a multi without its set");
        let mut early = after(110);
        early.remove("n105");
        assert!(reached(&writer(), &outcome, &early).is_err(), "one left out of the middle");
    }
}

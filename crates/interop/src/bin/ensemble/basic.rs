//! What an ensemble does when nothing goes wrong: every operation at every server, seen at all others.

use std::io;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use interop::client::{Client, ConnectRequest};
use interop::ensemble::{Ensemble, Id, Wiring};
use interop::request::{AccessList, Request};
use interop::server::Kind;
use interop::wire::{Acl, Reader, op};

use crate::trial::{Cx, Scenario, THREE, Trial, expect, tree};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![Scenario::new("three-servers", &[Kind::Zabra], three_servers)]
}

fn three_servers(cx: &mut Cx) -> io::Result<()> {
    let mut trial = Trial::start(&cx.cast(&THREE), Wiring::Direct)?;
    across_servers(&mut trial.ensemble)?;
    trial.under_load(&mut cx.rng, |_, watch| watch.await_progress(500))?;
    expiry(&trial.ensemble)?;
    trial.judge()
}

/// All that servers have to do together, in a few seconds.
pub(crate) fn across_servers(ensemble: &mut Ensemble) -> io::Result<()> {
    for id in ensemble.ids() {
        operations(ensemble, id)?;
    }
    watches(ensemble)?;
    conditions(ensemble)?;
    ephemerals(ensemble)?;
    moving(ensemble)?;
    ensemble.await_level()?;
    let first = tree(ensemble, 1)?;
    for id in ensemble.ids() {
        expect(tree(ensemble, id)? == first, "all servers show one tree")?;
    }
    Ok(())
}

/// A client that knows how to get up to date at its server.
struct Guest {
    client: Client,
    /// A Java leader answers a sync at once, also when it has not yet applied what a follower has; a write waits.
    by_write: bool,
}

impl Deref for Guest {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Guest {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

fn client(ensemble: &Ensemble, id: Id) -> io::Result<Guest> {
    let server = ensemble.server(id);
    let by_write = server.kind() != Kind::Zabra && server.mode().as_deref() == Some("leader");
    Ok(Guest { client: Client::connect(server.addr(), 10_000)?, by_write })
}

fn sync(guest: &mut Guest) -> io::Result<()> {
    let request = match guest.by_write {
        true => Request::set_data("/", b"", -1),
        false => Request::Path { op: op::SYNC, path: "/".into() },
    };
    guest.must(&request).map(drop)
}

/// Every kind of request at one server; what it changed is then read at the next.
fn operations(ensemble: &Ensemble, id: Id) -> io::Result<()> {
    let mut here = client(ensemble, id)?;
    let next = if usize::from(id) == ensemble.ids().len() { 1 } else { id + 1 };
    let mut there = client(ensemble, next)?;
    let root = format!("/at{id}");
    let open = || AccessList::Entries(Acl::open());
    here.create(&root, b"root")?;
    let child = |name: &str| format!("{root}/{name}");
    for (op, name, flags) in
        [(op::CREATE2, "two", 0), (op::CREATE, "seq-", 2), (op::CREATE_CONTAINER, "box", 4)]
    {
        let request = Request::create(&child(name), Some(b"x"), open(), flags);
        let Request::Create { path, data, acl, flags, .. } = request else { unreachable!("a create") };
        here.must(&Request::Create { op, path, data, acl, flags })?;
    }
    here.must(&Request::set_data(&root, b"changed", 0))?;
    expect(here.call(&Request::set_data(&root, b"no", 0))? == Err(-103), "an old version is refused")?;
    here.must(&Request::set_acl(&child("two"), &[Acl::new(31, "world", "anyone")], 0))?;
    let multi = Request::multi(vec![
        Request::Check { path: root.as_str().into(), version: 1 },
        Request::create(&child("a"), Some(b"a"), open(), 0),
        Request::set_data(&child("a"), b"b", 0),
        Request::create(&child("gone"), None, open(), 0),
        Request::delete(&child("gone"), 0),
    ]);
    here.must(&multi)?;
    let refused = here.call(&Request::multi(vec![
        Request::create(&child("half"), None, open(), 0),
        Request::delete(&child("nobody"), -1),
    ]))?;
    let first = refused.ok().and_then(|body| Reader::new(&body).int());
    expect(first == Some(-1), "a multi with one refusal is refused")?;
    expect(here.call(&Request::delete(&root, -1))? == Err(-111), "a parent stays")?;
    for op in [op::EXISTS, op::GET_DATA, op::GET_CHILDREN, op::GET_CHILDREN2] {
        here.must(&Request::Read { op, path: root.as_str().into(), watch: false })?;
    }
    for op in [op::GET_ACL, op::GET_EPHEMERALS, op::GET_ALL_CHILDREN_NUMBER] {
        here.must(&Request::Path { op, path: root.as_str().into() })?;
    }
    here.ping()?;
    sync(&mut there)?;
    let (data, stat) = there.get(&root)?.ok_or_else(|| io::Error::other("created here and not there"))?;
    expect(data.as_deref() == Some(b"changed") && stat.version == 1 && stat.cversion == 6, "all is there")?;
    let names = there.children(&root)?;
    expect(names == ["a", "box", "seq-0000000001", "two"], &format!("the right children, not {names:?}"))?;
    there.delete(&child("two"))?;
    sync(&mut here)?;
    expect(here.get(&child("two"))?.is_none(), "deleted there and gone here")?;
    here.client.close()?;
    there.client.close()
}

/// A watch left at one server sees what is done at another, before its client can read it.
fn watches(ensemble: &Ensemble) -> io::Result<()> {
    for id in ensemble.ids() {
        let mut watcher = client(ensemble, id)?;
        for other in ensemble.ids() {
            let mut actor = client(ensemble, other)?;
            let path = format!("/watched{id}-{other}");
            expect(watcher.call(&Request::exists(&path, true))? == Err(-101), "not there yet")?;
            watcher.must(&Request::get_children("/", true))?;
            actor.create(&path, b"")?;
            sync(&mut watcher)?;
            expect_events(&mut watcher, &[(1, &path), (4, "/")])?;
            watcher.must(&Request::get_data(&path, true))?;
            actor.must(&Request::set_data(&path, b"x", -1))?;
            sync(&mut watcher)?;
            expect_events(&mut watcher, &[(3, &path)])?;
            watcher.must(&Request::Watch { op: op::ADD_WATCH, path: path.as_str().into(), mode: 1 })?;
            actor.create(&format!("{path}/below"), b"")?;
            actor.delete(&format!("{path}/below"))?;
            sync(&mut watcher)?;
            let below = format!("{path}/below");
            expect_events(&mut watcher, &[(1, &below), (2, &below)])?;
            actor.client.close()?;
        }
        watcher.client.close()?;
    }
    Ok(())
}

fn expect_events(client: &mut Guest, wanted: &[(i32, &str)]) -> io::Result<()> {
    let mut seen: Vec<_> = client.events.drain(..).map(|event| (event.kind, event.path)).collect();
    // A recursive watch tells of parents too, on some servers.
    seen.retain(|(kind, path)| wanted.contains(&(*kind, path.as_str())));
    let mut sorted: Vec<_> = wanted.iter().map(|(kind, path)| (*kind, (*path).to_owned())).collect();
    seen.sort();
    sorted.sort();
    expect(seen == sorted, &format!("events {wanted:?} arrive before the answer to sync, not {seen:?}"))
}

/// Of several that want the same version at the same time one wins.
fn conditions(ensemble: &Ensemble) -> io::Result<()> {
    let mut clients =
        ensemble.ids().iter().map(|id| client(ensemble, *id)).collect::<io::Result<Vec<_>>>()?;
    clients[0].create("/wanted", b"")?;
    clients.iter_mut().try_for_each(sync)?;
    for version in 0..20 {
        let request = Request::set_data("/wanted", b"mine", version);
        let xids = clients.iter_mut().map(|client| client.send(&request)).collect::<io::Result<Vec<_>>>()?;
        let mut won = 0;
        for (client, xid) in clients.iter_mut().zip(xids) {
            match client.reply(xid)?.error {
                0 => won += 1,
                -103 => {}
                code => return Err(io::Error::other(format!("a conditional write failed with {code}"))),
            }
        }
        expect(won == 1, "exactly one of the clients wins")?;
    }
    clients.into_iter().try_for_each(|guest| guest.client.close())
}

/// Ephemeral nodes are everywhere while their session lives, and nowhere after it was closed.
fn ephemerals(ensemble: &Ensemble) -> io::Result<()> {
    for id in ensemble.ids() {
        let mut owner = client(ensemble, id)?;
        let path = format!("/ephemeral{id}");
        owner.create_with(&path, None, &Acl::open(), 1)?;
        let session = owner.session.session;
        let mut others =
            ensemble.ids().iter().map(|id| client(ensemble, *id)).collect::<io::Result<Vec<_>>>()?;
        for other in &mut others {
            sync(other)?;
            let owned = other.get(&path)?.is_some_and(|(_, stat)| stat.ephemeral_owner == session);
            expect(owned, "the ephemeral is everywhere")?;
        }
        owner.client.close()?;
        for mut other in others {
            sync(&mut other)?;
            expect(other.get(&path)?.is_none(), "it goes with its session")?;
            other.client.close()?;
        }
    }
    Ok(())
}

/// A session goes on at another server, with its ephemerals, and only with its password.
fn moving(ensemble: &Ensemble) -> io::Result<()> {
    let ids = ensemble.ids();
    let mut owner = client(ensemble, ids[0])?.client;
    owner.create_with("/moving", None, &Acl::open(), 1)?;
    for id in ids.iter().cycle().skip(1).take(2 * ids.len()) {
        let resume = owner.resume_request();
        let forged = ConnectRequest { password: Some(vec![7; 16]), ..resume.clone() };
        expect(Client::connect_with(ensemble.addr(*id), &forged).is_err(), "a wrong password is refused")?;
        let next = Client::connect_with(ensemble.addr(*id), &resume)?;
        expect(next.session.session == owner.session.session, "the session is the same")?;
        owner = next;
        owner.must(&Request::set_data("/moving", id.to_string().as_bytes(), -1))?;
        let stat = owner.get("/moving")?.map(|(_, stat)| stat.ephemeral_owner);
        expect(stat == Some(owner.session.session), "the ephemeral came along")?;
    }
    owner.close()
}

/// A session nobody hears of any more expires, not before its time and not long after.
fn expiry(ensemble: &Ensemble) -> io::Result<()> {
    const TIMEOUT_MS: i32 = 2_000;
    let mut watcher = client(ensemble, 1)?;
    let mut owners = Vec::new();
    for id in ensemble.ids() {
        let mut owner = Client::connect(ensemble.addr(id), TIMEOUT_MS)?;
        owner.create_with(&format!("/mortal{id}"), None, &Acl::open(), 1)?;
        owners.push(owner);
    }
    let left = Instant::now();
    drop(owners);
    let mortals = |client: &mut Guest| -> io::Result<usize> {
        sync(client)?;
        Ok(client.children("/")?.iter().filter(|name| name.starts_with("mortal")).count())
    };
    let mut all = ensemble.ids().len();
    while all > 0 {
        let found = mortals(&mut watcher)?;
        if found < all {
            expect(left.elapsed() >= Duration::from_millis(1_500), "no session expires before its time")?;
        }
        all = found;
        expect(left.elapsed() < Duration::from_secs(12), "dead sessions expire in due time")?;
        std::thread::sleep(Duration::from_millis(20));
    }
    watcher.client.close()
}

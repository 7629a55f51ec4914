//! Data directories handed from one server to another: what one wrote, every other one reads back to the last stat.
//!
//! `datadir` runs every exchange between Zabra and the Java servers that are installed; `datadir --from java39 --to
//! zabra` runs one.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use interop::client::Client;
use interop::dump::{Node, Tree, differences, dump};
use interop::request::{AccessList, Request};
use interop::server::{Kind, Server};
use interop::suite::{Suite, argument};
use interop::wire::{Acl, op};

/// In place of a compression: so many transactions between snapshots that everything is in the log.
const LOGS_ONLY: &str = "logs only";

/// How a server is taken from a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Stop,
    Kill,
}

/// Snapshots every few transactions, so that recovery meets snapshots and logs alike.
const SETTINGS: [(&str, &str); 5] = [
    ("snapCount", "50"),
    ("extendedTypesEnabled", "true"),
    ("znode.container.checkIntervalMs", "100000000"),
    ("maxSessionTimeout", "600000"),
    ("maxClientCnxns", "0"),
];

fn main() -> ExitCode {
    let mut suite = Suite::new();
    if std::env::args().any(|argument| argument == "--from") {
        let (from, to) = (argument("--from", Kind::Java39), argument("--to", Kind::Zabra));
        for compression in ["", "gz", "snappy"] {
            exchange_case(&mut suite, from, to, compression, Ending::Stop);
        }
        return suite.finish();
    }
    for java in [Kind::Java38, Kind::Java39] {
        if !java.is_installed() {
            suite.skip(&format!("exchanges with {java}"), "not installed");
            continue;
        }
        for (from, to) in [(java, Kind::Zabra), (Kind::Zabra, java)] {
            exchange_case(&mut suite, from, to, LOGS_ONLY, Ending::Stop);
            exchange_case(&mut suite, from, to, LOGS_ONLY, Ending::Kill);
            exchange_case(&mut suite, from, to, "", Ending::Stop);
            exchange_case(&mut suite, from, to, "", Ending::Kill);
            exchange_case(&mut suite, from, to, "gz", Ending::Stop);
            exchange_case(&mut suite, from, to, "snappy", Ending::Stop);
        }
        suite.case(&format!("{java} and zabra take turns on one directory"), || take_turns(java));
    }
    suite.case("zabra restarts on its own logs", || {
        exchange(Kind::Zabra, Kind::Zabra, LOGS_ONLY, Ending::Stop)
    });
    suite.case("zabra restarts on its own directory", || {
        exchange(Kind::Zabra, Kind::Zabra, "gz", Ending::Kill)
    });
    suite.finish()
}

fn exchange_case(suite: &mut Suite, from: Kind, to: Kind, compression: &str, ending: Ending) {
    let name = format!("{to} opens what {from} wrote, compression {compression:?}, {ending:?}");
    suite.case(&name, || exchange(from, to, compression, ending));
}

fn start(kind: Kind, dir: &Path, compression: &str) -> io::Result<Server> {
    let mut settings = SETTINGS.to_vec();
    if compression == LOGS_ONLY {
        settings[0].1 = "100000";
        return Server::start(kind, dir, &settings);
    }
    if !compression.is_empty() {
        settings.push(("snapshot.compression.method", compression));
    }
    Server::start(kind, dir, &settings)
}

fn end(server: &mut Server, ending: Ending) -> io::Result<()> {
    match ending {
        Ending::Stop => server.stop(),
        Ending::Kill => {
            server.kill();
            Ok(())
        }
    }
}

/// One server fills a directory, the other opens it: same tree, same sessions, and life goes on.
fn exchange(from: Kind, to: Kind, compression: &str, ending: Ending) -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut server = start(from, dir.path(), compression)?;
    let mut owner = Client::connect(server.addr(), 300_000)?;
    fill(server.addr(), &mut owner)?;
    let before = read_tree(&server)?;
    end(&mut server, ending)?;
    expect(has_snapshot(dir.path(), compression)?, "a snapshot of the asked compression was written")?;

    server.launch_as(to)?;
    same_trees(&before, &read_tree(&server)?)?;
    let log = std::fs::read_to_string(server.log_path())?;
    expect(!log.contains("Digests are not matching"), "the digest in log and snapshot fits the tree")?;

    let mut owner = Client::connect_with(server.addr(), &owner.resume_request())?;
    owner.create_with("/t/another", Some(b""), &Acl::open(), 1)?;
    let next = owner.create_with("/t/seq/n-", Some(b""), &Acl::open(), 2)?;
    expect(next == "/t/seq/n-0000000031", &format!("the counter went on at {next}"))?;
    let owned = before.iter().filter(|(_, node)| node.stat.ephemeral_owner == owner.session.session).count();
    expect(owned > 0, "the session owned ephemerals")?;
    owner.close()?;
    let after = read_tree(&server)?;
    expect(after.values().all(|node| node.stat.ephemeral_owner == 0), "no ephemeral outlives its session")
}

fn has_snapshot(dir: &Path, compression: &str) -> io::Result<bool> {
    let suffix = if compression.is_empty() || compression == LOGS_ONLY {
        String::new()
    } else {
        format!(".{compression}")
    };
    let mut names = std::fs::read_dir(dir.join("data/version-2"))?.flatten().map(|entry| entry.file_name());
    Ok(names.any(|name| {
        let name = name.to_string_lossy();
        name.starts_with("snapshot.") && name.ends_with(&suffix)
    }))
}

/// Alternates the two on one directory, each time changing something and checking the rest.
fn take_turns(java: Kind) -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut server = start(java, dir.path(), "")?;
    let mut owner = Client::connect(server.addr(), 300_000)?;
    fill(server.addr(), &mut owner)?;
    for round in 0..8 {
        let before = read_tree(&server)?;
        let newest = before.values().map(|node| node.stat.mzxid.max(node.stat.pzxid)).max().unwrap_or(0);
        end(&mut server, if round % 2 == 0 { Ending::Kill } else { Ending::Stop })?;
        server.launch_as(if round % 2 == 0 { Kind::Zabra } else { java })?;
        same_trees(&before, &read_tree(&server)?)?;
        owner = Client::connect_with(server.addr(), &owner.resume_request())?;
        let path = format!("/t/round{round}");
        owner.create(&path, b"round")?;
        let (_, stat) = owner.get(&path)?.ok_or_else(|| io::Error::other("just created"))?;
        expect(stat.czxid > newest, "zxids go on upwards")?;
        for i in 0..40 {
            owner.must(&Request::set_data("/t/plain", format!("{round}/{i}").as_bytes(), -1))?;
        }
        owner.create_with(&format!("/t/eph{round}"), None, &Acl::open(), 1)?;
    }
    owner.close()
}

fn expect(condition: bool, what: &str) -> io::Result<()> {
    if condition { Ok(()) } else { Err(io::Error::other(format!("not so: {what}"))) }
}

/// Writes every kind of node and change a directory can hold.
fn fill(addr: std::net::SocketAddr, owner: &mut Client) -> io::Result<()> {
    let mut client = Client::connect_super(addr)?;
    client.auth("digest", b"alice:pw")?;
    client.create("/t", b"root")?;
    client.create("/t/plain", b"v0")?;
    client.create_with("/t/null", None, &Acl::open(), 0)?;
    client.create("/t/empty", b"")?;
    client.create("/t/gr\u{f6}\u{df}e\u{4e2d}", "\u{1f980}".as_bytes())?;
    client.create("/t/large", &vec![7; 300_000])?;
    client.create_with("/t/mine", Some(b"x"), &[Acl::new(31, "auth", "")], 0)?;
    let mixed = [
        Acl::new(1, "world", "anyone"),
        Acl::new(6, "ip", "127.0.0.0/8"),
        Acl::new(16, "digest", "bob:hash"),
    ];
    client.create_with("/t/mixed", Some(b"x"), &mixed, 0)?;
    client.create("/t/changing", b"")?;
    for (version, perms) in [31, 29, 27].into_iter().enumerate() {
        client.must(&Request::set_acl(
            "/t/changing",
            &[Acl::new(perms, "world", "anyone")],
            version as i32,
        ))?;
    }
    client.create("/t/seq", b"")?;
    for _ in 0..30 {
        client.create_with("/t/seq/n-", Some(b"s"), &Acl::open(), 2)?;
    }
    client.delete("/t/seq/n-0000000003")?;
    client.create("/t/seq/plain", b"")?;
    special(&mut client)?;
    quota(&mut client)?;
    for i in 0..60 {
        client.must(&Request::set_data("/t/plain", format!("value {i}").as_bytes(), i))?;
    }
    for i in 0..10 {
        owner.create_with(&format!("/t/e{i}"), Some(b"mine"), &Acl::open(), 1)?;
    }
    owner.create_with("/t/es-", None, &Acl::open(), 3)?;
    owner.delete("/t/e7")?;
    // A session that is over by the time of the hand-over, with ephemerals that must not come back.
    let mut guest = Client::connect(addr, 20_000)?;
    guest.create_with("/t/guest", None, &Acl::open(), 1)?;
    guest.close()?;
    client.create("/t/last", b"")?;
    client.close()
}

fn special(client: &mut Client) -> io::Result<()> {
    let open = || AccessList::Entries(Acl::open());
    let data = || interop::request::Text(Some(b"d".to_vec()));
    let container = |path: &str| Request::Create {
        op: op::CREATE_CONTAINER,
        path: path.into(),
        data: data(),
        acl: open(),
        flags: 4,
    };
    client.must(&container("/t/container"))?;
    client.must(&container("/t/container/inner"))?;
    for (path, flags) in [("/t/ttl", 5), ("/t/ttl-", 6)] {
        client.must(&Request::CreateTtl {
            path: path.into(),
            data: data(),
            acl: open(),
            flags,
            ttl: 1_099_511_627_775,
        })?;
    }
    client.must(&Request::multi(vec![
        Request::create("/t/m", Some(b"1"), open(), 0),
        Request::create("/t/m/a", Some(b"2"), open(), 0),
        Request::set_data("/t/m", b"3", 0),
        Request::create("/t/m/s-", None, open(), 2),
        Request::delete("/t/m/a", 0),
    ]))?;
    // Failed ones leave error transactions in the log.
    client.must(&Request::multi(vec![
        Request::delete("/t/m", -1),
        Request::create("/t/none", None, open(), 0),
    ]))?;
    let refused = client.call(&Request::delete("/t/missing", -1))?;
    expect(refused == Err(-101), "deleting nothing fails")
}

fn quota(client: &mut Client) -> io::Result<()> {
    client.create("/t/quota", b"")?;
    client.create("/zookeeper/quota/t", b"")?;
    client.create("/zookeeper/quota/t/quota", b"")?;
    client.create(
        "/zookeeper/quota/t/quota/zookeeper_limits",
        b"count=10,bytes=1000=;byteHardLimit=-1;countHardLimit=-1",
    )?;
    client.create("/zookeeper/quota/t/quota/zookeeper_stats", b"count=0,bytes=0")?;
    client.create("/t/quota/a", b"12345")?;
    client.create("/t/quota/b", b"123")?;
    client.delete("/t/quota/b").map(drop)
}

fn read_tree(server: &Server) -> io::Result<Tree> {
    let mut client = Client::connect_super(server.addr())?;
    let tree = dump(&mut client)?;
    client.close()?;
    Ok(tree)
}

fn same_trees(before: &Tree, after: &Tree) -> io::Result<()> {
    let lines = differences(before, after, same_node);
    if lines.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!("the trees differ:\n{}", lines.join("\n"))))
}

/// The config node's times are each server's own start.
fn same_node(path: &str, left: &Node, right: &Node) -> bool {
    if path != "/zookeeper/config" {
        return left == right;
    }
    left.data == right.data && left.acl == right.acl
}

//! Starts a server, or an ensemble, on empty directories, runs a command against it, and stops it.
//!
//! `with_server --server zabra --set key=value -- python3 suite.py` gives the command `ZK_ADDR` (host:port) and
//! `ZK_CONTROL`, a line protocol on another port that takes `stop`, `start`, `kill` and `restart` and answers `ok`.
//! The exit status is the command's.
//!
//! `--server zabra,java39,zabra` makes an ensemble. `ZK_ADDR` is then a follower and `ZK_HOSTS` all members, separated by
//! commas. `stop`, `kill` and `restart` are about the leader, or about the member whose host:port follows; `start` starts
//! all that do not run.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex};

use interop::ensemble::{Ensemble, Id, Role, Wiring};
use interop::server::{Kind, Server};
use interop::suite::argument;
use tempfile::TempDir;

fn main() -> ExitCode {
    let kinds = argument("--server", "zabra".to_owned());
    let kinds: Result<Vec<Kind>, _> = kinds.split(',').map(str::parse).collect();
    let arguments: Vec<String> = std::env::args().collect();
    let split = arguments.iter().position(|argument| argument == "--").expect("a command after --");
    let settings: Vec<(&str, &str)> = arguments[..split]
        .windows(2)
        .filter(|pair| pair[0] == "--set")
        .map(|pair| pair[1].split_once('=').expect("--set takes key=value"))
        .collect();
    let outcome = kinds.map_err(io::Error::other).and_then(|kinds| {
        let servers = Servers::start(&kinds, &settings)?;
        run(&kinds, servers, &arguments[split + 1..])
    });
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("with_server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the command works with.
enum Servers {
    /// With the directory it lives in.
    One {
        server: Box<Server>,
        _dir: TempDir,
    },
    Several(Ensemble),
}

impl Servers {
    fn start(kinds: &[Kind], settings: &[(&str, &str)]) -> io::Result<Self> {
        if let [kind] = kinds {
            let dir = tempfile::tempdir()?;
            return Ok(Self::One {
                server: Box::new(Server::start(*kind, dir.path(), settings)?),
                _dir: dir,
            });
        }
        let members: Vec<_> = kinds.iter().map(|kind| (*kind, Role::Participant)).collect();
        let mut ensemble = Ensemble::new(&members, Wiring::Direct, settings)?;
        ensemble.start_led_by(kinds.len() as Id)?;
        Ok(Self::Several(ensemble))
    }

    fn addrs(&self) -> Vec<SocketAddr> {
        match self {
            Self::One { server, .. } => vec![server.addr()],
            Self::Several(ensemble) => ensemble.addrs(),
        }
    }

    fn logs(&self) -> String {
        match self {
            Self::One { server, .. } => server.failure("is what the command ran against").to_string(),
            Self::Several(ensemble) => ensemble.logs(30),
        }
    }

    fn stop(&mut self) -> io::Result<()> {
        match self {
            Self::One { server, .. } => server.stop(),
            Self::Several(ensemble) => ensemble.stop_all(),
        }
    }

    /// Carries out one line of the control protocol.
    fn control(&mut self, line: &str) -> io::Result<()> {
        let (command, whom) = line.split_once(' ').unwrap_or((line, "leader"));
        match (self, command) {
            (Self::One { server, .. }, "stop") => server.stop(),
            (Self::One { server, .. }, "start") => server.launch(),
            (Self::One { server, .. }, "restart") => server.stop().and_then(|()| server.launch()),
            (Self::One { server, .. }, "kill") => {
                server.kill();
                Ok(())
            }
            (Self::Several(ensemble), "start") => {
                let ids = ensemble.ids();
                let down: Vec<Id> =
                    ids.iter().copied().filter(|id| ensemble.server(*id).pid().is_none()).collect();
                down.iter().try_for_each(|id| ensemble.server_mut(*id).spawn())?;
                ensemble.await_serving(&ids)
            }
            (Self::Several(ensemble), command) => {
                let id = member(ensemble, whom)?;
                match command {
                    "stop" => ensemble.stop(id),
                    "restart" => ensemble.stop(id).and_then(|()| ensemble.launch(id)),
                    "kill" => {
                        ensemble.kill(id);
                        Ok(())
                    }
                    _ => Err(io::Error::other(format!("unknown command {line:?}"))),
                }
            }
            _ => Err(io::Error::other(format!("unknown command {line:?}"))),
        }
    }
}

fn member(ensemble: &mut Ensemble, whom: &str) -> io::Result<Id> {
    let ids = ensemble.ids();
    if whom == "leader" {
        return ensemble.await_leader_among(&ids);
    }
    let found = ids.into_iter().find(|id| ensemble.addr(*id).to_string() == whom);
    found.ok_or_else(|| io::Error::other(format!("no member at {whom:?}")))
}

fn run(kinds: &[Kind], servers: Servers, command: &[String]) -> io::Result<u8> {
    let kinds = kinds.iter().map(Kind::to_string).collect::<Vec<_>>().join(",");
    let hosts: Vec<_> = servers.addrs().iter().map(SocketAddr::to_string).collect();
    let servers = Arc::new(Mutex::new(servers));
    let control = TcpListener::bind("127.0.0.1:0")?;
    let control_addr = control.local_addr()?;
    let shared = Arc::clone(&servers);
    std::thread::spawn(move || serve_control(&control, &shared));
    let status = Command::new(&command[0])
        .args(&command[1..])
        .env("ZK_ADDR", &hosts[0])
        .env("ZK_HOSTS", hosts.join(","))
        .env("ZK_CONTROL", control_addr.to_string())
        .env("ZK_KIND", &kinds)
        .status()?;
    let mut servers = servers.lock().expect("no panic while locked");
    if !status.success() {
        eprintln!("{}", servers.logs());
    }
    servers.stop()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

fn serve_control(listener: &TcpListener, servers: &Mutex<Servers>) {
    for stream in listener.incoming().flatten() {
        let mut lines = BufReader::new(&stream).lines();
        while let Some(Ok(line)) = lines.next() {
            let outcome = servers.lock().expect("no panic while locked").control(&line);
            let answer = outcome.map_or_else(|error| format!("error {error}\n"), |()| "ok\n".to_owned());
            if (&stream).write_all(answer.as_bytes()).is_err() {
                break;
            }
        }
    }
}

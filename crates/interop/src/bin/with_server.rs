//! Starts a server on an empty directory, runs a command against it, and stops it.
//!
//! `with_server --server zabra --set key=value -- python3 suite.py` gives the command `ZK_ADDR` (host:port) and
//! `ZK_CONTROL`, a line protocol on another port that takes `stop`, `start`, `kill` and `restart` and answers `ok`.
//! The exit status is the command's.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex};

use interop::server::{Kind, Server};
use interop::suite::argument;

fn main() -> ExitCode {
    let kind = argument("--server", Kind::Zabra);
    let arguments: Vec<String> = std::env::args().collect();
    let split = arguments.iter().position(|argument| argument == "--").expect("a command after --");
    let settings: Vec<(&str, &str)> = arguments[..split]
        .windows(2)
        .filter(|pair| pair[0] == "--set")
        .map(|pair| pair[1].split_once('=').expect("--set takes key=value"))
        .collect();
    match run(kind, &settings, &arguments[split + 1..]) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("with_server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(kind: Kind, settings: &[(&str, &str)], command: &[String]) -> io::Result<u8> {
    let dir = tempfile::tempdir()?;
    let server = Arc::new(Mutex::new(Server::start(kind, dir.path(), settings)?));
    let control = TcpListener::bind("127.0.0.1:0")?;
    let control_addr = control.local_addr()?;
    let shared = Arc::clone(&server);
    std::thread::spawn(move || serve_control(&control, &shared));
    let addr = server.lock().expect("no panic while locked").addr();
    let status = Command::new(&command[0])
        .args(&command[1..])
        .env("ZK_ADDR", addr.to_string())
        .env("ZK_CONTROL", control_addr.to_string())
        .env("ZK_KIND", kind.to_string())
        .status()?;
    let mut server = server.lock().expect("no panic while locked");
    let stopped = server.stop();
    if !status.success() {
        let log = std::fs::read_to_string(server.log_path()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        eprintln!("end of the log of {kind}:\n{}", lines[lines.len().saturating_sub(30)..].join("\n"));
    }
    stopped?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

fn serve_control(listener: &TcpListener, server: &Mutex<Server>) {
    for stream in listener.incoming().flatten() {
        let mut lines = BufReader::new(&stream).lines();
        while let Some(Ok(line)) = lines.next() {
            let mut server = server.lock().expect("no panic while locked");
            let outcome = match line.as_str() {
                "stop" => server.stop(),
                "start" => server.launch(),
                "restart" => server.stop().and_then(|()| server.launch()),
                "kill" => {
                    server.kill();
                    Ok(())
                }
                other => Err(io::Error::other(format!("unknown command {other:?}"))),
            };
            let answer = outcome.map_or_else(|error| format!("error {error}\n"), |()| "ok\n".to_owned());
            if (&stream).write_all(answer.as_bytes()).is_err() {
                break;
            }
        }
    }
}

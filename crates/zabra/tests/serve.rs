//! The binary as an operator meets it: what it says, what it exits with, what it survives.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

fn zabra() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zabra"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Ends with the test, whatever becomes of that.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server on a free port; its address, and what it goes on to write.
fn running(data_dir: &std::path::Path) -> (Running, String, BufReader<ChildStderr>) {
    let mut child = zabra().args(["serve", "--port", "0", "--data-dir"]).arg(data_dir).spawn().unwrap();
    let mut messages = BufReader::new(child.stderr.take().unwrap());
    let child = Running(child);
    let mut line = String::new();
    while messages.read_line(&mut line).unwrap() > 0 {
        if let Some((_, address)) = line.split_once("zkCli.sh -server ") {
            return (child, address.trim().to_owned(), messages);
        }
        line.clear();
    }
    panic!("the server ended without saying where it listens");
}

fn refusal(arguments: &[&str], code: i32) -> String {
    let Output { status, stderr, .. } = zabra().arg("serve").args(arguments).output().unwrap();
    let text = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{text}");
    text
}

#[test]
fn a_log_nobody_reads_does_not_end_the_server() {
    let data = tempfile::tempdir().unwrap();
    let (_server, address, messages) = running(data.path());
    drop(messages);
    // A handshake that cannot be read is logged before the connection is closed.
    let mut stranger = TcpStream::connect(&address).unwrap();
    stranger.write_all(&[0, 0, 0, 2, 0, 0]).unwrap();
    assert_eq!(stranger.read(&mut [0; 8]).unwrap(), 0);
    let mut operator = TcpStream::connect(&address).unwrap();
    operator.write_all(b"srvr").unwrap();
    let mut answer = String::new();
    operator.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("Mode: standalone"), "{answer}");
}

#[test]
fn a_port_in_use_is_named_with_the_way_out() {
    let data = tempfile::tempdir().unwrap();
    let (_server, address, _messages) = running(&data.path().join("a"));
    let port = address.rsplit_once(':').unwrap().1;
    let other = data.path().join("b");
    let text = refusal(&["--port", port, "--data-dir", other.to_str().unwrap()], 1);
    assert!(text.contains(&address) && text.contains("choose another"), "{text}");
}

#[test]
fn hc_129_a_data_directory_in_use_or_in_the_way_is_named() {
    let data = tempfile::tempdir().unwrap();
    let (_server, ..) = running(&data.path().join("a"));
    let used = data.path().join("a");
    let text = refusal(&["--port", "0", "--data-dir", used.to_str().unwrap()], 3);
    assert!(text.contains(used.to_str().unwrap()) && text.contains("another running server"), "{text}");
    let file = data.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let text = refusal(&["--port", "0", "--data-dir", file.to_str().unwrap()], 3);
    assert!(text.contains(file.to_str().unwrap()), "{text}");
}

#[test]
fn half_given_arguments_are_explained() {
    assert!(refusal(&["2181"], 2).contains("`--port 2181`"));
    assert!(refusal(&["-Dzookeeper.snapCount"], 2).contains("KEY=VALUE"));
    assert!(refusal(&["-Dzookeeper.snapCount=many"], 2).contains("expected a whole number, 2 or more"));
    assert!(refusal(&["/no/such/zoo.cfg"], 2).contains("/no/such/zoo.cfg: cannot read the configuration"));
}

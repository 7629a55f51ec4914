//! Connections that end badly: what they leave behind is nothing.

#![allow(clippy::unwrap_used, reason = "tests")]

mod client;

use client::Client;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage::disk::fault::SimDisk;
use zabra_server::Server;
use zabra_server::config::Config;
use zabra_server::fourletter::Whitelist;

fn server() -> Server {
    let mut config = Config::standalone_default(PathBuf::from("/data"));
    config.client_port.as_mut().unwrap().port = 0;
    config.four_letter_words = Whitelist::parse("*");
    config.limits.max_connections_per_address = None;
    Server::start_on(config, Arc::new(SimDisk::new())).unwrap()
}

fn word(address: SocketAddr, word: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(word.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Connections the server knows, the one that asks left out.
fn connections(address: SocketAddr) -> usize {
    word(address, "cons").lines().filter(|line| line.starts_with(" /")).count() - 1
}

/// Waits, within bounds, until the server has noticed.
fn settle(address: SocketAddr, wanted: usize) {
    let until = Instant::now() + Duration::from_secs(10);
    while connections(address) != wanted {
        assert!(Instant::now() < until, "{} connections, not {wanted}", connections(address));
        std::thread::yield_now();
    }
}

#[test]
fn hc_160_a_client_that_goes_in_the_middle_of_a_frame_leaves_nothing_behind() {
    let server = server();
    let address = server.address();
    for cut in [1, 3, 4, 20, 47] {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut frame = vec![0, 0, 0, 45];
        frame.extend_from_slice(&[0; 45]);
        stream.write_all(&frame[..cut]).unwrap();
        settle(address, 1);
        drop(stream);
        settle(address, 0);
    }
    let mut client = Client::connect(address).unwrap();
    client.stream.write_all(&[0, 0, 1, 0, 9, 9]).unwrap();
    drop(client);
    settle(address, 0);
    server.stop();
    server.wait().unwrap();
}

#[test]
fn hc_160_a_server_that_stops_closes_its_clients_cleanly() {
    let server = server();
    let mut client = Client::connect(server.address()).unwrap();
    assert_eq!(client.create("/a").unwrap().err, 0);
    server.stop();
    server.wait().unwrap();
    let mut byte = [0];
    assert_eq!(client.stream.read(&mut byte).unwrap(), 0, "end of stream, no half frame and no reset");
}

#[test]
fn hc_165_the_accept_loop_outlives_connections_that_are_reset_at_once() {
    let server = server();
    let address = server.address();
    for _ in 0..500 {
        let stream = TcpStream::connect(address).unwrap();
        // A linger of zero makes closing a reset.
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
    settle(address, 0);
    let mut client = Client::connect(address).unwrap();
    assert_eq!(client.create("/after").unwrap().err, 0);
    server.stop();
    server.wait().unwrap();
}

#[test]
fn many_clients_connecting_at_once_all_get_their_session() {
    let server = server();
    let address = server.address();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(move || (0..5).map(|_| Client::connect(address).unwrap()).collect::<Vec<_>>())
        })
        .collect();
    let clients: Vec<Vec<Client>> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    assert!(clients.iter().flatten().all(|c| c.session.0 != 0));
    settle(address, 40);
    server.stop();
    server.wait().unwrap();
}

//! A whole server on a disk that breaks: nothing acknowledged is ever missing, and a server that
//! cannot promise any more stops.

#![allow(clippy::unwrap_used, reason = "tests")]

mod client;

use client::Client;
use std::path::PathBuf;
use std::sync::Arc;
use storage::disk::fault::{Fault, Operation, SimDisk};
use zabra_server::config::Config;
use zabra_server::{Server, StartError};

/// The settings of a test server: any free port, a data directory on the simulated disk.
fn config() -> Config {
    let mut config = Config::standalone_default(PathBuf::from("/data"));
    config.client_port.as_mut().unwrap().port = 0;
    config.storage.preallocate_bytes = 4096;
    config
}

fn start(disk: &SimDisk, config: Config) -> Result<Server, StartError> {
    Server::start_on(config, Arc::new(disk.clone()))
}

/// Restarts on the disk and checks that everything acknowledged is there.
fn assert_kept(disk: &SimDisk, acknowledged: &[String]) {
    let server = start(disk, config()).unwrap();
    let mut client = Client::connect(server.address()).unwrap();
    for path in acknowledged {
        assert!(client.exists(path).unwrap(), "{path} was acknowledged and is gone");
    }
    server.stop();
    server.wait().unwrap();
}

/// Creates nodes until the server gives up, and returns what it acknowledged.
fn write_until_it_stops(disk: &SimDisk, most: usize) -> (Vec<String>, Result<(), String>) {
    let server = start(disk, config()).unwrap();
    let mut acknowledged = Vec::new();
    if let Ok(mut client) = Client::connect(server.address()) {
        for n in 0..most {
            let path = format!("/n{n}");
            match client.create(&path) {
                Ok(reply) if reply.err == 0 => acknowledged.push(path),
                Ok(reply) => panic!("create failed with {}", reply.err),
                Err(_) => break,
            }
        }
    }
    if acknowledged.len() == most {
        server.stop();
    }
    (acknowledged, server.wait().map_err(|stopped| stopped.reason))
}

#[test]
fn hc_123_hc_122_the_first_failed_sync_stops_the_server_and_nothing_acknowledged_is_lost() {
    for fault_at in 3..12 {
        let disk = SimDisk::new();
        start(&disk, config()).map(|s| (s.stop(), s.wait().unwrap())).unwrap();
        disk.inject(Operation::Sync, fault_at, Fault::ErrorOnce);
        let (acknowledged, end) = write_until_it_stops(&disk, 100);
        assert!(acknowledged.len() < 100, "the sync never failed");
        assert!(end.unwrap_err().contains("transaction log failed"));
        disk.power_loss(fault_at);
        assert_kept(&disk, &acknowledged);
    }
}

#[test]
fn hc_122_a_full_disk_stops_the_server_before_it_lies() {
    let disk = SimDisk::new();
    start(&disk, config()).map(|s| (s.stop(), s.wait().unwrap())).unwrap();
    disk.set_capacity(Some(40_000));
    let (acknowledged, end) = write_until_it_stops(&disk, 10_000);
    assert!(!acknowledged.is_empty());
    assert!(end.is_err(), "the disk was never full");
    disk.set_capacity(None);
    disk.power_loss(7);
    assert_kept(&disk, &acknowledged);
}

#[test]
fn hc_50_hc_126_power_lost_after_any_operation_takes_nothing_acknowledged() {
    let mut checked = 0;
    for count in (0..120).step_by(3) {
        let disk = SimDisk::new();
        start(&disk, config()).map(|s| (s.stop(), s.wait().unwrap())).unwrap();
        disk.power_off_after(count);
        let acknowledged = match start(&disk, config()) {
            Ok(server) => {
                let acknowledged = write_on(&server);
                server.stop();
                drop(server.wait());
                acknowledged
            }
            Err(_) => Vec::new(),
        };
        checked += acknowledged.len();
        disk.power_loss(count);
        assert_kept(&disk, &acknowledged);
    }
    assert!(checked > 100, "only {checked} acknowledged writes were checked");
}

fn write_on(server: &Server) -> Vec<String> {
    let Ok(mut client) = Client::connect(server.address()) else { return Vec::new() };
    let mut acknowledged = Vec::new();
    for n in 0..30 {
        let path = format!("/n{n}");
        match client.create(&path) {
            Ok(reply) if reply.err == 0 => acknowledged.push(path),
            _ => break,
        }
    }
    acknowledged
}

#[test]
fn hc_121_a_snapshot_that_fails_harms_nobody() {
    let disk = SimDisk::new();
    let mut settings = config();
    settings.storage.snap_count = 10;
    let server = start(&disk, settings).unwrap();
    disk.inject(Operation::Rename, 0, Fault::ErrorAlways);
    let mut client = Client::connect(server.address()).unwrap();
    let acknowledged: Vec<String> = (0..60).map(|n| format!("/n{n}")).collect();
    for path in &acknowledged {
        assert_eq!(client.create(path).unwrap().err, 0);
    }
    server.stop();
    server.wait().unwrap();
    disk.power_loss(0);
    assert_kept(&disk, &acknowledged);
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let disk = SimDisk::new();
    let server = start(&disk, config()).unwrap();
    let refused = start(&disk, config()).map(drop);
    assert!(refused.unwrap_err().to_string().contains("/data"));
    server.stop();
    server.wait().unwrap();
}

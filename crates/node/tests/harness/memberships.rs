//! Memberships of clusters: how they are written, asked for, and agreed on.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

use super::{Cluster, Heard};
use node::{ConnId, EnsembleSettings, Role};
use zab::{Change, Config};

/// Any version will do.
pub const ANY: i64 = -1;

pub fn settings() -> EnsembleSettings {
    EnsembleSettings { reconfig: true, ..EnsembleSettings::default() }
}

/// So many voters and observers, with a leader.
pub fn ensemble(voters: i64, observers: i64) -> Cluster {
    let mut c = Cluster::with(voters, observers, settings());
    c.run_ms(1000);
    c
}

pub fn line(id: i64, role: &str) -> String {
    format!("server.{id}=s{id}:2888:3888:{role};c{id}:2181")
}

/// A membership as somebody would write it.
pub fn written(voters: &[i64], observers: &[i64]) -> String {
    let voters = voters.iter().map(|id| line(*id, "participant"));
    voters.chain(observers.iter().map(|id| line(*id, "observer"))).collect::<Vec<_>>().join(",")
}

pub fn file(voters: &[i64], observers: &[i64]) -> String {
    written(voters, observers).replace(',', "\n")
}

pub fn joining(text: &str) -> Change<'_> {
    Change { joining: Some(text), base: ANY, ..Change::default() }
}

pub fn leaving(ids: &str) -> Change<'_> {
    Change { leaving: Some(ids), base: ANY, ..Change::default() }
}

pub fn bulk(members: &str) -> Change<'_> {
    Change { members: Some(members), base: ANY, ..Change::default() }
}

pub fn client(c: &mut Cluster, id: i64) -> ConnId {
    let conn = c.connect(id);
    c.keep_alive(conn);
    c.run_ms(100);
    assert!(matches!(c.heard(conn), [Heard::Opened(_)]), "server {id}: {:?}", c.heard(conn));
    conn
}

pub fn leaders(c: &Cluster, ids: &[i64]) -> Vec<i64> {
    let leads =
        |id: &&i64| c.is_running(**id) && c.role(**id) == Role::Leading && c.node(**id).status().serving;
    ids.iter().filter(leads).copied().collect()
}

/// All these servers serve under one and the same membership, in memory, on disk and for clients.
#[track_caller]
pub fn agree(c: &Cluster, ids: &[i64]) -> Config {
    let text = c.config(ids[0]);
    for id in ids {
        assert!(c.node(*id).status().serving, "server {id} is {:?}", c.role(*id));
        assert_eq!(c.config(*id), text, "in force at server {id}");
        assert_eq!(c.shown(*id), text, "shown by server {id}");
        assert_eq!(c.config_files(*id), (Some(text.as_str()), None), "on the disk of server {id} (HC-140)");
        assert_eq!(c.node(*id).staged_membership(), None);
    }
    assert_eq!(leaders(c, ids).len(), 1);
    Config::parse(&text).unwrap()
}

/// A write through this server is answered and reaches all of them.
#[track_caller]
pub fn writes(c: &mut Cluster, through: i64, path: &str, ids: &[i64]) {
    let conn = client(c, through);
    let xid = c.create(conn, path);
    c.run_ms(100);
    assert_eq!(c.err(conn, xid), Some(0), "through server {through}");
    for id in ids {
        assert!(c.has(*id, path), "{path} on server {id}");
    }
}

//! A wire that remembers, and short forms for packets.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use proto::Zxid;
use proto::peer::{Entry, Notification, Packet, PacketKind};
use zab::{Address, Config, LinkId, Member, MemberRole, Record, ServerId, Transport};

/// Everything asked of the driver.
#[derive(Debug, Default)]
pub struct Wire {
    pub sent: Vec<(LinkId, Packet)>,
    pub closed: Vec<LinkId>,
    pub dialed: u32,
    pub reads: Vec<(LinkId, Zxid)>,
    pub snapshots: Vec<LinkId>,
}

impl Transport for Wire {
    fn send(&mut self, link: LinkId, packet: Packet) {
        self.sent.push((link, packet));
    }
    fn close(&mut self, link: LinkId) {
        self.closed.push(link);
    }
    fn dial(&mut self, _: ServerId, _: &[Address]) {
        self.dialed += 1;
    }
    fn vote(&mut self, _: ServerId, _: Notification) {}
    fn append(&mut self, _: Zxid, _: Entry) {}
    fn record(&mut self, _: Record) {}
    fn read_history(&mut self, link: LinkId, after: Zxid) {
        self.reads.push((link, after));
    }
    fn send_snapshot(&mut self, link: LinkId) {
        self.snapshots.push(link);
    }
}

impl Wire {
    /// What was sent on a link since the last call, as kinds and zxids.
    pub fn take(&mut self, link: LinkId) -> Vec<(PacketKind, Zxid)> {
        let (mine, rest) = std::mem::take(&mut self.sent).into_iter().partition(|(to, _)| *to == link);
        self.sent = rest;
        let mine: Vec<(LinkId, Packet)> = mine;
        mine.into_iter().map(|(_, packet)| (packet.kind, packet.zxid)).collect()
    }
}

pub fn z(epoch: u32, counter: u32) -> Zxid {
    Zxid::new(epoch, counter)
}

pub fn entry(zxid: Zxid) -> Entry {
    Entry::from(zxid.0.to_be_bytes())
}

/// An ensemble of so many voters, and observers behind them.
pub fn config(voters: i64, observers: i64) -> Config {
    let mut config = Config::default();
    for id in 1..=voters + observers {
        let role = if id > voters { MemberRole::Observer } else { MemberRole::Participant };
        let address = Address { host: format!("s{id}"), quorum_port: 1, election_port: 2 };
        config.members.insert(ServerId(id), Member { addresses: vec![address], role, client: None });
    }
    config
}

//! What members of ensembles of 3.8.0 and 3.9.4 said to a third member, byte for byte.
//!
//! Taken from two servers that led and followed, and a bystander that had called on the election port,
//! and on the leader's quorum port as an observer of an epoch nobody knows, which gets it a snapshot.

use proto::acl::Acl;
use proto::peer::snap::{Fed, SnapStream};
use proto::peer::{Hello, Notification, Packet, PacketKind, PeerState};
use proto::snapshot::{SnapshotNode, SnapshotSink, ZxidDigest, encode_tables};
use proto::{Reader, SessionId, Zxid};

/// Name of the release, what it said, and the number its ports begin with.
const RELEASES: [(&str, &str, u16); 2] = [
    ("3.8.0", include_str!("fixtures/peer-3.8.0.hex"), 23200),
    ("3.9.4", include_str!("fixtures/peer-3.9.4.hex"), 23230),
];

fn said(text: &str, what: &str) -> Vec<u8> {
    let line = text.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(' '));
    let digits = line.unwrap_or_else(|| panic!("no {what}")).as_bytes();
    let digit = |digit: u8| char::from(digit).to_digit(16).expect("a hexadecimal digit") as u8;
    digits.chunks(2).map(|two| digit(two[0]) << 4 | digit(two[1])).collect()
}

/// Writes down what it is given, in the sender's own bytes.
#[derive(Default)]
struct Copied {
    sessions: Vec<(SessionId, i32)>,
    acls: Vec<(i64, Vec<Acl>)>,
    nodes: Vec<u8>,
    paths: Vec<String>,
}

impl SnapshotSink for Copied {
    fn session(&mut self, id: SessionId, timeout_ms: i32) {
        self.sessions.push((id, timeout_ms));
    }
    fn acl(&mut self, id: i64, acl: Vec<Acl>) {
        self.acls.push((id, acl));
    }
    fn node(&mut self, node: &SnapshotNode<'_>) -> Result<(), String> {
        node.encode(&mut self.nodes);
        self.paths.push(node.path.to_owned());
        Ok(())
    }
    fn digest(&mut self, _: ZxidDigest) {
        panic!("a body has no digest");
    }
}

#[test]
fn a_first_message_of_the_reference_is_ours_too() {
    for (release, text, base) in RELEASES {
        let bytes = said(text, "hello");
        let (hello, length) = Hello::parse(&bytes).unwrap().unwrap();
        assert_eq!((length, hello.addresses.len()), (bytes.len(), 1), "{release}");
        assert_eq!(hello.addresses[0], ("127.0.0.1".into(), base + 20 + hello.server_id as u16), "{release}");
        assert_eq!(hello.to_bytes(), bytes, "{release}");
    }
}

#[test]
fn a_vote_of_the_reference_is_ours_too() {
    for (release, text, base) in RELEASES {
        let bytes = said(text, "vote");
        let vote = Notification::decode(&bytes).unwrap();
        let who = (vote.state, vote.leader, vote.zxid, vote.round, vote.epoch, vote.version);
        assert_eq!(who, (PeerState::Looking, 2, Zxid(0), 1, 0, 2), "{release}");
        let config = vote.config.clone().unwrap();
        let (quorum, election) = (base + 11, base + 21);
        assert!(
            config.starts_with(&format!("server.1=127.0.0.1:{quorum}:{election}:participant\nserver.2="))
        );
        assert!(config.ends_with(":participant\nversion=0"), "{release}: {config}");
        assert_eq!(vote.to_bytes(), bytes, "{release}");
    }
}

#[test]
fn packets_and_the_snapshot_between_them_are_ours_too() {
    for (release, text, _) in RELEASES {
        let stream = [said(text, "leaderinfo"), said(text, "snap"), said(text, "body")].concat();
        let mut at = 0;
        let next = |at: &mut usize| {
            let (packet, length) = Packet::parse(&stream[*at..], 1 << 20).unwrap().unwrap();
            let mut again = Vec::new();
            packet.encode(&mut again);
            assert_eq!(again, stream[*at..*at + length], "{release}");
            *at += length;
            packet
        };
        let leader = next(&mut at);
        assert_eq!((leader.kind, leader.zxid), (PacketKind::LeaderInfo, Zxid::new(1, 0)), "{release}");
        assert_eq!(Reader::new(leader.data.as_deref().unwrap()).i32(), Ok(0x10000));
        assert_eq!(next(&mut at), Packet::new(PacketKind::Snap, Zxid::new(1, 3)), "{release}");

        let mut copied = Copied::default();
        let Fed { consumed, done } = SnapStream::new(1 << 20).feed(&stream[at..], &mut copied).unwrap();
        assert!(done, "{release}");
        assert_eq!(copied.paths[..4], ["", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"]);
        assert_eq!((copied.sessions.len(), copied.acls.len(), copied.paths.len()), (1, 2, 6), "{release}");
        let mut again = Vec::new();
        encode_tables(&copied.sessions, &copied.acls, &mut again);
        again.append(&mut copied.nodes);
        proto::peer::snap::encode_end(&mut again);
        assert_eq!((&again[..], consumed), (&stream[at..], again.len()), "{release}");
    }
}

//! Hostile bytes for everything that peers send, from a seed: no panic, memory only in proportion, and
//! what is understood means the same once written again.

mod dice;

use dice::{Dice, damage, plausible};
use peak_alloc::PeakAlloc;
use proto::acl::{Acl, Id};
use proto::peer::snap::{SnapError, SnapStream, encode_end};
use proto::peer::{Forwarded, Hello, LearnerInfo, Notification, Packet, PacketKind, PeerState};
use proto::snapshot::{SnapshotNode, SnapshotSink, ZxidDigest, encode_tables};
use proto::stat::StatPersisted;
use proto::{SessionId, Zxid};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A decoded identity may be this many times larger in memory than its shortest encoding.
const BYTES_PER_INPUT_BYTE: usize = 32;
/// Error values, and what the test itself holds.
const BYTES_FIXED: usize = 4 << 10;
const ROUNDS: u64 = 20_000;
const DATA_MAX: usize = 1 << 20;

fn packet(dice: &mut Dice) -> Packet {
    let kind = PacketKind::from_code(dice.below(19) as i32 + 1).expect("the kinds are 1 to 19");
    let data: Vec<u8> = (0..dice.below(60)).map(|_| dice.next() as u8).collect();
    let ids = (0..dice.below(4)).map(|n| Id::new(["ip", "digest", "world"][n % 3], "h\u{f6}st")).collect();
    Packet {
        kind,
        zxid: Zxid(dice.next() as i64),
        data: (dice.below(3) > 0).then(|| data.into()),
        auth: (dice.below(3) == 0).then_some(ids),
    }
}

fn message(dice: &mut Dice) -> Vec<u8> {
    let mut out = Vec::new();
    match dice.below(6) {
        0 => return plausible(dice),
        1 => {
            let addresses =
                (0..dice.below(3)).map(|n| (["a", "::1", "10.0.0.1"][n].to_owned(), 3888)).collect();
            return Hello { server_id: dice.next() as i64, addresses }.to_bytes();
        }
        2 => {
            let config = "server.1=a:1:2:participant\nversion=0";
            let state = [PeerState::Looking, PeerState::Following, PeerState::Leading][dice.below(3)];
            let config = (dice.below(4) > 0).then(|| config.into());
            let (leader, zxid, round) = (dice.next() as i64, Zxid(dice.next() as i64), dice.next() as i64);
            return Notification { state, leader, zxid, round, epoch: 7, version: 2, config }.to_bytes();
        }
        _ => {}
    }
    for _ in 0..=dice.below(3) {
        packet(dice).encode(&mut out);
    }
    out
}

fn understand(bytes: &[u8]) {
    if let Ok(Some((hello, length))) = Hello::parse(bytes) {
        assert!(length <= bytes.len());
        let again = hello.to_bytes();
        if !hello.addresses.is_empty() && again.len() <= 20 + proto::peer::hello::ADDRESS_MAX {
            assert_eq!(Hello::parse(&again), Ok(Some((hello, again.len()))));
        }
    }
    if let Ok(vote) = Notification::decode(bytes) {
        let again = Notification::decode(&vote.to_bytes());
        assert_eq!(again, Ok(Notification { version: 2, ..vote }));
    }
    if let Ok(info) = LearnerInfo::decode(bytes) {
        assert_eq!(LearnerInfo::decode(&info.to_bytes()), Ok(info));
    }
    if let Ok(request) = Forwarded::decode(bytes) {
        assert_eq!(request.to_bytes(), bytes);
    }
    let mut rest = bytes;
    while let Ok(Some((packet, length))) = Packet::parse(rest, DATA_MAX) {
        let mut again = Vec::new();
        packet.encode(&mut again);
        assert_eq!(Packet::parse(&again, DATA_MAX), Ok(Some((packet, again.len()))));
        rest = &rest[length..];
    }
}

/// Counts, and keeps nothing: what memory is taken is the stream's.
#[derive(Default, Debug, PartialEq, Eq)]
struct Counted {
    sessions: usize,
    acls: usize,
    paths: Vec<usize>,
    data: usize,
}

impl SnapshotSink for Counted {
    fn session(&mut self, _: SessionId, _: i32) {
        self.sessions += 1;
    }
    fn acl(&mut self, _: i64, acl: Vec<Acl>) {
        self.acls += 1 + acl.len();
    }
    fn node(&mut self, node: &SnapshotNode<'_>) -> Result<(), String> {
        self.paths.push(node.path.len());
        self.data += node.data.map_or(0, <[u8]>::len);
        Ok(())
    }
    fn digest(&mut self, _: ZxidDigest) {}
}

fn body(dice: &mut Dice) -> Vec<u8> {
    let sessions: Vec<_> = (0..dice.below(4)).map(|n| (SessionId(n as i64), 4000)).collect();
    let acls: Vec<_> = (1..=dice.below(3) as i64).map(|n| (n, vec![Acl::open(); n as usize])).collect();
    let mut out = Vec::new();
    encode_tables(&sessions, &acls, &mut out);
    for n in 0..dice.below(6) {
        let (path, data) = (format!("/n{}", "x".repeat(n)), vec![7; dice.below(200)]);
        let stat = StatPersisted::default();
        SnapshotNode { path: &path, data: Some(&data), acl: -1, stat }.encode(&mut out);
    }
    encode_end(&mut out);
    out
}

/// Feeds a body in pieces, as a link would.
fn feed(dice: &mut Dice, bytes: &[u8], record_max: usize) -> Result<(Counted, usize, bool), SnapError> {
    let (mut stream, mut sink) = (SnapStream::new(record_max), Counted::default());
    let (mut taken, mut there) = (0, 0);
    loop {
        there = (there + 1 + dice.below(80)).min(bytes.len());
        let fed = stream.feed(&bytes[taken..there], &mut sink)?;
        taken += fed.consumed;
        if fed.done || there == bytes.len() {
            return Ok((sink, taken, fed.done));
        }
    }
}

#[test]
fn hc_161_hc_162_what_strangers_send_never_panics_and_takes_memory_in_proportion() {
    for seed in 0..ROUNDS {
        let mut dice = Dice(seed);
        let mut bytes = message(&mut dice);
        understand(&bytes);
        damage(&mut dice, &mut bytes);
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        understand(&bytes);
        let used = MEMORY.peak_usage().saturating_sub(before);
        let limit = bytes.len() * BYTES_PER_INPUT_BYTE + BYTES_FIXED;
        assert!(used <= limit, "seed {seed}: {} bytes of input took {used} bytes of memory", bytes.len());
    }
}

#[test]
fn hc_14_packets_come_back_whatever_pieces_they_arrive_in() {
    for seed in 0..2_000 {
        let mut dice = Dice(seed);
        let packets: Vec<Packet> = (0..5).map(|_| packet(&mut dice)).collect();
        let mut bytes = Vec::new();
        packets.iter().for_each(|packet| packet.encode(&mut bytes));
        let (mut read, mut taken, mut there) = (Vec::new(), 0, 0);
        while there < bytes.len() {
            there = (there + 1 + dice.below(40)).min(bytes.len());
            while let Some((packet, length)) = Packet::parse(&bytes[taken..there], DATA_MAX).unwrap() {
                read.push(packet);
                taken += length;
            }
        }
        assert_eq!((read, taken), (packets, bytes.len()), "seed {seed}");
    }
}

#[test]
fn a_snapshot_means_the_same_in_whatever_pieces_it_arrives() {
    for seed in 0..2_000 {
        let mut dice = Dice(seed);
        let mut bytes = body(&mut dice);
        let length = bytes.len();
        bytes.extend_from_slice(b"the packet after it");
        let mut whole = Counted::default();
        let fed = SnapStream::new(DATA_MAX).feed(&bytes, &mut whole).unwrap();
        assert_eq!((fed.consumed, fed.done), (length, true));
        assert_eq!(feed(&mut dice, &bytes, DATA_MAX), Ok((whole, length, true)), "seed {seed}");
    }
}

#[test]
fn hc_164_a_damaged_snapshot_never_panics_and_takes_memory_in_proportion() {
    for seed in 0..ROUNDS {
        let mut dice = Dice(seed);
        let mut bytes = body(&mut dice);
        damage(&mut dice, &mut bytes);
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let outcome = feed(&mut dice, &bytes, 4096);
        let used = MEMORY.peak_usage().saturating_sub(before);
        let limit = bytes.len() * BYTES_PER_INPUT_BYTE + BYTES_FIXED;
        assert!(used <= limit, "seed {seed}: {} bytes of input took {used} bytes of memory", bytes.len());
        if let Ok((_, taken, done)) = outcome {
            assert!(done || bytes.len() - taken <= 4096, "seed {seed}: waits for more than one record");
        }
    }
}

#[test]
fn a_record_larger_than_allowed_and_a_missing_signature_end_a_snapshot() {
    let mut bytes = Vec::new();
    encode_tables(&[], &[], &mut bytes);
    let head = bytes.len();
    let stat = StatPersisted::default();
    SnapshotNode { path: "", data: Some(&[0; 1000]), acl: -1, stat }.encode(&mut bytes);
    let outcome = SnapStream::new(999).feed(&bytes[..head + 50], &mut Counted::default());
    assert!(matches!(outcome, Err(SnapError::TooLarge { max: 999, .. })), "{outcome:?}");
    proto::jute::put_string(&mut bytes, Some("/"));
    proto::jute::put_string(&mut bytes, Some("BenWasNotHere"));
    let outcome = SnapStream::new(2000).feed(&bytes, &mut Counted::default());
    assert_eq!(outcome, Err(SnapError::Signature));
}

//! Hostile bytes for every decoder, from a seed: no panic, and memory only in proportion.
//!
//! The fuzz targets under `fuzz/` search deeper; this runs on stable Rust with every test run.

mod dice;

use dice::{Dice, damage, plausible};
use peak_alloc::PeakAlloc;
use proto::acl::Acl;
use proto::connect::{ConnectRequest, ConnectResponse};
use proto::request::*;
use proto::response::*;
use proto::txn::*;
use proto::watch::WatcherEvent;
use proto::{OpCode, Reader, SessionId, Wire, Zxid, multi};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A decoded vector element may be this many times larger in memory than its shortest encoding.
const BYTES_PER_INPUT_BYTE: usize = 32;
/// Error values, and what the test itself holds.
const BYTES_FIXED: usize = 4 << 10;
const ROUNDS: u64 = 30_000;

/// A valid log entry, to be damaged.
fn entry(dice: &mut Dice) -> Vec<u8> {
    let create = CreateTxn {
        path: "/some/path".into(),
        data: Some(vec![1; dice.below(50)]),
        acl: vec![Acl::open()],
        ephemeral: dice.below(2) == 0,
        parent_cversion: 7,
    };
    let txn = match dice.below(5) {
        0 => Txn::Create(OpCode::Create, create),
        1 => Txn::Multi(vec![
            Txn::Create(OpCode::Create2, create),
            Txn::Delete(OpCode::Delete, "/d".into()),
            Txn::Error(-101),
        ]),
        2 => Txn::CloseSession(Some(vec!["/e".into(), "/f".into()])),
        3 => Txn::SetAcl(SetAclTxn { path: "/a".into(), acl: vec![Acl::open(); 3], version: 2 }),
        _ => Txn::CreateSession(4000),
    };
    let header = TxnHeader { client_id: SessionId(1), cxid: 2, zxid: Zxid(3), time: 4, kind: txn.kind() };
    let mut out = Vec::new();
    encode_entry(&header, &txn, Some(TxnDigest { version: 2, digest: 5 }), &mut out);
    out
}

/// Decodes and, when that works, encodes again.
fn again<'a, T: Wire<'a> + std::fmt::Debug>(bytes: &'a [u8]) {
    let Ok(value) = T::decode(&mut Reader::new(bytes)) else { return };
    let mut again = Vec::new();
    value.encode(&mut again);
    // A string may grow: one byte that is not text becomes three.
    assert!(again.len() <= bytes.len() * 3 + 64, "{value:?}");
}

fn decode_everything(bytes: &[u8]) {
    again::<ConnectRequest<'_>>(bytes);
    again::<ConnectResponse>(bytes);
    again::<RequestHeader>(bytes);
    again::<CreateRequest<'_>>(bytes);
    again::<CreateTtlRequest<'_>>(bytes);
    again::<DeleteRequest<'_>>(bytes);
    again::<ReadRequest<'_>>(bytes);
    again::<SetDataRequest<'_>>(bytes);
    again::<PathRequest<'_>>(bytes);
    again::<SetAclRequest<'_>>(bytes);
    again::<SyncRequest<'_>>(bytes);
    again::<CheckVersionRequest<'_>>(bytes);
    again::<AuthPacket<'_>>(bytes);
    again::<SetWatches<'_>>(bytes);
    again::<SetWatches2<'_>>(bytes);
    again::<AddWatchRequest<'_>>(bytes);
    again::<WatchesRequest<'_>>(bytes);
    again::<ReconfigRequest<'_>>(bytes);
    again::<GetEphemeralsRequest<'_>>(bytes);
    again::<WatcherEvent>(bytes);
    again::<ReplyHeader>(bytes);
    again::<GetAclResponse>(bytes);
    again::<GetChildren2Response>(bytes);
    again::<WhoAmIResponse>(bytes);
    if let Ok(ops) = multi::decode_ops(&mut Reader::new(bytes)) {
        assert!(ops.len() <= bytes.len());
    }
    if let Ok(results) = multi::decode_results(&mut Reader::new(bytes)) {
        assert!(results.len() <= bytes.len());
    }
    if let Ok((header, txn, digest)) = decode_entry(bytes) {
        let mut again = Vec::new();
        encode_entry(&header, &txn, digest, &mut again);
        assert!(decode_entry(&again).is_ok(), "{header:?} {txn:?}");
    }
}

#[test]
fn hc_163_hc_164_damaged_bytes_never_panic_and_allocate_in_proportion() {
    for seed in 0..ROUNDS {
        let mut dice = Dice(seed);
        let mut bytes = if dice.below(3) == 0 { entry(&mut dice) } else { plausible(&mut dice) };
        damage(&mut dice, &mut bytes);
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        decode_everything(&bytes);
        let used = MEMORY.peak_usage().saturating_sub(before);
        let limit = bytes.len() * BYTES_PER_INPUT_BYTE + BYTES_FIXED;
        assert!(used <= limit, "seed {seed}: {} bytes of input took {used} bytes of memory", bytes.len());
    }
}

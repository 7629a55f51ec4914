//! Bytes from anybody: whatever a frame or a log entry holds, nothing panics and the tree stays whole.

use super::generate::{self, Random, SESSIONS};
use crate::testkit::{World, check_derived};
use crate::{ReadOp, WriteOp};
use proto::multi::{MultiOp, encode_ops};
use proto::txn::{decode_entry, encode_entry};
use proto::{OpCode, Reader, Wire};

/// A request as its bytes.
fn encode(op: &MultiOp<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    match op {
        MultiOp::Create(_, r) => r.encode(&mut bytes),
        MultiOp::CreateTtl(r) => r.encode(&mut bytes),
        MultiOp::Delete(r) => r.encode(&mut bytes),
        MultiOp::SetData(r) => r.encode(&mut bytes),
        op => encode_ops(std::slice::from_ref(op), &mut bytes),
    }
    bytes
}

/// Changes some bytes, or cuts some off.
fn damage(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..random.below(3) {
        if let Some(at) = (!bytes.is_empty()).then(|| random.below(bytes.len())) {
            bytes[at] = [0, 1, 4, b'/', b'.', 0x7f, 0x80, 0xff][random.below(8)];
        }
    }
    if random.below(8) == 0 {
        bytes.truncate(random.below(bytes.len() + 1));
    }
}

#[test]
fn hc_103_damaged_requests_are_refused_or_harmless() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let mut w = World::new();
        for _ in 0..300 {
            let mut bytes = encode(&generate::part(&mut random));
            damage(&mut random, &mut bytes);
            let Some(op) = OpCode::from_code(random.below(130) as i32) else { continue };
            w.auth = generate::identities(&mut random);
            if let Ok(op) = WriteOp::decode(op, &mut Reader::new(&bytes)) {
                w.run_as(SESSIONS[0], &op);
                w.run(&op);
            }
            if let Ok(op) = ReadOp::decode(op, &mut Reader::new(&bytes)) {
                let _ = w.read(&op);
            }
        }
        check_derived(&w.tree);
    }
}

#[test]
fn hc_99_damaged_transactions_leave_a_whole_tree() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let mut w = World::new();
        for _ in 0..100 {
            let session = SESSIONS[random.below(SESSIONS.len())];
            w.run_as(session, &generate::write(&mut random));
        }
        for entry in w.log.clone() {
            let mut bytes = Vec::new();
            encode_entry(&entry.header, &entry.txn, entry.digest, &mut bytes);
            damage(&mut random, &mut bytes);
            if let Ok((header, txn, _)) = decode_entry(&bytes) {
                w.tree.replay(&header, &txn);
            }
        }
        check_derived(&w.tree);
    }
}

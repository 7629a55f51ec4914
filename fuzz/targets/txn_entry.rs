//! The bytes of one log entry.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::txn::{decode_entry, encode_entry};

fuzz_target!(|bytes: &[u8]| {
    let Ok((header, txn, digest)) = decode_entry(bytes) else { return };
    // The header's kind may be one of two for a record; encoding keeps the record's own.
    let mut again = Vec::new();
    encode_entry(&header, &txn, digest, &mut again);
    let (header_again, txn_again, _) = decode_entry(&again).expect("what was encoded can be decoded");
    assert_eq!((header_again, txn_again), (header, txn));
});

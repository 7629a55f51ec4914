//! The bytes of a quorum link.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::peer::{Forwarded, LearnerInfo, Packet};

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Ok(Some((packet, length))) = Packet::parse(rest, 1 << 16) {
        let mut again = Vec::new();
        packet.encode(&mut again);
        if let Some(data) = packet.data.as_deref() {
            let _ = (LearnerInfo::decode(data), Forwarded::decode(data));
        }
        if again.len() <= 1 << 16 {
            assert_eq!(Packet::parse(&again, 1 << 16), Ok(Some((packet, again.len()))));
        }
        rest = &rest[length..];
    }
});

//! One vote, without the length in front.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::peer::Notification;

fuzz_target!(|bytes: &[u8]| {
    let Ok(vote) = Notification::decode(bytes) else { return };
    let again = Notification::decode(&vote.to_bytes()).expect("what was encoded can be decoded");
    assert_eq!(again, Notification { version: again.version, ..vote });
});

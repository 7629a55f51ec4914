//! The first bytes of a connection, which may be a word instead of a frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zabra_server::fourletter::parse;

fuzz_target!(|bytes: &[u8]| {
    if let Some(first) = bytes.first_chunk() {
        let _ = parse(*first);
    }
});

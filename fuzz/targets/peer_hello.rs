//! The first bytes of an election connection.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::peer::Hello;
use proto::peer::hello::ADDRESS_MAX;

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some((hello, length))) = Hello::parse(bytes) else { return };
    assert!(length <= bytes.len());
    let again = hello.to_bytes();
    // What is not text grows when it is replaced, and no address at all cannot be sent.
    if hello.addresses.is_empty() || again.len() > 20 + ADDRESS_MAX {
        return;
    }
    assert_eq!(Hello::parse(&again), Ok(Some((hello, again.len()))));
});

//! The text of a membership.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zab::Config;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(config) = Config::parse(text) else { return };
    assert_eq!(Config::parse(&config.to_text()), Ok(config));
});

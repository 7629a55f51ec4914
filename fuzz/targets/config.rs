//! A configuration file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use zabra_server::config::Sources;

fuzz_target!(|bytes: &[u8]| {
    let mut sources = Sources::new();
    if sources.file_bytes(Path::new("zoo.cfg"), bytes).is_err() {
        return;
    }
    match sources.load() {
        Ok((_, warnings)) => warnings.iter().for_each(|w| drop(w.to_string())),
        Err(error) => drop(error.to_string()),
    }
});

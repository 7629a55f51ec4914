//! Damaged files from a seed: recovery never panics, never invents, and stays within its buffers.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod common;

use common::{LOGS, disk, recovered};
use peak_alloc::PeakAlloc;
use std::fs;
use std::path::{Path, PathBuf};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The reading buffers: pieces prepared ahead, and the windows of a search.
const BUFFER_BYTES: usize = 24 << 20;
const BYTES_PER_INPUT_BYTE: usize = 32;
const ROUNDS: u64 = 1500;

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

fn fixtures() -> Vec<Vec<(PathBuf, Vec<u8>)>> {
    ["plain", "gz", "snappy"]
        .iter()
        .map(|packing| {
            let dir =
                Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/java-3.8.0-{packing}"));
            let mut files: Vec<_> = fs::read_dir(dir)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .map(|path| (Path::new(LOGS).join(path.file_name().unwrap()), fs::read(&path).unwrap()))
                .collect();
            files.sort();
            files
        })
        .collect()
}

fn damage(dice: &mut Dice, bytes: &mut Vec<u8>) {
    for _ in 0..1 + dice.below(3) {
        // Mostly where something stands, seldom in the padding.
        let used = bytes.iter().rposition(|b| *b != 0).unwrap_or(0) + 1;
        if bytes.is_empty() {
            return;
        }
        let at = dice.below(used.min(bytes.len()));
        match dice.below(7) {
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => bytes[at] = [0, 0x7F, 0x80, 0xFF][dice.below(4)],
            2 => bytes.truncate(at),
            3 => bytes.insert(at, dice.next() as u8),
            4 => drop(bytes.splice(at..at, [0x7F, 0xFF, 0xFF, 0xFF])),
            5 => {
                let end = (at + dice.below(600)).min(bytes.len());
                bytes[at..end].fill(0);
            }
            _ => {
                let end = (at + dice.below(200)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let to = dice.below(used);
                drop(bytes.splice(to..to, copy));
            }
        }
    }
}

#[test]
fn damaged_directories_never_panic_and_never_yield_a_history_with_holes() {
    let fixtures = fixtures();
    let (mut refused, mut loaded) = (0, 0);
    for seed in 0..ROUNDS {
        let mut dice = Dice(seed);
        let (sim, shared) = disk();
        let files = &fixtures[dice.below(fixtures.len())];
        let victim = dice.below(files.len());
        let mut input = 0;
        for (i, (path, bytes)) in files.iter().enumerate() {
            let mut bytes = bytes.clone();
            if i == victim {
                damage(&mut dice, &mut bytes);
            }
            input += bytes.len();
            sim.put(path, &bytes);
        }
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let outcome = recovered(&shared);
        let used = MEMORY.peak_usage().saturating_sub(before);
        assert!(used <= input * BYTES_PER_INPUT_BYTE + BUFFER_BYTES, "seed {seed} took {used} bytes");
        match outcome {
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
            Ok((found, seen)) => {
                let from = found.snapshot.unwrap().1.0;
                let zxids: Vec<i64> = seen.log.iter().map(|(h, ..)| h.zxid.0).collect();
                assert_eq!(zxids, (from + 1..=found.last_zxid.0).collect::<Vec<_>>(), "seed {seed}");
                loaded += 1;
            }
        }
    }
    assert!(refused > 50 && loaded > 500, "{refused} refused, {loaded} loaded");
}

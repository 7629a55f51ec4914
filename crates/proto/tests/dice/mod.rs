//! Bytes from a seed: plausible ones, and damage to good ones.

/// Numbers from a seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// Bytes that look enough like records to get decoders past their first field.
pub(crate) fn plausible(dice: &mut Dice) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..dice.below(14) {
        match dice.below(8) {
            0 => out.push(dice.below(3) as u8),
            1 => out.extend_from_slice(&(dice.below(24) as i32 - 12).to_be_bytes()),
            2 => out.extend_from_slice(&(dice.next() as i64 >> dice.below(64)).to_be_bytes()),
            3 => out.extend_from_slice(&[i32::MAX, i32::MIN, -1, 1 << 24][dice.below(4)].to_be_bytes()),
            4 => out.extend((0..dice.below(40)).map(|_| dice.next() as u8)),
            5 => out.extend_from_slice(&1i32.to_be_bytes()),
            _ => {
                let len = dice.below(9);
                out.extend_from_slice(&(len as i32).to_be_bytes());
                out.extend((0..len).map(|_| b"/ab\xC3\xA4\xED\xA0\xFF\0"[dice.below(9)]));
            }
        }
    }
    out
}

/// Up to three changes: bits, bytes, cuts, and lengths out of nowhere.
pub(crate) fn damage(dice: &mut Dice, bytes: &mut Vec<u8>) {
    for _ in 0..dice.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = dice.below(bytes.len());
        match dice.below(5) {
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => bytes[at] = [0, 0x7F, 0x80, 0xFF][dice.below(4)],
            2 => bytes.truncate(at),
            3 => bytes.insert(at, dice.next() as u8),
            _ => drop(bytes.splice(at..at, [0x7F, 0xFF, 0xFF, 0xFF])),
        }
    }
}

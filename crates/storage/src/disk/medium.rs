//! What is on the platters of a simulated disk, and what is still on its way there.

/// What a power loss writes whole or not at all.
const SECTOR_BYTES: u64 = 512;

/// A file without its name.
#[derive(Debug, Default)]
pub(super) struct Inode {
    pub(super) seen: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) pending: Vec<Change>,
    pub(super) changed_secs: u64,
}

/// A change that was not synced yet.
#[derive(Debug)]
pub(super) enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    SetSize(u64),
}

/// Small, seeded and good enough to choose sectors.
#[derive(Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ (x >> 31)) % sides
    }
}

impl Change {
    /// Applies those sectors for which `keep` says so.
    pub(super) fn apply_some(&self, to: &mut Vec<u8>, mut keep: impl FnMut() -> bool) {
        match self {
            Self::SetSize(size) if keep() => to.resize(*size as usize, 0),
            Self::SetSize(_) => {}
            Self::Write { offset, bytes } => {
                let (mut at, end) = (*offset, offset + bytes.len() as u64);
                while at < end {
                    let next = ((at / SECTOR_BYTES + 1) * SECTOR_BYTES).min(end);
                    if keep() {
                        overwrite(to, at, &bytes[(at - offset) as usize..(next - offset) as usize]);
                    }
                    at = next;
                }
            }
        }
    }
}

pub(super) fn overwrite(to: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let (start, end) = (offset as usize, offset as usize + bytes.len());
    if to.len() < end {
        to.resize(end, 0);
    }
    to[start..end].copy_from_slice(bytes);
}

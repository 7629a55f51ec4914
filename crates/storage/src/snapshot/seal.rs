//! The checksum that follows the nodes and each block after them.

use proto::jute::{put_i64, put_string};
use proto::snapshot::END_OF_NODES;
use simd_adler32::Adler32;

/// Bytes of one seal: the checksum as a long, then a path of one character.
pub(crate) const SEAL_BYTES: usize = 8 + 4 + 1;
/// Bytes of the digest block without its seal: zxid, version, digest.
pub(crate) const DIGEST_BYTES: usize = 8 + 4 + 8;
/// Bytes of the block with the last zxid, without its seal.
pub(crate) const LAST_ZXID_BYTES: usize = 8;

/// The seal over everything before it.
pub(crate) fn seal(checksum: &Adler32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SEAL_BYTES);
    put_i64(&mut bytes, i64::from(checksum.finish()));
    put_string(&mut bytes, Some(END_OF_NODES));
    bytes
}

/// Continues a checksum from an earlier value.
pub(crate) fn resume(checksum: u32) -> Adler32 {
    Adler32::from_checksum(checksum)
}

/// Takes bytes at the end of a checksummed stream back out of its checksum.
pub(crate) fn unwind(checksum: u32, bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65521;
    let (mut low, mut high) = (checksum & 0xFFFF, checksum >> 16);
    for byte in bytes.iter().rev() {
        high = (high + MODULUS - low) % MODULUS;
        low = (low + MODULUS - u32::from(*byte)) % MODULUS;
    }
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwinding_reverses_the_checksum() {
        let bytes: Vec<u8> = (0..5000u32).map(|i| (i * i) as u8).collect();
        let mut all = Adler32::new();
        all.write(&bytes);
        for keep in [0, 1, 17, 4999, 5000] {
            let mut head = Adler32::new();
            head.write(&bytes[..keep]);
            assert_eq!(unwind(all.finish(), &bytes[keep..]), head.finish());
        }
    }
}

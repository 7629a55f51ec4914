//! Session ids and passwords.
//!
//! //= java: SessionTrackerImpl.initializeNextSessionId, ZooKeeperServer.generatePasswd

use crate::ids::SessionId;

/// Bytes of a session password.
pub const PASSWORD_LEN: usize = 16;

/// The constant the reference mixes into the password seed; never configurable, so that a session
/// can move between servers.
const PASSWORD_SECRET: i64 = 0xB341_5C00;

/// The first session id a server hands out after a start at `monotonic_ms`.
///
/// The server id fills the top byte, so ids of different servers never meet (HC-75).
pub fn first_id(server_id: u8, monotonic_ms: u64) -> SessionId {
    let low = (monotonic_ms << 24) >> 8;
    SessionId(((u64::from(server_id) << 56) | (low & 0x00FF_FFFF_FFFF_0000)) as i64)
}

/// The server that made a session id, as far as its top byte says.
pub fn server_of(id: SessionId) -> u8 {
    id.0.to_be_bytes()[0]
}

/// The password belonging to a session id: every server computes the same one, none stores it.
pub fn password(id: SessionId) -> [u8; PASSWORD_LEN] {
    const MASK: u64 = (1 << 48) - 1;
    let mut state = ((id.0 ^ PASSWORD_SECRET) as u64 ^ 0x5_DEEC_E66D) & MASK;
    let mut out = [0; PASSWORD_LEN];
    for chunk in out.chunks_exact_mut(4) {
        state = (state.wrapping_mul(0x5_DEEC_E66D).wrapping_add(0xB)) & MASK;
        chunk.copy_from_slice(&((state >> 16) as u32).to_le_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hc_75_the_server_id_is_the_top_byte_whatever_the_clock_says() {
        for ms in [0, 1_000, u64::MAX, 1 << 40] {
            assert_eq!((first_id(0xC8, ms).0 as u64) >> 56, 0xC8);
            assert_eq!(first_id(1, ms).0 & 0xFFFF, 0);
        }
        assert_eq!(first_id(1, 0x1a461d).0, 0x0100_001a_461d_0000);
    }

    #[test]
    fn passwords_differ_and_are_reproducible() {
        let id = SessionId(0x0100_001a_461d_0000);
        assert_eq!(password(id), password(id));
        assert_ne!(password(id), password(SessionId(id.0 + 1)));
    }
}

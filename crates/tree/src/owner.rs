//! What a raw owner means: a session, a container, a time to live.
//!
//! //= java: EphemeralType

use crate::settings::Settings;
use proto::SessionId;

/// The mark of containers.
pub(crate) const CONTAINER: i64 = i64::MIN;
/// The longest time to live: 40 bits of milliseconds.
pub(crate) const TTL_MAX_MS: i64 = (1 << 40) - 1;

const EXTENDED: i64 = 0xff << 56;
const RESERVED: i64 = 0xffff << 40;

/// Why a node may go by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// It does not.
    Nobody,
    /// With this session.
    Session(SessionId),
    /// After its last child.
    Container,
    /// When empty and unchanged for this long, milliseconds.
    Ttl(i64),
    /// An extension nobody knows yet; snapshots that hold one are refused.
    Unknown,
}

/// The raw owner of a node with a time to live.
pub(crate) fn ttl_owner(ttl_ms: i64) -> i64 {
    EXTENDED | ttl_ms
}

/// Reads a raw owner.
pub(crate) fn classify(settings: &Settings, raw: i64) -> Owner {
    match raw {
        0 => Owner::Nobody,
        CONTAINER => Owner::Container,
        _ if settings.extended_types && raw & EXTENDED == EXTENDED => match raw & RESERVED {
            0 => Owner::Ttl(raw & TTL_MAX_MS),
            _ if settings.emulate_353_ttl => Owner::Ttl(raw & TTL_MAX_MS),
            _ => Owner::Unknown,
        },
        _ if settings.extended_types && settings.emulate_353_ttl && raw < 0 => Owner::Ttl(raw & TTL_MAX_MS),
        _ => Owner::Session(SessionId(raw)),
    }
}

/// The owner clients are shown: sessions only.
pub(crate) fn shown(settings: &Settings, raw: i64) -> i64 {
    if raw != 0 && matches!(classify(settings, raw), Owner::Session(_)) { raw } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hc_76_owner_encodings_are_disjoint() {
        let settings = Settings { extended_types: true, ..Settings::default() };
        let session = SessionId(0xfe00_0000_0000_0001_u64 as i64);
        assert_eq!(classify(&settings, session.0), Owner::Session(session));
        assert_eq!(classify(&settings, ttl_owner(5000)), Owner::Ttl(5000));
        assert_eq!(classify(&settings, ttl_owner(TTL_MAX_MS)), Owner::Ttl(TTL_MAX_MS));
        assert_eq!(classify(&settings, CONTAINER), Owner::Container);
        assert_eq!(classify(&settings, 0), Owner::Nobody);
        assert_eq!(classify(&settings, EXTENDED | 1 << 40), Owner::Unknown);
    }

    #[test]
    fn without_extended_types_a_ttl_mark_is_a_session() {
        let raw = ttl_owner(1);
        assert_eq!(classify(&Settings::default(), raw), Owner::Session(SessionId(raw)));
        assert_eq!(shown(&Settings::default(), CONTAINER), 0);
    }

    #[test]
    fn the_encoding_of_3_5_3_is_read_when_asked_for() {
        let settings = Settings { extended_types: true, emulate_353_ttl: true, ..Settings::default() };
        assert_eq!(classify(&settings, i64::MIN | 7000), Owner::Ttl(7000));
        assert_eq!(classify(&settings, CONTAINER), Owner::Container);
    }
}

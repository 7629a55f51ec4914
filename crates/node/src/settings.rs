//! What a node is told once, and the time it is told with every step.

/// The time at which something happens, as two clocks see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// Milliseconds on a clock that never jumps: deadlines are counted on it (HC-77).
    pub monotonic_ms: u64,
    /// Milliseconds since 1970: what stats and TTLs show.
    pub wall_ms: i64,
}

/// A node's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Goes into the top byte of the session ids created here. A standalone server uses 1.
    pub server_id: u8,
    /// The unit of session deadlines, milliseconds, at least 1.
    pub tick_time_ms: u64,
    /// Shortest session timeout granted, milliseconds.
    pub min_session_timeout_ms: i32,
    /// Longest session timeout granted, milliseconds.
    pub max_session_timeout_ms: i32,
    /// How often to look for empty containers and outlived TTL nodes, milliseconds.
    pub container_check_interval_ms: u64,
    /// At most so many of them are deleted in a minute.
    pub container_max_per_minute: u64,
    /// Containers that never had a child go after so many milliseconds; 0: never.
    pub container_max_never_used_ms: i64,
}

impl Settings {
    /// A timeout within the bounds (HC-81).
    pub fn negotiate(&self, wanted_ms: i32) -> i32 {
        wanted_ms.min(self.max_session_timeout_ms).max(self.min_session_timeout_ms)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server_id: 1,
            tick_time_ms: 2000,
            min_session_timeout_ms: 4000,
            max_session_timeout_ms: 40_000,
            container_check_interval_ms: 60_000,
            container_max_per_minute: 10_000,
            container_max_never_used_ms: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hc_81_timeouts_are_clamped_whatever_the_client_asks() {
        let settings = Settings::default();
        for (wanted, granted) in
            [(i32::MIN, 4000), (-1, 4000), (0, 4000), (4001, 4001), (40_000, 40_000), (i32::MAX, 40_000)]
        {
            assert_eq!(settings.negotiate(wanted), granted, "{wanted}");
        }
    }
}

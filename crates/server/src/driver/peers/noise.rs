//! Log lines about what strangers do, one a second at most.

/// Lets one line a second through, and counts the others.
#[derive(Debug, Default)]
pub(super) struct Noise {
    quiet_until_ms: u64,
    held_back: u64,
}

impl Noise {
    /// How many lines were held back before this one; `None` when it is to be held back too.
    pub(super) fn admits(&mut self, now_ms: u64) -> Option<u64> {
        if now_ms < self.quiet_until_ms {
            self.held_back += 1;
            return None;
        }
        self.quiet_until_ms = now_ms + 1000;
        Some(std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_makes_one_line_a_second_that_counts_the_rest() {
        let mut noise = Noise::default();
        let lines: Vec<u64> = (0..10_000).filter_map(|ms| noise.admits(ms)).collect();
        assert_eq!(lines.len(), 10);
        assert_eq!(lines.iter().sum::<u64>() + 10, 9001);
    }
}

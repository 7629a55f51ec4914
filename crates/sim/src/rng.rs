//! Random numbers from a seed, the same on every machine.

/// xoshiro256++, seeded through splitmix64.
#[derive(Debug, Clone)]
pub(crate) struct Rng {
    state: [u64; 4],
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Rng {
    /// A generator of its own for each `purpose`: drawing more for one does not shift the others.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        let mut at = seed ^ purpose.wrapping_mul(0xA076_1D64_78BD_642F);
        Self { state: std::array::from_fn(|_| splitmix(&mut at)) }
    }

    pub(crate) fn next(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Below `n`; 0 for 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// From `low` up to and including `high`.
    pub(crate) fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True `n` times in a thousand.
    pub(crate) fn permille(&mut self, n: u32) -> bool {
        self.below(1000) < u64::from(n)
    }

    /// Between 0 and 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Exponentially distributed around `mean`, at most 20 times that.
    pub(crate) fn exponential(&mut self, mean: u64) -> u64 {
        let draw = -(1.0 - self.unit()).ln() * mean as f64;
        draw.min(mean as f64 * 20.0) as u64
    }

    /// An index of something with `len` elements.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// An index, with these chances relative to each other; `None` when all are 0.
    pub(crate) fn weighted(&mut self, weights: &[u32]) -> Option<usize> {
        let total: u64 = weights.iter().map(|w| u64::from(*w)).sum();
        let mut at = self.below(total);
        weights.iter().position(|w| {
            let hit = at < u64::from(*w);
            at = at.saturating_sub(u64::from(*w));
            hit
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_purposes_differ() {
        let draw = |seed, purpose| Rng::new(seed, purpose).next();
        assert_eq!(draw(7, 1), draw(7, 1));
        assert_ne!(draw(7, 1), draw(7, 2));
        assert_ne!(draw(7, 1), draw(8, 1));
    }

    #[test]
    fn draws_stay_in_bounds() {
        let mut rng = Rng::new(1, 1);
        for _ in 0..1000 {
            assert!(rng.below(3) < 3);
            assert!((5..=9).contains(&rng.within(5, 9)));
            assert!(rng.exponential(100) <= 2000);
            assert_ne!(rng.weighted(&[1, 0, 3]), Some(1));
        }
        assert_eq!(rng.weighted(&[0, 0]), None);
    }
}

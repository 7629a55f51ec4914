//! A small seeded generator, so that a failing run is replayed from the one number it printed.

/// A splitmix64 sequence: equal seeds give equal sequences on every machine.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// A sequence determined by `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed in `ZABRA_SEED`, or one taken from the clock; the caller prints it.
    pub fn seed_from_environment() -> u64 {
        match std::env::var("ZABRA_SEED") {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("ZABRA_SEED={text:?} is not a number")),
            Err(_) => std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(1, |elapsed| elapsed.as_micros() as u64),
        }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound as u64) as usize
    }

    /// True once in `n` draws on average.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of `items`, which is not empty.
    pub fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }

    /// One of `items` by value.
    pub fn choose<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

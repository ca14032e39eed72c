//! Reproducible chance: a fixed algorithm and own arithmetic on it, so that one seed gives one log for ever.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

/// A seeded source of choices.
pub(crate) struct Dice(Xoshiro256PlusPlus);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Dice that always fall the same way for the same words, whatever was thrown before.
    pub(crate) fn for_words(words: &[&str]) -> Self {
        let bytes = words.iter().flat_map(|word| word.bytes().chain([0]));
        Self::new(bytes.fold(0, |hash: u64, byte| hash.rotate_left(5).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(byte)))
    }

    /// A number from 0 to below `bound`, which is at least 1.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: i64, most: i64) -> i64 {
        let width = least.abs_diff(most) + 1;
        least.saturating_add_unsigned(self.below(width))
    }

    /// A number of millionths from 0 to `most`, included; most is below 2^64.
    pub(crate) fn up_to(&mut self, most: i128) -> i128 {
        i128::from(self.0.next_u64()) % (most + 1)
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        // 53 bits are what a double holds.
        #[allow(clippy::cast_precision_loss)]
        let drawn = (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < probability
    }

    /// One of the items, of which there is at least one.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())]
    }

    /// A place in a list of that length, which is at least 1.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.index(at + 1));
        }
    }
}

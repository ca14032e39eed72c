//! The version of an event: which of several statements of one record counts (contract section 2).

use super::{Event, Numbers};
use crate::number::Amount;

/// `revision << 96 | time in ms << 48 | tie`: the greatest one of a record counts, in whatever order they arrive.
pub(super) fn version(event: &Event<'_>) -> u128 {
    let ms = u128::from(event.time_ms.unsigned_abs());
    u128::from(event.revision) << 96 | ms << 48 | u128::from(tie(event))
}

/// Ends each text of the hashed content.
const END: u8 = 0x1F;

/// The top 48 bits of a hash over id and content.
fn tie(event: &Event<'_>) -> u64 {
    let Numbers { value, numerator, denominator, percent } = event.numbers;
    let mut hash = Fnv1a::new();
    hash.text(&event.id);
    for number in [value, numerator, denominator, percent] {
        match number {
            Some(amount) => hash.number(amount),
            None => hash.absent(),
        }
    }
    hash.bytes(&[u8::from(event.retracted)]);
    hash.text(event.qualifier.as_str());
    for (key, value) in &event.dimensions {
        hash.text(key);
        hash.text(value);
    }
    hash.0 >> 16
}

/// The 64-bit FNV-1a hash: each byte changes the lowest byte of the state, which is then multiplied. That takes a
/// multiplication a byte, one after the other, so runs that every event has are taken in fewer steps.
struct Fnv1a(u64);

const PRIME: u64 = 0x0100_0000_01B3;
/// Bytes of a number in the hashed content.
const NUMBER_BYTES: usize = 16;

impl Fnv1a {
    fn new() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&[END]);
    }

    /// The bytes of a number, the lowest first. Zeros at its end change nothing but multiply.
    fn number(&mut self, amount: Amount) {
        let micros = amount.micros();
        let length = NUMBER_BYTES - micros.leading_zeros() as usize / 8;
        self.bytes(&micros.to_le_bytes()[..length]);
        self.0 = self.0.wrapping_mul(POWERS[NUMBER_BYTES - length]);
    }

    /// Sixteen times 0xFF, which stands for a number that is absent.
    fn absent(&mut self) {
        self.0 = self.0.wrapping_mul(POWERS[NUMBER_BYTES]).wrapping_add(ABSENT[(self.0 & 0xFF) as usize]);
    }
}

/// Powers of the prime.
const POWERS: [u64; NUMBER_BYTES + 1] = {
    let mut powers = [1; NUMBER_BYTES + 1];
    let mut n = 1;
    while n <= NUMBER_BYTES {
        powers[n] = PRIME.wrapping_mul(powers[n - 1]);
        n += 1;
    }
    powers
};

/// What sixteen times 0xFF adds to the state times the power of the prime. It depends on the lowest byte of the state
/// alone, for only that byte is changed and its product has the lowest byte of the next state.
static ABSENT: [u64; 256] = {
    let mut added = [0; 256];
    let mut lowest = 0;
    while lowest < 256 {
        let mut state = lowest as u64;
        let mut n = 0;
        while n < NUMBER_BYTES {
            state = (state ^ 0xFF).wrapping_mul(PRIME);
            n += 1;
        }
        added[lowest] = state.wrapping_sub((lowest as u64).wrapping_mul(POWERS[NUMBER_BYTES]));
        lowest += 1;
    }
    added
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fewer_steps_lead_to_the_same_hash(state in any::<u64>(), micros in any::<i128>(), shift in 0..128_u32) {
            let steps = |bytes: &[u8]| {
                let mut hash = Fnv1a(state);
                hash.bytes(bytes);
                hash.0
            };
            let mut hash = Fnv1a(state);
            hash.absent();
            prop_assert_eq!(hash.0, steps(&[0xFF; NUMBER_BYTES]));
            // Numbers of all lengths.
            let micros = micros >> shift;
            let mut hash = Fnv1a(state);
            hash.number(Amount::from_micros(micros));
            prop_assert_eq!(hash.0, steps(&micros.to_le_bytes()));
        }
    }
}

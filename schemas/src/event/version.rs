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
/// Stands for a number that is absent.
const ABSENT: [u8; 16] = [0xFF; 16];

/// The top 48 bits of a hash over id and content.
fn tie(event: &Event<'_>) -> u64 {
    let Numbers { value, numerator, denominator, percent } = event.numbers;
    let mut hash = Fnv1a::new();
    hash.text(&event.id);
    for number in [value, numerator, denominator, percent] {
        hash.bytes(&number.map_or(ABSENT, |amount: Amount| amount.micros().to_le_bytes()));
    }
    hash.bytes(&[u8::from(event.retracted)]);
    hash.text(event.qualifier.as_str());
    for (key, value) in &event.dimensions {
        hash.text(key);
        hash.text(value);
    }
    hash.0 >> 16
}

/// The 64-bit FNV-1a hash.
struct Fnv1a(u64);

impl Fnv1a {
    fn new() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&[END]);
    }
}

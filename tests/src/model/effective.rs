//! Records (contract section 2): which of the statements about one record counts in a cell.

use super::number::Micros;
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// What an event says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// Of a flow or a stock, in millionths.
    Value(Micros),
    /// The two parts of a ratio, in millionths.
    Parts {
        /// The part.
        numerator: Micros,
        /// The whole.
        denominator: Micros,
    },
    /// The percent alone, in millionths.
    Percent(Micros),
    /// The record is withdrawn.
    Retraction,
}

impl Measure {
    /// Value, numerator, denominator and percent, where given.
    fn numbers(self) -> [Option<Micros>; 4] {
        match self {
            Self::Value(value) => [Some(value), None, None, None],
            Self::Parts { numerator, denominator } => [None, Some(numerator), Some(denominator), None],
            Self::Percent(percent) => [None, None, None, Some(percent)],
            Self::Retraction => [None; 4],
        }
    }
}

/// What decides between the statements about one record; the greatest wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Version {
    /// As given.
    pub revision: u32,
    /// When the statement was made, in ms since 1970 UTC.
    pub time_ms: i64,
    /// 48 bits over id and content.
    pub tie: u64,
}

/// An accepted event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// Who states it.
    pub source: String,
    /// The identity of the fact within its source.
    pub record: String,
    /// What is counted.
    pub indicator: String,
    /// The id of the ward unit that bore the code on the day.
    pub unit: String,
    /// The local day.
    pub date: NaiveDate,
    /// Its place among the statements about the record.
    pub version: Version,
    /// The numbers.
    pub measure: Measure,
    /// `exact` or one of the other three.
    pub qualifier: String,
    /// By key, in byte order.
    pub dimensions: BTreeMap<String, String>,
}

/// The facts that count: of each record in one cell (indicator, unit, day) the greatest version, unless it is a
/// retraction. The order of the facts does not matter.
#[must_use]
pub fn effective(facts: &[Fact]) -> Vec<Fact> {
    let mut greatest: BTreeMap<_, &Fact> = BTreeMap::new();
    for fact in facts {
        let record_in_cell = (&fact.source, &fact.record, &fact.indicator, &fact.unit, fact.date);
        let best = greatest.entry(record_in_cell).or_insert(fact);
        if fact.version > best.version {
            *best = fact;
        }
    }
    greatest.into_values().filter(|fact| fact.measure != Measure::Retraction).cloned().collect()
}

/// The tie of contract section 2: the top 48 bits of FNV-1a over id and content.
pub(crate) fn tie(id: &str, measure: Measure, qualifier: &str, dimensions: &BTreeMap<String, String>) -> u64 {
    const END: u8 = 0x1F;
    let mut bytes = [id.as_bytes(), &[END]].concat();
    for number in measure.numbers() {
        // Millionths are never negative, so an absent number, all bits set, is none of them.
        bytes.extend(number.unwrap_or(-1).to_le_bytes());
    }
    bytes.push(u8::from(measure == Measure::Retraction));
    bytes.extend(qualifier.bytes().chain([END]));
    for (key, value) in dimensions {
        bytes.extend(key.bytes().chain([END]).chain(value.bytes()).chain([END]));
    }
    fnv_1a(&bytes) >> 16
}

/// The 64-bit FNV-1a hash.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_1a_gives_the_published_values() {
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}

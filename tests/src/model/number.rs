//! Exact numbers (contract section 1 and the end of section 3): taken from JSON by value, counted in millionths, shown
//! as plain decimals.

use super::json::{Document, Node};
use num_bigint::BigInt;
use std::cmp::Ordering;

/// A number in millionths: `1.5` is 1 500 000.
pub type Micros = i128;

/// One, in millionths.
pub(crate) const ONE: Micros = 1_000_000;

/// Exponents beyond this are cut: a message of 64 KiB has too few digits to make up for it.
const HUGE: i64 = 1_000_000_000;

/// A JSON number: `digits` without zeros at either end (none = zero) and the power of ten of the last of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Number {
    /// Takes a number apart that the JSON reader has let through.
    pub(crate) fn parse(spelled: &str) -> Self {
        let negative = spelled.starts_with('-');
        let (mantissa, exponent) = spelled.split_once(['e', 'E']).unwrap_or((spelled, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{}{fraction}", whole.trim_start_matches('-'));
        let digits = all.trim_start_matches('0').trim_end_matches('0').to_owned();
        let trailing = all.len() - all.trim_end_matches('0').len();
        Self { negative, digits, exponent: bounded(exponent) + length(trailing) - length(fraction.len()) }
    }

    fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// How many digits stand before the decimal mark; zero or less when the number is below 1.
    fn magnitude(&self) -> i64 {
        length(self.digits.len()) + self.exponent
    }

    /// Below zero; `-0` is not.
    pub(crate) fn is_negative(&self) -> bool {
        self.negative && !self.is_zero()
    }

    /// `n >= 10^18`, for a number that is not negative.
    pub(crate) fn is_out_of_range(&self) -> bool {
        !self.is_zero() && self.magnitude() > 18
    }

    /// `n > 100`, for a number that is not negative.
    pub(crate) fn exceeds_100(&self) -> bool {
        !self.is_zero() && (self.magnitude() > 3 || self.magnitude() == 3 && self.digits != "1")
    }

    /// More than 6 decimals are needed to write it.
    pub(crate) fn is_too_precise(&self) -> bool {
        !self.is_zero() && self.exponent < -6
    }

    /// The number in millionths; `None` where it is negative, out of range or too precise.
    pub(crate) fn micros(&self) -> Option<Micros> {
        if self.is_zero() {
            return Some(0);
        }
        if self.is_negative() || self.is_out_of_range() || self.is_too_precise() {
            return None;
        }
        let power = u32::try_from(self.exponent + 6).ok()?;
        Some(self.digits.parse::<Micros>().ok()? * 10_i128.pow(power))
    }
}

/// The exponent as an integer, cut at [`HUGE`] however long it is written.
fn bounded(exponent: &str) -> i64 {
    let magnitude = exponent.trim_start_matches(['+', '-']);
    let size = magnitude.bytes().fold(0, |n: i64, digit| (n * 10 + i64::from(digit - b'0')).min(HUGE));
    if exponent.starts_with('-') { -size } else { size }
}

fn length(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(HUGE)
}

/// Reads a number as the reference data spell it: a JSON number.
pub(crate) fn parse_micros(text: &str) -> Option<Micros> {
    let document = Document::read(text.as_bytes())?;
    match document.node(document.root()) {
        Node::Number(spelled) => Number::parse(spelled).micros(),
        _ => None,
    }
}

/// A plain decimal: `.` as the mark, no trailing zeros, no exponent (contract section 6).
pub(crate) fn plain(micros: Micros) -> String {
    let (whole, fraction) = (micros / ONE, micros % ONE);
    let text = format!("{whole}.{fraction:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The percent as it is shown: half up to 2 decimals, but never 100.00 for less than 100 and never 0.00 for more than 0
/// (end of contract section 3). `None` when the denominator is 0.
pub(crate) fn shown_percent(numerator: Micros, denominator: Micros) -> Option<String> {
    if denominator == 0 {
        return None;
    }
    let (n, d) = (BigInt::from(numerator), BigInt::from(denominator));
    let mut hundredths: BigInt = (&n * 20_000 + &d) / (&d * 2);
    if n < d {
        hundredths = hundredths.min(BigInt::from(9_999));
    }
    if numerator > 0 {
        hundredths = hundredths.max(BigInt::from(1));
    }
    let text = format!("{}.{:02}", &hundredths / 100, &hundredths % 100);
    Some(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

/// How the exact percent `100 * numerator / denominator` compares with a limit.
pub(crate) fn compare_percent(numerator: Micros, denominator: Micros, limit: Micros) -> Ordering {
    let percent_micros: BigInt = BigInt::from(numerator) * 100 * ONE;
    percent_micros.cmp(&(BigInt::from(limit) * denominator))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Number {
        Number::parse(text)
    }

    #[test]
    fn numbers_are_judged_by_value() {
        for (text, micros) in [
            ("1e2", 100 * ONE),
            ("1.50", 1_500_000),
            ("-0", 0),
            ("0e-400", 0),
            ("-0.00E+99999999999999999999", 0),
            ("1.0000000", ONE),
            ("1000000e-12", 1),
            ("0.000001", 1),
            ("1e0000000000000002", 100 * ONE),
            ("1E-00000000000003", 1000),
            ("999999999999999999.999999", 10_i128.pow(24) - 1),
        ] {
            assert_eq!(number(text).micros(), Some(micros), "{text}");
        }
        let zeros = "0".repeat(5000);
        assert_eq!(number(&format!("0.{zeros}1e5001")).micros(), Some(ONE));
        assert_eq!(number(&format!("1{zeros}e-5000")).micros(), Some(ONE));
    }

    #[test]
    fn bounds_are_exact() {
        assert!(number("1e18").is_out_of_range() && number("1e99999999999999999999").is_out_of_range());
        assert!(!number("999999999999999999.9999999").is_out_of_range(), "too precise, yet in range");
        assert!(number("999999999999999999.9999999").is_too_precise());
        assert!(number("1e-7").is_too_precise() && number("1e-99999999999999999999").is_too_precise());
        assert!(number("-1e-99999999999").is_negative() && !number("-0e5").is_negative());
        for (text, over) in [
            ("100", false),
            ("1e2", false),
            ("100.000", false),
            ("100.0000001", true),
            ("99.9999999", false),
            ("101", true),
            ("1000", true),
            ("0.5", false),
        ] {
            assert_eq!(number(text).exceeds_100(), over, "{text}");
        }
    }

    #[test]
    fn percents_are_shown_half_up_but_never_reach_a_bound_they_have_not() {
        for (n, d, shown) in [
            (67355, 76724, "87.79"),
            (4911, 5944, "82.62"),
            (99999, 100_000, "99.99"),
            (1, 1_000_000, "0.01"),
            (0, 5, "0"),
            (1, 1, "100"),
            (1, 8, "12.5"),
            (1, 800, "0.13"),
            (3, 2, "150"),
            (20_001, 20_000, "100.01"),
            (200_001, 200_000, "100"),
        ] {
            assert_eq!(shown_percent(n * ONE, d * ONE).as_deref(), Some(shown), "{n}/{d}");
        }
        assert_eq!(shown_percent(0, 0), None);
        assert_eq!(shown_percent(5, 0), None);
        let most = 10_i128.pow(37);
        assert_eq!(shown_percent(most - 1, most).as_deref(), Some("99.99"));
        assert_eq!(shown_percent(most, 1).unwrap(), format!("1{}", "0".repeat(39)));
        assert_eq!(compare_percent(most - 1, most, 100 * ONE), Ordering::Less);
    }

    #[test]
    fn plain_decimals_have_no_trailing_zeros() {
        for (micros, text) in [
            (0, "0"),
            (1, "0.000001"),
            (1_500_000, "1.5"),
            (100 * ONE, "100"),
            (10_i128.pow(24) - 1, "999999999999999999.999999"),
        ] {
            assert_eq!(plain(micros), text);
            assert_eq!(parse_micros(text), Some(micros));
        }
        assert_eq!(parse_micros("0x10"), None);
        assert_eq!(parse_micros("\"1\""), None);
    }

    proptest! {
        #[test]
        fn every_spelling_of_a_number_is_the_number(micros in 0..10_i128.pow(24), shift in -40_i64..40, zeros in 0_usize..9) {
            let spelled = format!("{micros}{}e{}", "0".repeat(zeros), -6 - i64::try_from(zeros).unwrap());
            prop_assert_eq!(number(&spelled).micros(), Some(micros));
            prop_assert_eq!(parse_micros(&plain(micros)), Some(micros));
            let shifted = format!("{}.{:06}e{shift}", micros / ONE, micros % ONE);
            let back = number(&shifted);
            prop_assert_eq!(back.exponent - shift, number(&plain(micros)).exponent);
        }
    }
}

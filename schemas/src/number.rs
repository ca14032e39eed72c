//! Numbers of facts: exact decimals in millionths, and JSON numbers judged by value.

use std::fmt;
use std::str::FromStr;

const MICROS: u128 = 1_000_000;
const DECIMALS: i64 = 6;
/// Numbers are below 10^18 (contract section 1), so this many digits stand before the point at most.
const WHOLE_DIGITS: i64 = 18;

/// A number of contract section 1, or a sum of them, exactly, in units of 10^-6.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Amount(i128);

impl Amount {
    /// The amount of that many millionths.
    pub const fn from_micros(micros: i128) -> Self {
        Self(micros)
    }

    /// How many millionths it is.
    pub const fn micros(self) -> i128 {
        self.0
    }
}

/// A plain decimal: `.` as the mark, no trailing zeros, no exponent (contract section 6).
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", size / MICROS)?;
        let fraction = size % MICROS;
        if fraction > 0 {
            let digits = format!("{fraction:06}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        Ok(())
    }
}

/// A text that is no [`Amount`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not a number: write digits, with `.` before at most 6 decimals, such as 87.79")]
pub struct NotAnAmount(String);

/// Reads a plain decimal of a CSV file: digits, perhaps with `-` before and a fraction after.
impl FromStr for Amount {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        plain(text).ok_or_else(|| NotAnAmount(text.to_owned()))
    }
}

fn plain(text: &str) -> Option<Amount> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').map_or((digits, "0"), |parts| parts);
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 6 {
        return None;
    }
    let micros = format!("{whole}{fraction:0<6}").parse::<i128>().ok()?;
    Some(Amount(sign * micros))
}

/// What the rules of contract section 1 look at in a JSON number, whatever its spelling.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reading {
    /// Below zero; minus zero is not.
    pub(crate) negative: bool,
    /// 10^18 or more away from zero; then the amount means nothing.
    pub(crate) too_great: bool,
    /// It has digits beyond the sixth decimal, which the amount leaves out.
    pub(crate) too_fine: bool,
    /// Its distance from zero, cut off after the sixth decimal.
    pub(crate) amount: Amount,
}

impl Reading {
    /// Reads `text`, which must be a number by the grammar of JSON.
    pub(crate) fn of_json(text: &str) -> Self {
        match ordinary(text) {
            Some(amount) => Self { negative: false, too_great: false, too_fine: false, amount },
            None => Self::of_any(text),
        }
    }

    fn of_any(text: &str) -> Self {
        let (minus, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = || whole.bytes().chain(fraction.bytes()).map(|b| b - b'0');

        let mut reading = Self { negative: false, too_great: false, too_fine: false, amount: Amount(0) };
        let Some(first) = digits().position(|digit| digit != 0) else {
            return reading;
        };
        reading.negative = minus;
        // The number is 0.ddd * 10^point, where ddd starts with the first digit that is not 0.
        let point = signed(whole.len()) - signed(first) + read_exponent(exponent);
        if point > WHOLE_DIGITS {
            reading.too_great = true;
            return reading;
        }
        let kept = usize::try_from(point + DECIMALS).unwrap_or(0);
        let micros =
            digits().skip(first).chain(std::iter::repeat(0)).take(kept).fold(0, |sum, digit| sum * 10 + i128::from(digit));
        reading.amount = Amount(micros);
        reading.too_fine = if point + DECIMALS < 0 { true } else { digits().skip(first + kept).any(|digit| digit != 0) };
        reading
    }

    /// Whether the number is greater than `limit`, its digits beyond the sixth decimal counted.
    pub(crate) fn exceeds(&self, limit: Amount) -> bool {
        !self.negative && (self.too_great || self.amount > limit || (self.amount == limit && self.too_fine))
    }
}

/// Reads the ordinary spelling, which keeps every rule: at most 18 digits, at most 6 of them after a point, nothing else.
fn ordinary(text: &str) -> Option<Amount> {
    if text.len() > 19 {
        return None;
    }
    let (mut number, mut digits, mut decimals) = (0_u64, 0_u32, None);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {
                number = number * 10 + u64::from(byte - b'0');
                digits += 1;
                decimals = decimals.map(|count| count + 1);
            }
            b'.' => decimals = Some(0),
            _ => return None,
        }
    }
    let missing = 6_u32.checked_sub(decimals.unwrap_or(0))?;
    (digits <= 18).then(|| Amount(i128::from(number) * i128::from(10_u32.pow(missing))))
}

/// An exponent that no message is long enough to outweigh stands for all greater ones.
const FAR: i64 = i64::MAX / 4;

fn read_exponent(text: &str) -> i64 {
    let beyond = if text.starts_with('-') { -FAR } else { FAR };
    text.parse::<i64>().map_or(beyond, |n| n.clamp(-FAR, FAR))
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(FAR)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use num_bigint::BigInt;
    use proptest::prelude::*;

    fn reading(text: &str) -> Reading {
        Reading::of_json(text)
    }

    #[test]
    fn spellings_of_one_value_read_the_same() {
        for text in ["100", "1e2", "1E+2", "100.0000000", "0.1e3", "1000e-1", "100000000000e-9"] {
            assert_eq!(reading(text), reading("100"), "{text}");
        }
        assert_eq!(reading("1000000e-12").amount, Amount::from_micros(1));
        assert_eq!(reading("1.0000000").amount, Amount::from_micros(1_000_000));
        assert!(!reading("1.0000000").too_fine);
    }

    #[test]
    fn zero_has_no_sign_and_no_exponent() {
        for text in ["0", "-0", "0.0", "0e-400", "-0E+99999999999999999999", "0e-99999999999999999999"] {
            assert_eq!(reading(text), reading("0"), "{text}");
        }
    }

    #[test]
    fn bounds_are_exact() {
        let greatest = reading("999999999999999999.999999");
        assert_eq!(greatest.amount.micros(), 999_999_999_999_999_999_999_999);
        assert!(!greatest.too_great && !greatest.too_fine);
        assert!(reading("1e18").too_great);
        assert!(reading("1000000000000000000").too_great);
        assert!(!reading("0.000001e23").too_great);
        assert!(reading("0.000001e24").too_great);
        assert!(reading("999999999999999999.9999999").too_fine);
        assert!(!reading("1e-6").too_fine);
        assert!(reading("1e-7").too_fine);
        assert!(reading("9e-7").too_fine);
        assert_eq!(reading("9e-7").amount, Amount::from_micros(0));
        assert!(reading("0.0000010000000000000000000000000000000000000000001").too_fine);
    }

    #[test]
    fn exponents_beyond_every_machine_number_keep_their_side() {
        assert!(reading("1e99999999999999999999").too_great);
        assert!(reading("1e-99999999999999999999").too_fine);
        assert!(reading("-1e99999999999999999999").negative);
        assert!(reading("-1e-99999999999999999999").negative);
        let long = format!("1{}", "0".repeat(5000));
        assert!(reading(&long).too_great);
        assert_eq!(reading(&format!("{long}e-5000")), reading("1"));
        assert_eq!(reading(&format!("0.{}1e5001", "0".repeat(5000))), reading("1"));
        assert!(reading("1e9223372036854775807").too_great);
        assert!(reading("1e-9223372036854775808").too_fine);
    }

    #[test]
    fn a_limit_is_exceeded_by_digits_that_the_amount_leaves_out() {
        let hundred = Amount::from_micros(100_000_000);
        assert!(!reading("100").exceeds(hundred));
        assert!(reading("100.0000000000001").exceeds(hundred));
        assert!(reading("1e400").exceeds(hundred));
        assert!(!reading("-1e400").exceeds(hundred));
        assert!(!reading("99.9999999").exceeds(hundred));
    }

    #[test]
    fn amounts_print_as_plain_decimals() {
        for (micros, shown) in [
            (0, "0"),
            (1, "0.000001"),
            (87_790_000, "87.79"),
            (-1_500_000, "-1.5"),
            (-1, "-0.000001"),
            (100_000_000, "100"),
            (i128::MIN, "-170141183460469231731687303715884.105728"),
        ] {
            assert_eq!(Amount::from_micros(micros).to_string(), shown);
        }
    }

    #[test]
    fn csv_fields_read_as_plain_decimals_only() {
        for (text, micros) in [("90", 90_000_000), ("99.5", 99_500_000), ("-0.000001", -1), ("1.0000000", 1_000_000)] {
            assert_eq!(text.parse(), Ok(Amount::from_micros(micros)), "{text}");
        }
        for text in
            ["", "-", ".5", "5.", "1e2", "+1", "1,5", " 1", "0.1234567", "1.2.3", "٣", "170141183460469231731687303715884.2"]
        {
            let error = text.parse::<Amount>().expect_err(text);
            assert!(error.to_string().contains(text));
        }
    }

    /// The same number by whole-number arithmetic without bounds: (millionths, rest).
    fn by_big_integers(text: &str) -> (BigInt, BigInt) {
        let lower = text.to_lowercase();
        let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: BigInt = format!("{whole}{fraction}").parse().unwrap();
        let power = exponent.parse::<i64>().unwrap() - i64::try_from(fraction.len()).unwrap() + 6;
        let scale = BigInt::from(10).pow(u32::try_from(power.unsigned_abs()).unwrap());
        if power >= 0 { (digits * scale, BigInt::ZERO) } else { (&digits / &scale, &digits % &scale) }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn reading_agrees_with_big_integers(text in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?") {
            let (micros, rest) = by_big_integers(&text);
            let got = reading(&text);
            prop_assert_eq!(got, Reading::of_any(&text));
            let limit = BigInt::from(10).pow(24);
            let size = BigInt::from(micros.magnitude().clone());
            prop_assert_eq!(got.negative, micros < BigInt::ZERO || rest < BigInt::ZERO);
            prop_assert_eq!(got.too_great, size >= limit);
            if !got.too_great {
                prop_assert_eq!(got.too_fine, rest != BigInt::ZERO);
                prop_assert_eq!(BigInt::from(got.amount.micros()), size);
            }
        }

        #[test]
        fn what_is_printed_reads_back(micros in any::<i128>()) {
            let amount = Amount::from_micros(micros);
            // The most negative one has no positive partner to read it through.
            prop_assume!(micros != i128::MIN);
            prop_assert_eq!(amount.to_string().parse::<Amount>(), Ok(amount));
        }
    }
}

//! Decimal numbers in cells: exact, with as many decimals as they have, in groups as the reader's country writes them.

use rust_xlsxwriter::{Format, FormatAlign, Worksheet, XlsxError};

/// A cell holds a binary number, which keeps any 15 digits.
const DIGITS_MAX: usize = 15;
/// Decimals that numbers of the contract have at most.
const DECIMALS_MAX: usize = 6;

/// Whether a cell can hold the number without rounding it.
pub(super) fn is_exact(number: &str) -> bool {
    let digits = number.bytes().filter(u8::is_ascii_digit).map(char::from).collect::<String>();
    let digits = digits.trim_start_matches('0');
    let digits = if number.contains('.') { digits } else { digits.trim_end_matches('0') };
    digits.len() <= DIGITS_MAX
}

/// Formats by number of decimals.
pub(super) struct Numbers {
    numbers: Vec<Format>,
    percents: Vec<Format>,
    text: Format,
}

impl Numbers {
    pub(super) fn new() -> Self {
        let zeros = |decimals: usize| if decimals == 0 { String::new() } else { format!(".{}", "0".repeat(decimals)) };
        let number = |decimals| Format::new().set_num_format(format!("#,##0{}", zeros(decimals)));
        let percent = |decimals: usize| Format::new().set_num_format(format!("#,##0{}%", zeros(decimals.max(2))));
        Self {
            numbers: (0..=DECIMALS_MAX).map(number).collect(),
            percents: (0..=DECIMALS_MAX).map(percent).collect(),
            text: Format::new().set_align(FormatAlign::Right),
        }
    }

    /// Writes the number at (row, column); as text if a cell would round it. Percents are fractions there.
    pub(super) fn write(&self, sheet: &mut Worksheet, at: (u32, u16), number: &str, percent: bool) -> Result<(), XlsxError> {
        let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len()).min(DECIMALS_MAX);
        // Two places further to the right, so that the nearest binary number is found once, not after a division.
        let scaled = if percent { format!("{number}e-2") } else { number.to_owned() };
        match scaled.parse::<f64>() {
            Ok(value) if is_exact(number) => {
                let formats = if percent { &self.percents } else { &self.numbers };
                sheet.write_number_with_format(at.0, at.1, value, &formats[decimals])?;
            }
            _ => {
                _ = sheet.write_string_with_format(
                    at.0,
                    at.1,
                    if percent { format!("{number}%") } else { number.to_owned() },
                    &self.text,
                )?
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_keeps_fifteen_digits() {
        for number in ["0", "0.000001", "123456789012345", "123456789.012345", "999999999999999000"] {
            assert!(is_exact(number), "{number}");
        }
        for number in ["1234567890123456", "123456789012345678", "1234567890.123456", "12345678901234567890.1"] {
            assert!(!is_exact(number), "{number}");
        }
    }
}

//! The many ways in which one number, one instant and one text can be written.

use super::dice::Dice;
use chrono::{DateTime, FixedOffset, SecondsFormat, Timelike};
use std::fmt::Write;

/// Seconds east of Greenwich, in Việt Nam at every date.
pub(crate) const LOCAL_SECONDS: i32 = 7 * 3600;

/// Offsets that senders may write, in minutes.
const OFFSETS: [i32; 9] = [0, 0, 330, 345, -300, -720, 840, 1439, -1439];

/// A plain decimal.
pub(crate) fn plain_number(micros: i128) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Any spelling of a number that is not negative.
pub(crate) fn any_number(micros: i128, dice: &mut Dice) -> String {
    if micros == 0 {
        let zeros = [
            "0",
            "-0",
            "0.0",
            "-0.000",
            "0e-400",
            "0E+99999999",
            "-0e99999999999999999999",
            "0.0e-99999999999999999999",
            "0.00000000000",
        ];
        return dice.pick(&zeros).to_owned();
    }
    let plain = plain_number(micros);
    let digits = micros.to_string();
    let some = usize::try_from(dice.between(1, 9)).unwrap_or(1);
    match dice.below(6) {
        0 if plain.contains('.') => format!("{plain}{}", "0".repeat(some)),
        0 => format!("{plain}.{}", "0".repeat(some)),
        1 => format!("{digits}{}", dice.pick(&["e-6", "E-6", "e-06", "E-006"])),
        2 => scientific(digits.trim_end_matches('0'), digits.len(), dice),
        3 => {
            let zeros = dice.pick(&[1_usize, 7, 30, 400]);
            format!("{digits}{}e-{}", "0".repeat(zeros), zeros + 6)
        }
        4 => {
            let zeros = dice.pick(&[1_usize, 7, 30, 400]);
            format!("0.{}{digits}e{}", "0".repeat(zeros), i64::try_from(zeros + digits.len()).unwrap_or(0) - 6)
        }
        _ => plain,
    }
}

/// One digit before the mark.
fn scientific(digits: &str, length: usize, dice: &mut Dice) -> String {
    let exponent = i64::try_from(length).unwrap_or(0) - 7;
    let mantissa = if digits.len() > 1 { format!("{}.{}", &digits[..1], &digits[1..]) } else { digits.to_owned() };
    let sign = if exponent < 0 { "-" } else { dice.pick(&["", "+"]) };
    format!("{mantissa}{}{sign}{}{}", dice.pick(&["e", "E"]), dice.pick(&["", "0", "000"]), exponent.abs())
}

/// The instant at local time, with as many digits as it needs.
pub(crate) fn plain_time(ms: i64) -> String {
    let fraction = if ms % 1000 == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
    at_offset(ms, LOCAL_SECONDS).to_rfc3339_opts(fraction, false)
}

/// Any spelling of an instant: other offsets, `Z` and `T` in lower case, more or fewer digits.
pub(crate) fn any_time(ms: i64, dice: &mut Dice) -> String {
    let offset = if dice.chance(0.5) { LOCAL_SECONDS } else { 60 * dice.pick(&OFFSETS) };
    let when = at_offset(ms, offset);
    let mut text = when.format("%Y-%m-%dT%H:%M:%S").to_string();
    let millis = when.nanosecond() / 1_000_000;
    let kept = match millis {
        0 if dice.chance(0.5) => 0,
        0 => 1,
        _ if millis.is_multiple_of(100) => 1,
        _ if millis.is_multiple_of(10) => 2,
        _ => 3,
    };
    if kept > 0 {
        text.push('.');
        text.push_str(&format!("{millis:03}")[..kept]);
        if dice.chance(0.5) {
            text.push_str(&"000"[..3 - kept]);
            // Digits beyond the millisecond are cut off, so they may be anything.
            text.push_str(dice.pick(&["", "9", "0001", "999999", "123456789012345678901234"]));
        }
    }
    match offset {
        0 => text.push_str(dice.pick(&["Z", "z", "+00:00", "-00:00"])),
        _ => text.push_str(&when.format("%:z").to_string()),
    }
    if dice.chance(0.2) { text.replace('T', "t") } else { text }
}

fn at_offset(ms: i64, seconds: i32) -> DateTime<FixedOffset> {
    let utc = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    match FixedOffset::east_opt(seconds) {
        Some(offset) => utc.with_timezone(&offset),
        None => utc.fixed_offset(),
    }
}

/// A JSON string with no more escapes than it needs.
pub(crate) fn plain_text(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => json.extend(['\\', letter]),
            '\0'..='\u{1f}' => push_escape(&mut json, letter),
            _ => json.push(letter),
        }
    }
    json.push('"');
    json
}

/// Any JSON spelling of a text.
pub(crate) fn any_text(text: &str, dice: &mut Dice) -> String {
    let often = dice.pick(&[0.0, 0.0, 0.2, 1.0]);
    let mut json = String::from('"');
    for letter in text.chars() {
        match letter {
            _ if dice.chance(often) => push_escape(&mut json, letter),
            '/' if dice.chance(0.5) => json.push_str("\\/"),
            '\t' => json.push_str("\\t"),
            '"' | '\\' => json.extend(['\\', letter]),
            '\0'..='\u{1f}' => push_escape(&mut json, letter),
            _ => json.push(letter),
        }
    }
    json.push('"');
    json
}

fn push_escape(json: &mut String, letter: char) {
    for unit in letter.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        let _ = write!(json, "\\u{unit:04x}");
    }
}

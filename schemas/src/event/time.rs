//! Days and times of events: `YYYY-MM-DD`, RFC 3339 with an offset, and local days at UTC+07:00.

use chrono::{Datelike, NaiveDate};

/// 2299-12-31T16:59:59.999Z, the last millisecond of 2299 in local time.
const LAST_MS: i64 = 10_413_766_799_999;
const MS_PER_DAY: i64 = 86_400_000;
/// Local is UTC+07:00 at every date (contract section 1).
const LOCAL_OFFSET_MS: i64 = 7 * 3_600_000;
/// 1970-01-01 in chrono's count of days.
const EPOCH_DAY: i64 = 719_163;

/// Milliseconds since 1970-01-01T00:00:00Z, digits beyond the millisecond cut off; `None` for anything but an
/// RFC 3339 time within the bounds of contract section 1.
pub(super) fn instant_ms(text: &str) -> Option<i64> {
    let (head, tail) = text.as_bytes().split_at_checked(19)?;
    let &[.., b'T' | b't', _, _, b':', _, _, b':', _, _] = head else {
        return None;
    };
    let day = day_number(date(&head[..10])?);
    let (hour, minute, second) = (below(24, &head[11..13])?, below(60, &head[14..16])?, below(60, &head[17..19])?);
    let (millis, zone) = fraction_ms(tail)?;
    let local_seconds = day * 86_400 + hour * 3_600 + minute * 60 + second;
    let ms = (local_seconds - offset_seconds(zone)?) * 1_000 + millis;
    (0..=LAST_MS).contains(&ms).then_some(ms)
}

/// The day that `YYYY-MM-DD` names, 0001-01-01..9999-12-31.
pub(super) fn date(text: &[u8]) -> Option<NaiveDate> {
    let &[_, _, _, _, b'-', _, _, b'-', _, _] = text else {
        return None;
    };
    let year = i32::try_from(number(&text[..4])?).ok()?;
    let month = u32::try_from(number(&text[5..7])?).ok()?;
    let day = u32::try_from(number(&text[8..])?).ok()?;
    NaiveDate::from_ymd_opt(year, month, day)
}

/// Days since 1970-01-01.
pub(super) fn day_number(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - EPOCH_DAY
}

/// The local day of that millisecond, in days since 1970-01-01.
pub(super) fn local_day_number(ms: i64) -> i64 {
    (ms + LOCAL_OFFSET_MS).div_euclid(MS_PER_DAY)
}

/// `.123456Z` as (123, `Z`); without a fraction (0, all of it).
fn fraction_ms(tail: &[u8]) -> Option<(i64, &[u8])> {
    let Some(after_point) = tail.strip_prefix(b".") else {
        return Some((0, tail));
    };
    let length = after_point.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, zone) = after_point.split_at(length);
    let tenths = |place: usize| digits.get(place).map_or(0, |b| i64::from(b - b'0'));
    (length > 0).then(|| (tenths(0) * 100 + tenths(1) * 10 + tenths(2), zone))
}

/// How far the zone `Z` or `+07:00` is ahead of UTC.
fn offset_seconds(zone: &[u8]) -> Option<i64> {
    if let b"Z" | b"z" = zone {
        return Some(0);
    }
    let &[sign @ (b'+' | b'-'), _, _, b':', _, _] = zone else {
        return None;
    };
    let size = below(24, &zone[1..3])? * 3_600 + below(60, &zone[4..])? * 60;
    Some(if sign == b'-' { -size } else { size })
}

fn below(limit: i64, digits: &[u8]) -> Option<i64> {
    number(digits).filter(|&n| n < limit)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use chrono::DateTime;
    use proptest::prelude::*;

    #[test]
    fn rfc_3339_in_every_spelling_that_the_contract_allows() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T07:00:00+07:00", 0),
            ("1969-12-31T23:59:00-00:01", 0),
            ("1970-01-01t00:00:00z", 0),
            ("1970-01-01T00:00:00.0009999Z", 0),
            ("1970-01-01T00:00:00.1Z", 100),
            ("1970-01-01T00:00:00.12-00:00", 120),
            ("2025-08-01T10:00:00.123456789z", 1_754_042_400_123),
            ("2024-02-29T23:59:59+23:59", 1_709_164_859_000),
            ("2299-12-31T16:59:59.999Z", LAST_MS),
            ("2299-12-31T23:59:59.999999+07:00", LAST_MS),
        ] {
            assert_eq!(instant_ms(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn everything_else_is_no_time() {
        for text in [
            "",
            "2025-08-01",
            "2025-08-01T10:00:00",
            "2025-08-01 10:00:00Z",
            "2025-08-01T10:00Z",
            "2025-08-01T10:00:00.Z",
            "2025-08-01T10:00:00,5Z",
            "2025-08-01T10:00:60Z",
            "2025-08-01T10:60:00Z",
            "2025-08-01T24:00:00Z",
            "2025-02-29T10:00:00Z",
            "2025-13-01T10:00:00Z",
            "2025-08-01T10:00:00+07:60",
            "2025-08-01T10:00:00+24:00",
            "2025-08-01T10:00:00+0700",
            "2025-08-01T10:00:00+07",
            "2025-08-01T10:00:00 Z",
            "2025-08-01T10:00:00Z ",
            "2025-08-01T10:00:00ZZ",
            "2025-08-01T1 :00:00Z",
            "2025-08-01T+1:00:00Z",
            "+025-08-01T10:00:00Z",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "1970-01-01T06:59:59+07:00",
            "1969-12-31T23:59:59.9999Z",
            "2299-12-31T17:00:00Z",
            "2300-01-01T00:00:00+07:00",
            "２０２５-08-01T10:00:00Z",
            "2025-08-01T10:00:0é",
        ] {
            assert_eq!(instant_ms(text), None, "{text}");
        }
    }

    #[test]
    fn dates_are_days_of_the_calendar() {
        assert_eq!(date(b"2024-02-29"), NaiveDate::from_ymd_opt(2024, 2, 29));
        for text in ["2025-02-29", "2025-00-01", "2025-1-01", "2025-01-1", "2025/01/01", "20250101", "2025-01-01T", "202a-01-01"]
        {
            assert_eq!(date(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_local_day_begins_at_17_hours_utc() {
        let at = |text| local_day_number(instant_ms(text).unwrap());
        let day = day_number(NaiveDate::from_ymd_opt(2025, 8, 1).unwrap());
        assert_eq!(at("2025-08-01T16:59:59.999Z"), day);
        assert_eq!(at("2025-08-01T17:00:00Z"), day + 1);
        assert_eq!(at("1970-01-01T00:00:00Z"), 0);
    }

    proptest! {
        #[test]
        fn times_agree_with_chrono(ms in 0..=LAST_MS, minutes in -1439..1440i32) {
            let zone = chrono::FixedOffset::east_opt(minutes * 60).unwrap();
            let text = DateTime::from_timestamp_millis(ms).unwrap().with_timezone(&zone).to_rfc3339();
            prop_assert_eq!(instant_ms(&text), Some(ms), "{}", text);
        }

        #[test]
        fn no_text_is_too_strange(text in "[0-9TtZz:.+ -]{0,40}|.{0,40}") {
            if let Some(ms) = instant_ms(&text) {
                let known = DateTime::parse_from_rfc3339(&text).unwrap();
                prop_assert_eq!(known.timestamp_millis(), ms);
            }
        }
    }
}

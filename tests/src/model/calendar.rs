//! The two calendars and their periods (contract section 4). All days are local days.

use chrono::{Days, Months, NaiveDate};
use std::fmt;

/// The last day of a month in the legal calendar: statutory administrative reports are cut off on the 14th.
const LEGAL_CUT_OFF: u32 = 14;

/// The labels of the periods that are kept, without their year.
const KEPT: [&str; 20] = [
    "M01", "M02", "M03", "M04", "M05", "M06", "M07", "M08", "M09", "M10", "M11", "M12", "Q1", "Q2", "Q3", "Q4", "H1", "H2", "9M",
    "Y",
];

/// Which months a period label means.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Calendar {
    /// Months as they are.
    Civil,
    /// Months that end on the cut-off day.
    Legal,
}

/// Both calendars, in the order of the output.
pub const CALENDARS: [Calendar; 2] = [Calendar::Civil, Calendar::Legal];

impl Calendar {
    /// The name in rows and options.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Civil => "civil",
            Self::Legal => "legal",
        }
    }

    /// The calendar of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        CALENDARS.into_iter().find(|calendar| calendar.name() == name)
    }

    /// The last day of a month; `None` = the last that the month has.
    pub(crate) fn cut_off_day(self) -> Option<u32> {
        match self {
            Self::Civil => None,
            Self::Legal => Some(LEGAL_CUT_OFF),
        }
    }

    /// The days of one month of a year.
    fn month(self, year: i32, month: u32) -> Option<(NaiveDate, NaiveDate)> {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?;
        Some(match self.cut_off_day() {
            None => (first, first + Months::new(1) - Days::new(1)),
            Some(cut_off) => {
                let end = NaiveDate::from_ymd_opt(year, month, cut_off)?;
                (end - Months::new(1) + Days::new(1), end)
            }
        })
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// A named range of days in a calendar, both ends included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Period {
    /// Whose months are meant.
    pub calendar: Calendar,
    /// The period id, as `2025-Q3`, `2025-10-09` or `2025-07-01..2025-10-09`.
    pub id: String,
    /// First day.
    pub start: NaiveDate,
    /// Last day.
    pub end: NaiveDate,
}

impl Period {
    /// The period of that id; `None` when the id names none.
    #[must_use]
    pub fn parse(calendar: Calendar, id: &str) -> Option<Self> {
        let (start, end) = if let Some((start, end)) = id.split_once("..") {
            (parse_date(start)?, parse_date(end)?)
        } else if let Some(day) = parse_date(id) {
            (day, day)
        } else {
            labelled(calendar, id)?
        };
        (start <= end).then(|| Self { calendar, id: id.to_owned(), start, end })
    }

    /// The label without its year, as `Q3`; `None` for days and free ranges.
    #[must_use]
    pub fn label(&self) -> Option<&'static str> {
        let (_, label) = self.id.split_once('-')?;
        KEPT.into_iter().find(|kept| *kept == label)
    }
}

/// A label's year is the year of its last day; it reaches from its first month to its last.
fn labelled(calendar: Calendar, id: &str) -> Option<(NaiveDate, NaiveDate)> {
    let (year, label) = id.split_once('-')?;
    if year.len() != 4 || !year.bytes().all(|b| b.is_ascii_digit()) || !KEPT.contains(&label) {
        return None;
    }
    let number = label[1..].parse().unwrap_or(0);
    let (first, last) = match label.chars().next()? {
        'M' => (number, number),
        'Q' => (3 * number - 2, 3 * number),
        'H' => (6 * number - 5, 6 * number),
        '9' => (1, 9),
        _ => (1, 12),
    };
    let year = year.parse().ok()?;
    Some((calendar.month(year, first)?.0, calendar.month(year, last)?.1))
}

/// Reads `YYYY-MM-DD`, four digits and two and two, a day that exists.
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    let digits = |part: &str, length: usize| -> Option<u32> {
        (part.len() == length && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
    };
    let mut parts = text.split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    if parts.next().is_some() {
        return None;
    }
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// The ids that `chiso.rollups` keeps on the local date `today`: months, quarters, halves, nine-months and years that
/// have begun and do not end before the first fact; ordered by their days.
#[must_use]
pub fn kept_periods(calendar: Calendar, today: NaiveDate, first_fact: NaiveDate) -> Vec<String> {
    use chrono::Datelike;
    let mut kept: Vec<Period> = (first_fact.year()..=today.year() + 1)
        .flat_map(|year| KEPT.map(|label| format!("{year:04}-{label}")))
        .filter_map(|id| Period::parse(calendar, &id))
        .filter(|period| period.start <= today && period.end >= first_fact)
        .collect();
    kept.sort_by(|a, b| (a.start, a.end, &a.id).cmp(&(b.start, b.end, &b.id)));
    kept.into_iter().map(|period| period.id).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chrono::Datelike;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn days(calendar: Calendar, id: &str) -> String {
        let period = Period::parse(calendar, id).unwrap();
        format!("{}..{}", period.start, period.end)
    }

    #[test]
    fn labels_mean_the_days_of_the_contract() {
        use Calendar::{Civil, Legal};
        for (id, civil, legal) in [
            ("2025-10-09", "2025-10-09..2025-10-09", "2025-10-09..2025-10-09"),
            ("2025-M07", "2025-07-01..2025-07-31", "2025-06-15..2025-07-14"),
            ("2025-M01", "2025-01-01..2025-01-31", "2024-12-15..2025-01-14"),
            ("2024-M02", "2024-02-01..2024-02-29", "2024-01-15..2024-02-14"),
            ("2024-M03", "2024-03-01..2024-03-31", "2024-02-15..2024-03-14"),
            ("2025-Q3", "2025-07-01..2025-09-30", "2025-06-15..2025-09-14"),
            ("2025-Q1", "2025-01-01..2025-03-31", "2024-12-15..2025-03-14"),
            ("2025-H1", "2025-01-01..2025-06-30", "2024-12-15..2025-06-14"),
            ("2025-H2", "2025-07-01..2025-12-31", "2025-06-15..2025-12-14"),
            ("2025-9M", "2025-01-01..2025-09-30", "2024-12-15..2025-09-14"),
            ("2025-Y", "2025-01-01..2025-12-31", "2024-12-15..2025-12-14"),
            ("2025-07-01..2025-10-09", "2025-07-01..2025-10-09", "2025-07-01..2025-10-09"),
        ] {
            assert_eq!((days(Civil, id), days(Legal, id)), (civil.to_owned(), legal.to_owned()), "{id}");
        }
        assert_eq!(days(Legal, "2023-H1"), "2022-12-15..2023-06-14");
    }

    #[test]
    fn other_ids_name_no_period() {
        for id in [
            "",
            "2025",
            "2025-M00",
            "2025-M13",
            "2025-M7",
            "2025-Q5",
            "2025-H3",
            "2025-H",
            "25-Y",
            "2025-02-30",
            "2025-2-3",
            "2025-10-09..2025-10-08",
            "2025-M07..2025-M08",
            "2025-y",
            "+025-Y",
        ] {
            assert_eq!(Period::parse(Calendar::Civil, id), None, "{id}");
        }
    }

    #[test]
    fn kept_periods_have_begun_and_are_not_older_than_the_first_fact() {
        let day = |text| parse_date(text).unwrap();
        let civil = kept_periods(Calendar::Civil, day("2025-07-01"), day("2025-05-31"));
        let expected = ["2025-H1", "2025-9M", "2025-Y", "2025-Q2", "2025-M05", "2025-M06", "2025-M07", "2025-Q3", "2025-H2"];
        assert_eq!(civil.iter().collect::<BTreeSet<_>>(), expected.map(str::to_owned).iter().collect());
        assert_eq!(civil[..3], expected[..3], "ordered by first and last day");
        let before = kept_periods(Calendar::Legal, day("2025-12-14"), day("2025-12-01"));
        let after = kept_periods(Calendar::Legal, day("2025-12-15"), day("2025-12-01"));
        assert!(!before.iter().any(|id| id.starts_with("2026")), "{before:?}");
        for id in ["2026-M01", "2026-Q1", "2026-H1", "2026-9M", "2026-Y"] {
            assert!(after.contains(&id.to_owned()), "{id} begins on 15 December");
        }
        assert!(kept_periods(Calendar::Legal, day("2025-01-14"), day("2024-12-15"))[0] == "2025-M01");
    }

    proptest! {
        #[test]
        fn months_tile_quarters_halves_nine_months_and_years(year in 1901_i32..2298, legal: bool) {
            let calendar = if legal { Calendar::Legal } else { Calendar::Civil };
            let period = |label: &str| Period::parse(calendar, &format!("{year}-{label}")).unwrap();
            let months: Vec<Period> = (1..=12).map(|m| period(&format!("M{m:02}"))).collect();
            for pair in months.windows(2) {
                prop_assert_eq!(pair[0].end + Days::new(1), pair[1].start);
            }
            let before = Period::parse(calendar, &format!("{}-M12", year - 1)).unwrap();
            prop_assert_eq!(before.end + Days::new(1), months[0].start);
            for (label, first, last) in [("Q1", 0, 2), ("Q2", 3, 5), ("Q3", 6, 8), ("Q4", 9, 11), ("H1", 0, 5), ("H2", 6, 11), ("9M", 0, 8), ("Y", 0, 11)] {
                let whole = period(label);
                prop_assert_eq!((whole.start, whole.end), (months[first].start, months[last].end), "{}", label);
            }
            for month in &months {
                prop_assert_eq!(month.end.year(), year, "a label's year is the year of its last day");
            }
        }
    }
}

//! Calendars and periods: named ranges of local days (contract section 4).

use std::fmt;

use chrono::{Datelike, Days, Months, NaiveDate};

/// The two calendars of section 4.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CalendarId {
    /// Calendar months, as in official statistics (NĐ 60/2018).
    Civil,
    /// Statutory administrative reports: a period ends on the cut-off day (NĐ 09/2019).
    Legal,
}

impl CalendarId {
    /// Both calendars, in the order of the output.
    pub const ALL: [Self; 2] = [Self::Civil, Self::Legal];

    /// The id that stands in files, tables and commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Civil => "civil",
            Self::Legal => "legal",
        }
    }

    /// The calendar with that id, if there is one.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|calendar| calendar.as_str() == id)
    }
}

impl fmt::Display for CalendarId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A calendar with its cut-off, which is data (`calendars.csv`), not code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Calendar {
    /// Which of the two it is.
    pub id: CalendarId,
    cut_off_day: Option<u32>,
}

/// What kind of period a label names; the first part of a target's period pattern (section 7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PeriodKind {
    /// One day.
    Day,
    /// A month, 1..=12.
    Month(u32),
    /// A quarter, 1..=4.
    Quarter(u32),
    /// A half year, 1..=2.
    Half(u32),
    /// The first nine months of a year.
    NineMonths,
    /// A year.
    Year,
    /// Any other range of days.
    Range,
}

/// A period of one calendar: its label and its days, both ends included.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Period {
    /// The calendar that it belongs to.
    pub calendar: CalendarId,
    /// Its label as in section 4: `2025-M07`, `2025-10-09`, `2025-07-01..2025-10-09`.
    pub id: String,
    /// What kind it is.
    pub kind: PeriodKind,
    /// Its first day.
    pub start: NaiveDate,
    /// Its last day.
    pub end: NaiveDate,
}

/// A period label that names no period.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "period {0:?} is not a period: use YYYY-M01..M12, YYYY-Q1..Q4, YYYY-H1, YYYY-H2, YYYY-9M, YYYY-Y, a day YYYY-MM-DD, or a range \
     YYYY-MM-DD..YYYY-MM-DD with the earlier day first, between 1900-01-01 and 2299-12-31"
)]
pub struct PeriodError(pub String);

impl Calendar {
    /// A calendar whose months end on `cut_off_day` (1..=28), or with the month if there is none.
    ///
    /// Returns `None` for a cut-off that not every month has.
    pub fn new(id: CalendarId, cut_off_day: Option<u32>) -> Option<Self> {
        cut_off_day.is_none_or(|day| (1..=28).contains(&day)).then_some(Self { id, cut_off_day })
    }

    /// The period with this label.
    ///
    /// # Errors
    /// The label is not one of section 4, or leaves the range of dates that events may have.
    pub fn period(&self, label: &str) -> Result<Period, PeriodError> {
        let wrong = || PeriodError(label.to_owned());
        let (kind, start, end) = match label.split_once("..") {
            Some((first, last)) => (PeriodKind::Range, day(first).ok_or_else(wrong)?, day(last).ok_or_else(wrong)?),
            None => match day(label) {
                Some(date) => (PeriodKind::Day, date, date),
                None => {
                    let (year, kind) = label.split_once('-').ok_or_else(wrong)?;
                    let kind = PeriodKind::from_label(kind).ok_or_else(wrong)?;
                    let year = year_number(year).ok_or_else(wrong)?;
                    let (start, end) = self.days(year, kind).ok_or_else(wrong)?;
                    (kind, start, end)
                }
            },
        };
        if start > end {
            return Err(wrong());
        }
        Ok(Period { calendar: self.id, id: label.to_owned(), kind, start, end })
    }

    /// The periods that `chiso.rollups` keeps: months, quarters, halves, nine months and years that have begun by
    /// `today` and do not end before `first_fact`, in the order of the output.
    pub fn kept(&self, first_fact: NaiveDate, today: NaiveDate) -> Vec<Period> {
        let mut periods: Vec<Period> = (first_fact.year()..=today.year() + 1)
            .flat_map(|year| PeriodKind::kept().map(move |kind| (year, kind)))
            .filter_map(|(year, kind)| {
                let (start, end) = self.days(year, kind)?;
                let id = format!("{year:04}-{}", kind.label());
                Some(Period { calendar: self.id, id, kind, start, end })
            })
            .filter(|period| period.start <= today && period.end >= first_fact)
            .collect();
        periods.sort_by(|a, b| (a.start, a.end, &a.id).cmp(&(b.start, b.end, &b.id)));
        periods
    }

    /// First and last day of a named period; `None` beyond the dates that can be written.
    fn days(&self, year: i32, kind: PeriodKind) -> Option<(NaiveDate, NaiveDate)> {
        let (first, last) = kind.months()?;
        Some((self.month_start(year, first)?, self.month_end(year, last)?))
    }

    fn month_end(&self, year: i32, month: u32) -> Option<NaiveDate> {
        match self.cut_off_day {
            Some(cut_off) => NaiveDate::from_ymd_opt(year, month, cut_off),
            None => NaiveDate::from_ymd_opt(year, month, 1)?.checked_add_months(Months::new(1))?.pred_opt(),
        }
    }

    fn month_start(&self, year: i32, month: u32) -> Option<NaiveDate> {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?;
        match self.cut_off_day {
            Some(cut_off) => first.checked_sub_months(Months::new(1))?.checked_add_days(Days::new(u64::from(cut_off))),
            None => Some(first),
        }
    }
}

impl PeriodKind {
    /// The part of the label after the year, which is also the period pattern of a target: `M07`, `9M`; days and
    /// ranges have none.
    pub fn label(self) -> String {
        match self {
            Self::Month(n) => format!("M{n:02}"),
            Self::Quarter(n) => format!("Q{n}"),
            Self::Half(n) => format!("H{n}"),
            Self::NineMonths => "9M".to_owned(),
            Self::Year => "Y".to_owned(),
            Self::Day | Self::Range => String::new(),
        }
    }

    fn from_label(label: &str) -> Option<Self> {
        Self::kept().find(|kind| kind.label() == label)
    }

    fn kept() -> impl Iterator<Item = Self> {
        (1..=12)
            .map(Self::Month)
            .chain((1..=4).map(Self::Quarter))
            .chain((1..=2).map(Self::Half))
            .chain([Self::NineMonths, Self::Year])
    }

    /// First and last month of the label's year.
    fn months(self) -> Option<(u32, u32)> {
        match self {
            Self::Month(n) => Some((n, n)),
            Self::Quarter(n) => Some((3 * n - 2, 3 * n)),
            Self::Half(n) => Some((6 * n - 5, 6 * n)),
            Self::NineMonths => Some((1, 9)),
            Self::Year => Some((1, 12)),
            Self::Day | Self::Range => None,
        }
    }
}

impl Period {
    /// The period patterns of targets that name this period, the most specific first (section 7): its id, its type
    /// (`M01` before `M`), `*`.
    pub fn target_patterns(&self) -> Vec<String> {
        let mut patterns = vec![self.id.clone()];
        let label = self.kind.label();
        if !label.is_empty() {
            patterns.push(label);
        }
        match self.kind {
            PeriodKind::Month(_) => patterns.push("M".to_owned()),
            PeriodKind::Quarter(_) => patterns.push("Q".to_owned()),
            _ => {}
        }
        patterns.push("*".to_owned());
        patterns
    }
}

/// A day as events and labels write it, `YYYY-MM-DD` from 1900-01-01 to 2299-12-31 (contract section 1).
pub fn day(text: &str) -> Option<NaiveDate> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let number = |from: usize, to: usize| {
        bytes[from..to].iter().try_fold(0u32, |n, b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
    };
    let year = number(0, 4).filter(|year| (1900..=2299).contains(year))?;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, number(5, 7)?, number(8, 10)?)
}

fn year_number(text: &str) -> Option<i32> {
    let digits = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|year| digits && (1900..=2299).contains(year))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn calendar(id: CalendarId) -> Calendar {
        Calendar::new(id, (id == CalendarId::Legal).then_some(14)).unwrap()
    }

    fn days(id: CalendarId, label: &str) -> (String, String) {
        let period = calendar(id).period(label).unwrap();
        (period.start.to_string(), period.end.to_string())
    }

    #[test]
    fn labels_name_the_days_of_section_4() {
        use CalendarId::{Civil, Legal};
        for (id, label, start, end) in [
            (Civil, "2025-10-09", "2025-10-09", "2025-10-09"),
            (Civil, "2025-M07", "2025-07-01", "2025-07-31"),
            (Civil, "2024-M02", "2024-02-01", "2024-02-29"),
            (Civil, "2025-Q3", "2025-07-01", "2025-09-30"),
            (Civil, "2025-9M", "2025-01-01", "2025-09-30"),
            (Civil, "2025-Y", "2025-01-01", "2025-12-31"),
            (Legal, "2025-M07", "2025-06-15", "2025-07-14"),
            (Legal, "2025-M01", "2024-12-15", "2025-01-14"),
            (Legal, "2025-Q3", "2025-06-15", "2025-09-14"),
            (Legal, "2025-H1", "2024-12-15", "2025-06-14"),
            (Legal, "2025-H2", "2025-06-15", "2025-12-14"),
            (Legal, "2025-9M", "2024-12-15", "2025-09-14"),
            (Legal, "2025-Y", "2024-12-15", "2025-12-14"),
            (Legal, "2025-07-01..2025-10-09", "2025-07-01", "2025-10-09"),
        ] {
            assert_eq!(days(id, label), (start.to_owned(), end.to_owned()), "{id} {label}");
        }
    }

    #[test]
    fn other_labels_are_refused() {
        for label in [
            "",
            "2025",
            "2025-M13",
            "2025-M00",
            "2025-M1",
            "2025-Q5",
            "2025-H3",
            "25-Y",
            "+025-Y",
            "2025-02-29",
            "2025-1-01",
            "2025-07-02..2025-07-01",
            "2025-07-01..",
            "1899-12-31",
            "2300-01-01",
            "2025-y",
        ] {
            assert!(calendar(CalendarId::Legal).period(label).is_err(), "{label}");
        }
    }

    #[test]
    fn a_cut_off_that_february_lacks_is_no_calendar() {
        assert!(Calendar::new(CalendarId::Legal, Some(29)).is_none());
        assert!(Calendar::new(CalendarId::Legal, Some(0)).is_none());
    }

    #[test]
    fn kept_periods_have_begun_and_hold_facts() {
        let date = |text| day(text).unwrap();
        let ids = |id: CalendarId, today| -> Vec<String> {
            calendar(id).kept(date("2025-11-20"), date(today)).into_iter().map(|period| period.id).collect()
        };
        assert_eq!(ids(CalendarId::Civil, "2025-12-31"), ["2025-Y", "2025-H2", "2025-Q4", "2025-M11", "2025-M12"]);
        assert_eq!(ids(CalendarId::Legal, "2025-12-14"), ["2025-Y", "2025-H2", "2025-Q4", "2025-M12"]);
        let begun = ids(CalendarId::Legal, "2025-12-15");
        assert!(
            ["2026-M01", "2026-Q1", "2026-H1", "2026-9M", "2026-Y"].iter().all(|id| begun.iter().any(|b| b == id)),
            "{begun:?}"
        );
    }

    #[test]
    fn target_patterns_go_from_the_id_to_the_star() {
        let patterns = |label: &str| calendar(CalendarId::Civil).period(label).unwrap().target_patterns();
        assert_eq!(patterns("2025-M07"), ["2025-M07", "M07", "M", "*"]);
        assert_eq!(patterns("2025-H2"), ["2025-H2", "H2", "*"]);
        assert_eq!(patterns("2025-07-01"), ["2025-07-01", "*"]);
    }

    proptest! {
        #[test]
        fn months_tile_every_longer_period(year in 1901i32..2299, legal: bool) {
            let calendar = calendar(if legal { CalendarId::Legal } else { CalendarId::Civil });
            let of = |label: &str| calendar.period(&format!("{year}-{label}")).unwrap();
            for n in 2..=12 {
                prop_assert_eq!(of(&format!("M{n:02}")).start, of(&format!("M{:02}", n - 1)).end.succ_opt().unwrap());
            }
            for (long, first, last) in [("Q1", 1, 3), ("Q2", 4, 6), ("Q3", 7, 9), ("Q4", 10, 12), ("H1", 1, 6), ("H2", 7, 12), ("9M", 1, 9), ("Y", 1, 12)] {
                prop_assert_eq!(of(long).start, of(&format!("M{first:02}")).start);
                prop_assert_eq!(of(long).end, of(&format!("M{last:02}")).end);
            }
            prop_assert_eq!(of("Y").end.year(), year);
            let next = calendar.period(&format!("{}-Y", year + 1));
            if let Ok(next) = next { prop_assert_eq!(next.start, of("Y").end.succ_opt().unwrap()) }
        }

        #[test]
        fn a_day_reads_back_as_written(days in 0i64..146_097) {
            let date = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap() + chrono::Duration::days(days);
            prop_assert_eq!(day(&date.to_string()), Some(date));
        }
    }
}

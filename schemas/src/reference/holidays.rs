//! Reads `holidays.csv`: which days are no working days, so that a report falls due on one (contract section 8).

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, Weekday};
use rustc_hash::FxHashMap;

use super::faults::Faults;
use super::files::File;
use super::table::{self, Header, Row};
use crate::calendar::day;

const HEADER: Header = Header { required: &["day", "kind", "name_vi", "basis"], optional: &[] };

/// What a day of the file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// A holiday, or a day off for one that fell on a weekend.
    Off,
    /// A day of a weekend on which people work, for another one off.
    Working,
}

/// Days on which offices are closed. A week has five working days (decision 188/1999/QĐ-TTg).
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Holidays {
    /// Month and day of every year.
    yearly: Vec<(u32, u32)>,
    single: BTreeMap<NaiveDate, Kind>,
}

impl Holidays {
    /// Whether offices work on that day. Of a day of one year its line decides, then the holidays of every year, then the week.
    pub fn is_working(&self, day: NaiveDate) -> bool {
        match self.single.get(&day) {
            Some(kind) => *kind == Kind::Working,
            None if self.yearly.contains(&(day.month(), day.day())) => false,
            None => !matches!(day.weekday(), Weekday::Sat | Weekday::Sun),
        }
    }

    /// The n-th working day after a day; `None` beyond the days that can be written.
    pub fn working_day_after(&self, day: NaiveDate, n: u32) -> Option<NaiveDate> {
        let mut found = day;
        for _ in 0..n {
            found = found.succ_opt()?;
            while !self.is_working(found) {
                found = found.succ_opt()?;
            }
        }
        Some(found)
    }
}

/// Reads the days; lines with a fault are missing from them.
pub(super) fn read(text: &str, faults: &mut Faults) -> Holidays {
    let mut holidays = Holidays::default();
    let Some(rows) = table::read(File::Holidays, text, &HEADER, faults) else { return holidays };
    let mut lines: FxHashMap<&str, u64> = FxHashMap::default();
    for row in rows.iter().filter(|row| row.sound) {
        let written = row.get("day");
        if let Some(line) = lines.insert(written, row.place.line) {
            faults.add(row.place, format!("day {written}: stands in line {line} already; remove one"));
        }
        let kind = row.choose("kind", &[("off", Kind::Off), ("working", Kind::Working)], faults);
        for column in ["name_vi", "basis"] {
            row.require(column, faults);
        }
        add(&mut holidays, row, kind, faults);
    }
    holidays
}

fn add(holidays: &mut Holidays, row: &Row, kind: Option<Kind>, faults: &mut Faults) {
    let written = row.get("day");
    match (day(written), day(&format!("2000-{written}"))) {
        (Some(day), _) => holidays.single.extend(kind.map(|kind| (day, kind))),
        (None, Some(day)) if kind == Some(Kind::Working) => {
            faults.add(
                row.place,
                format!("day {written}: people work on a weekend in one year only; write {}-{written}", day.year()),
            );
        }
        (None, Some(day)) => holidays.yearly.push((day.month(), day.day())),
        (None, None) => {
            let rule = "must be a day such as 2026-02-17, or the month and day of every year such as 09-02";
            faults.add(row.place, format!("day {written:?}: {rule}"));
        }
    }
}

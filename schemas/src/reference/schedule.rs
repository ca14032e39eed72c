//! Reads `report-schedule.csv`: which reports are closed by themselves, and when each falls due (contract section 8).

use std::cmp::Reverse;

use chrono::{DateTime, Days, FixedOffset, NaiveDate, NaiveTime, Utc};
use rustc_hash::FxHashMap;

use super::faults::Faults;
use super::files::File;
use super::holidays::Holidays;
use super::sources::list;
use super::table::{self, Header, Row};
use super::targets::specificity;
use super::units::Level;
use crate::calendar::{Calendar, CalendarId, Period, PeriodKind, day};

/// Asia/Ho_Chi_Minh is UTC+07:00 at every date (contract section 1).
const LOCAL_SECONDS: i32 = 7 * 3600;
/// Days of grace at most.
const GRACE_DAYS_MAX: u32 = 366;

/// How the days of grace are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum GraceDays {
    Calendar,
    Working,
}

/// When the reports of some periods and levels fall due.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Rule {
    calendar: CalendarId,
    /// One of [`Period::target_patterns`].
    period: String,
    levels: Vec<Level>,
    grace: u32,
    grace_days: GraceDays,
    time: NaiveTime,
    /// Periods that end earlier do not follow this rule.
    from: NaiveDate,
}

/// The schedule of reports, with the days off that it counts around.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ReportSchedule {
    rules: Vec<Rule>,
    holidays: Holidays,
}

impl ReportSchedule {
    /// When the report of a period falls due for the areas of a level; `None` if it is not closed by itself. An id goes before
    /// a type, `M01` before `M`, any of them before `*`; of the rules in force at the period's end the latest applies.
    pub fn due(&self, period: &Period, level: Level) -> Option<DateTime<Utc>> {
        let patterns = period.target_patterns();
        let applies = |rule: &&Rule| rule.calendar == period.calendar && rule.levels.contains(&level) && rule.from <= period.end;
        let ranked = self.rules.iter().filter(applies).filter_map(|rule| {
            let rank = patterns.iter().position(|pattern| *pattern == rule.period)?;
            Some(((rank, Reverse(rule.from)), rule))
        });
        let (_, rule) = ranked.min_by_key(|(rank, _)| *rank)?;
        let day = match rule.grace_days {
            GraceDays::Calendar => period.end.checked_add_days(Days::new(u64::from(rule.grace)))?,
            GraceDays::Working => self.holidays.working_day_after(period.end, rule.grace)?,
        };
        local_moment(day, rule.time)
    }

    /// The first day on which a scheduled period of this calendar may end; `None` if none is scheduled.
    pub fn first_end(&self, calendar: CalendarId) -> Option<NaiveDate> {
        self.rules.iter().filter(|rule| rule.calendar == calendar).map(|rule| rule.from).min()
    }
}

/// The moment of a local day and time.
pub fn local_moment(day: NaiveDate, time: NaiveTime) -> Option<DateTime<Utc>> {
    let local = day.and_time(time).and_local_timezone(FixedOffset::east_opt(LOCAL_SECONDS)?);
    Some(local.single()?.to_utc())
}

const HEADER: Header =
    Header { required: &["calendar", "period", "levels", "grace", "grace_days", "time", "from", "name_vi"], optional: &[] };

/// Reads the schedule; lines with a fault are missing from it.
pub(super) fn read(text: &str, calendars: &[Calendar], holidays: Holidays, faults: &mut Faults) -> ReportSchedule {
    let mut rules = Vec::new();
    let mut lines: FxHashMap<(CalendarId, String, Level, NaiveDate), u64> = FxHashMap::default();
    for row in table::read(File::Schedule, text, &HEADER, faults).iter().flatten().filter(|row| row.sound) {
        let Some(rule) = rule(row, calendars, faults) else { continue };
        for level in &rule.levels {
            let key = (rule.calendar, rule.period.clone(), *level, rule.from);
            if let Some(line) = lines.insert(key, row.place.line) {
                let what = format!("{} {}, {level}, from {}", rule.calendar, rule.period, rule.from);
                faults.add(row.place, format!("schedule of {what}: stands in line {line} already; remove one"));
            }
        }
        rules.push(rule);
    }
    ReportSchedule { rules, holidays }
}

fn rule(row: &Row, calendars: &[Calendar], faults: &mut Faults) -> Option<Rule> {
    let calendar = row.choose("calendar", &CalendarId::ALL.map(|id| (id.as_str(), id)), faults);
    let period = period(row, calendars, faults);
    let levels = levels(row, faults);
    let grace = row.get("grace").parse().ok().filter(|grace| (1..=GRACE_DAYS_MAX).contains(grace));
    if grace.is_none() {
        faults.add(row.place, format!("grace {:?}: must be a number of days from 1 to {GRACE_DAYS_MAX}", row.get("grace")));
    }
    let words = [("calendar", GraceDays::Calendar), ("working", GraceDays::Working)];
    let grace_days = row.choose("grace_days", &words, faults);
    let time =
        Some(row.get("time")).filter(|text| text.len() == 5).and_then(|text| NaiveTime::parse_from_str(text, "%H:%M").ok());
    if time.is_none() {
        faults.add(row.place, format!("time {:?}: must be a local time such as 16:00", row.get("time")));
    }
    let from = day(row.get("from"));
    if from.is_none() {
        faults.add(
            row.place,
            format!("from {:?}: must be a day such as 2026-12-14, the first period end that follows this", row.get("from")),
        );
    }
    row.require("name_vi", faults)?;
    Some(Rule {
        calendar: calendar?,
        period: period?,
        levels: levels?,
        grace: grace?,
        grace_days: grace_days?,
        time: time?,
        from: from?,
    })
}

/// A period pattern of targets, but for days and ranges, which nothing keeps and no report is made of.
fn period(row: &Row, calendars: &[Calendar], faults: &mut Faults) -> Option<String> {
    let pattern = row.get("period");
    specificity(row, calendars, faults)?;
    let named = calendars.first().and_then(|calendar| calendar.period(pattern).ok());
    if named.is_some_and(|period| matches!(period.kind, PeriodKind::Day | PeriodKind::Range)) {
        faults.add(
            row.place,
            format!("period {pattern:?}: no report is closed of a day or range; write a month or a longer period"),
        );
        return None;
    }
    Some(pattern.to_owned())
}

fn levels(row: &Row, faults: &mut Faults) -> Option<Vec<Level>> {
    let before = faults.len();
    let parts = list(row, "levels", row.get("levels"), faults);
    if parts == ["*"] {
        return Some(Level::ALL.to_vec());
    }
    let mut levels = Vec::new();
    for part in parts.iter().filter(|part| !part.is_empty() && *part != "*" && part.trim() == *part) {
        match Level::from_word(part) {
            Some(level) => levels.push(level),
            None => faults.add(row.place, format!("levels {part}: must be ward, district, province or country, or * alone")),
        }
    }
    (faults.len() == before).then_some(levels)
}

//! What a pass recomputes, cut into steps that are small enough to be written as one block.

use std::collections::{BTreeSet, HashSet};

use chiso_schemas::calendar::{Calendar, Period};
use chiso_schemas::store::Store;
use chrono::{Days, NaiveDate};
use clickhouse::Row;
use serde::Deserialize;

use crate::failure::Failure;
use crate::sql::Scope;

/// Rows of one step at most, roughly: below what ClickHouse still writes as one part.
pub(crate) const STEP_ROWS_MAX: u64 = 500_000;
/// Events read by one step of cells at most, roughly.
const STEP_EVENTS_MAX: u64 = 4_000_000;
/// Periods of one step at most: they stand in the text of the query, of which ClickHouse's HTTP interface takes 128 KiB.
pub(crate) const STEP_PERIODS_MAX: usize = 500;
/// Areas above the wards, roughly: provinces, districts, the country.
const AREAS: u64 = 760;
/// Ward, district, province, country: so many rows at most get a number from one fact in one period.
pub(crate) const LEVELS: u64 = 4;
/// Kept periods of both calendars that end in one year.
const PERIODS_A_YEAR: u64 = 40;
/// A flow counts in the periods that it lies in: all of them end within a year, leap days included.
const FLOW_DAYS: u32 = 366;

/// How much is stored of an indicator.
#[derive(Clone, Row, Deserialize, Debug)]
pub struct Volume {
    /// Indicator code.
    pub indicator: String,
    /// Events.
    pub events: u64,
    /// Distinct ward codes.
    pub wards: u64,
}

impl Volume {
    /// Areas with rows in one period, the wards included: at most those above each ward, and no more than there are.
    fn areas(&self) -> u64 {
        self.wards + (3 * self.wards).min(AREAS)
    }

    /// Rows of so many periods at most: one a period and area, and no more than the facts can reach.
    fn rows(&self, periods: usize, carry_days: u32) -> u64 {
        let reach = PERIODS_A_YEAR * (u64::from(carry_days.max(FLOW_DAYS)) / 365 + 1);
        (self.areas() * periods as u64).min(self.events * LEVELS * reach)
    }
}

/// What is stored of each indicator, in the order of their codes.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn volumes(store: &Store) -> Result<Vec<Volume>, Failure> {
    let sql =
        "SELECT indicator, count() AS events, uniqExact(ward) AS wards FROM event_log GROUP BY indicator ORDER BY indicator";
    let volumes = store.read().query(sql).fetch_all::<Volume>().await;
    Ok(volumes.map_err(store.during("count the stored events"))?)
}

#[derive(Row, Deserialize)]
struct LabelRow {
    calendar: String,
    period: String,
}

/// Calendar and id of a period.
pub type Label = (String, String);

/// The label of a period.
pub fn label(period: &Period) -> Label {
    (period.calendar.to_string(), period.id.clone())
}

/// The kept periods that an earlier pass has opened.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn opened(store: &Store) -> Result<HashSet<Label>, Failure> {
    let sql = "SELECT toString(calendar) AS calendar, toString(period) AS period FROM opened FINAL";
    let rows = store.read().query(sql).fetch_all::<LabelRow>().await.map_err(store.during("read the opened periods"))?;
    Ok(rows.into_iter().map(|row| (row.calendar, row.period)).collect())
}

/// The day of the first fact, if there is one.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn first_fact(store: &Store) -> Result<Option<NaiveDate>, Failure> {
    let sql = "SELECT toInt32(min(date)) FROM event_log HAVING count() > 0";
    let day = store.read().query(sql).fetch_optional::<i32>().await.map_err(store.during("find the first fact"))?;
    Ok(day.and_then(NaiveDate::from_epoch_days))
}

/// Kept periods (contract section 4): those that have begun by `today`, and those that an earlier pass has opened.
///
/// # Errors
/// An opened period is none of its calendar.
pub fn kept_periods(
    calendars: &[Calendar],
    opened: &HashSet<Label>,
    first_fact: NaiveDate,
    today: NaiveDate,
) -> Result<Vec<Period>, Failure> {
    let mut periods = Vec::new();
    for calendar in calendars {
        let begun = calendar.kept(first_fact, today);
        let ids: HashSet<&str> = begun.iter().map(|period| period.id.as_str()).collect();
        let earlier = opened.iter().filter(|(name, id)| name == calendar.id.as_str() && !ids.contains(id.as_str()));
        let earlier = earlier.map(|(_, id)| calendar.period(id)).collect::<Result<Vec<_>, _>>()?;
        periods.extend(earlier);
        periods.extend(begun);
    }
    Ok(periods)
}

/// The steps of cells: indicators together, as many events as one query should read.
pub fn cell_steps(volumes: &[Volume]) -> Vec<Vec<String>> {
    packed(volumes, |volume| volume.events, STEP_EVENTS_MAX)
}

/// Of the kept periods those that can have rows: a fact lies in them, or so little before their end that its state may be
/// carried, or they have rows now, which may have to go. One early fact makes kept periods of a century, mostly empty.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn reached_periods(store: &Store, carry_days_max: u32, kept: &[Period]) -> Result<Vec<Period>, Failure> {
    let sql = "SELECT DISTINCT toInt32(date) FROM event_log";
    let days = store.read().query(sql).fetch_all::<i32>().await.map_err(store.during("list the days with facts"))?;
    let days: BTreeSet<NaiveDate> = days.into_iter().filter_map(NaiveDate::from_epoch_days).collect();
    let sql = "SELECT DISTINCT toString(calendar) AS calendar, toString(period) AS period FROM rollup_rows FINAL WHERE NOT gone";
    let stored = store.read().query(sql).fetch_all::<LabelRow>().await.map_err(store.during("list the periods with rows"))?;
    let stored: BTreeSet<Label> = stored.into_iter().map(|row| (row.calendar, row.period)).collect();
    let reached = |period: &&Period| {
        let carried = period.end.checked_sub_days(Days::new(u64::from(carry_days_max.saturating_sub(1)))).unwrap_or(period.start);
        days.range(carried.min(period.start)..=period.end).next().is_some() || stored.contains(&label(period))
    };
    Ok(kept.iter().filter(reached).cloned().collect())
}

/// The steps of rows: indicators and periods together, as many rows as one block should hold. Rows of one area, period
/// and indicator are always in one step.
pub fn row_steps(generation: u32, volumes: &[Volume], periods: &[Period], carry_days_max: u32) -> Vec<Scope> {
    let most = volumes.iter().map(Volume::areas).max().unwrap_or(1);
    let periods_a_step = usize::try_from((STEP_ROWS_MAX / most).max(1)).map_or(STEP_PERIODS_MAX, |n| n.min(STEP_PERIODS_MAX));
    let mut steps = Vec::new();
    for chunk in periods.chunks(periods_a_step) {
        let rows = |volume: &Volume| volume.rows(chunk.len(), carry_days_max);
        for indicators in packed(volumes, rows, STEP_ROWS_MAX) {
            steps.push(Scope { generation, indicators, periods: chunk.to_vec() });
        }
    }
    steps
}

/// Indicators in order, in groups whose sizes add up to at most `most` where one alone does not exceed it.
fn packed(volumes: &[Volume], size: impl Fn(&Volume) -> u64, most: u64) -> Vec<Vec<String>> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    let mut filled = u64::MAX;
    for volume in volumes {
        let size = size(volume);
        filled = filled.saturating_add(size);
        if filled > most || groups.is_empty() {
            groups.push(Vec::new());
            filled = size;
        }
        if let Some(group) = groups.last_mut() {
            group.push(volume.indicator.clone());
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chiso_schemas::calendar::CalendarId;

    fn volume(indicator: &str, events: u64, wards: u64) -> Volume {
        Volume { indicator: indicator.to_owned(), events, wards }
    }

    #[test]
    fn steps_hold_everything_once_and_stay_small() {
        let volumes: Vec<Volume> = (0..85).map(|n| volume(&format!("i{n:02}"), 1_000_000, 40 * n)).collect();
        let calendar = Calendar::new(CalendarId::Civil, None).unwrap();
        let periods = calendar.kept(NaiveDate::from_ymd_opt(2015, 1, 1).unwrap(), NaiveDate::from_ymd_opt(2026, 1, 1).unwrap());
        let steps = row_steps(1, &volumes, &periods, 400);
        let mut seen = HashSet::new();
        for step in &steps {
            let rows: u64 = volumes.iter().filter(|v| step.indicators.contains(&v.indicator)).map(Volume::areas).sum();
            assert!(rows * step.periods.len() as u64 <= STEP_ROWS_MAX);
            for indicator in &step.indicators {
                assert!(step.periods.iter().all(|period| seen.insert((indicator.clone(), period.id.clone()))));
            }
        }
        assert_eq!(seen.len(), volumes.len() * periods.len());
        let cells = cell_steps(&volumes);
        assert!(cells.iter().all(|step| step.len() == 4 || step.len() == 1));
        assert_eq!(cells.iter().map(Vec::len).sum::<usize>(), 85);
    }

    #[test]
    fn an_indicator_that_is_too_large_has_a_step_of_its_own() {
        let groups = packed(&[volume("a", 1, 1), volume("b", 9, 1), volume("c", 1, 1)], |v| v.events, 5);
        assert_eq!(groups, [["a"], ["b"], ["c"]]);
        assert!(packed(&[], |v| v.events, 5).is_empty());
    }
}

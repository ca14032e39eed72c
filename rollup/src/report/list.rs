//! `report list`: which reports are open, due, late, closed or restated.

use std::collections::BTreeMap;
use std::io::Write;

use chiso_schemas::calendar::{CalendarId, Period};
use chiso_schemas::reference::Level;
use chiso_schemas::store::Store;
use chrono::{DateTime, Days, NaiveDate, Utc};
use clickhouse::Row;
use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use serde::Deserialize;

use super::chore::LOOK_BACK_DAYS;
use super::{InForce, about, end_of, utc, versions};
use crate::failure::Failure;
use crate::scope::{label, opened};

/// Which reports to list.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    /// None = both.
    pub(super) calendar: Option<CalendarId>,
    /// Periods; none = those that ended in the last 400 days.
    pub(super) periods: Vec<String>,
    /// Areas, each version of which is listed; none = one line a period.
    pub(super) areas: Vec<String>,
    pub(super) today: NaiveDate,
    pub(super) now: DateTime<Utc>,
}

/// Prints a table.
pub(super) async fn list(store: &Store, listed: &Listed, out: &mut impl Write) -> Result<(), Failure> {
    let data = InForce::of(store, None).await?;
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_header(if listed.areas.is_empty() { &PERIODS[..] } else { &VERSIONS[..] });
    for period in listed.periods(store, &data).await? {
        if listed.areas.is_empty() {
            table.add_row(overview(store, &data, &period, listed.now).await?);
        } else {
            for row in every_version(store, &data, &period, listed).await? {
                table.add_row(row);
            }
        }
    }
    writeln!(out, "{table}").map_err(Failure::unwritten)
}

const PERIODS: [&str; 8] = ["calendar", "period", "ended", "due", "state", "areas with rows", "closed", "restated"];
const VERSIONS: [&str; 11] =
    ["calendar", "period", "area", "state", "version", "closed at", "by", "because", "complete through", "rows", "sha256"];

impl Listed {
    async fn periods(&self, store: &Store, data: &InForce) -> Result<Vec<Period>, Failure> {
        let calendars = CalendarId::ALL.into_iter().filter(|id| self.calendar.is_none_or(|wanted| wanted == *id));
        let mut periods = Vec::new();
        if !self.periods.is_empty() {
            for calendar in calendars {
                for label in &self.periods {
                    periods.push(data.period(calendar, label)?);
                }
            }
            return Ok(periods);
        }
        let opened = opened(store).await?;
        let first = self.today.checked_sub_days(Days::new(LOOK_BACK_DAYS)).unwrap_or(NaiveDate::MIN);
        for calendar in calendars.filter_map(|id| data.reference.calendar(id)) {
            let kept = calendar.kept(first, self.today).into_iter();
            periods.extend(kept.filter(|period| period.end < self.today && opened.contains(&label(period))));
        }
        Ok(periods)
    }
}

#[derive(Row, Deserialize)]
struct LevelRow {
    level: String,
    areas: u64,
}

async fn overview(store: &Store, data: &InForce, period: &Period, now: DateTime<Utc>) -> Result<Vec<String>, Failure> {
    let sql = "SELECT toString(level) AS level, uniqExact(area_id) AS areas FROM rollup_rows FINAL
               WHERE calendar = {calendar:String} AND period = {period:String} AND NOT gone GROUP BY level";
    let with_rows =
        about(store, sql, period, &[]).fetch_all::<LevelRow>().await.map_err(store.during("count the areas of a period"))?;
    let closed = versions(store, period, &[]).await?;
    let latest = || closed.iter().filter(|version| version.latest);
    let mut by_level: BTreeMap<&str, u64> = BTreeMap::new();
    for version in latest() {
        *by_level.entry(&version.level).or_default() += 1;
    }
    let is_open = |row: &&LevelRow| row.areas > by_level.get(row.level.as_str()).copied().unwrap_or_default();
    let open: Vec<Level> = with_rows.iter().filter(is_open).filter_map(|row| Level::from_word(&row.level)).collect();
    let due_of = |levels: &[Level]| levels.iter().filter_map(|level| data.reference.schedule.due(period, *level)).min();
    let due = due_of(&open).or_else(|| due_of(&Level::ALL));
    let is_late = due_of(&open).is_some_and(|due| due <= now && !data.reaches(due));
    let (closed, restated) = (latest().count(), latest().filter(|version| version.version > 1).count());
    let state = match (open.is_empty(), closed) {
        _ if is_late => "late",
        (true, 0) => "empty",
        (true, _) => "closed",
        (false, _) if due_of(&open).is_some_and(|due| due <= now) => "due",
        (false, 0) if end_of(period).is_none_or(|end| end > now) => "not ended",
        (false, 0) => "open",
        (false, _) => "closed in part",
    };
    let areas: u64 = with_rows.iter().map(|row| row.areas).sum();
    Ok(vec![
        period.calendar.to_string(),
        period.id.clone(),
        period.end.to_string(),
        due.map_or_else(|| "by command".to_owned(), utc),
        state.to_owned(),
        areas.to_string(),
        closed.to_string(),
        restated.to_string(),
    ])
}

async fn every_version(store: &Store, data: &InForce, period: &Period, listed: &Listed) -> Result<Vec<Vec<String>>, Failure> {
    let found = versions(store, period, &listed.areas).await?;
    let key = |area: &str, state: &str| vec![period.calendar.to_string(), period.id.clone(), area.to_owned(), state.to_owned()];
    let mut rows = Vec::new();
    for area in &listed.areas {
        let own: Vec<_> = found.iter().filter(|version| version.area_id == *area).collect();
        if own.is_empty() && data.level_at(area, period).is_ok() {
            rows.push(key(area, "open"));
        }
        for version in own {
            let mut row = key(area, if version.version == 1 { "closed" } else { "restated" });
            let through = version.complete_through.map_or_else(|| "never complete".to_owned(), utc);
            row.extend([
                version.version.to_string(),
                utc(version.closed_at),
                version.closed_by.clone(),
                version.because.clone(),
                if version.incomplete { format!("{through}, incomplete") } else { through },
                version.rows.to_string(),
                version.sha256.clone(),
            ]);
            rows.push(row);
        }
    }
    Ok(rows)
}

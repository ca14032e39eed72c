//! Reports (contract section 8): frozen copies of rollup rows, one for each calendar, period and area.
//!
//! A close copies the rows in one query under an id of its own (a stage), takes their hash, and then claims versions for that
//! stage. Of several claims of one version the first that ClickHouse took counts (view `report_versions`), so two that close
//! at once make one version, and one that is killed in between makes none.

pub mod args;
mod causes;
pub(crate) mod chore;
mod close;
mod diff;
mod difference;
mod digest;
mod freeze;
mod list;
mod show;

use std::sync::Arc;

use chiso_schemas::calendar::{CalendarId, Period, PeriodKind};
use chiso_schemas::reference::{Area, Level, Reference, local_moment};
use chiso_schemas::store::{Store, active_generation, check_schema, reference_of};
use chrono::{DateTime, NaiveTime, SecondsFormat, Utc};
use clickhouse::Row;
use clickhouse::query::Query;
use serde::Deserialize;
use uuid::Uuid;

use crate::arguments::no_unit;
use crate::failure::Failure;
use crate::pass::last_pass;
use crate::scope::{Label, label, opened};
use crate::sql::with_settings;

/// What the rollups stand on now.
#[derive(Clone, Debug)]
struct InForce {
    /// Generation of the reference data that the last pass used.
    generation: u32,
    reference: Arc<Reference>,
    /// A newer generation waits for a pass: rows of both may stand side by side.
    awaits_pass: bool,
    complete_through: Option<DateTime<Utc>>,
}

impl InForce {
    /// Reads it; the reference data only if they are not those known already.
    async fn of(store: &Store, known: Option<&Self>) -> Result<Self, Failure> {
        check_schema(store).await?;
        let nothing = || Failure::Refused("nothing is rolled up yet; run chiso-rollup run --once".to_owned());
        Self::known(store, known).await?.ok_or_else(nothing)
    }

    /// The same; `None` before the first pass.
    async fn known(store: &Store, known: Option<&Self>) -> Result<Option<Self>, Failure> {
        let Some(last) = last_pass(store).await? else { return Ok(None) };
        let generation = last.generation;
        let awaits_pass = active_generation(store).await? != Some(generation);
        let sql = "SELECT toUnixTimestamp64Milli(max(complete_through)) FROM passes";
        let moment = store.read().query(sql).fetch_one::<Option<i64>>().await;
        let moment = moment.map_err(store.during("read how far the rollups are complete"))?;
        let reference = match known.filter(|known| known.generation == generation) {
            Some(known) => Arc::clone(&known.reference),
            None => Arc::new(reference_of(store, generation).await?),
        };
        let complete_through = moment.and_then(DateTime::from_timestamp_millis);
        Ok(Some(Self { generation, reference, awaits_pass, complete_through }))
    }

    /// Whether everything that lay in Kafka at that moment is in the rows.
    fn reaches(&self, moment: DateTime<Utc>) -> bool {
        !self.awaits_pass && self.complete_through.is_some_and(|reached| reached >= moment)
    }

    /// How far the data reach, for a person.
    fn reached(&self) -> String {
        match (self.complete_through, self.awaits_pass) {
            (_, true) => "no pass has used the newest reference data yet".to_owned(),
            (Some(moment), false) => format!("the data are complete through {}", utc(moment)),
            (None, false) => "a partition of the topic was never read to its end".to_owned(),
        }
    }

    fn period(&self, calendar: CalendarId, label: &str) -> Result<Period, Failure> {
        let Some(calendar) = self.reference.calendar(calendar) else {
            return Err(Failure::Usage(format!("calendar {calendar} is not in the reference data")));
        };
        let period = calendar.period(label)?;
        if matches!(period.kind, PeriodKind::Day | PeriodKind::Range) {
            let why =
                "only months, quarters, halves, nine months and years are kept and can be closed; use export for days and ranges";
            return Err(Failure::Usage(format!("period {label}: {why}")));
        }
        Ok(period)
    }

    /// The level of an area that was valid at the end of the period.
    fn level_at(&self, area_id: &str, period: &Period) -> Result<Level, String> {
        let units = &self.reference.units;
        match units.area(area_id) {
            None => Err(no_unit(area_id)),
            Some(Area::Unit(ix)) if !units.get(ix).is_valid(period.end) => {
                let unit = units.get(ix);
                Err(format!(
                    "area {area_id} is not valid on {}, the end of {}: it is from {} to {}",
                    period.end, period.id, unit.valid_from, unit.valid_to
                ))
            }
            Some(area) => Ok(units.area_level(area)),
        }
    }

    /// The levels of areas that were all valid at the end of the period; everything that is wrong is told at once.
    fn levels_at(&self, areas: &[String], period: &Period) -> Result<Vec<Level>, Failure> {
        let (mut levels, mut problems) = (Vec::new(), Vec::new());
        for area in areas {
            match self.level_at(area, period) {
                Ok(level) => levels.push(level),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(levels) } else { Err(Failure::Usage(problems.join("\n"))) }
    }
}

/// The first moment after a period.
fn end_of(period: &Period) -> Option<DateTime<Utc>> {
    local_moment(period.end.succ_opt()?, NaiveTime::MIN)
}

/// Whether passes roll the period up.
async fn is_opened(store: &Store, period: &Period) -> Result<bool, Failure> {
    let key: Label = label(period);
    Ok(opened(store).await?.contains(&key))
}

/// The levels of the areas of a period that have rows and no version.
async fn unclosed_levels(store: &Store, period: &Period) -> Result<Vec<Level>, Failure> {
    let sql = "SELECT DISTINCT toString(level) FROM rollup_rows FINAL
               WHERE calendar = {calendar:String} AND period = {period:String} AND NOT gone
                 AND area_id NOT IN (SELECT area_id FROM report_claims WHERE calendar = {calendar:String} AND period = {period:String})";
    let words = about(store, sql, period, &[]).fetch_all::<String>().await;
    let words = words.map_err(store.during("look for reports that are not closed"))?;
    Ok(words.iter().filter_map(|word| Level::from_word(word)).collect())
}

/// A moment as people read it.
fn utc(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A query about one period, with its parameters `calendar`, `period` and `areas` (none = all).
fn about(store: &Store, sql: &str, period: &Period, areas: &[String]) -> Query {
    let query = with_settings(store.read().query_raw(sql));
    query.param("calendar", period.calendar.as_str()).param("period", &period.id).param("areas", areas)
}

/// A version of the report of an area.
#[derive(Clone, PartialEq, Eq, Debug, Row, Deserialize)]
struct Version {
    level: String,
    area_id: String,
    version: u32,
    latest: bool,
    #[serde(with = "clickhouse::serde::chrono::datetime64::millis")]
    closed_at: DateTime<Utc>,
    closed_by: String,
    because: String,
    incomplete: bool,
    #[serde(with = "clickhouse::serde::chrono::datetime64::millis::option")]
    complete_through: Option<DateTime<Utc>>,
    generation: u32,
    rows: u64,
    sha256: String,
    #[serde(with = "clickhouse::serde::uuid")]
    stage: Uuid,
}

/// All versions of the reports of a period, of some areas or of all.
async fn versions(store: &Store, period: &Period, areas: &[String]) -> Result<Vec<Version>, Failure> {
    let sql = "SELECT toString(level) AS level, toString(area_id) AS area_id, version, latest, closed_at, toString(closed_by) AS closed_by,
                      toString(because) AS because, incomplete, complete_through, generation, rows, sha256, stage
               FROM report_versions
               WHERE calendar = {calendar:String} AND period = {period:String} AND (empty({areas:Array(String)}) OR area_id IN {areas:Array(String)})
               ORDER BY area_id, version";
    let versions = about(store, sql, period, areas).fetch_all::<Version>().await;
    Ok(versions.map_err(store.during("read the versions of reports"))?)
}

//! `export`: the rows of contract section 6 for any period, as CSV, JSON, a workbook or a table for a terminal.

pub(crate) mod row;
mod table;
pub(crate) mod write;
pub(crate) mod xlsx;

use std::collections::HashSet;
use std::io::Write;

use chiso_schemas::calendar::{CalendarId, Period};
use chiso_schemas::reference::{FIRST_DAY, Level, Reference};
use chiso_schemas::store::{Store, check_schema, reference_of};
use chrono::{DateTime, Utc};
use clickhouse::query::Query;

use crate::arguments::unknown;
use crate::failure::Failure;
use crate::pass::{LastPass, last_pass};
use crate::scope::{LEVELS, STEP_PERIODS_MAX, STEP_ROWS_MAX};
use crate::sql::Scope;
use row::ExportRow;
use write::Writer;
use xlsx::About;

/// Which rows to print.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Calendar of the periods.
    pub calendar: CalendarId,
    /// Period labels.
    pub periods: Vec<String>,
    /// Levels; empty = all.
    pub levels: Vec<Level>,
    /// Unit ids, or `VN`; empty = all.
    pub areas: Vec<String>,
    /// Indicator codes; empty = all.
    pub indicators: Vec<String>,
}

/// How to print them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Format {
    /// RFC 4180, UTF-8, with a header, lines ending in LF.
    Csv,
    /// One array of objects; numbers are JSON numbers, absent ones null.
    Json,
    /// A workbook in Vietnamese, one sheet a level, for Excel or LibreOffice.
    Xlsx,
    /// For a terminal: the figure in one column, technical columns left out.
    Table,
}

/// Prints the rows in the order of section 6. Kept periods are read as the last pass left them, others are computed
/// from the same cells.
///
/// # Errors
/// A period, area or indicator that is not known, no pass yet, ClickHouse or the output failing.
pub async fn run(
    store: &Store,
    selection: &Selection,
    format: Format,
    out: impl Write + Send,
    place: &str,
) -> Result<(), Failure> {
    check_schema(store).await?;
    let Some(LastPass { generation, .. }) = last_pass(store).await? else {
        return Err(Failure::Refused("nothing is rolled up yet; run chiso-rollup run --once".to_owned()));
    };
    let reference = reference_of(store, generation).await?;
    let periods = selection.check(&reference)?;
    let failed = |cause| Failure::Output { place: place.to_owned(), cause };
    let about = About::new(selection, &reference, generation, reached(store).await?);
    let mut writer = Writer::begin(format, out, about).map_err(failed)?;
    let kept = kept_labels(store, selection.calendar).await?;
    let is_kept = |period: &Period| kept.contains(&period.id);
    // A Date32 begins on that day; legal periods of the first year begin two weeks before.
    let early: Vec<&Period> = periods.iter().filter(|period| period.start < FIRST_DAY).collect();
    let at_once = periods_at_once(store, &periods).await?;
    let same_way = periods.chunk_by(|a, b| is_kept(a) == is_kept(b)).flat_map(|periods| periods.chunks(at_once));
    for periods in same_way {
        let query = selection.query(store, generation, periods, is_kept(&periods[0]), &reference);
        let mut rows = query.fetch::<ExportRow>().map_err(store.during("read rollup rows"))?;
        while let Some(mut row) = rows.next().await.map_err(store.during("read rollup rows"))? {
            if let Some(period) = early.iter().find(|period| period.id == row.period) {
                row.period_start = period.start.to_string();
            }
            writer.row(&row).map_err(failed)?;
        }
    }
    writer.end().map_err(failed)
}

impl Selection {
    /// The periods in the order of the output; everything that is unknown is listed at once.
    fn check(&self, reference: &Reference) -> Result<Vec<Period>, Failure> {
        let mut problems = Vec::new();
        let mut periods = Vec::new();
        for label in &self.periods {
            match reference.calendar(self.calendar).map(|calendar| calendar.period(label)) {
                Some(Ok(period)) => periods.push(period),
                Some(Err(error)) => problems.push(error.to_string()),
                None => problems.push(format!("calendar {} is not in the reference data", self.calendar)),
            }
        }
        problems.extend(unknown(reference, &self.indicators, &self.areas));
        if !problems.is_empty() {
            return Err(Failure::Usage(problems.join("\n")));
        }
        periods.sort_by(|a, b| (a.start, a.end, &a.id).cmp(&(b.start, b.end, &b.id)));
        periods.dedup();
        Ok(periods)
    }

    /// The rows of periods that are all kept, or all not.
    fn query(&self, store: &Store, generation: u32, periods: &[Period], kept: bool, reference: &Reference) -> Query {
        let indicators = if self.indicators.is_empty() {
            reference.indicators.iter().map(|indicator| indicator.code.clone()).collect()
        } else {
            self.indicators.clone()
        };
        let scope = Scope { generation, indicators, periods: periods.to_vec() };
        let table = if kept {
            "(SELECT * FROM rollup_rows FINAL WHERE calendar = {calendar:String} AND period IN {labels:Array(String)} AND NOT gone)"
                .to_owned()
        } else {
            scope.rows()
        };
        let query = scope.query(store.read(), &row::select(&table));
        let levels: Vec<&str> = self.levels.iter().map(|level| level.as_str()).collect();
        let labels: Vec<&str> = periods.iter().map(|period| period.id.as_str()).collect();
        query
            .param("calendar", self.calendar.as_str())
            .param("labels", &labels)
            .param("levels", &levels)
            .param("areas", &self.areas)
    }
}

/// Up to when the figures are complete, as the view `rollups` says it.
async fn reached(store: &Store) -> Result<Option<DateTime<Utc>>, Failure> {
    let query = store.read().query_raw("SELECT toUnixTimestamp64Milli(max(complete_through)) FROM passes");
    let moment = query.fetch_one::<Option<i64>>().await.map_err(store.during("read how far the figures reach"))?;
    Ok(moment.and_then(DateTime::from_timestamp_millis))
}

/// The labels of a calendar that have stored rows.
async fn kept_labels(store: &Store, calendar: CalendarId) -> Result<HashSet<String>, Failure> {
    let query = store.read().query("SELECT DISTINCT toString(period) FROM opened WHERE calendar = ?").bind(calendar.as_str());
    let labels = query.fetch_all::<String>().await.map_err(store.during("read the kept periods"))?;
    Ok(labels.into_iter().collect())
}

/// How many periods one query may answer for without sorting too much: each query costs most of a second by itself.
async fn periods_at_once(store: &Store, periods: &[Period]) -> Result<usize, Failure> {
    if periods.len() < 2 {
        return Ok(1);
    }
    let rows = LEVELS * count(store, "SELECT uniq(indicator, ward) FROM cells").await?;
    Ok(usize::try_from(STEP_ROWS_MAX / rows.max(1)).unwrap_or(usize::MAX).clamp(1, STEP_PERIODS_MAX))
}

async fn count(store: &Store, sql: &str) -> Result<u64, Failure> {
    Ok(store.read().query_raw(sql).fetch_one::<u64>().await.map_err(store.during("count what is stored"))?)
}

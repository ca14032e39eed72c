//! `export`: the rows of contract section 6 for any period, as CSV, JSON or a table for a terminal.

mod row;
mod table;
mod write;

use std::io::Write;

use chiso_schemas::calendar::{CalendarId, Period};
use chiso_schemas::reference::{Level, Reference};
use chiso_schemas::store::{Store, active_reference, check_schema};
use clickhouse::query::Query;

use crate::failure::Failure;
use crate::sql::Scope;
use row::ExportRow;
use write::Writer;

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
    /// For a terminal: the figure in one column, technical columns left out.
    Table,
}

/// Prints the rows in the order of section 6. Kept periods are read as the last pass left them, others are computed
/// from the same cells.
///
/// # Errors
/// A period, area or indicator that is not known, no pass yet, ClickHouse or the output failing.
pub async fn run(store: &Store, selection: &Selection, format: Format, out: impl Write, place: &str) -> Result<(), Failure> {
    check_schema(store).await?;
    let (generation, reference) = active_reference(store).await?;
    let periods = selection.check(&reference)?;
    if count(store, "SELECT count() FROM passes").await? == 0 {
        return Err(Failure::Refused("nothing is rolled up yet; run chiso-rollup run --once".to_owned()));
    }
    let failed = |cause| Failure::Output { place: place.to_owned(), cause };
    let mut writer = Writer::begin(format, out).map_err(failed)?;
    for period in &periods {
        let query = selection.query(store, generation, period, &reference).await?;
        let mut rows = query.fetch::<ExportRow>().map_err(store.during("read rollup rows"))?;
        while let Some(row) = rows.next().await.map_err(store.during("read rollup rows"))? {
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
        let unknown_areas = self.areas.iter().filter(|area| reference.units.area(area).is_none());
        problems.extend(unknown_areas.map(|area| {
            format!("area {area:?} is no unit: use a unit id such as W11413@2025-07-01 (see the view units), or VN")
        }));
        let unknown = self.indicators.iter().filter(|code| reference.indicators.get(code).is_none());
        problems.extend(unknown.map(|code| format!("indicator {code:?} is not in the catalogue (see the view indicators)")));
        if !problems.is_empty() {
            return Err(Failure::Usage(problems.join("\n")));
        }
        periods.sort_by(|a, b| (a.start, a.end, &a.id).cmp(&(b.start, b.end, &b.id)));
        periods.dedup();
        Ok(periods)
    }

    async fn query(&self, store: &Store, generation: u32, period: &Period, reference: &Reference) -> Result<Query, Failure> {
        let indicators = if self.indicators.is_empty() {
            reference.indicators.iter().map(|indicator| indicator.code.clone()).collect()
        } else {
            self.indicators.clone()
        };
        let scope = Scope { generation, indicators, periods: vec![period.clone()] };
        let kept = store.read().query("SELECT count() FROM opened WHERE calendar = ? AND period = ?");
        let kept = kept.bind(period.calendar.as_str()).bind(&period.id).fetch_one::<u64>().await;
        let table = if kept.map_err(store.during("look up the period"))? > 0 {
            "(SELECT * FROM rollup_rows FINAL WHERE calendar = {calendar:String} AND period = {period:String} AND NOT gone)"
                .to_owned()
        } else {
            scope.rows()
        };
        let query = scope.query(store.read(), &row::select(&table));
        let levels: Vec<&str> = self.levels.iter().map(|level| level.as_str()).collect();
        Ok(query
            .param("calendar", period.calendar.as_str())
            .param("period", &period.id)
            .param("levels", &levels)
            .param("areas", &self.areas))
    }
}

async fn count(store: &Store, sql: &str) -> Result<u64, Failure> {
    Ok(store.read().query_raw(sql).fetch_one::<u64>().await.map_err(store.during("look for a finished pass"))?)
}

//! `audit`: proves the stored rows against the events, with nothing of what passes use but the events and the reference files.
//!
//! It reads the contract, sections 2 to 6, a second time (`figures`, `lineage`, `rows`): effective facts from `event_log`, one
//! at a time in memory; no cells, no SQL of passes, none of the tables that `migrate` derives. Cells and reference tables are
//! compared, too. What waits for a pass is told apart from what is wrong (`flight`).

mod args;
mod cells;
mod compare;
mod difference;
mod facts;
mod figures;
mod flight;
mod last_states;
mod lineage;
mod nightly;
mod plan;
mod rows;
mod slice;
mod summands;
mod tables;

use chiso_schemas::calendar::Period;
use chiso_schemas::reference::{Area, Indicator};
use chiso_schemas::store::{Store, active_reference, check_schema};
use chrono::NaiveDate;
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

pub use args::{AuditArgs, command};
pub use difference::Difference;
pub(crate) use nightly::every_night;
pub use plan::Selection;

use crate::failure::Failure;
use crate::migrate::orphans;
use crate::progress::Progress;
use compare::{Comparison, Spot};
use flight::{Before, Flight};
use lineage::Lineage;
use plan::Plan;
use slice::{days, slices};

/// What an audit did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Summary {
    /// Rollup rows compared.
    pub rows: u64,
    /// Cells compared.
    pub cells: u64,
    /// Rows of reference tables compared.
    pub reference_rows: u64,
    /// Differences found.
    pub differences: u64,
    /// Differences of rows and cells with work waiting: no errors.
    pub in_flight: u64,
    /// The seed of the sample, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

#[derive(Row, Deserialize)]
struct VolumeRow {
    code: String,
    events: u64,
}

/// Proves what is selected and hands over every difference; `today` is the local day.
///
/// # Errors
/// The tables are not those of this release, something selected is unknown, there was no pass yet, or ClickHouse fails.
pub async fn run(
    store: &Store,
    selection: &Selection,
    today: NaiveDate,
    found: &mut (dyn FnMut(Difference) + Send),
) -> Result<Summary, Failure> {
    check_schema(store).await?;
    let plan = Plan::new(store, selection).await?;
    let lineage = Lineage::new(&plan.reference.units);
    let mut audit = Audit { store, plan: &plan, lineage: &lineage, today, summary: Summary::default(), found };
    audit.summary.seed = selection.sample.map(|(_, seed)| seed);
    audit.reference_tables().await?;
    if plan.is_everything || selection.sample.is_some() {
        audit.facts_without_a_place().await?;
    }
    let volumes = volumes(store).await?;
    let mut progress = Progress::new("audit indicators", plan.work.len() as u64);
    for (code, periods) in &plan.work {
        if let Some(indicator) = plan.reference.indicators.get(code) {
            let events = volumes.get(code).copied().unwrap_or_default();
            audit.indicator(indicator, events, periods).await?;
        }
        progress.step();
    }
    if plan.is_everything {
        audit.unknown_indicators().await?;
    }
    Ok(audit.summary)
}

async fn volumes(store: &Store) -> Result<HashMap<String, u64>, Failure> {
    let sql = "SELECT toString(indicator) AS code, toUInt64(count()) AS events FROM event_log GROUP BY code";
    let rows = store.read().query_raw(sql).fetch_all::<VolumeRow>().await;
    let rows = rows.map_err(store.during("count the stored events"))?;
    Ok(rows.into_iter().map(|row| (row.code, row.events)).collect())
}

struct Audit<'a> {
    store: &'a Store,
    plan: &'a Plan,
    lineage: &'a Lineage<'a>,
    today: NaiveDate,
    summary: Summary,
    found: &'a mut (dyn FnMut(Difference) + Send),
}

impl Audit<'_> {
    fn differs(&mut self, difference: Difference) {
        self.summary.differences += 1;
        (self.found)(difference);
    }

    async fn reference_tables(&mut self) -> Result<(), Failure> {
        let (rows, differences) = tables::compare(self.store, self.plan.generation, &self.plan.reference).await?;
        self.summary.reference_rows = rows;
        differences.into_iter().for_each(|difference| self.differs(difference));
        Ok(())
    }

    /// Facts that are in no row, since the newest reference data know their ward, source or indicator no more: those that workers have
    /// stored while the data were changed.
    async fn facts_without_a_place(&mut self) -> Result<(), Failure> {
        let (_, reference) = active_reference(self.store).await?;
        for key in orphans(self.store, &reference).await? {
            let (column, proven, stored) = ("place".to_owned(), "in a row".to_owned(), "in none".to_owned());
            self.differs(Difference { table: "event_log", key, column, proven, stored });
        }
        Ok(())
    }

    async fn indicator(&mut self, indicator: &Indicator, events: u64, places: &[usize]) -> Result<(), Failure> {
        let (store, plan, lineage) = (self.store, self.plan, self.lineage);
        let before = Before::read(store, plan.generation).await?;
        let periods: Vec<&Period> = places.iter().map(|at| &plan.periods[*at]).collect();
        let days = days(indicator, &periods, plan.is_everything);
        let mut comparison = Comparison::new((plan, lineage), indicator, places);
        let mut cells = Vec::new();
        for slice in slices(lineage, (indicator, events), days, &plan.areas) {
            let read = facts::read(store, &plan.reference, &slice).await?;
            comparison.wards(store, &slice, &read).await?;
            self.summary.cells += read.cells;
            cells.extend(read.differences);
        }
        comparison.areas(store).await?;
        self.summary.rows += comparison.compared.rows;
        let rows = comparison.compared.differences;
        if rows.is_empty() && cells.is_empty() {
            return Ok(());
        }
        let flight = before.flight(store, &indicator.code).await?;
        cells.retain(|(spot, _)| self.is_wrong(flight.all || flight.cells.contains(spot)));
        let by_code = flight.by_code();
        let cause = Cause { plan, indicator, lineage, by_code: &by_code };
        let in_flight = |spot: &Spot| flight.all || cause.waits(spot, &flight, self.today);
        let (waiting, wrong): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(spot, _)| in_flight(spot));
        self.summary.in_flight += waiting.len() as u64;
        cells.into_iter().for_each(|(_, difference)| self.differs(difference));
        wrong.into_iter().for_each(|(_, difference)| self.differs(difference));
        Ok(())
    }

    /// Counts what is in flight.
    fn is_wrong(&mut self, in_flight: bool) -> bool {
        self.summary.in_flight += u64::from(in_flight);
        !in_flight
    }

    /// Rows and cells of indicators that are in no catalogue.
    async fn unknown_indicators(&mut self) -> Result<(), Failure> {
        for (table, filter) in [("rollup_rows", "NOT gone"), ("summands", "NOT gone"), ("cells", "true"), ("last_states", "true")]
        {
            let sql = format!(
                "SELECT toString(indicator) AS code, toUInt64(count()) AS events FROM {table} FINAL WHERE {filter} AND indicator NOT IN
                     (SELECT code FROM reference_indicators WHERE generation = {{generation:UInt32}})
                 GROUP BY code"
            );
            let query = self.store.read().query_raw(&sql).param("generation", self.plan.generation);
            let rows = query.fetch_all::<VolumeRow>().await.map_err(self.store.during(format!("look through {table}")))?;
            for VolumeRow { code, events } in rows {
                self.differs(Difference::superfluous(table, code, format!("{events} rows")));
            }
        }
        Ok(())
    }
}

/// Why a row may differ: cells of its indicator that are in flight, by ward code.
struct Cause<'a> {
    plan: &'a Plan,
    indicator: &'a Indicator,
    lineage: &'a Lineage<'a>,
    by_code: &'a HashMap<&'a str, Vec<i32>>,
}

impl Cause<'_> {
    fn waits(&self, spot: &Spot, flight: &Flight, today: NaiveDate) -> bool {
        match spot {
            Spot::Known(at, area) => self.touches(&self.plan.periods[*at], *area),
            Spot::Unopened(label) => flight.opens(&self.plan.reference.calendars, label, today),
            Spot::Unknown => false,
        }
    }

    /// Whether a cell in flight may change the row of an area in a period.
    fn touches(&self, period: &Period, area: Area) -> bool {
        let units = &self.plan.reference.units;
        let carry = if self.indicator.kind.is_stock() { i64::from(self.indicator.carry_days) } else { 0 };
        let counts = |day: NaiveDate| day <= period.end && (day >= period.start || (period.end - day).num_days() < carry);
        self.by_code.iter().any(|(code, days)| {
            days.iter().filter_map(|day| NaiveDate::from_epoch_days(*day)).filter(|day| counts(*day)).any(|day| {
                let unit = units.ward_at(code, day);
                let reached = unit.and_then(|unit| self.lineage.reached(unit, period.end));
                reached.is_some_and(|(ward, _)| units.areas(Area::Unit(ward)).contains(&area))
            })
        })
    }
}

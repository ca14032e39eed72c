//! One pass: the only place that knows the order of its steps. It may stop anywhere and be done again: the numbers are
//! the same, and the versions of a later epoch win.

use chiso_schemas::calendar::Period;
use chiso_schemas::reference::Reference;
use chiso_schemas::store::{Store, active_reference, check_schema};
use chrono::{DateTime, NaiveDate, Utc};
use clickhouse::{Client, Row};
use serde::Serialize;
use uuid::Uuid;

use crate::claim::Claim;
use crate::completeness::complete_through;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::scope::{cell_steps, kept_periods, reached_periods, row_steps, volumes};

/// What a pass did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Summary {
    /// Epoch that it worked in.
    pub epoch: u32,
    /// Generation of the reference data.
    pub generation: u32,
    /// Local day of the run.
    pub today: NaiveDate,
    /// Batches of events that need no more work.
    pub batches: u64,
    /// Cells recomputed.
    pub cells: u64,
    /// Kept periods.
    pub periods: u64,
    /// Rows written, gone ones included.
    pub rows: u64,
    /// Moment up to which every message of Kafka is in the rows, refused or a repeat; absent while a partition is unread.
    pub complete_through: Option<DateTime<Utc>>,
}

#[derive(Row, Serialize)]
struct PassRow {
    epoch: u32,
    generation: u32,
    #[serde(with = "clickhouse::serde::chrono::date32")]
    today: NaiveDate,
    #[serde(with = "clickhouse::serde::chrono::datetime64::millis")]
    started_at: DateTime<Utc>,
    #[serde(with = "clickhouse::serde::chrono::datetime64::millis")]
    finished_at: DateTime<Utc>,
    batches: u64,
    cells: u64,
    rows: u64,
    #[serde(with = "clickhouse::serde::chrono::datetime64::millis::option")]
    complete_through: Option<DateTime<Utc>>,
}

/// Recomputes every cell and every kept period, writes what disappeared as gone, and retires the batches it found.
///
/// # Errors
/// The tables are not those of this release, there is no reference data, ClickHouse fails, or another rollup took over.
pub async fn run(store: &Store, today: NaiveDate) -> Result<Summary, Failure> {
    check_schema(store).await?;
    let started_at = Utc::now();
    let claim = Claim::next(store).await?;
    let (generation, reference) = active_reference(store).await?;
    // Both before the events are read: what they name is stored.
    let complete_through = complete_through(store).await?.and_then(DateTime::from_timestamp_millis);
    let batches = pending_batches(store).await?;

    let periods = periods_to_keep(store, &reference, today).await?;
    let volumes = volumes(store).await?;
    let cell_steps = cell_steps(generation, &volumes);
    let carry_days_max = reference.indicators.iter().map(|indicator| indicator.carry_days).max().unwrap_or_default();
    let reached = reached_periods(store, carry_days_max, &periods).await?;
    let row_steps = row_steps(generation, &volumes, &reached, carry_days_max);
    let mut progress = Progress::new("roll up", (cell_steps.len() + row_steps.len()) as u64);
    for step in &cell_steps {
        let done = step.insert_cells(store.write()).execute().await;
        done.map_err(store.during("recompute cells"))?;
        progress.step();
    }
    for (number, step) in (1..).zip(&row_steps) {
        claim.still_holds(store).await?;
        let done = step.insert_rows(store.write(), claim.version(number)).execute().await;
        done.map_err(store.during("write rollup rows"))?;
        progress.step();
    }

    claim.still_holds(store).await?;
    open(store, claim, &periods).await?;
    retire(store, claim, &batches).await?;
    let summary = Summary {
        epoch: claim.epoch,
        generation,
        today,
        batches: batches.len() as u64,
        cells: count(store, "SELECT count() FROM cells FINAL").await?,
        periods: periods.len() as u64,
        rows: count(store, &format!("SELECT count() FROM rollup_rows WHERE bitShiftRight(version, 32) = {}", claim.epoch))
            .await?,
        complete_through,
    };
    record(store, &summary, started_at).await?;
    tracing::info!(epoch = summary.epoch, cells = summary.cells, rows = summary.rows, batches = summary.batches, "pass finished");
    Ok(summary)
}

async fn periods_to_keep(store: &Store, reference: &Reference, today: NaiveDate) -> Result<Vec<Period>, Failure> {
    let sql = "SELECT toInt32(min(date)) FROM event_log HAVING count() > 0";
    let days = store.read().query(sql).fetch_optional::<i32>().await;
    let days = days.map_err(store.during("find the first fact"))?;
    let first_fact =
        days.and_then(|days| DateTime::from_timestamp(i64::from(days) * 86_400, 0)).map(|moment| moment.date_naive());
    match first_fact {
        Some(first_fact) => kept_periods(store, &reference.calendars, first_fact, today).await,
        None => Ok(Vec::new()),
    }
}

async fn pending_batches(store: &Store) -> Result<Vec<Uuid>, Failure> {
    let sql = "SELECT DISTINCT toString(batch) FROM marks WHERE batch NOT IN (SELECT batch FROM retired)";
    let batches = store.read().query(sql).fetch_all::<String>().await;
    let batches = batches.map_err(store.during("read the waiting marks"))?;
    Ok(batches.iter().filter_map(|batch| Uuid::parse_str(batch).ok()).collect())
}

async fn count(store: &Store, sql: &str) -> Result<u64, Failure> {
    Ok(store.read().query_raw(sql).fetch_one::<u64>().await.map_err(store.during("count what was written"))?)
}

#[derive(Row, Serialize)]
struct RetiredRow {
    #[serde(with = "clickhouse::serde::uuid")]
    batch: Uuid,
    epoch: u32,
}

async fn retire(store: &Store, claim: Claim, batches: &[Uuid]) -> Result<(), Failure> {
    let rows = batches.iter().map(|batch| RetiredRow { batch: *batch, epoch: claim.epoch });
    Ok(insert(store.write(), "retired", rows).await.map_err(store.during("retire batches"))?)
}

#[derive(Row, Serialize)]
struct OpenedRow {
    calendar: String,
    period: String,
    epoch: u32,
}

async fn open(store: &Store, claim: Claim, periods: &[Period]) -> Result<(), Failure> {
    let row =
        |period: &Period| OpenedRow { calendar: period.calendar.to_string(), period: period.id.clone(), epoch: claim.epoch };
    let inserted = insert(store.write(), "opened", periods.iter().map(row)).await;
    Ok(inserted.map_err(store.during("note the opened periods"))?)
}

async fn record(store: &Store, summary: &Summary, started_at: DateTime<Utc>) -> Result<(), Failure> {
    let row = PassRow {
        epoch: summary.epoch,
        generation: summary.generation,
        today: summary.today,
        started_at,
        finished_at: Utc::now(),
        batches: summary.batches,
        cells: summary.cells,
        rows: summary.rows,
        complete_through: summary.complete_through,
    };
    let inserted = insert(store.write(), "passes", std::iter::once(row)).await;
    Ok(inserted.map_err(store.during("record the pass"))?)
}

async fn insert<T>(client: &Client, table: &str, rows: impl Iterator<Item = T>) -> clickhouse::error::Result<()>
where
    T: clickhouse::RowOwned + clickhouse::RowWrite,
{
    let mut insert = client.insert::<T>(table).await?;
    for row in rows {
        insert.write(&row).await?;
    }
    insert.end().await
}

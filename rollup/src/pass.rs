//! One pass: the only place that knows the order of its steps. It may stop anywhere and be done again: the numbers are
//! the same, and the versions of a later epoch win.

use std::collections::HashSet;

use chiso_schemas::calendar::Period;
use chiso_schemas::reference::Reference;
use chiso_schemas::store::{Store, check_schema};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cells;
use crate::claim::Claim;
use crate::completeness::complete_through;
use crate::failure::Failure;
use crate::lead::Beats;
use crate::marks::{self, Waiting};
use crate::progress::Progress;
use crate::reference_change;
use crate::scope::{Label, first_fact, kept_periods, label, opened, reached_periods, row_steps, volumes};
use crate::sql::Written;
use crate::stored;
use crate::touched::{self, Family};
use crate::turn::Turn;
use crate::work::Work;

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

/// One pass in an epoch of its own: whoever leads stands by meanwhile.
///
/// # Errors
/// As [`changes`].
pub async fn run(store: &Store, today: NaiveDate) -> Result<Summary, Failure> {
    check_schema(store).await?;
    let claim = Claim::next(store).await?;
    let beats = Beats::start(store, claim);
    let passed = async {
        touched::sweep(store).await?;
        changes(store, &mut Turn::new(claim, TimeDelta::zero()), today).await
    };
    let passed = passed.await;
    beats.end(store).await?;
    passed
}

/// Recomputes what has changed since the last pass: the cells that waiting batches touched and the rows that these touch, the
/// periods that have begun since, and what a change of reference data touches. Writes what disappeared as gone, and
/// retires exactly the batches that it found.
///
/// # Errors
/// The tables are not those of this release, there is no reference data, ClickHouse fails, or another rollup took over.
pub async fn changes(store: &Store, turn: &mut Turn, today: NaiveDate) -> Result<Summary, Failure> {
    let (started_at, claim) = (Utc::now(), turn.claim);
    // Each time: a newer release may have been here since.
    check_schema(store).await?;
    let (generation, reference) = turn.reference(store).await?;
    // Both before the events are read: what they name is stored.
    let complete_through = complete_through(store).await?.and_then(DateTime::from_timestamp_millis);
    let waiting = marks::waiting(store, claim).await?;

    let opened = opened(store).await?;
    let periods = periods_to_keep(store, &reference, &opened, today).await?;
    let last = last_pass(store).await?;
    let last_generation = last.as_ref().map(|last| last.generation);
    let is_open = |period: &Period| last_generation.is_some() && opened.contains(&label(period));
    let (open, fresh): (Vec<Period>, Vec<Period>) = periods.iter().cloned().partition(is_open);
    let mut work = Work { store, turn, generation, reference: &reference, cells: 0, rows: 0 };
    if let Some(last) = last_generation.filter(|last| *last != generation) {
        reference_change::follow(&mut work, last, &open).await?;
    }
    changed(&mut work, &waiting, &open).await?;
    whole(&mut work, &fresh).await?;
    let (cells, rows) = (work.cells, work.rows);

    claim.still_holds(store).await?;
    note_opened(store, claim, &fresh).await?;
    let batches = waiting.len() as u64;
    let summary =
        Summary { epoch: claim.epoch, generation, today, batches, cells, periods: periods.len() as u64, rows, complete_through };
    if summary.is_news(last.as_ref(), fresh.is_empty(), turn.moment_every) {
        record(store, &summary, started_at).await?;
    }
    if batches > 0 || rows > 0 {
        tracing::info!(epoch = summary.epoch, cells, rows, batches, "pass finished");
    }
    Ok(summary)
}

impl Summary {
    /// Whether there is something to record. The moment alone is recorded now and then.
    fn is_news(&self, last: Option<&LastPass>, none_opened: bool, moment_every: TimeDelta) -> bool {
        let Some(last) = last else { return true };
        let moved = match (self.complete_through, last.complete_through) {
            (Some(now), Some(then)) => now != then && now - then >= moment_every,
            (now, then) => now != then,
        };
        self.batches > 0 || self.rows > 0 || !none_opened || self.generation != last.generation || moved
    }
}

/// Recomputes the cells of the batches, and in these periods the rows that they touch, in rounds of bounded work. A round is
/// retired when its rows are written; after a stop anywhere, what is not retired is done again.
async fn changed(work: &mut Work<'_>, waiting: &[Waiting], periods: &[Period]) -> Result<(), Failure> {
    let (store, claim) = (work.store, work.turn.claim);
    let rounds = marks::rounds(waiting);
    let mut progress = Progress::new("roll up changes", rounds.len() as u64);
    for round in rounds {
        let batches: Vec<Uuid> = round.iter().map(|waiting| waiting.batch).collect();
        let of = |family| follow(work, &batches, family, periods);
        let (flows, states) = futures::try_join!(of(Family::Flows), of(Family::States))?;
        work.rows += flows + states;
        touched::forget(store, claim.epoch).await?;
        claim.still_holds(store).await?;
        marks::retire(store, claim, &batches).await?;
        work.cells += round.iter().map(|waiting| waiting.cells).sum::<u64>();
        progress.step();
    }
    Ok(())
}

/// Recomputes the cells of the batches, and in these periods the rows that they touch, of one family; how many rows it wrote.
async fn follow(work: &Work<'_>, batches: &[Uuid], family: Family, periods: &[Period]) -> Result<u64, Failure> {
    let store = work.store;
    let done = cells::insert_marked(store.write(), work.at(), (batches, family)).execute().await;
    done.map_err(store.during("recompute cells"))?;
    // Which rows states touch depends on the cells.
    touched::note(store, work.at(), (batches, family), periods).await?;
    work.family(family, periods, true).await
}

/// Computes these periods as a whole.
async fn whole(work: &mut Work<'_>, periods: &[Period]) -> Result<(), Failure> {
    if periods.is_empty() {
        return Ok(());
    }
    let volumes = volumes(work.store).await?;
    let reached = reached_periods(work.store, work.carry_days_max(), periods).await?;
    // Not forgotten here: a rebuild has notes of its own meanwhile, and hardly a row is stored of periods that have just begun.
    let indicators: Vec<String> = volumes.iter().map(|volume| volume.indicator.clone()).collect();
    stored::note(work.store, work.at(), &indicators, &reached).await?;
    let steps = row_steps(work.generation, &volumes, &reached, work.carry_days_max());
    let mut progress = Progress::new("roll up periods", steps.len() as u64);
    for step in &steps {
        work.whole(step, Written::All).await?;
        progress.step();
    }
    Ok(())
}

/// What must be known of the last pass.
#[derive(Row, Deserialize)]
pub(crate) struct LastPass {
    /// Reference data in force: newer ones come into force with the next pass, for kept periods and for others alike.
    pub(crate) generation: u32,
    #[serde(with = "clickhouse::serde::chrono::datetime64::millis::option")]
    complete_through: Option<DateTime<Utc>>,
}

/// The last recorded pass; a scheduler makes many in one epoch.
pub(crate) async fn last_pass(store: &Store) -> Result<Option<LastPass>, Failure> {
    let query =
        store.read().query("SELECT generation, complete_through FROM passes ORDER BY epoch DESC, finished_at DESC LIMIT 1");
    Ok(query.fetch_optional::<LastPass>().await.map_err(store.during("look for a finished pass"))?)
}

pub(crate) async fn periods_to_keep(
    store: &Store,
    reference: &Reference,
    opened: &HashSet<Label>,
    today: NaiveDate,
) -> Result<Vec<Period>, Failure> {
    match first_fact(store).await? {
        Some(first_fact) => kept_periods(&reference.calendars, opened, first_fact, today),
        None => Ok(Vec::new()),
    }
}

#[derive(Row, Serialize)]
struct OpenedRow {
    calendar: String,
    period: String,
    epoch: u32,
}

async fn note_opened(store: &Store, claim: Claim, periods: &[Period]) -> Result<(), Failure> {
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

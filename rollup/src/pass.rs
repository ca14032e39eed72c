//! One pass: the only place that knows the order of its steps. It may stop anywhere and be done again: the numbers are
//! the same, and the versions of a later epoch win.

use std::collections::HashSet;
use std::sync::Arc;

use chiso_schemas::calendar::Period;
use chiso_schemas::reference::Reference;
use chiso_schemas::store::{Store, active_generation, active_reference, check_schema};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claim::Claim;
use crate::completeness::complete_through;
use crate::failure::Failure;
use crate::marks::{self, Waiting};
use crate::progress::Progress;
use crate::scope::{Label, cell_steps, kept_periods, label, opened, reached_periods, row_steps, volumes};
use crate::sql::{Scope, insert_marked_cells};
use crate::touched;

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

/// The right to work, and how far it is used: steps of one epoch are numbered through all its passes.
pub struct Turn {
    /// The epoch.
    pub claim: Claim,
    step: u32,
    /// How far `complete_through` must move to be worth a record by itself.
    moment_every: TimeDelta,
    /// The reference data of the last pass, with their generation: reading them takes longer than a pass without changes.
    known: Option<(u32, Arc<Reference>)>,
}

impl Turn {
    /// Begins with an epoch that was just claimed. A pass that finds nothing else records `complete_through` if it has moved
    /// by `moment_every`.
    pub fn new(claim: Claim, moment_every: TimeDelta) -> Self {
        Self { claim, step: 0, moment_every, known: None }
    }

    async fn reference(&mut self, store: &Store) -> Result<(u32, Arc<Reference>), Failure> {
        let active = active_generation(store).await?;
        if let Some((generation, reference)) = &self.known
            && active == Some(*generation)
        {
            return Ok((*generation, Arc::clone(reference)));
        }
        let (generation, reference) = active_reference(store).await?;
        let reference = Arc::new(reference);
        self.known = Some((generation, Arc::clone(&reference)));
        Ok((generation, reference))
    }
}

/// One pass in an epoch of its own, whoever leads.
///
/// # Errors
/// As [`changes`].
pub async fn run(store: &Store, today: NaiveDate) -> Result<Summary, Failure> {
    check_schema(store).await?;
    let claim = Claim::next(store).await?;
    touched::sweep(store).await?;
    changes(store, &mut Turn::new(claim, TimeDelta::zero()), today).await
}

/// Recomputes what has changed since the last pass: the cells that waiting batches touched and the rows that these touch, the
/// periods that have begun since, and after a change of reference data every kept period. Writes what disappeared as gone, and
/// retires exactly the batches that it found.
///
/// # Errors
/// The tables are not those of this release, there is no reference data, ClickHouse fails, or another rollup took over.
pub async fn changes(store: &Store, turn: &mut Turn, today: NaiveDate) -> Result<Summary, Failure> {
    let (started_at, claim) = (Utc::now(), turn.claim);
    let (generation, reference) = turn.reference(store).await?;
    // Both before the events are read: what they name is stored.
    let complete_through = complete_through(store).await?.and_then(DateTime::from_timestamp_millis);
    let waiting = marks::waiting(store, claim).await?;

    let opened = opened(store).await?;
    let periods = periods_to_keep(store, &reference, &opened, today).await?;
    let last = last_pass(store).await?;
    let last_generation = last.as_ref().map(|last| last.generation);
    let is_open = |period: &Period| last_generation == Some(generation) && opened.contains(&label(period));
    let (open, fresh): (Vec<Period>, Vec<Period>) = periods.iter().cloned().partition(is_open);
    let carry_days_max = reference.indicators.iter().map(|indicator| indicator.carry_days).max().unwrap_or_default();
    let mut pass = Pass { store, turn, generation, carry_days_max, cells: 0, rows: 0 };
    pass.changed(&waiting, &open).await?;
    pass.other_kinds(last_generation).await?;
    pass.whole(&fresh).await?;
    let (cells, rows) = (pass.cells, pass.rows);

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

/// A pass at work.
struct Pass<'a> {
    store: &'a Store,
    turn: &'a mut Turn,
    generation: u32,
    carry_days_max: u32,
    cells: u64,
    rows: u64,
}

impl Pass<'_> {
    /// Recomputes the cells of the batches, and in these periods the rows that they touch, in rounds of bounded work. A round is
    /// retired when its rows are written; after a stop anywhere, what is not retired is done again.
    async fn changed(&mut self, waiting: &[Waiting], periods: &[Period]) -> Result<(), Failure> {
        let (store, at) = (self.store, (self.generation, self.turn.claim.epoch));
        let rounds = marks::rounds(waiting);
        let mut progress = Progress::new("roll up changes", rounds.len() as u64);
        for round in rounds {
            let batches: Vec<Uuid> = round.iter().map(|waiting| waiting.batch).collect();
            let done = insert_marked_cells(store.write(), self.generation, &batches).execute().await;
            done.map_err(store.during("recompute cells"))?;
            if !periods.is_empty() {
                touched::note(store, at, &batches, periods).await?;
                for step in touched::steps(store, at, periods).await? {
                    self.write_touched(&step).await?;
                }
                touched::forget(store, at.1).await?;
            }
            self.turn.claim.still_holds(store).await?;
            marks::retire(store, self.turn.claim, &batches).await?;
            self.cells += round.iter().map(|waiting| waiting.cells).sum::<u64>();
            progress.step();
        }
        Ok(())
    }

    async fn write_touched(&mut self, scope: &Scope) -> Result<(), Failure> {
        let (store, step) = (self.store, (self.turn.claim.epoch, self.next_step().await?));
        for query in scope.insert_touched_wards(store.write(), step) {
            query.execute().await.map_err(store.during("compute the rows of wards"))?;
        }
        let done = scope.insert_touched_rows(store.write(), step, self.turn.claim.version(step.1)).execute().await;
        done.map_err(store.during("write rollup rows"))?;
        self.count_rows().await
    }

    /// Cells of facts are added up by the kind of their indicator: another kind makes other cells of the same facts.
    async fn other_kinds(&mut self, last: Option<u32>) -> Result<(), Failure> {
        let Some(last) = last.filter(|last| *last != self.generation) else { return Ok(()) };
        let store = self.store;
        let query = store.read().query(
            "SELECT toString(code) FROM reference_indicators WHERE generation IN (?, ?) GROUP BY code HAVING uniqExact(kind) > 1",
        );
        let indicators = query.bind(last).bind(self.generation).fetch_all::<String>().await;
        let indicators = indicators.map_err(store.during("compare the kinds of indicators"))?;
        if indicators.is_empty() {
            return Ok(());
        }
        let volumes =
            volumes(store).await?.into_iter().filter(|volume| indicators.contains(&volume.indicator)).collect::<Vec<_>>();
        for step in cell_steps(self.generation, &volumes) {
            step.insert_cells(store.write()).execute().await.map_err(store.during("recompute cells"))?;
        }
        Ok(())
    }

    /// Computes these periods as a whole.
    async fn whole(&mut self, periods: &[Period]) -> Result<(), Failure> {
        if periods.is_empty() {
            return Ok(());
        }
        let store = self.store;
        let volumes = volumes(store).await?;
        let reached = reached_periods(store, self.carry_days_max, periods).await?;
        let steps = row_steps(self.generation, &volumes, &reached, self.carry_days_max);
        let mut progress = Progress::new("roll up periods", steps.len() as u64);
        for step in &steps {
            let at = (self.turn.claim.epoch, self.next_step().await?);
            step.insert_wards(store.write(), at).execute().await.map_err(store.during("compute the rows of wards"))?;
            let done = step.insert_rows(store.write(), at, self.turn.claim.version(at.1)).execute().await;
            done.map_err(store.during("write rollup rows"))?;
            self.count_rows().await?;
            progress.step();
        }
        touched::forget(store, self.turn.claim.epoch).await
    }

    async fn next_step(&mut self) -> Result<u32, Failure> {
        self.turn.claim.still_holds(self.store).await?;
        self.turn.step += 1;
        Ok(self.turn.step)
    }

    async fn count_rows(&mut self) -> Result<(), Failure> {
        let query = self
            .store
            .read()
            .query("SELECT count() FROM rollup_rows WHERE version = ?")
            .bind(self.turn.claim.version(self.turn.step));
        self.rows += query.fetch_one::<u64>().await.map_err(self.store.during("count what was written"))?;
        Ok(())
    }
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

async fn periods_to_keep(
    store: &Store,
    reference: &Reference,
    opened: &HashSet<Label>,
    today: NaiveDate,
) -> Result<Vec<Period>, Failure> {
    let sql = "SELECT toInt32(min(date)) FROM event_log HAVING count() > 0";
    let days = store.read().query(sql).fetch_optional::<i32>().await;
    let days = days.map_err(store.during("find the first fact"))?;
    let first_fact =
        days.and_then(|days| DateTime::from_timestamp(i64::from(days) * 86_400, 0)).map(|moment| moment.date_naive());
    match first_fact {
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

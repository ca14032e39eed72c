//! `sweep`: removes what was kept long enough: refused messages, marks of batches that are rolled up, rows that are gone, records of
//! passes. Never facts, never reports. What it removes nobody sees or needs any more, at any moment and wherever it stops.

use std::time::Duration;

use chiso_schemas::settings::Retention;
use chiso_schemas::store::{Store, check_schema};
use clickhouse::Row;
use clickhouse::error::Error;
use clickhouse::query::Query;
use serde::{Deserialize, Serialize};

use crate::chores::note;
use crate::failure::Failure;
use crate::metrics::Metrics;

/// How often a scheduler that leads sweeps.
const EVERY: Duration = Duration::from_secs(6 * 3600);
/// The same after it failed.
const AGAIN_AFTER: Duration = Duration::from_secs(1800);
/// How long ClickHouse may take to remove rows: it may rewrite the parts that they are in.
const REMOVED_WITHIN: Duration = Duration::from_secs(1800);

/// What was removed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Summary {
    /// Refused messages.
    pub rejects: u64,
    /// Notes that refused messages were published again.
    pub replayed: u64,
    /// Marks.
    pub marks: u64,
    /// Batches without marks that were retired.
    pub retired: u64,
    /// Versions of rollup rows and summands that are gone.
    pub gone: u64,
    /// Records of passes.
    pub passes: u64,
}

/// Removes again and again, for ever.
pub(crate) async fn forever(store: Store, settings: Retention, metrics: Metrics) {
    loop {
        let done = run(&store, &settings).await;
        if let Ok(summary) = &done
            && *summary != Summary::default()
        {
            let Summary { rejects, replayed, marks, retired, gone, passes } = summary;
            tracing::info!(rejects, replayed, marks, retired, gone, passes, "swept");
        }
        let pause = if done.is_ok() { EVERY } else { AGAIN_AFTER };
        note(&metrics, "sweep", done);
        tokio::time::sleep(pause).await;
    }
}

/// Removes what is older than the settings say; 0 days keeps for ever.
///
/// # Errors
/// The tables are not those of this release, or ClickHouse fails. Whatever was done until then is right.
pub async fn run(store: &Store, settings: &Retention) -> Result<Summary, Failure> {
    check_schema(store).await?;
    let mut summary = Summary::default();
    if settings.rejects_days > 0 {
        summary.rejects = remove(store, "rejected_log", OLD_REJECTS, &[settings.rejects_days]).await?;
        if summary.rejects > 0 {
            summary.replayed = remove(store, "replayed", NOTHING_REFUSED, &[]).await?;
        }
    }
    if settings.marks_days > 0 {
        summary.marks = marks(store, settings.marks_days).await?;
        // Only now: a batch that has marks and is not retired would be rolled up again.
        summary.retired = remove(store, "retired", WITHOUT_MARKS, &[settings.marks_days]).await?;
    }
    if settings.gone_days > 0 {
        summary.gone = gone(store, settings.gone_days).await?;
    }
    if settings.passes_days > 0 {
        summary.passes = remove(store, "passes", OLD_PASSES, &[settings.passes_days]).await?;
    }
    Ok(summary)
}

/// By when ClickHouse has stored them: the timestamps of messages are their publishers' own.
const OLD_REJECTS: &str = "stored_at < now() - toIntervalDay(?)";
const NOTHING_REFUSED: &str =
    "(topic, incarnation, partition, offset) NOT IN (SELECT topic, incarnation, partition, offset FROM rejected_log)";
const WITHOUT_MARKS: &str = "retired_at < now() - toIntervalDay(?) AND batch NOT IN (SELECT batch FROM marks)";
/// The last one says what passes go on from, and the greatest moment is what figures are complete through.
const OLD_PASSES: &str = "finished_at < now() - toIntervalDay(?)
  AND (epoch, finished_at) NOT IN (SELECT epoch, finished_at FROM passes ORDER BY epoch DESC, finished_at DESC LIMIT 1)
  AND ifNull(complete_through < (SELECT max(complete_through) FROM passes), true)";

/// Batches that were retired long ago and that no pass will do again: those that waited when the last epoch was claimed count only
/// if that epoch has retired them, as passes judge it.
const DONE: &str = "batch IN (SELECT batch FROM retired WHERE retired_at < now() - toIntervalDay(?)
    AND (epoch = (SELECT max(epoch) FROM claims) OR batch NOT IN (SELECT batch FROM inherited WHERE epoch = (SELECT max(epoch) FROM claims))))";

/// Marks of batches that are done, day by day. A day is not dropped: a worker may be about to write marks of it.
async fn marks(store: &Store, days: u64) -> Result<u64, Failure> {
    let sql =
        format!("SELECT toDate(marked_at) AS day, toUInt64(count()) AS marks FROM marks WHERE {DONE} GROUP BY day ORDER BY day");
    let found = store.read().query(&sql).bind(days).fetch_all::<DayRow>().await;
    let found = found.map_err(store.during("look for marks that are done"))?;
    for DayRow { day, .. } in &found {
        let day = day.format("%Y-%m-%d");
        let sql = format!("ALTER TABLE marks DELETE IN PARTITION '{day}' WHERE {DONE}");
        done(store, store.write().query(&sql).bind(days), "marks").await?;
    }
    Ok(found.iter().map(|row| row.marks).sum())
}

#[derive(Row, Deserialize)]
struct DayRow {
    #[serde(with = "clickhouse::serde::chrono::date")]
    day: chrono::NaiveDate,
    marks: u64,
}

#[derive(Row, Deserialize)]
struct PeriodRow {
    calendar: String,
    period: String,
}

/// The versions of rows that disappeared in epochs that were over long ago, period by period. First what a gone row hides, and
/// only when all of that is removed the gone row: else the hidden one would be seen again. Later epochs are not touched.
async fn gone(store: &Store, days: u64) -> Result<u64, Failure> {
    let sql = "SELECT toUInt64(ifNull(max(epoch), 0)) FROM claims WHERE claimed_at < now() - toIntervalDay(?)";
    let epoch = store.read().query(sql).bind(days).fetch_one::<u64>().await;
    let before = epoch.map_err(store.during("look for epochs that are over"))? << 32;
    let mut removed = 0;
    for (table, key) in ROWS {
        let sql = format!(
            "SELECT toString(calendar) AS calendar, toString(period) AS period FROM {table} WHERE gone AND version < ?
             GROUP BY {table}.calendar, {table}.period ORDER BY calendar, period"
        );
        let periods = store.read().query(&sql).bind(before).fetch_all::<PeriodRow>().await;
        for PeriodRow { calendar, period } in periods.map_err(store.during("look for rows that are gone"))? {
            for (what, doing) in [("NOT gone", "rows that gone ones hide"), ("gone", "gone rows")] {
                let condition = format!(
                    "calendar = ? AND period = ? AND version < ? AND {what} AND ({key}) IN
                     (SELECT {key} FROM {table} WHERE calendar = ? AND period = ? GROUP BY {key} HAVING argMax(gone, version) AND max(version) < ?)"
                );
                let bind =
                    |query: Query| query.bind(&calendar).bind(&period).bind(before).bind(&calendar).bind(&period).bind(before);
                removed +=
                    count(store, bind(store.read().query(&format!("SELECT count() FROM {table} WHERE {condition}")))).await?;
                done(store, bind(store.write().query(&format!("ALTER TABLE {table} DELETE WHERE {condition}"))), doing).await?;
            }
        }
    }
    Ok(removed)
}

/// Tables with rows that can be gone, and what names a row of a period there.
const ROWS: [(&str, &str); 2] = [("rollup_rows", "indicator, level, area_id"), ("summands", "indicator, within, ward")];

/// Removes the rows of a table that fit, and says how many there were.
async fn remove(store: &Store, table: &'static str, condition: &str, days: &[u64]) -> Result<u64, Failure> {
    let bind = |sql: String, client: &clickhouse::Client| days.iter().fold(client.query(&sql), |query, days| query.bind(*days));
    let rows = count(store, bind(format!("SELECT count() FROM {table} WHERE {condition}"), store.read())).await?;
    if rows > 0 {
        done(store, bind(format!("ALTER TABLE {table} DELETE WHERE {condition}"), store.write()), table).await?;
    }
    Ok(rows)
}

async fn count(store: &Store, query: Query) -> Result<u64, Failure> {
    Ok(query.fetch_one::<u64>().await.map_err(store.during("count what was kept long enough"))?)
}

/// Waits until the rows are removed.
async fn done(store: &Store, query: Query, what: &str) -> Result<(), Failure> {
    let removed = tokio::time::timeout(REMOVED_WITHIN, query.with_setting("mutations_sync", "1").execute()).await;
    Ok(removed.unwrap_or(Err(Error::TimedOut)).map_err(store.during(format!("remove {what} that were kept long enough")))?)
}

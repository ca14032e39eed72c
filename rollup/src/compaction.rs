//! Keeps the ledger small: old rows that follow each other become one, without a moment at which it says less or more.
//!
//! Workers write a row for each batch and partition, so the ledger would grow for ever. A step first writes a joined row,
//! in one statement that reads the rows themselves: it can claim nothing that is not in the table at that moment, also if
//! ClickHouse was set back to an older copy. Then it removes what lies inside the joined row, on the condition, judged by
//! ClickHouse while it removes, that the joined row is there. In between, both are there: the union of the ranges is the
//! same. So a step may stop anywhere, and any number of them may run at once: a row goes only where a larger or newer one
//! that says the same stays.
//!
//! What is kept: ranges in the contiguous part, and of the ends that were seen there the newest that is stored, which is all
//! that `complete_through` asks for. What is not touched: lost ranges, ranges behind a gap, ends that are not stored yet.

use std::time::Duration;

use chiso_schemas::settings;
use chiso_schemas::store::{Store, check_schema};
use chrono::Utc;
use clickhouse::Row;
use clickhouse::error::Error;
use clickhouse::query::Query;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::failure::Failure;

/// What a compaction did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Summary {
    /// Rows of the ledger before.
    pub rows_before: u64,
    /// Rows after.
    pub rows_after: u64,
    /// Joined rows that were written.
    pub joined: u64,
}

/// Rows that one step joins at most, so that its memory and time are bounded.
const STEP_ROWS: u64 = 500_000;
/// How long ClickHouse may take to remove rows: it rewrites the parts that they are in.
const REMOVED_WITHIN: Duration = Duration::from_secs(300);

/// A partition that has something in its contiguous part.
#[derive(Row, Deserialize)]
struct Place {
    topic: String,
    incarnation: u32,
    partition: i32,
    stored_end: i64,
}

/// A joined row that is in the table.
#[derive(Row, Deserialize)]
struct Joined {
    from_offset: i64,
    next_offset: i64,
    observed_end: i64,
    observed_ms: i64,
}

/// Old rows of the contiguous part whose ends are stored too, cut into stretches without a hole. What lay in Kafka at the
/// latest of the moments lies before the greatest of the ends, by whichever clocks. One or two rows are not worth a joined
/// one, so a compaction that finds nothing new writes nothing.
const JOIN: &str = "
INSERT INTO ledger (topic, incarnation, partition, from_offset, next_offset, observed_end, observed_at, group_id, joined_by)
SELECT topic, incarnation, partition, min(from_offset), max(next_offset), max(observed_end), max(seen), argMax(group_id, seen),
       toUUID(?)
FROM
(
    SELECT *, sum(from_offset > ifNull(before, from_offset))
                  OVER (ORDER BY from_offset, next_offset, seen ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS stretch
    FROM
    (
        SELECT *, maxOrNull(next_offset)
                      OVER (ORDER BY from_offset, next_offset, seen ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
        FROM
        (
            SELECT topic, incarnation, partition, from_offset, next_offset, observed_end, observed_at AS seen, group_id
            FROM ledger
            WHERE topic = ? AND incarnation = ? AND partition = ? AND lost_because = ''
              AND next_offset <= ? AND observed_end <= ? AND observed_at < fromUnixTimestamp64Milli(toInt64(?), 'UTC')
            ORDER BY from_offset, next_offset, seen LIMIT ?
        )
    )
)
GROUP BY topic, incarnation, partition, stretch
HAVING count() > 2";

/// The same rows, counted.
const OLD: &str = "
SELECT count() FROM ledger
WHERE topic = ? AND incarnation = ? AND partition = ? AND lost_because = ''
  AND next_offset <= ? AND observed_end <= ? AND observed_at < fromUnixTimestamp64Milli(toInt64(?), 'UTC')";

/// What a step has joined, as far as it is there.
const MADE: &str = "
SELECT from_offset, next_offset, observed_end, toUnixTimestamp64Milli(observed_at) AS observed_ms FROM ledger
WHERE joined_by = toUUID(?) AND topic = ? AND incarnation = ? AND partition = ? ORDER BY from_offset";

/// What lies inside a joined row and says nothing more: neither of offsets nor of ends. Not the row itself, nor what another
/// compaction has joined alike. The last condition is judged when rows are removed, not when this is sent.
const REMOVE: &str = "
ALTER TABLE ledger DELETE
WHERE topic = ? AND incarnation = ? AND partition = ? AND lost_because = '' AND from_offset >= ? AND next_offset <= ?
  AND observed_end <= ? AND observed_at <= fromUnixTimestamp64Milli(toInt64(?), 'UTC')
  AND NOT (from_offset = ? AND next_offset = ? AND observed_at = fromUnixTimestamp64Milli(toInt64(?), 'UTC') AND batch = toUUIDOrZero(''))
  AND (SELECT count() FROM ledger WHERE joined_by = toUUID(?) AND topic = ? AND incarnation = ? AND partition = ?
          AND from_offset = ? AND next_offset = ? AND observed_at = fromUnixTimestamp64Milli(toInt64(?), 'UTC')) > 0";

/// Compacts the ledger if it has grown. Figures do not depend on it.
///
/// # Errors
/// As [`run`].
pub async fn when_grown(store: &Store, settings: &settings::Ledger) -> Result<(), Failure> {
    if old_rows(store, cutoff(settings.keep_s)).await? > settings.rows_max {
        let Summary { rows_before, rows_after, joined } = run(store, settings.keep_s).await?;
        tracing::info!(rows_before, rows_after, joined, "ledger compacted");
    }
    Ok(())
}

/// Joins rows that are older than `keep_s` seconds.
///
/// # Errors
/// The tables are not those of this release, or ClickHouse fails. Whatever was done until then is right.
pub async fn run(store: &Store, keep_s: u64) -> Result<Summary, Failure> {
    check_schema(store).await?;
    let (rows_before, before_ms) = (rows(store).await?, cutoff(keep_s));
    let places = "SELECT topic, incarnation, partition, stored_end FROM coverage ORDER BY topic, partition";
    let places = store.read().query(places).fetch_all::<Place>().await;
    let mut joined = 0;
    for place in places.map_err(store.during("read how far the ledger reaches"))? {
        let mut due = old_rows_of(store, &place, before_ms).await?;
        while due > 2 {
            joined += step(store, &place, before_ms).await?;
            let left = old_rows_of(store, &place, before_ms).await?;
            // A step that was not full has seen all; one that removed nothing would do so again.
            due = if due > STEP_ROWS && left < due { left } else { 0 };
        }
    }
    Ok(Summary { rows_before, rows_after: rows(store).await?, joined })
}

/// One step: joins, then removes. Yields how many joined rows it wrote.
async fn step(store: &Store, place: &Place, before_ms: i64) -> Result<u64, Failure> {
    let name = Uuid::new_v4().to_string();
    let join = at(store.write().query(JOIN).bind(&name), place).bind(place.stored_end).bind(place.stored_end);
    let join = join.bind(before_ms).bind(STEP_ROWS).execute().await;
    join.map_err(store.during("join rows of the ledger"))?;
    let made = at(store.read().query(MADE).bind(&name), place).fetch_all::<Joined>().await;
    let made = made.map_err(store.during("read joined rows of the ledger"))?;
    for joined in &made {
        remove(store, place, &name, joined).await?;
    }
    Ok(made.len() as u64)
}

async fn remove(store: &Store, place: &Place, name: &str, joined: &Joined) -> Result<(), Failure> {
    let Joined { from_offset, next_offset, observed_end, observed_ms } = *joined;
    let query = at(store.write().query(REMOVE), place).bind(from_offset).bind(next_offset).bind(observed_end).bind(observed_ms);
    let query = query.bind(from_offset).bind(next_offset).bind(observed_ms).bind(name);
    let query = at(query, place).bind(from_offset).bind(next_offset).bind(observed_ms).with_setting("mutations_sync", "1");
    let removed = tokio::time::timeout(REMOVED_WITHIN, query.execute()).await.unwrap_or(Err(Error::TimedOut));
    Ok(removed.map_err(store.during("remove joined rows of the ledger"))?)
}

fn at(query: Query, place: &Place) -> Query {
    query.bind(&place.topic).bind(place.incarnation).bind(place.partition)
}

fn cutoff(keep_s: u64) -> i64 {
    Utc::now().timestamp_millis() - i64::try_from(keep_s).unwrap_or_default() * 1_000
}

async fn rows(store: &Store) -> Result<u64, Failure> {
    count(store, store.read().query("SELECT count() FROM ledger")).await
}

/// Rows that workers wrote before that moment, in all partitions.
async fn old_rows(store: &Store, before_ms: i64) -> Result<u64, Failure> {
    let sql = "SELECT count() FROM ledger WHERE lost_because = '' AND observed_at < fromUnixTimestamp64Milli(toInt64(?), 'UTC')";
    count(store, store.read().query(sql).bind(before_ms)).await
}

/// Rows of a partition that a compaction may join.
async fn old_rows_of(store: &Store, place: &Place, before_ms: i64) -> Result<u64, Failure> {
    let query = at(store.read().query(OLD), place).bind(place.stored_end).bind(place.stored_end).bind(before_ms);
    count(store, query).await
}

async fn count(store: &Store, query: Query) -> Result<u64, Failure> {
    Ok(query.fetch_one::<u64>().await.map_err(store.during("count rows of the ledger"))?)
}

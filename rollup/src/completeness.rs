//! `complete_through` (contract section 6): up to which moment every message of Kafka is in the rollups.

use chiso_schemas::store::Store;

use crate::failure::Failure;

/// By partition, the end of its stored prefix, and the latest moment at which a worker saw an end offset that lies in
/// it; then the least of those moments. A partition none of whose ends is stored makes the answer absent.
const COMPLETE: &str = "
WITH
    reach AS
    (
        SELECT topic, partition, from_offset, next_offset,
               max(next_offset) OVER (PARTITION BY topic, partition ORDER BY from_offset, next_offset
                                      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before,
               row_number() OVER (PARTITION BY topic, partition ORDER BY from_offset, next_offset) AS place
        FROM ledger
    ),
    prefixes AS
    (
        SELECT topic, partition, minIf(before, place > 1 AND from_offset > before) AS gap_at, countIf(place > 1 AND from_offset > before) AS gaps,
               max(next_offset) AS last, if(gaps > 0, gap_at, last) AS stored_end
        FROM reach
        GROUP BY topic, partition
    ),
    moments AS
    (
        SELECT topic, partition, maxOrNullIf(observed_at, observed_end <= stored_end) AS moment
        FROM ledger INNER JOIN prefixes USING (topic, partition)
        GROUP BY topic, partition
    )
SELECT if(count() = 0 OR countIf(moment IS NULL) > 0, NULL, toUnixTimestamp64Milli(assumeNotNull(min(moment)))) FROM moments";

/// The moment up to which the ledger is complete now, in ms since 1970. Read it before the events: what the ledger
/// names is stored already.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn complete_through(store: &Store) -> Result<Option<i64>, Failure> {
    let moment = store.read().query(COMPLETE).fetch_one::<Option<i64>>().await;
    Ok(moment.map_err(store.during("read how far the ledger reaches"))?)
}

//! `complete_through` (contract section 6): up to which moment every message of Kafka is in the rollups.

use chiso_schemas::store::Store;

use crate::failure::Failure;

/// By partition, the latest moment at which a worker saw an end offset that lies in the stored prefix; then the least of
/// those moments. A partition none of whose ends is stored makes the answer absent; a topic that was made anew counts
/// with its last incarnation.
const COMPLETE: &str = "
WITH moments AS
(
    SELECT topic, partition, maxOrNullIf(observed_at, observed_end <= stored_end) AS moment
    FROM ledger INNER JOIN coverage USING (topic, incarnation, partition)
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

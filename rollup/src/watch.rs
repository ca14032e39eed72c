//! Looks now and then what waits and how far the figures reach, for the metrics, whether this scheduler leads or stands by.

use std::time::{Duration, Instant};

use chiso_schemas::store::{Store, StoreError};
use clickhouse::Row;
use serde::Deserialize;

use crate::failure::Failure;
use crate::findings::Kind;
use crate::lead::Leader;
use crate::metrics::{Metrics, Standing};

/// From one look to the next.
const EVERY: Duration = Duration::from_secs(5);
/// From one count of findings to the next: there may be many.
const FINDINGS_EVERY: Duration = Duration::from_secs(15);
/// ClickHouse may take so long to answer; longer counts as no answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

#[derive(Row, Deserialize)]
struct StandingRow {
    batches: u64,
    cells: u64,
    oldest_ms: i64,
    ledger_rows: u64,
    complete_ms: Option<i64>,
}

const STANDING: &str = "
SELECT waiting.batches AS batches, waiting.cells AS cells, waiting.oldest_ms AS oldest_ms, ledger.rows AS ledger_rows, reached.ms AS complete_ms
FROM
(
    SELECT count() AS batches, sum(marked_cells) AS cells,
           if(count() = 0, 0, greatest(1, toUnixTimestamp64Milli(now64(3)) - toUnixTimestamp64Milli(min(marked)))) AS oldest_ms
    FROM (SELECT batch, min(marked_at) AS marked, toUInt64(count()) AS marked_cells FROM marks
          WHERE batch NOT IN (SELECT batch FROM retired) GROUP BY batch)
) AS waiting
CROSS JOIN (SELECT count() AS rows FROM ledger) AS ledger
CROSS JOIN (SELECT toUnixTimestamp64Milli(max(complete_through)) AS ms FROM passes) AS reached";

/// Looks again and again, for ever.
pub(crate) async fn run(store: Store, metrics: Metrics) {
    let mut counted: Option<(Instant, Vec<(Kind, u64)>)> = None;
    loop {
        let looked = tokio::time::timeout(ANSWER_WITHIN, look(&store, &mut counted)).await;
        match looked {
            Ok(Ok(standing)) => metrics.stands(standing),
            Ok(Err(Failure::Store(error))) => unanswered(&metrics, &error),
            Ok(Err(error)) => tracing::warn!(%error, "what waits cannot be told"),
            Err(_) => unanswered(&metrics, &store.during("look what waits")(clickhouse::error::Error::TimedOut)),
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn unanswered(metrics: &Metrics, error: &StoreError) {
    tracing::warn!(%error, "clickhouse does not say what waits");
    metrics.unanswered(error);
}

async fn look(store: &Store, counted: &mut Option<(Instant, Vec<(Kind, u64)>)>) -> Result<Standing, Failure> {
    let row = store.read().query_raw(STANDING).fetch_one::<StandingRow>().await.map_err(store.during("look what waits"))?;
    let leader = Leader::of(store).await?;
    let silent_ms = if leader.epoch == 0 { i64::MAX } else { leader.silent_ms.max(1) };
    let findings = match counted {
        Some((when, findings)) if when.elapsed() < FINDINGS_EVERY => findings.clone(),
        _ => counted.insert((Instant::now(), findings(store).await?)).1.clone(),
    };
    let StandingRow { batches, cells, oldest_ms, ledger_rows, complete_ms } = row;
    Ok(Standing { batches, cells, oldest_ms, ledger_rows, silent_ms, complete_ms, findings })
}

/// Open findings by kind, kinds without one included.
async fn findings(store: &Store) -> Result<Vec<(Kind, u64)>, Failure> {
    let sql =
        "SELECT toString(kind) AS kind, toUInt64(count()) AS open FROM finding_log FINAL WHERE settled_at IS NULL GROUP BY kind";
    let open = store.read().query(sql).fetch_all::<(String, u64)>().await.map_err(store.during("count the open findings"))?;
    let of = |kind: Kind| open.iter().find(|(name, _)| name == kind.as_str()).map_or(0, |(_, count)| *count);
    Ok(Kind::ALL.into_iter().map(|kind| (kind, of(kind))).collect())
}

//! Marks: which batches wait for a pass, and what is done with them afterwards.

use chiso_schemas::store::Store;
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claim::Claim;
use crate::failure::Failure;

/// Cells that one round recomputes at most, where one batch alone does not touch more.
const ROUND_CELLS_MAX: u64 = 250_000;
/// Batches of one round at most: their names stand in the address of a request.
const ROUND_BATCHES_MAX: usize = 500;

/// A batch whose cells wait for a pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// The batch.
    pub batch: Uuid,
    /// Cells that it touched.
    pub cells: u64,
}

#[derive(Row, Deserialize)]
struct WaitingRow {
    #[serde(with = "clickhouse::serde::uuid")]
    batch: Uuid,
    cells: u64,
}

/// The batches that wait, oldest first. Those that waited already when the epoch was claimed wait until this epoch has retired
/// them: a predecessor that was only paused may still retire what it has not written, or what newer rows have replaced.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn waiting(store: &Store, claim: Claim) -> Result<Vec<Waiting>, Failure> {
    let query = store.read().query(
        "SELECT batch, toUInt64(count()) AS cells FROM marks
         WHERE batch NOT IN (SELECT batch FROM retired WHERE epoch = ? OR batch NOT IN (SELECT batch FROM inherited WHERE epoch = ?))
         GROUP BY batch ORDER BY min(marked_at), batch",
    );
    let rows = query.bind(claim.epoch).bind(claim.epoch).fetch_all::<WaitingRow>().await;
    let rows = rows.map_err(store.during("read the waiting marks"))?;
    Ok(rows.into_iter().map(|WaitingRow { batch, cells }| Waiting { batch, cells }).collect())
}

/// Cuts what waits into rounds of bounded work, in order.
pub fn rounds(waiting: &[Waiting]) -> Vec<&[Waiting]> {
    let mut rounds = Vec::new();
    let mut rest = waiting;
    while !rest.is_empty() {
        let mut cells = 0;
        let fits = rest.iter().take(ROUND_BATCHES_MAX).take_while(|waiting| {
            cells += waiting.cells;
            cells <= ROUND_CELLS_MAX
        });
        let (round, later) = rest.split_at(fits.count().max(1));
        rounds.push(round);
        rest = later;
    }
    rounds
}

#[derive(Row, Serialize)]
struct RetiredRow {
    #[serde(with = "clickhouse::serde::uuid")]
    batch: Uuid,
    epoch: u32,
}

/// Notes that the rows of these batches are written.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn retire(store: &Store, claim: Claim, batches: &[Uuid]) -> Result<(), Failure> {
    let insert = async {
        let mut insert = store.write().insert::<RetiredRow>("retired").await?;
        for batch in batches {
            insert.write(&RetiredRow { batch: *batch, epoch: claim.epoch }).await?;
        }
        insert.end().await
    };
    Ok(insert.await.map_err(store.during("retire batches"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(cells: &[u64]) -> Vec<usize> {
        let waiting: Vec<Waiting> = cells.iter().map(|cells| Waiting { batch: Uuid::nil(), cells: *cells }).collect();
        rounds(&waiting).iter().map(|round| round.len()).collect()
    }

    #[test]
    fn rounds_take_everything_in_bounded_pieces() {
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&[100_000, 100_000, 100_000, 1]), [2, 2]);
        // One batch too large for a round has one of its own.
        assert_eq!(sizes(&[1, 300_000, 1]), [1, 1, 1]);
        assert_eq!(sizes(&[1; 1_200]), [500, 500, 200]);
    }
}

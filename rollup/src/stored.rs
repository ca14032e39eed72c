//! What is stored of indicators that are about to be computed as a whole: looked up once, for all steps.

use chiso_schemas::calendar::Period;
use chiso_schemas::store::Store;

use crate::failure::Failure;
use crate::scope::STEP_PERIODS_MAX;
use crate::sql::Scope;
use crate::touched::drop_epoch;

/// The table of what was noted.
pub(crate) const NOTE: &str = "stored_rows";

/// Notes the rows of these indicators in these periods. Rows that a pass writes later need no note: what disappears of them has marks.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn note(
    store: &Store,
    (generation, epoch): (u32, u32),
    indicators: &[String],
    periods: &[Period],
) -> Result<(), Failure> {
    for periods in periods.chunks(STEP_PERIODS_MAX) {
        let scope = Scope { generation, indicators: indicators.to_vec(), periods: periods.to_vec() };
        let noted = scope.note_stored(store.write(), epoch).execute().await;
        noted.map_err(store.during("note which rows are stored"))?;
    }
    Ok(())
}

/// Forgets what the epoch has noted.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn forget(store: &Store, epoch: u32) -> Result<(), Failure> {
    drop_epoch(store, NOTE, epoch).await
}

//! `migrate`: makes the tables and views, checks the reference data as a whole and activates them. Safe to repeat, and to
//! stop anywhere: what is not activated does not count.

mod activate;
mod numbers;
mod orphans;
mod rows;
mod tables;

use chiso_schemas::reference::{Files, Reference};
use chiso_schemas::store::{Store, active_generation};
use serde::Serialize;

use crate::failure::Failure;
pub(crate) use orphans::find as orphans;
pub(crate) use rows::tables as reference_rows;

/// What `migrate` found and did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Summary {
    /// Numbered SQL files that were applied now.
    pub applied: Vec<String>,
    /// The active generation of reference data.
    pub generation: u32,
    /// Whether it was activated now; otherwise the same data were active already.
    pub activated: bool,
}

/// Brings the database up to this release and the reference data up to `files`.
///
/// # Errors
/// A newer release made the tables, the reference data have faults (all of them listed), they would orphan stored facts
/// (all of them listed), or ClickHouse fails.
pub async fn run(store: &Store, files: &Files) -> Result<Summary, Failure> {
    // Before anything is touched: faulty files must leave no trace.
    let reference = Reference::parse(files)?;
    tables::create_database(store).await?;
    let applied = tables::apply(store).await?;
    tables::make_views(store).await?;
    let digest = files.digest();
    if let Some(generation) = active_generation(store).await?
        && activate::digest_of(store, generation).await? == digest
    {
        return Ok(Summary { applied, generation, activated: false });
    }
    let orphans = orphans::find(store, &reference).await?;
    if !orphans.is_empty() {
        return Err(Failure::Orphans(orphans));
    }
    let generation = activate::activate(store, files, &reference, &digest).await?;
    Ok(Summary { applied, generation, activated: true })
}

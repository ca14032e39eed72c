//! The reference data that `migrate` activated, as workers load them.

use clickhouse::Row;
use serde::Deserialize;

use super::{Store, StoreError};
use crate::reference::{Faults, Files, FilesError, Reference};

/// Reference data that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// ClickHouse did not answer the question.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// `migrate` has not activated any.
    #[error("database {0} holds no reference data; run chiso-rollup migrate")]
    None(String),
    /// Files of the generation are missing.
    #[error("generation {0}: {1}")]
    Incomplete(u32, FilesError),
    /// A newer release checked and stored it; this one does not understand it.
    #[error("generation {0} of the reference data does not suit this program: is it older than chiso-rollup?\n{1}")]
    Unsuitable(u32, Faults),
}

#[derive(Row, Deserialize)]
struct StoredFile {
    file: String,
    content: String,
}

/// The number of the active generation, if there is one.
///
/// # Errors
/// ClickHouse did not answer.
pub async fn active_generation(store: &Store) -> Result<Option<u32>, StoreError> {
    let sql = "SELECT max(generation) FROM generations HAVING count() > 0";
    let answer = store.read().query(sql).fetch_optional::<u32>().await;
    answer.map_err(store.during("read the active generation of reference data"))
}

/// The active generation and its reference data.
///
/// # Errors
/// There is none, or it cannot be read.
pub async fn active_reference(store: &Store) -> Result<(u32, Reference), ReferenceError> {
    let Some(generation) = active_generation(store).await? else {
        return Err(ReferenceError::None(store.database().to_owned()));
    };
    Ok((generation, reference_of(store, generation).await?))
}

/// The reference data of a generation that was active once.
///
/// # Errors
/// It cannot be read.
pub async fn reference_of(store: &Store, generation: u32) -> Result<Reference, ReferenceError> {
    let query = store.read().query("SELECT file, content FROM reference_files FINAL WHERE generation = ?").bind(generation);
    let stored = query.fetch_all::<StoredFile>().await;
    let stored = stored.map_err(store.during("read the reference files"))?;
    let part = |name: &str| stored.iter().find(|stored| stored.file == name).map(|stored| stored.content.clone());
    let files = Files::from_parts(part).map_err(|error| ReferenceError::Incomplete(generation, error))?;
    Reference::parse(&files).map_err(|faults| ReferenceError::Unsuitable(generation, faults))
}

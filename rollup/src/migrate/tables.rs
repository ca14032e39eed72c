//! The numbered SQL files, each applied once and noted with its digest, and the views, made anew each time.

use chiso_schemas::store::{SCHEMA, SchemaError, Store, StoreError, VIEWS, check_schema, schema_digest, statements};
use clickhouse::Row;
use serde::Serialize;

use crate::failure::Failure;

#[derive(Row, Serialize)]
struct VersionRow {
    version: u32,
    file: String,
    digest: String,
}

/// Makes the database of the settings.
pub(super) async fn create_database(store: &Store) -> Result<(), StoreError> {
    let sql = format!("CREATE DATABASE IF NOT EXISTS {}", store.database());
    store.server().query_raw(&sql).execute().await.map_err(store.during("create the database"))
}

/// Applies the files that were not applied yet; gives their names.
pub(super) async fn apply(store: &Store) -> Result<Vec<String>, Failure> {
    // The first file makes the table that notes the others, so it is always run.
    if let Some((name, text)) = SCHEMA.first() {
        execute(store, name, text).await?;
    }
    let missing = match check_schema(store).await {
        Ok(()) => Vec::new(),
        Err(SchemaError::Missing { missing, .. }) => missing,
        Err(error) => return Err(error.into()),
    };
    let mut applied = Vec::new();
    for (version, (name, text)) in (0..).zip(SCHEMA).filter(|(_, (name, _))| missing.iter().any(|file| file == name)) {
        execute(store, name, text).await?;
        let row = VersionRow { version, file: (*name).to_owned(), digest: schema_digest(text) };
        note(store, &row).await.map_err(store.during("note the schema version"))?;
        applied.push((*name).to_owned());
    }
    Ok(applied)
}

/// Makes the views for analysts.
pub(super) async fn make_views(store: &Store) -> Result<(), Failure> {
    execute(store, "views.sql", VIEWS).await
}

async fn execute(store: &Store, name: &str, text: &str) -> Result<(), Failure> {
    for statement in statements(text) {
        store.write().query_raw(statement).execute().await.map_err(store.during(format!("apply {name}")))?;
    }
    Ok(())
}

async fn note(store: &Store, row: &VersionRow) -> clickhouse::error::Result<()> {
    let mut insert = store.write().insert::<VersionRow>("schema_versions").await?;
    insert.write(row).await?;
    insert.end().await
}

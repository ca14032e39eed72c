//! Stores a generation of reference data: its files, its tables, what is derived from them, and last the row that makes
//! it active.

use chiso_schemas::reference::{Files, Reference};
use chiso_schemas::store::Store;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{numbers, rows};
use crate::failure::Failure;

/// The digest of a generation's files.
pub(super) async fn digest_of(store: &Store, generation: u32) -> Result<String, Failure> {
    let query = store.read().query("SELECT digest FROM generations WHERE generation = ?").bind(generation);
    Ok(query.fetch_one::<String>().await.map_err(store.during("read the digest of the reference data"))?)
}

/// Stores and activates the reference data; gives the number of their generation.
pub(super) async fn activate(store: &Store, files: &Files, reference: &Reference, digest: &str) -> Result<u32, Failure> {
    let generation = claim(store).await?;
    let texts = files.iter().map(|(file, content)| json!({ "file": file, "content": content }));
    insert(store, "reference_files", generation, texts.collect(), "").await?;
    for (table, rows) in rows::tables(reference) {
        insert(store, table, generation, rows, "").await?;
    }
    numbers::check(store, generation).await?;
    let row = json!({ "digest": digest, "program": env!("CARGO_PKG_VERSION") });
    insert(store, "generations", generation, vec![row], "").await?;
    Ok(generation)
}

/// A number that nobody has used, also for a generation that was never activated: its rows must not mix with these.
/// Of two that claim one number ClickHouse keeps the first.
async fn claim(store: &Store) -> Result<u32, Failure> {
    let holder = Uuid::new_v4().to_string();
    loop {
        let last = store.read().query("SELECT max(generation) FROM generation_claims").fetch_one::<u32>().await;
        let generation = last.map_err(store.during("read the last generation"))?.saturating_add(1);
        let token = format!("generation-{generation}");
        insert(store, "generation_claims", generation, vec![json!({ "holder": holder })], &token).await?;
        let kept = store.read().query("SELECT holder FROM generation_claims WHERE generation = ?").bind(generation);
        if kept.fetch_one::<String>().await.map_err(store.during("read the claim of a generation"))? == holder {
            return Ok(generation);
        }
    }
}

/// Inserts rows, each with the generation; of several inserts under one token ClickHouse keeps the first.
async fn insert(store: &Store, table: &str, generation: u32, rows: Vec<Value>, token: &str) -> Result<(), Failure> {
    let mut lines = String::new();
    for mut row in rows {
        row["generation"] = generation.into();
        lines.push_str(&row.to_string());
        lines.push('\n');
    }
    let insert = async {
        let mut insert = store
            .write()
            .insert_formatted_with(format!("INSERT INTO {table} FORMAT JSONEachRow"))
            .with_setting("insert_deduplication_token", token);
        insert.send(lines.into()).await?;
        insert.end().await
    };
    Ok(insert.await.map_err(store.during(format!("load {table}")))?)
}

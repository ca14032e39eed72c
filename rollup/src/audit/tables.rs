//! The reference tables, compared with what the reference files of their generation say.

use std::collections::BTreeMap;

use chiso_schemas::reference::Reference;
use chiso_schemas::store::Store;
use serde_json::{Map, Value};
use tokio::io::AsyncBufReadExt;

use super::difference::Difference;
use crate::failure::Failure;
use crate::migrate::reference_rows;

/// Columns that name a row, by table.
const KEYS: [(&str, &[&str]); 9] = [
    ("reference_indicators", &["code"]),
    ("reference_units", &["unit_id"]),
    ("reference_lineage", &["old_unit_id", "new_unit_id"]),
    ("reference_sources", &["source"]),
    ("reference_targets", &["indicator", "calendar", "period", "area_id", "scope"]),
    ("reference_paths", &["member", "from_end"]),
    ("reference_areas", &["area_id", "from_end"]),
    ("reference_chains", &["ward"]),
    ("reference_reach", &["unit_id", "member"]),
];

type Rows = BTreeMap<String, Map<String, Value>>;

/// How many rows were compared, and what differs.
pub(super) async fn compare(store: &Store, generation: u32, reference: &Reference) -> Result<(u64, Vec<Difference>), Failure> {
    let (mut count, mut differences) = (0, Vec::new());
    for (table, rows) in reference_rows(reference) {
        let Some((table, keys)) = KEYS.into_iter().find(|(name, _)| *name == table) else {
            return Err(Failure::Refused(format!(
                "the audit does not know the key of {table}, which is a fault of chiso-rollup: report it"
            )));
        };
        let rows = rows.into_iter().filter_map(|row| match row {
            Value::Object(row) => Some((key(keys, &row), row)),
            _ => None,
        });
        let proven: Rows = rows.collect();
        let mut stored = stored(store, (table, keys), generation).await?;
        count += proven.len() as u64;
        for (key, row) in proven {
            match stored.remove(&key) {
                None => differences.push(Difference::missing(table, key, text(&Value::Object(row)))),
                Some(stored) => differences.extend(row.iter().filter_map(|(column, proven)| {
                    let (proven, stored) = (text(proven), stored.get(column).map_or_else(String::new, text));
                    let (key, column) = (key.clone(), column.clone());
                    (proven != stored).then_some(Difference { table, key, column, proven, stored })
                })),
            }
        }
        let superfluous = |(key, row)| Difference::superfluous(table, key, text(&Value::Object(row)));
        differences.extend(stored.into_iter().map(superfluous));
    }
    Ok((count, differences))
}

async fn stored(store: &Store, (table, keys): (&str, &[&str]), generation: u32) -> Result<Rows, Failure> {
    let sql = format!("SELECT * EXCEPT (generation) FROM {table} FINAL WHERE generation = {{generation:UInt32}}");
    let query = store.read().query_raw(&sql).param("generation", generation);
    let query = query.with_setting("output_format_json_quote_decimals", "1");
    let doing = || store.during(format!("read {table}"));
    let mut lines = query.fetch_bytes("JSONEachRow").map_err(doing())?.lines();
    let mut rows = Rows::new();
    let failed = |error: std::io::Error| Failure::Refused(format!("cannot read {table}: {error}"));
    while let Some(line) = lines.next_line().await.map_err(failed)? {
        let row: Map<String, Value> = serde_json::from_str(&line).map_err(|error| failed(error.into()))?;
        rows.insert(key(keys, &row), row);
    }
    Ok(rows)
}

fn key(keys: &[&str], row: &Map<String, Value>) -> String {
    keys.iter().map(|key| row.get(*key).map_or_else(String::new, text)).collect::<Vec<_>>().join(" ")
}

/// A value as text: strings without quotes, so that a decimal is one text in both spellings.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

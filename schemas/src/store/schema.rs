//! The tables: the SQL files in order, and whether the tables of a server are those this program knows.

use sha2::{Digest, Sha256};

use super::{Store, StoreError};

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../clickhouse/", $name)))),*]
    };
}

/// The numbered files of `schemas/clickhouse` in order: name and text. They make the tables, once each.
pub const SCHEMA: &[(&str, &str)] = &files![
    "00_schema_versions.sql",
    "01_event_log.sql",
    "02_rejected_log.sql",
    "03_marks.sql",
    "04_ledger.sql",
    "05_cells.sql",
    "06_rollup_rows.sql",
    "07_reference.sql",
    "08_passes.sql",
    "09_replayed.sql",
    "10_reports.sql",
    "11_findings.sql",
    "12_accounts.sql",
    "13_rebuilds.sql",
];

/// The views that analysts read; every `migrate` makes them anew.
pub const VIEWS: &str = include_str!("../../clickhouse/views.sql");

/// Tables that this program cannot work with.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// ClickHouse did not answer the question.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Tables are missing.
    #[error("database {database} lacks the tables of {}; run chiso-rollup migrate", missing.join(", "))]
    Missing {
        /// The database.
        database: String,
        /// Files that were not applied.
        missing: Vec<String>,
    },
    /// Tables of another release.
    #[error(
        "files {} of the schema of database {database} are not those of this release ({}); use the release that made them, or a newer one",
        changed.join(", "),
        env!("CARGO_PKG_VERSION")
    )]
    Other {
        /// The database.
        database: String,
        /// Files that have another text.
        changed: Vec<String>,
    },
    /// A newer release has been here.
    #[error(
        "database {database} was made by a newer release (it has {}, this is {}); upgrade this program",
        unknown.join(", "),
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// The database.
        database: String,
        /// Files that this program does not know.
        unknown: Vec<String>,
    },
}

/// ClickHouse's codes for a table and a database that are not there.
const ABSENT: [u32; 2] = [60, 81];

/// Checks that `migrate` of this release has made the tables.
///
/// # Errors
/// Tables are missing, or another release made them, or ClickHouse did not answer.
pub async fn check_schema(store: &Store) -> Result<(), SchemaError> {
    let database = store.database().to_owned();
    let applied = store.read().query("SELECT file, digest FROM schema_versions FINAL ORDER BY file");
    let applied = applied.fetch_all::<(String, String)>().await;
    let applied = match applied.map_err(store.during("read the schema version")) {
        Ok(applied) => applied,
        Err(error) if error.code().is_some_and(|code| ABSENT.contains(&code)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let known = |file: &str| SCHEMA.iter().find(|(name, _)| *name == file);
    let files = |is_meant: &dyn Fn(&str, &str) -> bool| -> Vec<String> {
        applied.iter().filter(|(file, digest)| is_meant(file, digest)).map(|(file, _)| file.clone()).collect()
    };
    let unknown = files(&|file, _| known(file).is_none());
    if !unknown.is_empty() {
        return Err(SchemaError::Newer { database, unknown });
    }
    let changed = files(&|file, noted| known(file).is_some_and(|(_, text)| schema_digest(text) != noted));
    if !changed.is_empty() {
        return Err(SchemaError::Other { database, changed });
    }
    let is_missing = |name: &&str| applied.iter().all(|(file, _)| file != name);
    let missing: Vec<String> = SCHEMA.iter().map(|(name, _)| *name).filter(is_missing).map(str::to_owned).collect();
    if missing.is_empty() { Ok(()) } else { Err(SchemaError::Missing { database, missing }) }
}

/// SHA-256 in hex of the text of a file, which `schema_versions` keeps.
#[must_use]
pub fn schema_digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::statements;
    use super::*;

    #[test]
    fn every_file_of_the_directory_is_listed_in_order() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/clickhouse");
        let mut names = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".sql") && name != "views.sql")
            .collect::<Vec<_>>();
        names.sort();
        assert_eq!(SCHEMA.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
        assert!(SCHEMA.iter().all(|(_, text)| !statements(text).is_empty()));
    }
}

//! What an audit finds: a place in a table where something else stands than the facts say.

use serde::Serialize;

/// What stands where a row is not.
pub(super) const ABSENT: &str = "absent";
/// What is compared where a whole row is missing or superfluous.
pub(super) const WHOLE_ROW: &str = "row";

/// One difference.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Difference {
    /// The table that is wrong: `rollup_rows`, `summands`, `cells`, `last_states`, one of the reference tables, or `event_log` where
    /// facts have no place.
    pub table: &'static str,
    /// Which row of it, or of which facts.
    pub key: String,
    /// Which column, `row` if the whole row is missing or superfluous, or `place`.
    pub column: String,
    /// What the facts or the reference files say.
    pub proven: String,
    /// What is stored.
    pub stored: String,
}

impl Difference {
    /// A row that should be there.
    pub(super) fn missing(table: &'static str, key: String, proven: String) -> Self {
        Self { table, key, column: WHOLE_ROW.to_owned(), proven, stored: ABSENT.to_owned() }
    }

    /// A row that should not.
    pub(super) fn superfluous(table: &'static str, key: String, stored: String) -> Self {
        Self { table, key, column: WHOLE_ROW.to_owned(), proven: ABSENT.to_owned(), stored }
    }
}

/// The differences of a row, column by column.
pub(super) fn columns(
    (table, key): (&'static str, &str),
    names: &[&str],
    proven: &[String],
    stored: &[String],
) -> Vec<Difference> {
    let pairs = names.iter().zip(proven.iter().zip(stored));
    let differ = pairs.filter(|(_, (proven, stored))| proven != stored);
    differ
        .map(|(column, (proven, stored))| Difference {
            table,
            key: key.to_owned(),
            column: (*column).to_owned(),
            proven: proven.clone(),
            stored: stored.clone(),
        })
        .collect()
}

//! Finds the events of a batch that ClickHouse refuses for what is in them: each half is tried under a name of its own,
//! down to the single row. Nothing is refused before all of them are known, for more than a few are no bad events but
//! tables that differ from what this program expects.

use std::future::Future;
use std::ops::Range;

use chiso_schemas::store::{Fault, StoreError};
use tracing::info;

use crate::failure::Failure;

/// A row that ClickHouse refuses also on its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unstorable {
    /// Its number in the batch.
    pub row: usize,
    /// What ClickHouse says.
    pub said: String,
}

/// More refused rows of a batch than this are no accident.
const ROWS_MAX: usize = 10;
/// Nor is more than one row in so many.
pub const ONE_IN: usize = 100;

/// The rows that are refused on their own; `insert` stores a range of rows under a new name, and the whole range has been
/// refused already. All other rows are stored when this returns. `stored_before` rows were stored since one was last
/// refused.
///
/// # Errors
/// ClickHouse refuses so many that it must be the tables, or something else is wrong.
pub async fn bisect<F>(rows: usize, stored_before: usize, insert: impl Fn(Range<usize>) -> F) -> Result<Vec<Unstorable>, Failure>
where
    F: Future<Output = Result<(), StoreError>>,
{
    let mut found = Vec::new();
    let mut due = halves(0..rows);
    if rows == 1 {
        due.push(0..1);
    }
    while let Some(range) = due.pop() {
        let error = match insert(range.clone()).await {
            Ok(()) => continue,
            Err(error) if error.fault() == Fault::Bisect => error,
            Err(error) => return Err(error.into()),
        };
        if range.len() > 1 {
            due.extend(halves(range));
            continue;
        }
        found.push(Unstorable { row: range.start, said: error.said().to_owned() });
        if is_drift(found.len(), rows, stored_before) {
            let what =
                format!("clickhouse refuses {} of {rows} rows of a batch for what is in them, and perhaps more", found.len());
            let hint =
                "that is no accident of some events but a table that differs from what this program expects; nothing was refused";
            return Err(Failure::Finding(format!(
                "{what}: {hint}. Mend the table and start the worker again. The last answer: {error}"
            )));
        }
    }
    info!(rows, refused = found.len(), "divided a batch that clickhouse refused");
    Ok(found)
}

/// Both halves, the first one last; none of a single row.
fn halves(range: Range<usize>) -> Vec<Range<usize>> {
    let middle = range.start + range.len() / 2;
    if range.len() < 2 { Vec::new() } else { vec![middle..range.end, range.start..middle] }
}

/// Whether so many refused rows of a batch show that the tables differ. A single row of a small batch may be refused if
/// enough rows were stored before it, for it cannot be less than one.
fn is_drift(refused: usize, rows: usize, stored_before: usize) -> bool {
    let is_alone = refused == 1 && stored_before.saturating_add(rows) >= ONE_IN;
    refused > ROWS_MAX || (refused * ONE_IN > rows && !is_alone)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use chiso_schemas::settings::Settings;
    use chiso_schemas::store::Store;
    use clickhouse::error::Error;

    use super::*;

    fn error(text: &str) -> StoreError {
        let settings = Settings::load_with(None, std::iter::empty(), &[]).unwrap();
        Store::new(&settings.clickhouse).unwrap().during("insert into event_log")(Error::BadResponse(text.to_owned()))
    }

    /// Divides a batch with poisoned rows; yields the end, the rows stored, and the number of attempts.
    fn divided(
        rows: usize,
        poisoned: &[usize],
        stored_before: usize,
    ) -> (Result<Vec<Unstorable>, Failure>, BTreeSet<usize>, usize) {
        let stored = Mutex::new((BTreeSet::new(), 0));
        let insert = |range: Range<usize>| {
            let mut stored = stored.lock().unwrap();
            stored.1 += 1;
            let refused = poisoned.iter().find(|row| range.contains(row));
            let answer = match refused {
                Some(row) => Err(error(&format!("Code: 469. DB::Exception: row {row}"))),
                None => {
                    stored.0.extend(range);
                    Ok(())
                }
            };
            std::future::ready(answer)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let end = runtime.block_on(bisect(rows, stored_before, insert));
        let (stored, attempts) = stored.into_inner().unwrap();
        (end, stored, attempts)
    }

    #[test]
    fn each_poisoned_row_is_found_and_every_other_one_is_stored_once() {
        for poisoned in [&[0][..], &[99_999], &[50_000, 50_001], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], &[7, 1_000, 70_000]] {
            let (end, stored, attempts) = divided(100_000, poisoned, 0);
            let found = end.unwrap();
            assert_eq!(found.iter().map(|found| found.row).collect::<Vec<_>>(), poisoned);
            assert!(found.iter().all(|found| found.said == format!("Code: 469. DB::Exception: row {}", found.row)), "{found:?}");
            assert_eq!(stored.len(), 100_000 - poisoned.len());
            assert!(attempts <= 2 * 17 * poisoned.len(), "{attempts}");
        }
    }

    #[test]
    fn too_many_are_drift_and_found_out_soon() {
        let all = (0..100_000).collect::<Vec<_>>();
        let (end, stored, attempts) = divided(100_000, &all, usize::MAX);
        assert!(end.unwrap_err().to_string().contains("refuses 11 of 100000 rows"));
        assert!(stored.is_empty() && attempts < 60, "{attempts}");
        assert!(divided(100_000, &all[..11], usize::MAX).0.is_err());
        // One in a hundred.
        assert!(divided(1_000, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0).0.is_ok());
        assert!(divided(999, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], usize::MAX).0.is_err());
        assert!(divided(100, &[5], 0).0.is_ok() && divided(199, &[5, 6], usize::MAX).0.is_err());
    }

    #[test]
    fn a_single_row_of_a_small_batch_may_be_refused_but_not_one_after_the_other() {
        assert!(divided(1, &[0], 99).0.is_ok());
        assert!(divided(1, &[0], 98).0.is_err());
        assert!(divided(50, &[20], 50).0.is_ok());
        assert!(divided(50, &[20, 21], usize::MAX).0.is_err());
    }
}

//! Something that ClickHouse did not do: what, where, why, and what an operator does next.

use std::fmt;

use clickhouse::error::Error;

use super::connect::{self, told};
use super::fault::{Fault, fault};

/// Something that ClickHouse did not do.
#[derive(Clone, Debug)]
pub struct StoreError {
    doing: String,
    place: String,
    code: Option<u32>,
    fault: Fault,
    what: String,
}

/// As much of a server's message as one line bears; it may quote whole queries.
const SHOWN_CHARS: usize = 600;

impl StoreError {
    pub(super) fn new(doing: String, place: &str, cause: &Error) -> Self {
        let (fault, code) = fault(cause);
        let what = told(cause).split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SHOWN_CHARS).collect();
        Self { doing, place: place.to_owned(), code, fault, what }
    }

    /// The server's exception code, where it gave one.
    pub fn code(&self) -> Option<u32> {
        self.code
    }

    /// What the error calls for.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// Whether there was no answer of ClickHouse at all.
    pub fn is_unreachable(&self) -> bool {
        self.fault == Fault::Retry && self.code.is_none()
    }

    /// What the server said, in one line.
    pub fn said(&self) -> &str {
        self.what.strip_prefix("bad response: ").unwrap_or(&self.what)
    }

    fn hint(&self) -> &'static str {
        match (self.fault, self.code) {
            (Fault::Retry, None) => connect::hint(&self.place, &self.what),
            (Fault::Wait, Some(201)) => "give the user of ClickHouse a larger quota",
            (Fault::Wait, _) => "make room on the disks of ClickHouse",
            (_, Some(192 | 193 | 194 | 516)) => {
                "set clickhouse.user and clickhouse.password or clickhouse.password_file to those of a ClickHouse user"
            }
            (_, Some(497)) => "let an administrator of ClickHouse grant that to the user",
            (_, Some(60 | 81)) => "run chiso-rollup migrate, and check clickhouse.database",
            (_, Some(7 | 8 | 10 | 16 | 20 | 44 | 47 | 50 | 53 | 70)) => {
                "the tables differ from what this program expects: run chiso-rollup migrate of the same release"
            }
            (_, Some(115)) => "this release of ClickHouse is older than the one chiso is made for: upgrade it",
            (_, Some(241)) => {
                "give ClickHouse more memory; where chiso-ingest inserts, smaller batch.rows_max and batch.bytes_max help, too"
            }
            (Fault::Stop, Some(252)) => "raise max_partitions_per_insert_block of the user",
            (_, Some(252)) => "if this stays: inserts are too small or too many for the merges; see system.parts",
            (_, Some(395 | 469)) => "drop the constraint or view that somebody added to the table, or mend it",
            _ => "look into the log of ClickHouse",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} at {}: {}; {}", self.doing, self.place, self.what, self.hint())
    }
}

impl std::error::Error for StoreError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> StoreError {
        StoreError::new("insert into marks".into(), "http://c:8123", &Error::BadResponse(text.into()))
    }

    #[test]
    fn an_error_says_what_where_and_what_to_do() {
        let text = of("Code: 60. DB::Exception: Table chiso.marks\n does not exist.").to_string();
        assert!(text.starts_with("cannot insert into marks at http://c:8123: bad response: Code: 60"), "{text}");
        assert!(text.ends_with("run chiso-rollup migrate, and check clickhouse.database"), "{text}");
        assert!(!text.contains('\n'), "{text}");
    }
}

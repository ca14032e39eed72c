//! Findings: what people should look at. They are judged beside the passes and never hold one up; a finding settles when its
//! cause is gone, and opens again when it comes back.

mod judge;
mod kind;
mod list;
mod watch;

use std::collections::HashMap;

use chiso_schemas::store::Store;
use chrono::{DateTime, NaiveDate, Utc};
use clickhouse::Row;
use serde::{Deserialize, Serialize};

pub use kind::Kind;
pub use list::{FindingsArgs, list};
pub use watch::judge_now;
pub(crate) use watch::watch;

use crate::failure::Failure;

/// A finding that there is now.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Found {
    /// What it is about, in words that stay the same; kind, subject and period name a finding.
    pub subject: String,
    /// Period or day that it is about; empty if it is about none.
    pub period: String,
    /// What was found, for a person.
    pub detail: String,
}

/// A row of `finding_log`.
#[derive(Clone, Row, Serialize, Deserialize)]
struct FindingRow {
    kind: String,
    indicator: String,
    ward: String,
    #[serde(with = "clickhouse::serde::chrono::date32")]
    day: NaiveDate,
    subject: String,
    period: String,
    detail: String,
    #[serde(with = "clickhouse::serde::chrono::datetime64::millis")]
    first_seen: DateTime<Utc>,
    #[serde(with = "clickhouse::serde::chrono::datetime64::millis")]
    last_seen: DateTime<Utc>,
    #[serde(with = "clickhouse::serde::chrono::datetime64::millis::option")]
    settled_at: Option<DateTime<Utc>>,
    judged: u64,
}

/// When a finding that is still there is noted anew.
const SEEN_EVERY_SECONDS: i64 = 60;

/// These are all findings of a kind that there are now: new ones open, stored open ones that are not among them settle, and a
/// settled one that is found again opens again and keeps its `first_seen`. Two that do this at once leave what the later one
/// to begin has found.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn replace(store: &Store, kind: Kind, found: &[Found]) -> Result<(), Failure> {
    let judged = moment(store).await?;
    let sql = "SELECT ?fields FROM finding_log FINAL WHERE kind = ? AND indicator = '' AND ward = ''";
    let stored = store.read().query(sql).bind(kind.as_str()).fetch_all::<FindingRow>().await;
    let stored = stored.map_err(store.during("read the stored findings"))?;
    write(store, &changes(kind, judged, stored, found)).await
}

/// The moment, in microseconds by the clock of the server.
async fn moment(store: &Store) -> Result<u64, Failure> {
    let now = store.read().query("SELECT toUInt64(toUnixTimestamp64Micro(now64(6)))").fetch_one::<u64>().await;
    Ok(now.map_err(store.during("ask ClickHouse for the time"))?)
}

/// The rows to be written.
fn changes(kind: Kind, judged: u64, stored: Vec<FindingRow>, found: &[Found]) -> Vec<FindingRow> {
    let now = i64::try_from(judged).ok().and_then(DateTime::from_timestamp_micros).unwrap_or_default();
    let mut stored: HashMap<(String, String), FindingRow> =
        stored.into_iter().map(|row| ((row.subject.clone(), row.period.clone()), row)).collect();
    let mut rows = Vec::new();
    for Found { subject, period, detail } in found {
        let known = stored.remove(&(subject.clone(), period.clone()));
        let is_new = known.as_ref().is_none_or(|row| {
            row.settled_at.is_some() || row.detail != *detail || (now - row.last_seen).num_seconds() >= SEEN_EVERY_SECONDS
        });
        if is_new {
            rows.push(FindingRow {
                kind: kind.to_string(),
                indicator: String::new(),
                ward: String::new(),
                day: chiso_schemas::reference::FIRST_DAY,
                subject: subject.clone(),
                period: period.clone(),
                detail: detail.clone(),
                first_seen: known.map_or(now, |row| row.first_seen),
                last_seen: now,
                settled_at: None,
                judged,
            });
        }
    }
    let over = stored.into_values().filter(|row| row.settled_at.is_none());
    rows.extend(over.map(|row| FindingRow { settled_at: Some(now), judged, ..row }));
    rows
}

async fn write(store: &Store, rows: &[FindingRow]) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let insert = async {
        let mut insert = store.write().insert::<FindingRow>("finding_log").await?;
        for row in rows {
            insert.write(row).await?;
        }
        insert.end().await
    };
    Ok(insert.await.map_err(store.during("write findings"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(subject: &str, detail: &str) -> Found {
        Found { subject: subject.to_owned(), period: "2025-M07".to_owned(), detail: detail.to_owned() }
    }

    fn shown(rows: &[FindingRow]) -> Vec<(String, i64, bool)> {
        let mut shown: Vec<_> =
            rows.iter().map(|row| (row.subject.clone(), row.first_seen.timestamp(), row.settled_at.is_none())).collect();
        shown.sort();
        shown
    }

    #[test]
    fn findings_open_settle_and_open_again() {
        let at = |second: u64| second * 1_000_000;
        let first = changes(Kind::LateClose, at(10), Vec::new(), &[found("a", "x"), found("b", "x")]);
        assert_eq!(shown(&first), [("a".to_owned(), 10, true), ("b".to_owned(), 10, true)]);
        // Nothing is written of what is as it was.
        assert_eq!(shown(&changes(Kind::LateClose, at(20), first.clone(), &[found("a", "x"), found("b", "x")])), []);
        let second = changes(Kind::LateClose, at(20), first.clone(), &[found("a", "y")]);
        assert_eq!(shown(&second), [("a".to_owned(), 10, true), ("b".to_owned(), 10, false)]);
        let third = changes(Kind::LateClose, at(30), second, &[found("b", "x")]);
        assert_eq!(shown(&third), [("a".to_owned(), 10, false), ("b".to_owned(), 10, true)]);
        assert_eq!(shown(&changes(Kind::LateClose, at(80), first, &[found("a", "x"), found("b", "x")])).len(), 2);
    }
}

//! What a worker does when what it depends on fails: each fault that deploy/runbook/faults.md describes.

mod codes;
pub(crate) mod line;
mod poison;
mod rejects_topic;
mod replay;
mod store;

use std::time::Duration;

/// How long anything here may take.
const SOON: Duration = Duration::from_secs(60);
/// Rows that ClickHouse stores for one event each: what a merge would leave.
const DISTINCT: &str = "SELECT uniqExact(date, indicator, ward, source, record, version) FROM event_log";

/// An event of a source, different for every number.
fn event(source: &str, number: usize) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"event-{number}","source":"{source}","type":"vn.chiso.indicator.updated.v1","time":"2025-08-01T10:00:00+07:00","data":{{"indicator":"bts-stations","ward":"11413","date":"2025-08-01","value":{number}}}}}"#
    )
}

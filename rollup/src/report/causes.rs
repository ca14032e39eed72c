//! Which records changed a row of a report: the events that came since in the cells that the row counts.

use std::collections::HashMap;
use std::fmt;

use chiso_schemas::calendar::Period;
use chiso_schemas::store::Store;
use chrono::{DateTime, NaiveDate, Utc};
use clickhouse::Row;
use clickhouse::query::Query;
use serde::{Deserialize, Serialize};

use super::utc;
use crate::failure::Failure;

/// Events that are named of one row; more are counted.
const NAMED_MAX: usize = 20;

/// An event that came since.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Cause {
    source: String,
    record: String,
    revision: u32,
    id: String,
    ward: String,
    date: NaiveDate,
    arrived: DateTime<Utc>,
    /// What it states: a number, two parts, a percent, or that the record is withdrawn.
    states: String,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, record, revision, id, ward, date, arrived, states } = self;
        write!(
            f,
            "{source} record {record} revision {revision} (event {id}, ward {ward} on {date}, arrived {}): {states}",
            utc(*arrived)
        )
    }
}

/// The events of one row.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Causes {
    /// How many there are.
    pub(super) events: u64,
    /// The first of them.
    pub(super) first: Vec<Cause>,
}

#[derive(Row, Deserialize)]
struct CauseRow {
    area: String,
    indicator: String,
    source: String,
    record: String,
    revision: u32,
    id: String,
    ward: String,
    #[serde(with = "clickhouse::serde::chrono::date32")]
    date: NaiveDate,
    #[serde(with = "clickhouse::serde::chrono::datetime64::millis")]
    arrived: DateTime<Utc>,
    states: String,
    events: u64,
}

/// The events of the rows whose areas and indicators `keys` selects. A row counts the cells of the units whose facts count for the
/// wards of its area at the period's end, dated in the period, for states up to `carry_days` before its end. An event is
/// new if its batch was sealed after the old side was complete; batches whose marks are gone are judged by Kafka's timestamp.
pub(super) fn sql(keys: &str) -> String {
    format!(
        "WITH
         changed AS ({keys}),
         kinds AS (SELECT code AS kind_of, if(kind IN ('stock', 'stock_ratio'), carry_days, 0) AS carry FROM reference_indicators
                   WHERE generation = {{generation:UInt32}}),
         wards AS (SELECT above AS area, ward FROM reference_chains ARRAY JOIN areas AS above
                   WHERE generation = {{generation:UInt32}} AND above IN (SELECT area_id FROM changed)),
         members AS (SELECT area, member FROM wards
                     INNER JOIN (SELECT member, unit FROM reference_paths
                                 WHERE generation = {{generation:UInt32}} AND {{end:Date32}} BETWEEN from_end AND to_end) AS paths ON wards.ward = paths.unit),
         codes AS (SELECT area, code, valid_from, valid_to FROM members
                   INNER JOIN (SELECT unit_id, code, valid_from, valid_to FROM reference_units
                               WHERE generation = {{generation:UInt32}} AND level = 'ward') AS units ON members.member = units.unit_id),
         sealed AS (SELECT batch, min(marked_at) AS moment FROM marks GROUP BY batch),
         came AS (SELECT * FROM event_log
                  WHERE date BETWEEN {{start:Date32}} - (SELECT max(carry) FROM kinds) AND {{end:Date32}}
                    AND indicator IN (SELECT indicator FROM changed) AND ward IN (SELECT code FROM codes)
                    AND if(batch IN (SELECT batch FROM sealed), batch IN (SELECT batch FROM sealed WHERE moment > fromUnixTimestamp64Milli({{since:Int64}})),
                           arrived > fromUnixTimestamp64Milli({{since:Int64}}))
                    AND batch NOT IN (SELECT batch FROM sealed WHERE moment > fromUnixTimestamp64Milli({{until:Int64}})))
         SELECT area, about AS indicator, system AS source, record, revision, id, place AS ward, day AS date, first AS arrived, states,
                toUInt64(count() OVER (PARTITION BY area, about)) AS events
         FROM
         (
             SELECT toString(codes.area) AS area, toString(came.indicator) AS about, toString(came.source) AS system, came.record AS record,
                    came.revision AS revision, came.id AS id, toString(came.ward) AS place, came.date AS day, min(came.arrived) AS first,
                    any(multiIf(retracted, 'withdrawn', value IS NOT NULL, toString(assumeNotNull(value)),
                                percent IS NOT NULL, concat(toString(assumeNotNull(percent)), ' %'),
                                concat(toString(ifNull(numerator, 0)), ' / ', toString(ifNull(denominator, 0))))) AS states
             FROM came
             INNER JOIN codes ON came.ward = codes.code
             INNER JOIN kinds ON came.indicator = kinds.kind_of
             WHERE came.date BETWEEN codes.valid_from AND codes.valid_to
               AND (came.date >= {{start:Date32}} OR toInt32({{end:Date32}}) - toInt32(came.date) < kinds.carry)
               AND (codes.area, came.indicator) IN (SELECT area_id, indicator FROM changed)
             GROUP BY area, about, system, record, revision, id, place, day, came.version
         )
         ORDER BY area, about, first, system, record, revision
         LIMIT {NAMED_MAX} BY area, about"
    )
}

/// The answer to [`sql`], by area and indicator.
pub(super) async fn of(
    store: &Store,
    query: Query,
    (period, generation): (&Period, u32),
    (since, until): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
) -> Result<HashMap<(String, String), Causes>, Failure> {
    let millis = |moment: Option<DateTime<Utc>>, otherwise: i64| moment.map_or(otherwise, |moment| moment.timestamp_millis());
    let query =
        query.param("generation", generation).param("start", period.start.to_string()).param("end", period.end.to_string());
    let query = query.param("since", millis(since, 0)).param("until", millis(until, FAR_MS));
    let rows = query.fetch_all::<CauseRow>().await.map_err(store.during("look for the events behind a difference"))?;
    let mut causes: HashMap<(String, String), Causes> = HashMap::new();
    for row in rows {
        let CauseRow { area, indicator, source, record, revision, id, ward, date, arrived, states, events } = row;
        let of_row = causes.entry((area, indicator)).or_default();
        of_row.events = events;
        of_row.first.push(Cause { source, record, revision, id, ward, date, arrived, states });
    }
    Ok(causes)
}

/// 2200-01-01, later than any batch.
const FAR_MS: i64 = 7_258_118_400_000;

//! A row of contract section 6 as text, and the query that gives it.

use clickhouse::Row;
use serde::Deserialize;

/// The columns in the order of section 6. Numbers, days and states are text as the contract writes them; absent ones are empty.
#[derive(Row, Deserialize, Debug)]
pub(super) struct ExportRow {
    pub(super) calendar: String,
    pub(super) period: String,
    pub(super) period_start: String,
    pub(super) period_end: String,
    pub(super) level: String,
    pub(super) area_code: String,
    pub(super) area_id: String,
    pub(super) area_name: String,
    pub(super) indicator: String,
    pub(super) kind: String,
    pub(super) value: String,
    pub(super) numerator: String,
    pub(super) denominator: String,
    pub(super) percent: String,
    pub(super) stated_percent: String,
    pub(super) as_of: String,
    pub(super) carried: bool,
    pub(super) approximate: bool,
    pub(super) qualified: bool,
    pub(super) records: u64,
    pub(super) sources: u64,
    pub(super) wards_reporting: u32,
    pub(super) wards_percent_only: u32,
    pub(super) wards_expected: u32,
    pub(super) target: String,
    pub(super) status: String,
}

/// Selects the rows of a table shaped like `rollup_rows`, filtered by the parameters `levels`, `areas` and
/// `indicators`, in the order of section 6 within one calendar.
pub(super) fn select(table: &str) -> String {
    format!(
        "SELECT toString(calendar) AS calendar, toString(period) AS period, toString(period_start) AS period_start, toString(period_end) AS period_end,
                toString(level) AS level, toString(area_code) AS area_code, toString(area_id) AS area_id, toString(area_name) AS area_name,
                toString(indicator) AS indicator, toString(kind) AS kind, ifNull(toString(value), '') AS value,
                ifNull(toString(numerator), '') AS numerator, ifNull(toString(denominator), '') AS denominator,
                ifNull(toString(percent), '') AS percent, ifNull(toString(stated_percent), '') AS stated_percent,
                ifNull(toString(as_of), '') AS as_of, carried, approximate, qualified, records, length(source_set) AS sources,
                wards_reporting, wards_percent_only, wards_expected, ifNull(toString(target), '') AS target, toString(status) AS status
         FROM {table} AS found
         WHERE indicator IN {{indicators:Array(String)}}
           AND (empty({{levels:Array(String)}}) OR toString(level) IN {{levels:Array(String)}})
           AND (empty({{areas:Array(String)}}) OR area_id IN {{areas:Array(String)}})
         ORDER BY found.period_start, found.period_end, found.period,
                  indexOf(['ward', 'district', 'province', 'country'], toString(found.level)), found.area_code, found.indicator"
    )
}

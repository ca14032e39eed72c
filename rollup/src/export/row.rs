//! A row of contract section 6 as text, and the query that gives it.

use clickhouse::Row;
use serde::Deserialize;

/// The columns in the order of section 6. Numbers, days and states are text as the contract writes them; absent ones are empty.
#[derive(Row, Deserialize, Debug)]
pub(crate) struct ExportRow {
    pub(crate) calendar: String,
    pub(crate) period: String,
    pub(crate) period_start: String,
    pub(crate) period_end: String,
    pub(crate) level: String,
    pub(crate) area_code: String,
    pub(crate) area_id: String,
    pub(crate) area_name: String,
    pub(crate) indicator: String,
    pub(crate) kind: String,
    pub(crate) value: String,
    pub(crate) numerator: String,
    pub(crate) denominator: String,
    pub(crate) percent: String,
    pub(crate) stated_percent: String,
    pub(crate) as_of: String,
    pub(crate) carried: bool,
    pub(crate) approximate: bool,
    pub(crate) qualified: bool,
    pub(crate) records: u64,
    pub(crate) sources: u64,
    pub(crate) wards_reporting: u32,
    pub(crate) wards_percent_only: u32,
    pub(crate) wards_expected: u32,
    pub(crate) target: String,
    pub(crate) status: String,
}

/// Selects the rows of a table shaped like `rollup_rows`, filtered by the parameters `levels`, `areas` and
/// `indicators`, each empty for all, in the order of section 6 within one calendar.
pub(crate) fn select(table: &str) -> String {
    format!(
        "SELECT toString(calendar) AS calendar, toString(period) AS period, toString(period_start) AS period_start, toString(period_end) AS period_end,
                toString(level) AS level, toString(area_code) AS area_code, toString(area_id) AS area_id, toString(area_name) AS area_name,
                toString(indicator) AS indicator, toString(kind) AS kind, ifNull(toString(value), '') AS value,
                ifNull(toString(numerator), '') AS numerator, ifNull(toString(denominator), '') AS denominator,
                ifNull(toString(percent), '') AS percent, ifNull(toString(stated_percent), '') AS stated_percent,
                ifNull(toString(as_of), '') AS as_of, carried, approximate, qualified, records, length(source_set) AS sources,
                wards_reporting, wards_percent_only, wards_expected, ifNull(toString(target), '') AS target, toString(status) AS status
         FROM {table} AS found
         WHERE (empty({{indicators:Array(String)}}) OR indicator IN {{indicators:Array(String)}})
           AND (empty({{levels:Array(String)}}) OR toString(level) IN {{levels:Array(String)}})
           AND (empty({{areas:Array(String)}}) OR area_id IN {{areas:Array(String)}})
         ORDER BY found.period_start, found.period_end, found.period,
                  indexOf(['ward', 'district', 'province', 'country'], toString(found.level)), found.area_code, found.indicator"
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A row of a ward that holds much of what is hard to write.
    pub(in super::super) fn row() -> ExportRow {
        let text = str::to_owned;
        ExportRow {
            calendar: text("legal"),
            period: text("2025-H2"),
            period_start: text("2025-06-15"),
            period_end: text("2025-12-14"),
            level: text("ward"),
            area_code: text("11413"),
            area_id: text("W11413@2025-07-01"),
            area_name: text("Phường \"Hải, An\""),
            indicator: text("it-expenditure"),
            kind: text("flow"),
            value: text("12345678901234567890123456789012.123456"),
            numerator: String::new(),
            denominator: String::new(),
            percent: String::new(),
            stated_percent: String::new(),
            as_of: text("2025-10-09"),
            carried: false,
            approximate: true,
            qualified: false,
            records: 3,
            sources: 1,
            wards_reporting: 1,
            wards_percent_only: 0,
            wards_expected: 1,
            target: String::new(),
            status: String::new(),
        }
    }
}

//! The SQL of cells and rows, and how a scope is put into it.

use chiso_schemas::calendar::Period;
use clickhouse::Client;
use clickhouse::query::Query;
use serde_json::json;

/// Cells of some indicators, from the events; an `INSERT`.
const CELLS: &str = include_str!("../sql/cells.sql");
/// Rows of some indicators and periods, from the cells; a `SELECT`.
const ROWS: &str = include_str!("../sql/rows.sql");
/// Columns of `rollup_rows` that [`ROWS`] gives, in its order.
const COLUMNS: &str = "calendar, period, period_start, period_end, level, area_code, area_id, area_name, indicator, kind, value, numerator, \
     denominator, percent, stated_percent, as_of, carried, approximate, qualified, records, source_set, wards_reporting, \
     wards_percent_only, wards_expected, target, status";

/// What the SQL of cells and rows is asked for.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Generation of the reference data.
    pub generation: u32,
    /// Indicator codes.
    pub indicators: Vec<String>,
    /// Periods, of either calendar.
    pub periods: Vec<Period>,
}

/// Settings that the queries rely on: aliases that hide columns of their input, and long lists of periods.
const SETTINGS: [(&str, &str); 4] = [
    ("prefer_column_name_to_alias", "1"),
    ("max_query_size", "67108864"),
    ("join_use_nulls", "0"),
    // An optimization without use here, whose time doubles with every level of subqueries: half of a small query.
    ("optimize_and_compare_chain", "0"),
];

/// Makes one insert one block and so one part, which readers see whole or not at all.
const ONE_BLOCK: [(&str, &str); 4] = [
    ("max_insert_threads", "1"),
    ("min_insert_block_size_rows", "4000000"),
    ("min_insert_block_size_bytes", "0"),
    ("max_insert_block_size", "4000000"),
];

impl Scope {
    /// Recomputes the cells of the scope's indicators from the events.
    pub fn insert_cells(&self, client: &Client) -> Query {
        self.query(client, CELLS)
    }

    /// The rows of the scope as a table expression, for a `SELECT` around it.
    pub fn rows(&self) -> String {
        format!("({})", ROWS.replace("{periods:String}", &literal(&self.period_lines())))
    }

    /// Writes the rows of the scope, and as gone the stored ones that are no longer computed, in one block.
    pub fn insert_rows(&self, client: &Client, version: u64) -> Query {
        let query = self.query(client, &self.insert_text()).param("version", version);
        ONE_BLOCK.iter().fold(query, |query, (name, value)| query.with_setting(*name, *value))
    }

    fn insert_text(&self) -> String {
        let keys = self.periods.iter().map(|period| format!("({}, {})", literal(period.calendar.as_str()), literal(&period.id)));
        let keys = keys.collect::<Vec<_>>().join(", ");
        format!(
            "INSERT INTO rollup_rows ({COLUMNS}, gone, version)
             SELECT {COLUMNS}, gone, {{version:UInt64}}
             FROM
             (
                 SELECT {COLUMNS}, false AS gone FROM {rows}
                 UNION ALL
                 SELECT {COLUMNS}, true FROM rollup_rows FINAL
                 WHERE (calendar, period) IN ({keys}) AND indicator IN {{indicators:Array(String)}} AND NOT gone
             )
             ORDER BY gone
             LIMIT 1 BY calendar, period, indicator, level, area_id",
            rows = self.rows()
        )
    }

    /// A query with the scope's parameters.
    pub fn query(&self, client: &Client, sql: &str) -> Query {
        let query = client.query_raw(sql).param("generation", self.generation).param("indicators", &self.indicators);
        SETTINGS.iter().fold(query, |query, (name, value)| query.with_setting(*name, *value))
    }

    fn period_lines(&self) -> String {
        let line = |period: &Period| {
            json!({
                "calendar": period.calendar.as_str(), "period": period.id, "start": period.start, "end": period.end,
                "patterns": period.target_patterns(),
            })
            .to_string()
        };
        self.periods.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// A string literal of ClickHouse. Lists of periods are too long for a parameter, which travels in the address.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scope::STEP_PERIODS_MAX;
    use chiso_schemas::calendar::{Calendar, CalendarId};
    use chrono::NaiveDate;

    /// What `http_max_field_value_size` is where nobody has changed it.
    const QUERY_BYTES_MAX: usize = 131_072;

    #[test]
    fn a_full_step_is_short_enough_for_the_http_interface() {
        let calendar = Calendar::new(CalendarId::Legal, Some(14)).unwrap();
        let day = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
        let mut periods = calendar.kept(day(1980), day(2020));
        assert!(periods.len() > STEP_PERIODS_MAX);
        periods.truncate(STEP_PERIODS_MAX);
        let scope = Scope { generation: 1, indicators: Vec::new(), periods };
        assert!(scope.insert_text().len() < QUERY_BYTES_MAX, "{} bytes", scope.insert_text().len());
    }

    #[test]
    fn a_literal_cannot_be_left() {
        assert_eq!(literal(r"a'b\"), r"'a\'b\\'");
    }
}

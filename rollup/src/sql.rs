//! The SQL of rows, and how a scope is put into it.

use chiso_schemas::calendar::Period;
use clickhouse::Client;
use clickhouse::query::Query;
use serde_json::json;
use uuid::Uuid;

use crate::claim::STILL_HOLDS;

/// What the queries of rows know of the scope; begins a `WITH`.
const SCOPE: &str = include_str!("../sql/scope.sql");
/// Rows of wards, from the cells; goes on with the `WITH`.
const WARDS: &str = include_str!("../sql/wards.sql");
/// All cells of a scope, at their units; a `SELECT`.
const UNIT_CELLS: &str = include_str!("../sql/unit_cells.sql");
/// Rows of wards and areas, from the rows of wards; ends the `WITH` with a `SELECT`.
const AREAS: &str = include_str!("../sql/areas.sql");
/// Sums of all wards for [`AREAS`]; a `SELECT`.
const NEAREST_SUMS: &str = include_str!("../sql/nearest_sums.sql");
/// How rows of wards are added up: what tells about numbers comes from wards with a number alone.
const SUMS: &str = "countIf(has_number) AS reporting, countIf(NOT has_number) AS percent_only, sum(value) AS value, sum(numerator) AS numerator, \
     sum(denominator) AS denominator, sumIf(records, has_number) AS records, maxIf(qualified, has_number) AS qualified, \
     maxOrNullIf(as_of, has_number) AS as_of, groupUniqArrayArrayIf(source_set, has_number) AS source_set, \
     maxIf(carried, has_number) AS carried, maxIf(approximate, has_number) AS approximate";
/// Columns of `rollup_rows` that [`AREAS`] gives, in its order.
pub(crate) const COLUMNS: &str = "calendar, period, period_start, period_end, level, area_code, area_id, area_name, indicator, kind, value, numerator, \
     denominator, percent, stated_percent, as_of, carried, approximate, qualified, records, source_set, wards_reporting, \
     wards_percent_only, wards_expected, target, status";
/// Columns of `ward_rows`, as [`WARDS`] gives them and the table `summands` keeps them.
const WARD_COLUMNS: &str = "calendar, period, indicator, ward, has_number, value, numerator, denominator, records, qualified, as_of, source_set, \
     carried, approximate, stated";

/// The rows of wards with the areas that they lie in.
const WARDS_WITHIN: &str = "ward_rows
    INNER JOIN (SELECT ward, areas FROM reference_chains WHERE generation = {generation:UInt32}) AS chains USING (ward)";

/// Keys that lie in a scope.
pub(crate) const OF_SCOPE: &str =
    "indicator IN {indicators:Array(String)} AND (calendar, period) IN (SELECT calendar, period FROM periods)";
/// The rows of wards that a step of touched rows has computed.
pub(crate) const STEP_WARDS: &str = "(SELECT * FROM summands WHERE version = {version:UInt64} AND NOT gone)";
/// What is stored of the wards of a scope. The conditions on numbers find the places to read.
const STORED_WARDS: &str = "(SELECT * FROM summands FINAL
    WHERE NOT gone AND indicator IN {indicators:Array(String)} AND period_number IN (SELECT period_number FROM periods)
      AND intDiv(area_number, 68719476736) IN (SELECT sipHash64(arrayJoin({indicators:Array(String)})) % 268435456))";
/// All that a row of a ward says beside its key, as one number. Sources are gathered in no order.
const WARD_DIGEST: &str = "cityHash64(CAST(
    tuple(has_number, value, numerator, denominator, records, qualified, as_of, arraySort(source_set), carried, approximate, stated),
    'Tuple(Bool, Decimal(38, 6), Decimal(38, 6), Decimal(38, 6), UInt64, Bool, Date32, Array(String), Bool, Bool, Decimal(38, 6))'))";
/// Values of [`COLUMNS`] in a row that is gone: which row it is, and no numbers.
const GONE: &str = "calendar, period, toDate32(0), toDate32(0), level, '', area_id, '', indicator, '', NULL, NULL, NULL, NULL, NULL, NULL, \
     false, false, false, 0, [], 0, 0, 0, NULL, ''";
/// All that a row says beside its key, as one number.
const ROW_DIGEST: &str = "cityHash64(CAST(
    tuple(period_start, period_end, within, area_code, area_name, kind, value, numerator, denominator, percent, stated_percent, as_of, carried,
          approximate, qualified, records, source_set, wards_reporting, wards_percent_only, wards_expected, target, status),
    'Tuple(Date32, Date32, String, String, String, String, Nullable(Decimal(38, 6)), Nullable(Decimal(38, 6)), Nullable(Decimal(38, 6)),
           Nullable(Decimal(76, 2)), Nullable(Decimal(38, 6)), Nullable(Date32), Bool, Bool, Bool, UInt64, Array(String), UInt32, UInt32, UInt32,
           Nullable(Decimal(38, 6)), String)'))";

/// Which rows of a scope are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// All, so that they win over whatever a statement of a predecessor writes that is under way.
    All,
    /// Those that are not stored like that. Whatever changed since a predecessor began with a statement was written by passes.
    Differing,
}

impl Written {
    /// As a condition on what is computed, and what is stored.
    fn condition(self) -> &'static str {
        match self {
            Self::All => "true",
            Self::Differing => "digest != stored_digest",
        }
    }
}

/// What the SQL of rows is asked for.
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
const SETTINGS: [(&str, &str); 6] = [
    ("prefer_column_name_to_alias", "1"),
    ("max_query_size", "67108864"),
    ("join_use_nulls", "0"),
    // An optimization without use here, whose time doubles with every level of subqueries: half of a small query.
    ("optimize_and_compare_chain", "0"),
    // No statement writes a key twice; looking for that takes as long as all the rest.
    ("optimize_on_insert", "0"),
    // Else an insert into a table with a view takes one thread, its SELECT included.
    ("parallel_view_processing", "1"),
];

/// Makes one insert one block and so one part, which readers see whole or not at all.
const ONE_BLOCK: [(&str, &str); 4] = [
    ("max_insert_threads", "1"),
    ("min_insert_block_size_rows", "4000000"),
    ("min_insert_block_size_bytes", "0"),
    ("max_insert_block_size", "4000000"),
];

impl Scope {
    /// All rows of the scope as a table expression, for a `SELECT` around it.
    pub fn rows(&self) -> String {
        format!("(WITH\n{},\n{},\n{})", self.known(), all_wards(), areas(NEAREST_SUMS))
    }

    /// Writes the ward rows of the scope as summands, and as gone those that are no longer computed; nothing if a later epoch was claimed.
    /// To be made before [`Scope::insert_rows`].
    pub fn insert_wards(&self, client: &Client, written: Written, (epoch, version): (u32, u64)) -> Query {
        self.query(client, &self.all_wards_text(written)).param("epoch", epoch).param("version", version)
    }

    fn all_wards_text(&self, written: Written) -> String {
        let computed = format!(
            "SELECT {WARD_COLUMNS}, areas[2] AS within, true AS is_computed, {WARD_DIGEST} AS digest FROM {WARDS_WITHIN}"
        );
        let stored = format!(
            "SELECT calendar, period, indicator, ward, within, {WARD_DIGEST} AS stored_digest FROM {STORED_WARDS} AS summands"
        );
        format!(
            "INSERT INTO summands ({WARD_COLUMNS}, within, gone, version)
             WITH\n{},\n{}
             SELECT {WARD_COLUMNS}, within, NOT is_computed, {{version:UInt64}}
             FROM ({computed}) AS computed
             FULL JOIN ({stored}) AS stored USING (calendar, period, indicator, within, ward)
             WHERE {} AND {STILL_HOLDS}",
            self.known(),
            all_wards(),
            written.condition()
        )
    }

    /// Writes these ward rows as summands, as far as the condition holds; nothing if a later epoch was claimed. An `INSERT`.
    pub(crate) fn wards_text(&self, wards: &str, condition: &str) -> String {
        format!(
            "INSERT INTO summands ({WARD_COLUMNS}, within, gone, version)
             WITH\n{},\n{wards}
             SELECT {WARD_COLUMNS}, areas[2], false, {{version:UInt64}}
             FROM {WARDS_WITHIN}
             WHERE {condition} AND {STILL_HOLDS}",
            self.known()
        )
    }

    /// Notes which rows of the scope are stored, for [`Scope::insert_rows`] of any part of it.
    pub fn note_stored(&self, client: &Client, epoch: u32) -> Query {
        let sql = format!(
            "INSERT INTO stored_rows (epoch, indicator, calendar, period, level, within, area_id, digest)
             WITH
             {}
             SELECT {{epoch:UInt32}}, indicator, calendar, period, level, within, area_id, {ROW_DIGEST} FROM rollup_rows FINAL
             WHERE NOT gone AND {OF_SCOPE}",
            self.known()
        );
        self.query(client, &sql).param("epoch", epoch)
    }

    /// Writes the rows of the scope, and as gone those that were noted as stored and are no longer computed, in one block; nothing if a
    /// later epoch was claimed.
    pub fn insert_rows(&self, client: &Client, written: Written, (epoch, version): (u32, u64)) -> Query {
        self.one_block(client, &self.rows_text(written), version).param("epoch", epoch)
    }

    fn rows_text(&self, written: Written) -> String {
        let rows = rows_of_wards(STORED_WARDS, &areas(NEAREST_SUMS));
        // An epoch may have noted a row twice, if it had to begin again.
        let stored = format!(
            "SELECT calendar, period, toString(level) AS level, area_id, indicator, within AS stored_within, digest AS stored_digest
             FROM stored_rows WHERE epoch = {{epoch:UInt32}} AND {OF_SCOPE}
             LIMIT 1 BY calendar, period, level, area_id, indicator"
        );
        format!(
            "INSERT INTO rollup_rows ({COLUMNS}, within, gone, version)
             WITH
             {}
             SELECT {COLUMNS}, if(is_computed, within, stored_within), NOT is_computed, {{version:UInt64}}
             FROM (SELECT *, true AS is_computed, {ROW_DIGEST} AS digest FROM {rows}) AS computed
             FULL JOIN ({stored}) AS stored USING (calendar, period, level, area_id, indicator)
             WHERE {} AND {STILL_HOLDS}",
            self.known(),
            written.condition()
        )
    }

    /// Writes the computed rows, and as gone those from a list of others that are not computed; nothing if a later epoch was claimed.
    pub(crate) fn replacing(&self, rows: &str, others: Option<&str>) -> String {
        let rows = format!("SELECT {COLUMNS}, within, false AS gone FROM {rows}");
        let all = others.map_or_else(
            || rows.clone(),
            |others| {
                format!(
                    "SELECT * FROM ({rows} UNION ALL SELECT {GONE}, within, true FROM {others})
                     ORDER BY gone
                     LIMIT 1 BY calendar, period, level, area_id, indicator"
                )
            },
        );
        let known = self.known();
        format!(
            "INSERT INTO rollup_rows ({COLUMNS}, within, gone, version)
             WITH
             {known}
             SELECT {COLUMNS}, within, gone, {{version:UInt64}} FROM ({all}) WHERE {STILL_HOLDS}"
        )
    }

    pub(crate) fn one_block(&self, client: &Client, sql: &str, version: u64) -> Query {
        let query = self.query(client, sql).param("version", version);
        ONE_BLOCK.iter().fold(query, |query, (name, value)| query.with_setting(*name, *value))
    }

    /// A query with the scope's parameters.
    pub fn query(&self, client: &Client, sql: &str) -> Query {
        with_settings(client.query_raw(sql)).param("generation", self.generation).param("indicators", &self.indicators)
    }

    pub(crate) fn known(&self) -> String {
        SCOPE.replace("<periods>", &literal(&period_lines(&self.periods)))
    }
}

/// [`WARDS`] of all cells of a scope.
fn all_wards() -> String {
    ward_rows(UNIT_CELLS, ("true", "true"))
}

/// [`WARDS`] of these cells, where the conditions hold: which periods, and which period ends, are asked for of a member.
pub(crate) fn ward_rows(cells: &str, (periods, ends): (&str, &str)) -> String {
    WARDS.replace("<cells>", cells).replace("<periods of members>", periods).replace("<ends of members>", ends)
}

/// These rows of wards, and those of the areas above them.
pub(crate) fn rows_of_wards(wards: &str, areas: &str) -> String {
    format!("(WITH ward_rows AS (SELECT {WARD_COLUMNS} FROM {wards}),\n{areas})")
}

/// [`AREAS`] above these sums.
pub(crate) fn areas(nearest_sums: &str) -> String {
    AREAS.replace("<nearest sums>", nearest_sums).replace("<sums>", SUMS)
}

/// The settings that the SQL of rows relies on.
pub(crate) fn with_settings(query: Query) -> Query {
    SETTINGS.iter().fold(query, |query, (name, value)| query.with_setting(*name, *value))
}

fn period_lines(periods: &[Period]) -> String {
    let line = |period: &Period| {
        json!({
            "calendar": period.calendar.as_str(), "period": period.id, "start": period.start, "end": period.end,
            "patterns": period.target_patterns(),
        })
        .to_string()
    };
    periods.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Batches as a parameter of a query.
pub(crate) fn names(batches: &[Uuid]) -> Vec<String> {
    batches.iter().map(Uuid::to_string).collect()
}

/// A string literal of ClickHouse. Lists of periods are too long for a parameter, which travels in the address.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scope::STEP_PERIODS_MAX;
    use chiso_schemas::calendar::{Calendar, CalendarId};
    use chrono::NaiveDate;

    /// What `http_max_field_value_size` is where nobody has changed it.
    const QUERY_BYTES_MAX: usize = 131_072;

    /// As many periods as a step may have.
    pub(crate) fn full_scope() -> Scope {
        let calendar = Calendar::new(CalendarId::Legal, Some(14)).unwrap();
        let day = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
        let mut periods = calendar.kept(day(1980), day(2020));
        assert!(periods.len() > STEP_PERIODS_MAX);
        periods.truncate(STEP_PERIODS_MAX);
        Scope { generation: 1, indicators: Vec::new(), periods }
    }

    /// No text is too long, and no word in it is left to fill.
    pub(crate) fn assert_ready(texts: impl IntoIterator<Item = String>) {
        for text in texts {
            assert!(text.len() < QUERY_BYTES_MAX, "{} bytes", text.len());
            let words = [
                "cells>",
                "members>",
                "sums>",
                "columns>",
                "areas>",
                "wards>",
                "scope>",
                "periods>",
                "computed>",
                "above>",
                "lost>",
                "stored>",
            ];
            for word in words {
                assert!(!text.contains(&format!("<{word}")) && !text.contains(&format!(" {word}")), "{word}");
            }
        }
    }

    #[test]
    fn a_full_scope_is_short_enough_for_the_http_interface() {
        let scope = full_scope();
        assert_ready([scope.all_wards_text(Written::Differing), scope.rows_text(Written::Differing)]);
    }

    #[test]
    fn a_literal_cannot_be_left() {
        assert_eq!(literal(r"a'b\"), r"'a\'b\\'");
    }
}

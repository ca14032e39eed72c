//! The SQL of rows, and how a scope is put into it.

use chiso_schemas::calendar::Period;
use clickhouse::Client;
use clickhouse::query::Query;
use serde_json::json;
use uuid::Uuid;

use crate::reference_change::UNITS;

/// What the queries of rows know of the scope; begins a `WITH`.
const SCOPE: &str = include_str!("../sql/scope.sql");
/// Rows of wards, from the cells; goes on with the `WITH`.
const WARDS: &str = include_str!("../sql/wards.sql");
/// Cells at their units; a `SELECT` for both.
const UNIT_CELLS: &str = include_str!("../sql/unit_cells.sql");
/// Whose facts count for touched rows; an `INSERT`.
const MEMBERS: &str = include_str!("../sql/members.sql");
/// Rows of wards and areas, from the rows of wards; ends the `WITH` with a `SELECT`.
const AREAS: &str = include_str!("../sql/areas.sql");
/// Keys of the rows that marks touch; an `INSERT`.
const TOUCHED: &str = include_str!("../sql/touched.sql");
/// Keys of the rows of areas; an `INSERT`.
const AREA_ROWS: &str = include_str!("../sql/area_rows.sql");
/// Keys of the rows that changed reference data touch; an `INSERT`.
const REFERENCE_CHANGE: &str = include_str!("../sql/reference_change.sql");
/// Columns of `rollup_rows` that [`AREAS`] gives, in its order.
pub(crate) const COLUMNS: &str = "calendar, period, period_start, period_end, level, area_code, area_id, area_name, indicator, kind, value, numerator, \
     denominator, percent, stated_percent, as_of, carried, approximate, qualified, records, source_set, wards_reporting, \
     wards_percent_only, wards_expected, target, status";
/// Columns of `ward_rows`, as [`WARDS`] gives them and the table `step_wards` keeps them.
const WARD_COLUMNS: &str = "calendar, period, indicator, ward, has_number, value, numerator, denominator, records, qualified, as_of, source_set, \
     carried, approximate, stated";

/// Columns of `step_cells`, as [`UNIT_CELLS`] gives them.
const CELL_COLUMNS: &str =
    "indicator, member, date, value, numerator, denominator, records, qualified, cell_sources, states, percents";
/// What [`MEMBERS`] has noted for a step.
const STEP_MEMBERS: &str = "(SELECT * FROM step_members WHERE epoch = {epoch:UInt32} AND step = {step:UInt32})";
/// Keys that lie in a scope.
const OF_SCOPE: &str = "indicator IN {indicators:Array(String)} AND (calendar, period) IN (SELECT calendar, period FROM periods)";
/// What an epoch has touched of a scope.
const TOUCHED_OF_SCOPE: &str = "(SELECT * FROM touched_rows
     WHERE epoch = {epoch:UInt32} AND indicator IN {indicators:Array(String)} AND (calendar, period) IN (SELECT calendar, period FROM periods))";
/// What [`WARDS`] has computed for a step.
const STEP_WARDS: &str = "(SELECT * FROM step_wards WHERE epoch = {epoch:UInt32} AND step = {step:UInt32})";
/// An area's row in numbers: places in the lists of what a step has touched, 0 for what is in none of them.
const NUMBER: &str = "(toUInt32(transform(<area>, touched_areas, arrayEnumerate(touched_areas), 0)), \
     toUInt16(transform(indicator, {indicators:Array(String)}, arrayEnumerate({indicators:Array(String)}), 0)), \
     toUInt16(transform(period, touched_periods, arrayEnumerate(touched_periods), 0)), calendar = 'legal')";
/// Values of [`COLUMNS`] in a row that is gone: which row it is, and no numbers.
const GONE: &str = "calendar, period, toDate32(0), toDate32(0), level, '', area_id, '', indicator, '', NULL, NULL, NULL, NULL, NULL, NULL, \
     false, false, false, 0, [], 0, 0, 0, NULL, ''";

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
const SETTINGS: [(&str, &str); 5] = [
    ("prefer_column_name_to_alias", "1"),
    ("max_query_size", "67108864"),
    ("join_use_nulls", "0"),
    // An optimization without use here, whose time doubles with every level of subqueries: half of a small query.
    ("optimize_and_compare_chain", "0"),
    // No statement writes a key twice; looking for that takes as long as all the rest.
    ("optimize_on_insert", "0"),
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
        format!("(WITH\n{},\n{},\n{})", self.known(), all_wards(), AREAS.replace("<others>", ""))
    }

    /// Computes all ward rows of the scope into `step_wards`, for [`Scope::insert_rows`].
    pub fn insert_wards(&self, client: &Client, (epoch, step): (u32, u32)) -> Query {
        self.query(client, &self.wards_text()).param("epoch", epoch).param("step", step)
    }

    fn wards_text(&self) -> String {
        format!(
            "INSERT INTO step_wards (epoch, step, {WARD_COLUMNS})
             WITH\n{},\n{}\nSELECT {{epoch:UInt32}}, {{step:UInt32}}, {WARD_COLUMNS} FROM ward_rows",
            self.known(),
            all_wards()
        )
    }

    /// Notes which rows of the scope are stored, for [`Scope::insert_rows`] of any part of it.
    pub fn note_stored(&self, client: &Client, epoch: u32) -> Query {
        let sql = format!(
            "INSERT INTO stored_rows (epoch, indicator, calendar, period, level, within, area_id)
             WITH
             {}
             SELECT {{epoch:UInt32}}, indicator, calendar, period, level, within, area_id FROM rollup_rows FINAL WHERE NOT gone AND {OF_SCOPE}",
            self.known()
        );
        self.query(client, &sql).param("epoch", epoch)
    }

    /// Writes all rows of the scope, and as gone those that were noted as stored and are no longer computed, in one block.
    pub fn insert_rows(&self, client: &Client, (epoch, step): (u32, u32), version: u64) -> Query {
        self.one_block(client, &self.rows_text(), version).param("epoch", epoch).param("step", step)
    }

    fn rows_text(&self) -> String {
        let stored = format!("stored_rows WHERE epoch = {{epoch:UInt32}} AND {OF_SCOPE}");
        self.replacing(&rows_of_step("", ""), &stored)
    }

    /// The queries that compute the ward rows of the scope that the epoch has touched, to be made in this order; what the last
    /// one leaves in `step_wards` is for [`Scope::insert_touched_rows`].
    pub fn insert_touched_wards(&self, client: &Client, (epoch, step): (u32, u32)) -> [Query; 3] {
        let members = MEMBERS.replace("<scope>", &self.known()).replace("<touched>", TOUCHED_OF_SCOPE);
        let texts = [members, self.step_cells_text(), self.step_wards_text()];
        texts.map(|text| self.query(client, &text).param("epoch", epoch).param("step", step))
    }

    fn step_cells_text(&self) -> String {
        let keys = format!(
            "(indicator, ward) IN (SELECT indicator, code FROM {STEP_MEMBERS} AS own INNER JOIN wards ON member = unit_id)"
        );
        let cells = UNIT_CELLS.replace("<keys>", &keys);
        format!(
            "INSERT INTO step_cells (epoch, step, {CELL_COLUMNS})
             WITH
             {},
             unit_cells AS ({cells}),
             needed AS (SELECT indicator, member, min(first) AS first, max(end) AS last FROM {STEP_MEMBERS} GROUP BY indicator, member)
             SELECT {{epoch:UInt32}}, {{step:UInt32}}, {CELL_COLUMNS} FROM unit_cells INNER JOIN needed USING (indicator, member)
             WHERE date BETWEEN first AND last",
            self.known()
        )
    }

    fn step_wards_text(&self) -> String {
        let cells = format!("SELECT {CELL_COLUMNS} FROM step_cells WHERE epoch = {{epoch:UInt32}} AND step = {{step:UInt32}}");
        let of_members =
            |key: &str| format!("(indicator, member, {key}) IN (SELECT indicator, member, {key} FROM {STEP_MEMBERS})");
        let wards = WARDS
            .replace("<cells>", &cells)
            .replace("<periods of members>", &of_members("calendar, period"))
            .replace("<ends of members>", &of_members("end"));
        format!(
            "INSERT INTO step_wards (epoch, step, {WARD_COLUMNS})
             WITH
             {},
             {wards}
             SELECT {{epoch:UInt32}}, {{step:UInt32}}, {WARD_COLUMNS} FROM ward_rows
             -- A state is found for an end, which periods share that are not all touched.
             WHERE (indicator, calendar, period, ward) IN (SELECT indicator, calendar, period, area FROM {TOUCHED_OF_SCOPE})",
            self.known()
        )
    }

    /// Writes the rows of the scope that the epoch has touched, wards and the areas above them, and as gone the stored ones that
    /// are no longer computed, in one block. What else lies in an area counts with the rows that are stored of it.
    pub fn insert_touched_rows(&self, client: &Client, (epoch, step): (u32, u32), version: u64) -> Query {
        self.one_block(client, &self.touched_rows_text(), version).param("epoch", epoch).param("step", step)
    }

    fn touched_rows_text(&self) -> String {
        let touched = TOUCHED_OF_SCOPE;
        let number = |area: &str| NUMBER.replace("<area>", area);
        let (own, above, noted) = (number("area_id"), number("within"), number("area"));
        // The sets hold numbers: texts take five times as long.
        let others = format!(
            "UNION ALL
             SELECT calendar, period, indicator, area_id, within, toUInt64(wards_reporting), toUInt64(wards_percent_only),
                    ifNull(value, 0), ifNull(numerator, 0), ifNull(denominator, 0), records, qualified, ifNull(as_of, toDate32(0)), source_set,
                    carried, approximate
             FROM rollup_rows FINAL
             WHERE (calendar, period) IN (SELECT calendar, period FROM {touched})
               AND {above} IN (SELECT {noted} FROM {touched}) AND {own} NOT IN (SELECT {noted} FROM {touched}) AND NOT gone"
        );
        let lists = format!(
            "(SELECT arraySort(groupUniqArray(toString(area))) FROM {touched}) AS touched_areas,
             (SELECT arraySort(groupUniqArray(toString(period))) FROM {touched}) AS touched_periods,"
        );
        // Wards that are computed, and the areas above them, exist: only of what else is touched stored rows can be gone.
        let stored = format!(
            "rollup_rows FINAL WHERE NOT gone AND (calendar, period, area_id, indicator) IN
             (
                 SELECT calendar, period, area, indicator FROM {touched}
                 WHERE (calendar, period, area, indicator) NOT IN
                 (
                     SELECT calendar, period, arrayJoin(areas), indicator FROM {STEP_WARDS} AS computed
                     INNER JOIN (SELECT ward, areas FROM reference_chains WHERE generation = {{generation:UInt32}}) AS chains USING (ward)
                 )
             )"
        );
        self.replacing(&rows_of_step(&lists, &others), &stored)
    }

    /// Notes the rows of the scope's periods that these marks touch, as work of an epoch.
    pub fn note_touched(&self, client: &Client, epoch: u32, batches: &[Uuid]) -> Query {
        let query = self.query(client, &TOUCHED.replace("<scope>", &self.known()));
        query.param("epoch", epoch).param("batches", names(batches))
    }

    /// Notes the rows of the scope in these areas, below and above them, as work of an epoch.
    pub fn note_areas(&self, client: &Client, epoch: u32, areas: &[String]) -> Query {
        self.query(client, &AREA_ROWS.replace("<scope>", &self.known())).param("epoch", epoch).param("areas", areas)
    }

    /// Notes the rows of the scope that differ between an earlier generation and the scope's, as work of an epoch.
    pub fn note_changes(&self, client: &Client, epoch: u32, before: u32) -> Query {
        let sql = REFERENCE_CHANGE.replace("<scope>", &self.known()).replace("<units>", UNITS);
        self.query(client, &sql).param("epoch", epoch).param("before", before)
    }

    /// The computed rows, then as gone those from a list of stored ones that are not computed.
    fn replacing(&self, rows: &str, stored: &str) -> String {
        format!(
            "INSERT INTO rollup_rows ({COLUMNS}, within, gone, version)
             WITH
             {}
             SELECT {COLUMNS}, within, gone, {{version:UInt64}}
             FROM
             (
                 SELECT {COLUMNS}, within, false AS gone FROM {rows}
                 UNION ALL
                 SELECT {GONE}, within, true FROM {stored}
             )
             ORDER BY gone
             LIMIT 1 BY calendar, period, level, area_id, indicator",
            self.known()
        )
    }

    fn one_block(&self, client: &Client, sql: &str, version: u64) -> Query {
        let query = self.query(client, sql).param("version", version);
        ONE_BLOCK.iter().fold(query, |query, (name, value)| query.with_setting(*name, *value))
    }

    /// A query with the scope's parameters.
    pub fn query(&self, client: &Client, sql: &str) -> Query {
        with_settings(client.query_raw(sql)).param("generation", self.generation).param("indicators", &self.indicators)
    }

    fn known(&self) -> String {
        SCOPE.replace("<periods>", &literal(&period_lines(&self.periods)))
    }
}

/// [`WARDS`] of all cells of a scope.
fn all_wards() -> String {
    let cells = UNIT_CELLS.replace("<keys>", "true");
    WARDS.replace("<cells>", &cells).replace("<periods of members>", "true").replace("<ends of members>", "true")
}

/// The rows of wards that stand in `step_wards`, and of the areas above them, in which others may count besides.
fn rows_of_step(lists: &str, others: &str) -> String {
    format!(
        "(WITH
         {lists}
         ward_rows AS (SELECT {WARD_COLUMNS} FROM {STEP_WARDS}),
         {})",
        AREAS.replace("<others>", others)
    )
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
        for text in
            [scope.wards_text(), scope.rows_text(), scope.step_cells_text(), scope.step_wards_text(), scope.touched_rows_text()]
        {
            assert!(text.len() < QUERY_BYTES_MAX, "{} bytes", text.len());
            for word in ["<cells>", "<keys>", "members>", "<others>", "<scope>", "<touched>", "<periods>"] {
                assert!(!text.contains(word), "{word}");
            }
        }
    }

    #[test]
    fn a_literal_cannot_be_left() {
        assert_eq!(literal(r"a'b\"), r"'a\'b\\'");
    }
}

//! The SQL of touched rows: which they are, what they are computed from, and how a step replaces them.

use chiso_schemas::reference::Kind;
use clickhouse::Client;
use clickhouse::query::Query;
use uuid::Uuid;

use crate::claim::STILL_HOLDS;
use crate::reference_change::UNITS;
use crate::sql::{OF_SCOPE, STEP_WARDS, Scope, areas, names, rows_of_wards, ward_rows};
use crate::touched::Family;

/// Keys of the rows that marks touch; an `INSERT`.
const TOUCHED: &str = include_str!("../sql/touched.sql");
/// Keys of the rows of areas; an `INSERT`.
const AREA_ROWS: &str = include_str!("../sql/area_rows.sql");
/// Keys of the rows that changed reference data touch; an `INSERT`.
const REFERENCE_CHANGE: &str = include_str!("../sql/reference_change.sql");
/// Whose facts count for touched rows; an `INSERT`.
const MEMBERS: &str = include_str!("../sql/members.sql");
/// Which cells touched rows need; an `INSERT`.
const STEP_NEEDS: &str = include_str!("../sql/step_needs.sql");
/// These cells; an `INSERT`.
const STEP_CELLS: &str = include_str!("../sql/step_cells.sql");
/// Last states instead of cells, where these are enough; an `INSERT`.
const STEP_LAST_STATES: &str = include_str!("../sql/step_last_states.sql");
/// Summands of touched rows that are gone; an `INSERT`.
const SUMMANDS_GONE: &str = include_str!("../sql/summands_gone.sql");
/// Whether nothing can be gone; a `SELECT`.
const STEP_IS_WHOLE: &str = include_str!("../sql/step_is_whole.sql");
/// Sums of wards and areas, of touched rows; a `SELECT`.
const TOUCHED_SUMS: &str = include_str!("../sql/touched_sums.sql");
/// Touched rows that were not computed; a `SELECT`.
const LOST: &str = include_str!("../sql/lost.sql");
/// Of these the ones that are stored; a table and a condition.
const MAYBE_GONE: &str = include_str!("../sql/maybe_gone.sql");
/// All of them; a table.
const MARKED_GONE: &str = include_str!("../sql/marked_gone.sql");
/// That a touched ward, as `touched` and `chains` name it, has a summand.
const IS_STORED: &str = "(period_number, indicator, areas[2], area) IN
    (SELECT period_number, indicator, within, ward FROM summands FINAL
     WHERE NOT gone AND indicator IN {indicators:Array(String)} AND period_number IN (SELECT period_number FROM periods))";
/// Areas above the wards of a step; a `SELECT`.
const AREAS_ABOVE: &str = include_str!("../sql/areas_above.sql");

/// Columns of `step_cells`.
const CELL_COLUMNS: &str =
    "indicator, member, date, value, numerator, denominator, records, qualified, cell_sources, states, percents";
/// Of these the ones that cells of flows, and those of states, fill: reading all takes twice as long.
const FLOW_COLUMNS: &str = "indicator, member, date, value, numerator, denominator, records, qualified, cell_sources, percents";
const STATE_COLUMNS: &str = "indicator, member, date, states, percents";
/// What [`MEMBERS`] has noted for a step.
const STEP_MEMBERS: &str = "(SELECT * FROM step_members WHERE epoch = {epoch:UInt32} AND step = {step:UInt32})";
/// Two steps work at once, so each of their threads has enough to do.
const ONE_MERGE: (&str, &str) = ("split_intersecting_parts_ranges_into_layers_final", "0");

/// A step of touched rows.
#[derive(Clone, Copy, Debug)]
pub struct Touched<'a> {
    /// Indicators and periods.
    pub scope: &'a Scope,
    /// Family of its indicators.
    pub family: Family,
    /// Whether marks have touched the rows; else other changes have, and many of them need never have been there.
    pub by_marks: bool,
    /// Epoch that works.
    pub epoch: u32,
    /// Number of the step in it.
    pub step: u32,
    /// Version of its rows.
    pub version: u64,
}

impl Touched<'_> {
    /// The queries that compute the ward rows, to be made in this order; the last one leaves them in `summands`.
    pub fn insert_wards(&self, client: &Client) -> Vec<Query> {
        let cells = STEP_CELLS.replace("<columns>", self.columns());
        let last_states = (self.family == Family::States).then(|| STEP_LAST_STATES.to_owned());
        let texts =
            [self.text(MEMBERS), self.text(STEP_NEEDS), cells].into_iter().chain(last_states).chain([self.summands_text()]);
        texts.map(|text| self.query(client, &text)).collect()
    }

    /// Whether all that is touched was computed, so that nothing can be gone.
    pub fn is_whole(&self, client: &Client) -> Query {
        self.query(client, &self.text(STEP_IS_WHOLE))
    }

    /// Writes summands that were not computed as gone.
    pub fn insert_gone_wards(&self, client: &Client) -> Query {
        let is_stored = if self.by_marks { "true" } else { IS_STORED };
        let text = SUMMANDS_GONE.replace("<is stored>", is_stored).replace("<still holds>", STILL_HOLDS);
        self.query(client, &self.text(&text))
    }

    /// Writes the rows, wards and the areas above them, and as gone those that are no longer computed, in one block.
    pub fn insert_rows(&self, client: &Client, is_whole: bool) -> Query {
        let text = self.rows_text(is_whole);
        let query = self.scope.one_block(client, &text, self.version).param("epoch", self.epoch);
        query.with_setting(ONE_MERGE.0, ONE_MERGE.1)
    }

    fn columns(&self) -> &'static str {
        match self.family {
            Family::Flows => FLOW_COLUMNS,
            Family::States => STATE_COLUMNS,
        }
    }

    fn rows_text(&self, is_whole: bool) -> String {
        let gone = self.text(if self.by_marks { MARKED_GONE } else { MAYBE_GONE });
        self.scope.replacing(&rows_of_wards(STEP_WARDS, &areas(&self.text(TOUCHED_SUMS))), (!is_whole).then_some(&gone))
    }

    fn summands_text(&self) -> String {
        let cells = format!("SELECT {CELL_COLUMNS} FROM step_cells WHERE epoch = {{epoch:UInt32}} AND step = {{step:UInt32}}");
        let of_members =
            |key: &str| format!("(indicator, member, {key}) IN (SELECT indicator, member, {key} FROM {STEP_MEMBERS})");
        let wards = ward_rows(&cells, (&of_members("calendar, period"), &of_members("end")));
        // A state is found for an end, which periods share that are not all touched.
        let is_touched = "(indicator, calendar, period, ward) IN (SELECT indicator, calendar, period, area FROM <touched wards>)";
        self.text(&self.scope.wards_text(&wards, is_touched))
    }

    /// Fills the words in angle brackets.
    fn text(&self, text: &str) -> String {
        text.replace("<lost>", LOST)
            .replace("<areas above>", AREAS_ABOVE)
            .replace("<scope>", &self.scope.known())
            .replace("<touched wards>", &touched("startsWith(area, 'W')"))
            .replace("<touched areas>", &touched("NOT startsWith(area, 'W')"))
            .replace("<computed>", STEP_WARDS)
    }

    fn query(&self, client: &Client, text: &str) -> Query {
        let query = self.scope.query(client, text).param("epoch", self.epoch).param("step", self.step);
        query.param("version", self.version).with_setting(ONE_MERGE.0, ONE_MERGE.1)
    }
}

/// What an epoch has touched of a scope, as far as the condition holds (a unit id begins with the letter of its level), with the
/// numbers that `summands` has for its texts.
fn touched(condition: &str) -> String {
    format!(
        "(SELECT *, sipHash64(concat(calendar, ' ', period)) AS period_number,
                 bitOr(bitShiftLeft(sipHash64(indicator), 36), sipHash64(area) % 68719476736) AS area_number
          FROM touched_rows WHERE epoch = {{epoch:UInt32}} AND {OF_SCOPE} AND {condition})"
    )
}

impl Scope {
    /// Notes the rows of the scope's periods that these marks of indicators of a family touch, as work of an epoch.
    pub fn note_touched(&self, client: &Client, epoch: u32, batches: &[Uuid], family: Family) -> Query {
        let query = self.query(client, &TOUCHED.replace("<scope>", &self.known()));
        query.param("epoch", epoch).param("batches", names(batches)).param("kinds", family.kinds().map(Kind::as_str).to_vec())
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::tests::{assert_ready, full_scope};

    #[test]
    fn a_full_step_is_short_enough_for_the_http_interface() {
        let scope = full_scope();
        for (family, by_marks) in [(Family::Flows, false), (Family::States, true)] {
            let step = Touched { scope: &scope, family, by_marks, epoch: 1, step: 1, version: 1 };
            let cells = STEP_CELLS.replace("<columns>", step.columns());
            assert_ready([step.text(MEMBERS), step.text(STEP_NEEDS), cells, step.text(STEP_IS_WHOLE)]);
            assert_ready([step.summands_text(), step.rows_text(false), step.rows_text(true)]);
        }
    }
}

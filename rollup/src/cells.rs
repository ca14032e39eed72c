//! Cells: the effective facts of an indicator, ward code and day, recomputed whole from the events.

use chiso_schemas::reference::{FIRST_DAY, Kind, LAST_DAY};
use chiso_schemas::store::Store;
use chrono::NaiveDate;
use clickhouse::Client;
use clickhouse::query::Query;
use uuid::Uuid;

use crate::claim::STILL_HOLDS;
use crate::failure::Failure;
use crate::sql::{names, with_settings};
use crate::touched::Family;

/// Cells, from the events; a `SELECT`.
const CELLS: &str = include_str!("../sql/cells.sql");
/// All that a cell says, as one number.
const DIGEST: &str = "cityHash64(CAST(
    tuple(indicator, ward, date, value, numerator, denominator, records, qualified, sources, states, percents, withdrawn, had_percent, seen),
    'Tuple(String, String, Date32, Decimal(38, 6), Decimal(38, 6), Decimal(38, 6), UInt64, Bool, Array(String),
           Array(Tuple(String, String, Decimal(38, 6), Decimal(38, 6), Decimal(38, 6), UInt128, Bool)),
           Array(Tuple(String, Decimal(38, 6), UInt128, Bool)), Array(Tuple(String, String)), Bool, UInt64)'))";

/// Cells of a scope that no event can have made: there is none, or they claim to have seen more than there are. Only a hand can
/// have written them, and an insert would not replace them.
const IMPOSSIBLE: &str = "
SELECT indicator, ward, date
FROM
(
    SELECT indicator, ward, date, seen, 0 AS stored FROM cells WHERE <scope>
    UNION ALL
    SELECT indicator, ward, date, 0, 1 FROM event_log WHERE <scope>
)
GROUP BY indicator, ward, date
HAVING max(seen) > sum(stored) OR sum(stored) = 0";

/// Recomputes the cells that the marks of these batches name, of indicators of a family; none if a later epoch was claimed: of cells made
/// of the same events the last one written stays, and the kind of an indicator may be another one since.
pub fn insert_marked(client: &Client, (generation, epoch): (u32, u32), (batches, family): (&[Uuid], Family)) -> Query {
    let marked = "(date, indicator, ward) IN
        (SELECT date, indicator, ward FROM marks
         WHERE batch IN {batches:Array(UUID)} AND indicator IN (SELECT code FROM catalogue WHERE kind IN {kinds:Array(String)}))";
    let events = format!("{marked} AND {STILL_HOLDS}");
    with_settings(client.query_raw(&format!("INSERT INTO cells {}", CELLS.replace("<events>", &events))))
        .param("generation", generation)
        .param("epoch", epoch)
        .param("batches", names(batches))
        .param("kinds", family.kinds().map(Kind::as_str).to_vec())
}

/// Which cells are recomputed though nothing has marked them.
#[derive(Clone, Debug)]
pub struct CellScope {
    /// Generation of the reference data.
    pub generation: u32,
    /// Epoch that writes them.
    pub epoch: u32,
    /// Indicator codes.
    pub indicators: Vec<String>,
    /// First and last day.
    pub days: (NaiveDate, NaiveDate),
    /// Unit ids of areas; of the wards whose facts count there or once did. None: everywhere.
    pub areas: Vec<String>,
}

/// The cells of the scope, as a condition on events and cells alike.
const SCOPE: &str = "indicator IN {indicators:Array(String)} AND date BETWEEN {first:Date32} AND {last:Date32}
    AND (empty({areas:Array(String)}) OR ward IN
         (SELECT code FROM reference_units WHERE generation = {generation:UInt32} AND level = 'ward' AND unit_id IN
             (SELECT member FROM reference_paths WHERE generation = {generation:UInt32} AND unit IN
                 (SELECT ward FROM reference_chains WHERE generation = {generation:UInt32} AND hasAny(areas, {areas:Array(String)})))))";

impl CellScope {
    /// All cells of these indicators.
    pub fn of((generation, epoch): (u32, u32), indicators: Vec<String>) -> Self {
        Self { generation, epoch, indicators, days: (FIRST_DAY, LAST_DAY), areas: Vec::new() }
    }

    /// Recomputes all cells of the scope, whole, from the events, and writes those that are not stored like that; none if a later epoch
    /// was claimed.
    ///
    /// # Errors
    /// ClickHouse does not do its part.
    pub async fn recompute(&self, store: &Store) -> Result<(), Failure> {
        let computed = CELLS.replace("<events>", &format!("{SCOPE} AND {STILL_HOLDS}"));
        let stored = format!("SELECT {DIGEST} FROM cells FINAL WHERE {SCOPE}");
        let sql = format!("INSERT INTO cells SELECT * FROM ({computed}) WHERE {DIGEST} NOT IN ({stored})");
        let done = self.query(store.write(), &sql).execute().await;
        Ok(done.map_err(store.during("recompute cells"))?)
    }

    /// Removes the cells of the scope that no event can have made; says how many there were.
    ///
    /// # Errors
    /// ClickHouse does not do its part.
    pub async fn remove_impossible(&self, store: &Store) -> Result<u64, Failure> {
        let impossible = IMPOSSIBLE.replace("<scope>", SCOPE);
        let count = self.query(store.read(), &format!("SELECT count() FROM ({impossible})")).fetch_one::<u64>().await;
        let count = count.map_err(store.during("look for cells without events"))?;
        if count > 0 {
            let delete = format!("DELETE FROM cells WHERE (indicator, ward, date) IN ({impossible})");
            self.query(store.write(), &delete).execute().await.map_err(store.during("remove cells without events"))?;
        }
        Ok(count)
    }

    fn query(&self, client: &Client, sql: &str) -> Query {
        with_settings(client.query_raw(sql))
            .param("generation", self.generation)
            .param("epoch", self.epoch)
            .param("indicators", &self.indicators)
            .param("first", self.days.0.to_string())
            .param("last", self.days.1.to_string())
            .param("areas", &self.areas)
    }
}

//! What is in flight: work that waits for a pass, or whose events are stored and whose marks are not yet due.
//!
//! Workers write events, then marks, then the ledger; a pass writes rows, then retires. So an event whose offset the ledger
//! covered before the audit read anything is in the rows that are read later, or in a mark that waited at that moment. Everything
//! else of a difference is an error, however busy the system is.

use std::collections::{HashMap, HashSet};

use chiso_schemas::calendar::{Calendar, Period};
use chiso_schemas::store::{Store, active_generation};
use chrono::{DateTime, NaiveDate, Utc};
use clickhouse::Row;
use serde::Deserialize;
use uuid::Uuid;

use super::facts::Spot;
use crate::claim::Claim;
use crate::failure::Failure;
use crate::lead::Leader;
use crate::marks;
use crate::pass::last_pass;
use crate::scope::{Label, opened};

/// Batches that one query names at most: names stand in the address of a request.
const BATCHES_MAX: usize = 1_000;

/// How far the ledger covers a partition.
#[derive(Row, Deserialize)]
struct Covered {
    topic: String,
    partition: i32,
    end: i64,
    gaps: Vec<(i64, i64)>,
    #[serde(with = "clickhouse::serde::chrono::datetime64::millis")]
    since: DateTime<Utc>,
}

const COVERED: &str = "
SELECT toString(coverage.topic) AS topic, partition, last_end AS end, arrayMap(g -> (g.1, g.2), gaps) AS gaps,
       if(begun.incarnation > 1, begun.since, toDateTime64(0, 3, 'UTC')) AS since
FROM coverage INNER JOIN (SELECT topic, incarnation, max(since) AS since FROM incarnations GROUP BY topic, incarnation) AS begun
    ON coverage.topic = begun.topic AND coverage.incarnation = begun.incarnation";

/// Cells of an indicator with an event that the ledger did not cover: in a range that is not stored, or in a partition of which it
/// had no range at all. What arrived before a topic was made anew does not matter.
const UNCOVERED: &str = "
WITH (SELECT groupArray((topic, since)) FROM (SELECT topic, if(max(incarnation) > 1, max(since), toDateTime64(0, 3, 'UTC')) AS since FROM incarnations GROUP BY topic)) AS begun
SELECT DISTINCT toString(ward) AS ward, toInt32(date) AS day
FROM event_log
WHERE indicator = {indicator:String}
  AND (arrayExists((t, p, f, n, s) -> topic = t AND partition = p AND offset >= f AND offset < n AND toUnixTimestamp64Milli(arrived) >= s,
                   {topics:Array(String)}, {partitions:Array(Int32)}, {froms:Array(Int64)}, {nexts:Array(Int64)}, {sinces:Array(Int64)})
       OR NOT arrayExists((t, p) -> topic = t AND partition = p, {topics:Array(String)}, {partitions:Array(Int32)})
          AND NOT arrayExists(b -> topic = b.1 AND arrived < b.2, begun))";

const WAITING: &str = "
SELECT DISTINCT toString(ward) AS ward, toInt32(date) AS day FROM marks
WHERE batch IN {batches:Array(UUID)} AND indicator = {indicator:String}";

#[derive(Row, Deserialize)]
struct SpotRow {
    ward: String,
    day: i32,
}

/// What waited before an audit read anything.
pub(super) struct Before {
    generation: u32,
    waiting: Vec<Uuid>,
    covered: Vec<Covered>,
}

impl Before {
    /// Reads what waits now; `generation` is that of the reference data that the audit proves with.
    pub(super) async fn read(store: &Store, generation: u32) -> Result<Self, Failure> {
        // The ledger first: what it covers has its marks.
        let covered = covered(store).await?;
        let claim = Claim { epoch: Leader::of(store).await?.epoch };
        let waiting = marks::waiting(store, claim).await?.into_iter().map(|waiting| waiting.batch).collect();
        Ok(Self { generation, waiting, covered })
    }

    /// What of an indicator is in flight, asked after everything was read.
    pub(super) async fn flight(&self, store: &Store, indicator: &str) -> Result<Flight, Failure> {
        let last = last_pass(store).await?.map(|pass| pass.generation);
        let all = active_generation(store).await? != Some(self.generation) || last != Some(self.generation);
        let mut cells = HashSet::new();
        for batches in self.waiting.chunks(BATCHES_MAX) {
            let names: Vec<String> = batches.iter().map(Uuid::to_string).collect();
            let query = store.read().query_raw(WAITING).param("batches", &names).param("indicator", indicator);
            let rows = query.fetch_all::<SpotRow>().await.map_err(store.during("read the marks that wait"))?;
            cells.extend(rows.into_iter().map(|row| (row.ward, row.day)));
        }
        cells.extend(self.uncovered(store, indicator).await?);
        let first =
            store.read().query("SELECT toInt32(min(date)) FROM event_log HAVING count() > 0").fetch_optional::<i32>().await;
        let first_fact = first.map_err(store.during("find the first fact"))?.and_then(NaiveDate::from_epoch_days);
        Ok(Flight { all, cells, opened: opened(store).await?, first_fact })
    }

    async fn uncovered(&self, store: &Store, indicator: &str) -> Result<Vec<Spot>, Failure> {
        let (mut topics, mut partitions, mut froms, mut nexts, mut sinces) = (vec![], vec![], vec![], vec![], vec![]);
        for covered in &self.covered {
            for (from, next) in covered.gaps.iter().copied().chain([(covered.end, i64::MAX)]) {
                topics.push(covered.topic.clone());
                partitions.push(covered.partition);
                froms.push(from);
                nexts.push(next);
                sinces.push(covered.since.timestamp_millis());
            }
        }
        let query = store.read().query_raw(UNCOVERED).param("indicator", indicator).param("topics", &topics);
        let query = query.param("partitions", &partitions).param("froms", &froms).param("nexts", &nexts).param("sinces", &sinces);
        let rows = query.fetch_all::<SpotRow>().await.map_err(store.during("read the events that the ledger does not cover"))?;
        Ok(rows.into_iter().map(|row| (row.ward, row.day)).collect())
    }
}

async fn covered(store: &Store) -> Result<Vec<Covered>, Failure> {
    let covered = store.read().query_raw(COVERED).fetch_all::<Covered>().await;
    Ok(covered.map_err(store.during("read how far the ledger reaches"))?)
}

/// What is in flight of an indicator.
pub(super) struct Flight {
    /// The reference data have changed: all rows are.
    pub(super) all: bool,
    /// These cells.
    pub(super) cells: HashSet<Spot>,
    opened: HashSet<Label>,
    first_fact: Option<NaiveDate>,
}

impl Flight {
    /// Whether a period that was not opened when the audit began is one that a pass opens meanwhile.
    pub(super) fn opens(&self, calendars: &[Calendar], label: &Label, today: NaiveDate) -> bool {
        let calendar = calendars.iter().find(|calendar| calendar.id.as_str() == label.0);
        let period: Option<Period> = calendar.and_then(|calendar| calendar.period(&label.1).ok());
        let begins = |period: Period| {
            is_kept(&period) && period.start <= today && self.first_fact.is_some_and(|first| period.end >= first)
        };
        self.opened.contains(label) || period.is_some_and(begins)
    }

    /// The cells by ward code.
    pub(super) fn by_code(&self) -> HashMap<&str, Vec<i32>> {
        let mut by_code: HashMap<&str, Vec<i32>> = HashMap::new();
        for (code, day) in &self.cells {
            by_code.entry(code).or_default().push(*day);
        }
        by_code
    }
}

/// Months, quarters, halves, nine months and years are kept; days and ranges are not.
fn is_kept(period: &Period) -> bool {
    !period.kind.label().is_empty()
}

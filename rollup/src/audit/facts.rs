//! The events of one indicator, as effective facts by unit, and compared with the tables `cells` and `last_states` on the way.
//!
//! Both are read in the order of ward code and day, so memory holds the facts of a slice and one cell at a time.

use std::collections::HashMap;

use chiso_schemas::reference::Reference;
use chiso_schemas::store::Store;
use chrono::NaiveDate;
use clickhouse::Row;
use clickhouse::query::RowCursor;
use serde::Deserialize;

use super::cells::{CELLS, COLUMNS, Cell, CellRow};
use super::difference::{Difference, columns};
use super::figures::{ByUnit, Fact, Measure};
use super::last_states::LastStates;
use super::slice::Slice;
use crate::failure::Failure;

#[derive(Row, Deserialize)]
struct EventRow<'a> {
    ward_code: &'a str,
    day: i32,
    source_id: &'a str,
    record: &'a str,
    version: u128,
    value: Option<i128>,
    numerator: Option<i128>,
    denominator: Option<i128>,
    percent: Option<i128>,
    retracted: bool,
    qualified: bool,
    series: &'a str,
}

const EVENTS: &str = "
SELECT toString(ward) AS ward_code, toInt32(date) AS day, toString(source) AS source_id, record, version, value, numerator, denominator,
       percent, retracted, toBool(qualifier != 'exact') AS qualified, toString(dimensions) AS series
FROM event_log
WHERE indicator = {indicator:String} AND date BETWEEN {first:Date32} AND {last:Date32}
  AND (empty({codes:Array(String)}) OR ward IN {codes:Array(String)})
ORDER BY ward_code, day, source_id, record, version";

/// A ward code and a day, as days since 1970.
pub(super) type Spot = (String, i32);

/// What was read of a slice.
#[derive(Default)]
pub(super) struct Read {
    pub(super) facts: ByUnit,
    pub(super) cells: u64,
    /// Where `cells` and `last_states` differ.
    pub(super) differences: Vec<(Spot, Difference)>,
}

/// Reads the events of a slice, and compares its cells unless they hold another kind's form.
pub(super) async fn read(store: &Store, reference: &Reference, slice: &Slice<'_>) -> Result<Read, Failure> {
    let doing = "read events to audit";
    let mut events = slice.bind(store.read().query_raw(EVENTS)).fetch::<EventRow<'_>>().map_err(store.during(doing))?;
    let stored = slice.bind(store.read().query_raw(CELLS)).fetch::<CellRow>();
    let stored = stored.map_err(store.during("read cells to audit"))?;
    let mut reading = Reading {
        store,
        reference,
        slice,
        at: None,
        last: None,
        cell: Cell::default(),
        stored: Stored { cursor: stored, next: None, is_over: false },
        series: HashMap::new(),
        last_states: LastStates::default(),
        read: Read::default(),
    };
    while let Some(row) = events.next().await.map_err(store.during(doing))? {
        reading.event(&row).await?;
    }
    reading.end().await?;
    let Reading { mut read, last_states, .. } = reading;
    if slice.indicator.kind.is_stock() {
        let own = |(spot, _): &(Spot, Difference)| is_own(reference, slice, spot);
        read.differences.extend(last_states.compare(store, slice).await?.into_iter().filter(own));
    }
    for facts in read.facts.values_mut() {
        facts.sort_by_key(|fact| (fact.date, fact.version));
    }
    Ok(read)
}

/// The statement of a record that is greatest so far.
pub(super) struct Statement {
    pub(super) source: String,
    record: String,
    pub(super) version: u128,
    /// Value, numerator, denominator, percent.
    pub(super) numbers: [Option<i128>; 4],
    retracted: bool,
    pub(super) qualified: bool,
    pub(super) series: String,
}

struct Stored {
    cursor: RowCursor<CellRow>,
    next: Option<CellRow>,
    is_over: bool,
}

struct Reading<'a> {
    store: &'a Store,
    reference: &'a Reference,
    slice: &'a Slice<'a>,
    at: Option<Spot>,
    last: Option<Statement>,
    cell: Cell,
    stored: Stored,
    series: HashMap<String, u32>,
    last_states: LastStates,
    read: Read,
}

impl Reading<'_> {
    async fn event(&mut self, row: &EventRow<'_>) -> Result<(), Failure> {
        if self.at.as_ref().is_none_or(|(ward, day)| ward != row.ward_code || *day != row.day) {
            self.end_cell().await?;
            self.at = Some((row.ward_code.to_owned(), row.day));
        }
        match &mut self.last {
            Some(last) if last.source == row.source_id && last.record == row.record => {
                if !last.retracted {
                    self.cell.note_earlier(last, self.slice.indicator.kind.is_stock());
                }
                // A copy that no merge has removed yet is no other event.
                self.cell.seen += u64::from(last.version != row.version);
                last.version = row.version;
                last.numbers = [row.value, row.numerator, row.denominator, row.percent];
                (last.retracted, last.qualified) = (row.retracted, row.qualified);
                row.series.clone_into(&mut last.series);
            }
            _ => {
                self.end_record();
                self.cell.seen += 1;
                self.last = Some(Statement {
                    source: row.source_id.to_owned(),
                    record: row.record.to_owned(),
                    version: row.version,
                    numbers: [row.value, row.numerator, row.denominator, row.percent],
                    retracted: row.retracted,
                    qualified: row.qualified,
                    series: row.series.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The greatest version of a record is effective; a retraction counts for nothing.
    fn end_record(&mut self) {
        let (Some(last), Some((ward, day))) = (self.last.take(), &self.at) else { return };
        if last.retracted {
            return;
        }
        self.cell.add(&last, self.slice.indicator.kind.is_stock());
        let date = NaiveDate::from_epoch_days(*day).unwrap_or_default();
        let (Some(unit), Some((source, known))) =
            (self.reference.units.ward_at(ward, date), self.reference.sources.find(&last.source))
        else {
            return;
        };
        let [value, numerator, denominator, percent] = last.numbers;
        let measure = match percent {
            Some(percent) => Measure::Percent(percent),
            None => Measure::Numbers(value.or(numerator).unwrap_or_default(), denominator.unwrap_or_default()),
        };
        let next = u32::try_from(self.series.len()).unwrap_or(u32::MAX);
        let series = *self.series.entry(last.series).or_insert(next);
        let source = u32::try_from(source).unwrap_or(u32::MAX);
        let (version, qualified, priority) = (last.version, last.qualified, known.priority);
        self.read.facts.entry(unit).or_default().push(Fact { date, version, source, priority, series, qualified, measure });
    }

    async fn end_cell(&mut self) -> Result<(), Failure> {
        self.end_record();
        let Some(at) = self.at.take() else { return Ok(()) };
        let proven = std::mem::take(&mut self.cell).ended();
        self.superfluous_before(Some(&at)).await?;
        let stored = self.stored.next.take_if(|row| (&row.ward_code, row.day) == (&at.0, at.1)).map(Cell::from);
        if !is_own(self.reference, self.slice, &at) {
            return Ok(());
        }
        self.read.cells += 1;
        self.last_states.add(&at, &proven);
        let key = self.key(&at);
        match stored {
            None => {
                let seen = format!("{} events", proven.seen);
                self.read.differences.push((at, Difference::missing("cells", key, seen)));
            }
            Some(stored) if stored != proven => {
                let found = columns(("cells", &key), &COLUMNS, &proven.texts(), &stored.texts());
                self.read.differences.extend(found.into_iter().map(|difference| (at.clone(), difference)));
            }
            Some(_) => {}
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Failure> {
        self.end_cell().await?;
        self.superfluous_before(None).await
    }

    /// Passes over the stored cells before a place, which have no events, and leaves the next one to be taken.
    async fn superfluous_before(&mut self, place: Option<&Spot>) -> Result<(), Failure> {
        loop {
            if self.stored.next.is_none() && !self.stored.is_over {
                let next = self.stored.cursor.next().await.map_err(self.store.during("read cells to audit"))?;
                self.stored.is_over = next.is_none();
                self.stored.next = next;
            }
            let before = |row: &mut CellRow| place.is_none_or(|(ward, day)| (&row.ward_code, row.day) < (ward, *day));
            let Some(row) = self.stored.next.take_if(before) else { return Ok(()) };
            let at = (row.ward_code.clone(), row.day);
            if !is_own(self.reference, self.slice, &at) {
                continue;
            }
            let text = format!("{} events", row.seen);
            self.read.differences.push((at.clone(), Difference::superfluous("cells", self.key(&at), text)));
        }
    }

    fn key(&self, (ward, day): &Spot) -> String {
        let day = NaiveDate::from_epoch_days(*day).unwrap_or_default();
        format!("{} {ward} {day}", self.slice.indicator.code)
    }
}

/// Whether a cell is compared in this slice: a code that was given anew may belong to two.
fn is_own(reference: &Reference, slice: &Slice<'_>, (ward, day): &Spot) -> bool {
    let unit = reference.units.ward_at(ward, NaiveDate::from_epoch_days(*day).unwrap_or_default());
    unit.is_none_or(|unit| slice.holds(unit))
}

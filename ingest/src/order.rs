//! The order in which the facts of a batch are stored: the sort key of `event_log`, so that ClickHouse need not sort.
//!
//! Sorting finds what is the same on the way: events that came twice, and cells that several events touch. It needs no
//! hash of texts that publishers choose.

use crate::facts::Facts;

/// Rows of [`Facts`] in the order of the table.
#[derive(Debug, Default)]
pub struct Order {
    /// One row for each distinct event: of repeats, the one that came first.
    pub rows: Vec<u32>,
    /// The first of these rows in each cell.
    pub cells: Vec<u32>,
}

/// Day, indicator, ward and source of a row as ClickHouse orders them, then the row: 20, 24, 28, 24 and 32 bits, each
/// more than days of 1900 to 2299 and lists of reference data need.
type Key = u128;

const ROW_BITS: u32 = 32;
const SOURCE_BITS: u32 = 24;
const WARD_BITS: u32 = 28;
const INDICATOR_BITS: u32 = 24;
const DAY_BITS: u32 = 20;

impl Order {
    /// Sorts the facts.
    pub fn of(facts: &Facts) -> Self {
        let mut keys = (0..facts.len()).map(|row| key(facts, row)).collect::<Vec<_>>();
        keys.sort_unstable();
        let mut order = Self { rows: Vec::with_capacity(keys.len()), cells: Vec::new() };
        let mut cell = None;
        for run in keys.chunk_by(|a, b| a >> ROW_BITS == b >> ROW_BITS) {
            let first = order.rows.len();
            order.append(facts, run);
            // All rows of a run are of one cell, and at least one stays.
            let own = run.first().map(|key| key >> (ROW_BITS + SOURCE_BITS));
            if own != cell {
                order.cells.push(order.rows[first]);
                cell = own;
            }
        }
        order
    }

    /// Appends rows that agree up to the source, by record and version.
    fn append(&mut self, facts: &Facts, run: &[Key]) {
        let first = self.rows.len();
        self.rows.extend(run.iter().map(|key| *key as u32));
        if run.len() > 1 {
            let statement = |row: &u32| (facts.record(*row as usize), facts.version(*row as usize));
            // Stable, so that of equal rows the one that came first stays.
            self.rows[first..].sort_by(|a, b| statement(a).cmp(&statement(b)));
            let mut kept = first;
            for at in first + 1..self.rows.len() {
                if statement(&self.rows[at]) != statement(&self.rows[kept]) {
                    kept += 1;
                    self.rows[kept] = self.rows[at];
                }
            }
            self.rows.truncate(kept + 1);
        }
    }
}

fn key(facts: &Facts, row: usize) -> Key {
    // Days before 1970 stand before the others.
    let day = facts.day(row).saturating_add(1 << (DAY_BITS - 1)).unsigned_abs();
    let parts = [(facts.indicator(row), INDICATOR_BITS), (facts.ward(row), WARD_BITS), (facts.source(row), SOURCE_BITS)];
    let key = parts.into_iter().fold(u128::from(day), |key, (part, bits)| key << bits | u128::from(part));
    key << ROW_BITS | row as u128
}

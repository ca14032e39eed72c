//! The table `last_states`, which passes read instead of cells: it must say of every series what the events of its last day say.

use std::collections::HashMap;

use chiso_schemas::number::Amount;
use chiso_schemas::store::Store;
use chrono::NaiveDate;
use clickhouse::Row;
use serde::Deserialize;

use super::cells::{Cell, State};
use super::difference::{Difference, columns};
use super::facts::Spot;
use super::slice::Slice;
use crate::failure::Failure;

#[derive(Row, Deserialize)]
struct StoredRow {
    ward_code: String,
    source_id: String,
    series: String,
    day: i32,
    seen: u64,
    is_withdrawn: bool,
    value: i128,
    numerator: i128,
    denominator: i128,
    version: u128,
    qualified: bool,
}

/// The last states of the ward codes of a slice, of whatever day.
const STORED: &str = "
SELECT toString(ward) AS ward_code, toString(source) AS source_id, series, toInt32(date) AS day, seen, is_withdrawn, value, numerator, denominator,
       version, qualified
FROM last_states FINAL
WHERE indicator = {indicator:String} AND (empty({codes:Array(String)}) OR ward IN {codes:Array(String)})
ORDER BY ward_code, source_id, series";

/// Ward code, source, series.
type Key = (String, String, String);

const COLUMNS: [&str; 4] = ["date", "seen", "is_withdrawn", "state"];

/// What the events of a day say of a series; no state if it was withdrawn.
#[derive(PartialEq, Eq, Debug)]
struct Last {
    day: i32,
    seen: u64,
    state: Option<State>,
}

/// The last day of each series of a slice, as far as it was read.
#[derive(Default)]
pub(super) struct LastStates(HashMap<Key, Last>);

impl LastStates {
    /// Takes note of a cell. Those of a ward code come in the order of their days.
    pub(super) fn add(&mut self, (ward, day): &Spot, cell: &Cell) {
        let states = cell.states.iter().map(|(key, state)| (key, Some(*state)));
        for ((source, series), state) in states.chain(cell.withdrawn.iter().map(|key| (key, None))) {
            let last = Last { day: *day, seen: cell.seen, state };
            self.0.insert((ward.clone(), source.clone(), series.clone()), last);
        }
    }

    /// Where the table differs, with the cell that must be in flight if it is no error. Of series that go on after the days of the
    /// slice nothing is known.
    pub(super) async fn compare(mut self, store: &Store, slice: &Slice<'_>) -> Result<Vec<(Spot, Difference)>, Failure> {
        let rows = slice.bind(store.read().query_raw(STORED)).fetch_all::<StoredRow>().await;
        let rows = rows.map_err(store.during("read last states to audit"))?;
        let [first, last] = [slice.days.0, slice.days.1].map(|day| day.to_epoch_days());
        let mut differences = Vec::new();
        for row in rows {
            let (key, stored) = row.split();
            let proven = self.0.remove(&key);
            let name = name(slice, &key);
            match proven {
                _ if stored.day > last => {}
                Some(proven) if proven != stored => {
                    let found = columns(("last_states", &name), &COLUMNS, &proven.texts(), &stored.texts());
                    let at = (key.0, proven.day.max(stored.day));
                    differences.extend(found.into_iter().map(|difference| (at.clone(), difference)));
                }
                None if stored.day >= first => {
                    let [date, ..] = stored.texts();
                    differences.push(((key.0, stored.day), Difference::superfluous("last_states", name, date)));
                }
                _ => {}
            }
        }
        for (key, proven) in self.0 {
            let [date, ..] = proven.texts();
            let difference = Difference::missing("last_states", name(slice, &key), date);
            differences.push(((key.0, proven.day), difference));
        }
        Ok(differences)
    }
}

fn name(slice: &Slice<'_>, (ward, source, series): &Key) -> String {
    format!("{} {ward} {source} {series}", slice.indicator.code)
}

impl StoredRow {
    fn split(self) -> (Key, Last) {
        let state = (self.value, self.numerator, self.denominator, self.version, self.qualified);
        let state = (!self.is_withdrawn).then_some(state);
        ((self.ward_code, self.source_id, self.series), Last { day: self.day, seen: self.seen, state })
    }
}

impl Last {
    /// The columns as text, in the order of [`COLUMNS`].
    fn texts(&self) -> [String; 4] {
        let number = |micros: i128| Amount::from_micros(micros).to_string();
        [
            NaiveDate::from_epoch_days(self.day).map_or_else(String::new, |day| day.to_string()),
            self.seen.to_string(),
            self.state.is_none().to_string(),
            self.state.map_or_else(String::new, |(value, numerator, denominator, version, qualified)| {
                let (value, numerator, denominator) = (number(value), number(numerator), number(denominator));
                format!("{value} {numerator}/{denominator} version {version} qualified {qualified}")
            }),
        ]
    }
}

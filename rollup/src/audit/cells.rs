//! Rows of the table `cells`, and the same made from the events of a day.

use std::collections::{BTreeMap, BTreeSet};

use chiso_schemas::number::Amount;
use clickhouse::Row;
use serde::Deserialize;

use super::facts::Statement;

#[derive(Row, Deserialize)]
pub(super) struct CellRow {
    pub(super) ward_code: String,
    pub(super) day: i32,
    value: i128,
    numerator: i128,
    denominator: i128,
    records: u64,
    qualified: bool,
    sources: Vec<String>,
    state_sources: Vec<String>,
    state_series: Vec<String>,
    state_values: Vec<i128>,
    state_numerators: Vec<i128>,
    state_denominators: Vec<i128>,
    state_versions: Vec<u128>,
    state_qualified: Vec<bool>,
    percent_sources: Vec<String>,
    percent_values: Vec<i128>,
    percent_versions: Vec<u128>,
    percent_qualified: Vec<bool>,
    withdrawn_sources: Vec<String>,
    withdrawn_series: Vec<String>,
    had_percent: bool,
    pub(super) seen: u64,
}

/// The cells of a slice, in the order of ward code and day.
pub(super) const CELLS: &str = "
SELECT toString(ward) AS ward_code, toInt32(date) AS day, value, numerator, denominator, records, qualified,
       arrayMap(s -> toString(s), sources) AS sources, states.source AS state_sources, states.series AS state_series, states.value AS state_values,
       states.numerator AS state_numerators, states.denominator AS state_denominators, states.version AS state_versions,
       states.qualified AS state_qualified, percents.source AS percent_sources, percents.percent AS percent_values,
       percents.version AS percent_versions, percents.qualified AS percent_qualified,
       withdrawn.source AS withdrawn_sources, withdrawn.series AS withdrawn_series, had_percent, seen
FROM cells FINAL
WHERE indicator = {indicator:String} AND date BETWEEN {first:Date32} AND {last:Date32}
  AND (empty({codes:Array(String)}) OR ward IN {codes:Array(String)})
ORDER BY ward_code, day";

/// Value, numerator, denominator, version, qualified.
pub(super) type State = (i128, i128, i128, u128, bool);

/// A cell as the events of its day make it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Cell {
    value: i128,
    numerator: i128,
    denominator: i128,
    records: u64,
    qualified: bool,
    sources: BTreeSet<String>,
    /// By source and series.
    pub(super) states: BTreeMap<(String, String), State>,
    /// By source: percent, version, qualified.
    percents: BTreeMap<String, (i128, u128, bool)>,
    /// Sources and series of states that were stated and are no more.
    pub(super) withdrawn: BTreeSet<(String, String)>,
    /// A percent was stated once.
    had_percent: bool,
    pub(super) seen: u64,
}

/// The columns of [`Cell::texts`].
pub(super) const COLUMNS: [&str; 11] = [
    "value",
    "numerator",
    "denominator",
    "records",
    "qualified",
    "sources",
    "states",
    "percents",
    "withdrawn",
    "had_percent",
    "seen",
];

impl Cell {
    /// The columns as text.
    pub(super) fn texts(&self) -> [String; 11] {
        let number = |micros: i128| Amount::from_micros(micros).to_string();
        [
            number(self.value),
            number(self.numerator),
            number(self.denominator),
            self.records.to_string(),
            self.qualified.to_string(),
            self.sources.iter().cloned().collect::<Vec<_>>().join(";"),
            self.states
                .iter()
                .map(|((source, series), (value, numerator, denominator, version, qualified))| {
                    let (value, numerator, denominator) = (number(*value), number(*numerator), number(*denominator));
                    format!("{source} {series} {value} {numerator}/{denominator} version {version} qualified {qualified}")
                })
                .collect::<Vec<_>>()
                .join("; "),
            self.percents
                .iter()
                .map(|(source, (percent, version, qualified))| {
                    format!("{source} {} version {version} qualified {qualified}", number(*percent))
                })
                .collect::<Vec<_>>()
                .join("; "),
            self.withdrawn.iter().map(|(source, series)| format!("{source} {series}")).collect::<Vec<_>>().join("; "),
            self.had_percent.to_string(),
            self.seen.to_string(),
        ]
    }
}

impl From<CellRow> for Cell {
    fn from(row: CellRow) -> Self {
        let state = |at: usize| {
            let key = (row.state_sources[at].clone(), row.state_series[at].clone());
            let numbers = (row.state_values[at], row.state_numerators[at], row.state_denominators[at]);
            (key, (numbers.0, numbers.1, numbers.2, row.state_versions[at], row.state_qualified[at]))
        };
        let percent = |at: usize| {
            let percent = (row.percent_values[at], row.percent_versions[at], row.percent_qualified[at]);
            (row.percent_sources[at].clone(), percent)
        };
        Self {
            value: row.value,
            numerator: row.numerator,
            denominator: row.denominator,
            records: row.records,
            qualified: row.qualified,
            sources: row.sources.iter().cloned().collect(),
            states: (0..row.state_sources.len()).map(state).collect(),
            percents: (0..row.percent_sources.len()).map(percent).collect(),
            withdrawn: row.withdrawn_sources.iter().cloned().zip(row.withdrawn_series.iter().cloned()).collect(),
            had_percent: row.had_percent,
            seen: row.seen,
        }
    }
}

impl Cell {
    /// Adds the effective statement of a record; a retraction is none.
    pub(super) fn add(&mut self, last: &Statement, is_stock: bool) {
        let [value, numerator, denominator, percent] = last.numbers;
        let (value, numerator, denominator) =
            (value.unwrap_or_default(), numerator.unwrap_or_default(), denominator.unwrap_or_default());
        if let Some(percent) = percent {
            self.had_percent = true;
            let known = self.percents.entry(last.source.clone()).or_insert((percent, last.version, last.qualified));
            if last.version > known.1 {
                *known = (percent, last.version, last.qualified);
            }
        } else if is_stock {
            let state = (value, numerator, denominator, last.version, last.qualified);
            let known = self.states.entry((last.source.clone(), last.series.clone())).or_insert(state);
            if last.version > known.3 {
                *known = state;
            }
        } else {
            self.value += value;
            self.numerator += numerator;
            self.denominator += denominator;
            self.records += 1;
            self.qualified |= last.qualified;
            self.sources.insert(last.source.clone());
        }
    }
    /// Takes note of an earlier statement of a record that was no retraction: what is not stated any more is known to be withdrawn.
    pub(super) fn note_earlier(&mut self, earlier: &Statement, is_stock: bool) {
        if earlier.numbers[3].is_some() {
            self.had_percent = true;
        } else if is_stock {
            self.withdrawn.insert((earlier.source.clone(), earlier.series.clone()));
        }
    }

    /// The cell when all statements are known.
    pub(super) fn ended(mut self) -> Self {
        let Self { states, withdrawn, .. } = &mut self;
        withdrawn.retain(|key| !states.contains_key(key));
        self
    }
}

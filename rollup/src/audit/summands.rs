//! The table `summands`, of which areas are added up: it must say of every ward what the facts say.

use chiso_schemas::number::Amount;
use chiso_schemas::reference::{Area, Reference};
use chrono::NaiveDate;
use clickhouse::Row;
use serde::Deserialize;

use super::rows::{Sum, source_names, within};

#[derive(Row, Deserialize)]
pub(super) struct SummandRow {
    pub(super) calendar_id: String,
    pub(super) label: String,
    pub(super) unit_id: String,
    within_id: String,
    value: i128,
    numerator: i128,
    denominator: i128,
    stated: i128,
    records: u64,
    qualified: bool,
    as_of_day: i32,
    sources: Vec<String>,
    carried: bool,
    approximate: bool,
    has_number: bool,
}

/// The summands of one indicator, those of some periods and ward codes where these are named.
pub(super) const SUMMANDS: &str = "
SELECT toString(calendar) AS calendar_id, toString(period) AS label, toString(ward) AS unit_id, toString(within) AS within_id, value, numerator,
       denominator, stated, records, qualified, toInt32(as_of) AS as_of_day, arraySort(arrayMap(s -> toString(s), source_set)) AS sources, carried,
       approximate, has_number
FROM summands FINAL
WHERE indicator = {indicator:String} AND NOT gone
  AND (empty({labels:Array(String)}) OR concat(calendar, ' ', period) IN {labels:Array(String)})
  AND (empty({periods:Array(String)}) OR period IN {periods:Array(String)})
  AND (empty({codes:Array(String)}) OR substring(ward, 2, position(ward, '@') - 2) IN {codes:Array(String)})";

/// The columns of [`Summand::texts`].
pub(super) const COLUMNS: [&str; 12] = [
    "within",
    "value",
    "numerator",
    "denominator",
    "stated",
    "records",
    "qualified",
    "as_of",
    "source_set",
    "carried",
    "approximate",
    "has_number",
];

/// The columns of a summand in their own types.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Summand<'a> {
    within: &'a str,
    /// Value, numerator, denominator, stated percent; in millionths.
    numbers: [i128; 4],
    records: u64,
    qualified: bool,
    as_of: i32,
    sources: Vec<&'a str>,
    carried: bool,
    approximate: bool,
    has_number: bool,
}

impl<'a> Summand<'a> {
    /// What the figure of a ward makes.
    pub(super) fn of(reference: &'a Reference, ward: Area, is_ratio: bool, sum: &Sum) -> Self {
        let (value, numerator, denominator) = if is_ratio { (0, sum.first, sum.second) } else { (sum.first, 0, 0) };
        Self {
            within: within(reference, ward),
            numbers: [value, numerator, denominator, sum.stated.unwrap_or_default()],
            records: sum.counted.records,
            qualified: sum.counted.qualified,
            as_of: sum.counted.as_of.map_or(0, |day| day.to_epoch_days()),
            sources: source_names(reference, &sum.counted),
            carried: sum.counted.carried,
            approximate: sum.counted.approximate,
            has_number: sum.reporting > 0,
        }
    }

    /// The columns as text, in the order of [`COLUMNS`].
    pub(super) fn texts(&self) -> [String; 12] {
        let [value, numerator, denominator, stated] = self.numbers.map(|micros| Amount::from_micros(micros).to_string());
        [
            self.within.to_owned(),
            value,
            numerator,
            denominator,
            stated,
            self.records.to_string(),
            self.qualified.to_string(),
            NaiveDate::from_epoch_days(self.as_of).map_or_else(String::new, |day| day.to_string()),
            self.sources.join(";"),
            self.carried.to_string(),
            self.approximate.to_string(),
            self.has_number.to_string(),
        ]
    }

    /// Its number, for a person.
    pub(super) fn figure(&self) -> String {
        let [_, value, numerator, denominator, stated, ..] = self.texts();
        match (self.has_number, denominator.as_str()) {
            (false, _) => format!("stated {stated} %"),
            (true, "0") => value,
            (true, _) => format!("{numerator} / {denominator}"),
        }
    }
}

impl<'a> From<&'a SummandRow> for Summand<'a> {
    fn from(row: &'a SummandRow) -> Self {
        Self {
            within: &row.within_id,
            numbers: [row.value, row.numerator, row.denominator, row.stated],
            records: row.records,
            qualified: row.qualified,
            as_of: row.as_of_day,
            sources: row.sources.iter().map(String::as_str).collect(),
            carried: row.carried,
            approximate: row.approximate,
            has_number: row.has_number,
        }
    }
}

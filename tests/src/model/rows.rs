//! Report rows and their CSV form (contract section 6).

use super::areas::{AreaNumber, areas, wards_expected};
use super::calendar::{Calendar, Period};
use super::effective::Fact;
use super::kinds::{Amount, ByUnit, Wards};
use super::number::{Micros, plain, shown_percent};
use super::reference::{Indicator, Kind, Reference};
use super::targets::{Compared, target_of};
use super::units::{COUNTRY, Level};
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// The name of the country in rows.
const COUNTRY_NAME: &str = "Việt Nam";

/// The columns, in their order.
pub const COLUMNS: [&str; 26] = [
    "calendar",
    "period",
    "period_start",
    "period_end",
    "level",
    "area_code",
    "area_id",
    "area_name",
    "indicator",
    "kind",
    "value",
    "numerator",
    "denominator",
    "percent",
    "stated_percent",
    "as_of",
    "carried",
    "approximate",
    "qualified",
    "records",
    "sources",
    "wards_reporting",
    "wards_percent_only",
    "wards_expected",
    "target",
    "status",
];

/// One row; the fields are the columns of contract section 6. Numbers are in millionths.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct Row {
    pub period: Period,
    pub level: Level,
    pub area_code: String,
    pub area_id: String,
    pub area_name: String,
    pub indicator: String,
    pub kind: Kind,
    pub value: Option<Micros>,
    pub numerator: Option<Micros>,
    pub denominator: Option<Micros>,
    /// As shown, with at most 2 decimals.
    pub percent: Option<String>,
    pub stated_percent: Option<Micros>,
    pub as_of: Option<NaiveDate>,
    pub carried: bool,
    pub approximate: bool,
    pub qualified: bool,
    pub records: usize,
    pub sources: usize,
    pub wards_reporting: usize,
    pub wards_percent_only: usize,
    pub wards_expected: usize,
    pub target: Option<Micros>,
    /// `Some(true)` = met.
    pub status: Option<bool>,
}

/// The rows of a period, in their order; none when the id names no period. The facts are those of
/// [`effective`](super::effective()).
#[must_use]
pub fn rows(reference: &Reference, facts: &[Fact], calendar: Calendar, period_id: &str) -> Vec<Row> {
    let Some(period) = Period::parse(calendar, period_id) else { return Vec::new() };
    let expected = wards_expected(&reference.units, period.end);
    let mut rows = Vec::new();
    for (indicator, facts) in by_indicator(reference, facts) {
        let wards = Wards { reference, indicator, period: &period, facts: &facts }.numbers();
        for (area, number) in areas(&reference.units, &wards) {
            let wards = expected.get(area).copied().unwrap_or_default();
            rows.push(row(reference, &period, (area, indicator), (&number, wards)));
        }
    }
    rows.sort_by(|a, b| a.order().cmp(&b.order()));
    rows
}

/// The facts of each indicator, by unit.
fn by_indicator<'a>(reference: &'a Reference, facts: &'a [Fact]) -> Vec<(&'a Indicator, ByUnit<'a>)> {
    let mut grouped: BTreeMap<&str, ByUnit<'a>> = BTreeMap::new();
    for fact in facts {
        grouped.entry(&fact.indicator).or_default().entry(&fact.unit).or_default().push(fact);
    }
    grouped.into_iter().filter_map(|(code, facts)| Some((reference.indicators.get(code)?, facts))).collect()
}

fn row(reference: &Reference, period: &Period, what: (&str, &Indicator), found: (&AreaNumber<'_>, usize)) -> Row {
    let ((area, indicator), (number, wards_expected)) = (what, found);
    let (value, numerator, denominator) = match number.amount {
        Some(Amount::Value(value)) => (Some(value), None, None),
        Some(Amount::Parts { numerator, denominator }) => (None, Some(numerator), Some(denominator)),
        None => (None, None, None),
    };
    let compared = match (number.amount, number.stated_percent) {
        (Some(Amount::Parts { numerator, denominator }), _) => Compared::Ratio { numerator, denominator },
        (Some(Amount::Value(value)), _) => Compared::Number(value),
        (None, Some(percent)) => Compared::Number(percent),
        (None, None) => Compared::Nothing,
    };
    let target = target_of(&reference.targets, &reference.units, (area, &indicator.code), period);
    let (level, area_code, area_name) = described(reference, area, period.end);
    let counted = &number.counted;
    Row {
        period: period.clone(),
        level,
        area_code,
        area_id: area.to_owned(),
        area_name,
        indicator: indicator.code.clone(),
        kind: indicator.kind,
        value,
        numerator,
        denominator,
        percent: numerator.zip(denominator).and_then(|(n, d)| shown_percent(n, d)),
        stated_percent: number.stated_percent,
        as_of: counted.as_of,
        carried: counted.carried,
        approximate: counted.approximate,
        qualified: counted.qualified,
        records: counted.records,
        sources: counted.sources.len(),
        wards_reporting: number.wards_reporting,
        wards_percent_only: number.wards_percent_only,
        wards_expected,
        target: target.map(|target| target.number),
        status: target.and_then(|target| target.met(compared)),
    }
}

/// Level, code and name of an area; the name is that of the period's last day.
fn described(reference: &Reference, area: &str, end: NaiveDate) -> (Level, String, String) {
    match reference.units.get(area) {
        Some(unit) => (unit.level, unit.code.clone(), reference.units.name_on(unit, end).to_owned()),
        None => (Level::Country, COUNTRY.to_owned(), COUNTRY_NAME.to_owned()),
    }
}

impl Row {
    fn order(&self) -> impl Ord {
        let Period { calendar, id, start, end } = &self.period;
        (calendar.name(), *start, *end, id, self.level, &self.area_code, &self.indicator)
    }

    /// The fields as text, in the order of [`COLUMNS`].
    #[must_use]
    pub fn cells(&self) -> [String; 26] {
        let number = |micros: Option<Micros>| micros.map(plain).unwrap_or_default();
        let status = self.status.map_or("", |met| if met { "met" } else { "not_met" });
        [
            self.period.calendar.name().to_owned(),
            self.period.id.clone(),
            self.period.start.to_string(),
            self.period.end.to_string(),
            self.level.name().to_owned(),
            self.area_code.clone(),
            self.area_id.clone(),
            self.area_name.clone(),
            self.indicator.clone(),
            self.kind.name().to_owned(),
            number(self.value),
            number(self.numerator),
            number(self.denominator),
            self.percent.clone().unwrap_or_default(),
            number(self.stated_percent),
            self.as_of.map(|day| day.to_string()).unwrap_or_default(),
            self.carried.to_string(),
            self.approximate.to_string(),
            self.qualified.to_string(),
            self.records.to_string(),
            self.sources.to_string(),
            self.wards_reporting.to_string(),
            self.wards_percent_only.to_string(),
            self.wards_expected.to_string(),
            number(self.target),
            status.to_owned(),
        ]
    }
}

/// The rows as CSV, whatever their order and however many periods: sorted as contract section 6 says, with a header.
#[must_use]
pub fn to_csv(rows: &[Row]) -> String {
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by(|a, b| a.order().cmp(&b.order()));
    let mut text = COLUMNS.join(",") + "\n";
    for row in sorted {
        text += &row.cells().map(quoted).join(",");
        text.push('\n');
    }
    text
}

/// A field of RFC 4180: in quotes only where it has to be.
fn quoted(field: String) -> String {
    if field.contains([',', '"', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

//! From the figures of wards to rows of contract section 6: areas, percent, target, status.

use std::collections::HashMap;

use chiso_schemas::calendar::{Period, PeriodKind};
use chiso_schemas::number::Amount;
use chiso_schemas::reference::{Area, Comparison, FIRST_DAY, Indicator, Level, Reference, Scope, Source, Target, UnitIx};
use num_bigint::BigInt;

use super::figures::{Counted, Figure};
use super::lineage::Lineage;

/// What an area adds up from its wards.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    pub(super) first: i128,
    pub(super) second: i128,
    pub(super) stated: Option<i128>,
    pub(super) counted: Counted,
    pub(super) reporting: u32,
    percent_only: u32,
}

/// Sums of one indicator by the place of the period in the plan, and the area.
pub(super) type Sums = HashMap<(usize, Area), Sum>;

/// Adds the figure of a ward to everything above it.
pub(super) fn add_up(sums: &mut Sums, lineage: &Lineage<'_>, (period, ward): (usize, UnitIx), figure: &Figure) {
    for area in lineage.units.areas(Area::Unit(ward)) {
        let sum = sums.entry((period, area)).or_default();
        match figure {
            Figure::Number(first, second, counted) => {
                sum.first += first;
                sum.second += second;
                sum.reporting += 1;
                sum.counted.add(counted);
            }
            Figure::Stated(percent, counted) => {
                sum.percent_only += 1;
                if area == Area::Unit(ward) {
                    sum.stated = Some(*percent);
                    sum.counted = counted.clone();
                }
            }
        }
    }
}

/// The columns of a row from `period_start` on, as text; the key columns before them name it.
pub(super) const COLUMNS: [&str; 22] = [
    "period_start",
    "period_end",
    "within",
    "level",
    "area_code",
    "area_name",
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
    "source_set",
    "wards_reporting",
    "wards_percent_only",
    "wards_expected",
    "target and status",
];

/// The columns of [`COLUMNS`] in their own types, so that equal rows cost no text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Columns<'a> {
    pub(super) start: i32,
    pub(super) end: i32,
    pub(super) within: &'a str,
    pub(super) level: &'a str,
    pub(super) area_code: &'a str,
    pub(super) area_name: &'a str,
    pub(super) kind: &'a str,
    pub(super) value: Option<i128>,
    pub(super) numerator: Option<i128>,
    pub(super) denominator: Option<i128>,
    /// In hundredths.
    pub(super) percent: Option<i128>,
    pub(super) stated_percent: Option<i128>,
    pub(super) as_of: Option<i32>,
    pub(super) carried: bool,
    pub(super) approximate: bool,
    pub(super) qualified: bool,
    pub(super) records: u64,
    /// Names, in order.
    pub(super) sources: Vec<&'a str>,
    pub(super) wards_reporting: u32,
    pub(super) wards_percent_only: u32,
    pub(super) wards_expected: u32,
    pub(super) target: Option<i128>,
    pub(super) status: &'a str,
}

impl Columns<'_> {
    /// The columns as text, in the order of [`COLUMNS`].
    pub(super) fn texts(&self) -> [String; 22] {
        let number = |micros: Option<i128>| micros.map_or_else(String::new, |micros| Amount::from_micros(micros).to_string());
        let day = |days: i32| chrono::NaiveDate::from_epoch_days(days).map_or_else(String::new, |day| day.to_string());
        let percent = self.percent.map(|hundredths| hundredths * 10_000);
        [
            day(self.start),
            day(self.end),
            self.within.to_owned(),
            self.level.to_owned(),
            self.area_code.to_owned(),
            self.area_name.to_owned(),
            self.kind.to_owned(),
            number(self.value),
            number(self.numerator),
            number(self.denominator),
            number(percent),
            number(self.stated_percent),
            self.as_of.map_or_else(String::new, day),
            self.carried.to_string(),
            self.approximate.to_string(),
            self.qualified.to_string(),
            self.records.to_string(),
            self.sources.join(";"),
            self.wards_reporting.to_string(),
            self.wards_percent_only.to_string(),
            self.wards_expected.to_string(),
            format!("{} {}", number(self.target), self.status).trim().to_owned(),
        ]
    }

    /// The number of the row, for a person.
    pub(super) fn figure(&self) -> String {
        let texts = self.texts();
        let [value, numerator, denominator, stated] = [7, 8, 9, 11].map(|at| texts[at].as_str());
        match (value, numerator, stated) {
            ("", "", stated) => format!("stated {stated} %"),
            ("", numerator, _) => format!("{numerator} / {denominator}"),
            (value, ..) => value.to_owned(),
        }
    }
}

/// An indicator in a period, with the targets that may apply to its rows.
pub(super) struct Frame<'a> {
    reference: &'a Reference,
    indicator: &'a Indicator,
    period: &'a Period,
    expected: &'a HashMap<Area, u32>,
    targets: Vec<&'a Target>,
}

impl<'a> Frame<'a> {
    pub(super) fn new(
        reference: &'a Reference,
        (indicator, period): (&'a Indicator, &'a Period),
        expected: &'a HashMap<Area, u32>,
    ) -> Self {
        let applies = |target: &&Target| {
            target.indicator == indicator.code && target.calendar == period.calendar && names(&target.period, period)
        };
        let targets = reference.targets.iter().filter(applies).collect();
        Self { reference, indicator, period, expected, targets }
    }

    /// The columns of the row that the sum of an area makes.
    pub(super) fn columns(&self, area: Area, sum: &Sum) -> Columns<'a> {
        let (units, is_ratio) = (&self.reference.units, self.is_ratio());
        let number = (sum.reporting > 0).then_some((sum.first, sum.second));
        let parts = number.filter(|_| is_ratio);
        let target = self.target(area);
        Columns {
            start: self.period.start.max(FIRST_DAY).to_epoch_days(),
            end: self.period.end.to_epoch_days(),
            within: within(self.reference, area),
            level: units.area_level(area).as_str(),
            area_code: units.area_code(area),
            area_name: units.name_on(area, self.period.end),
            kind: self.indicator.kind.as_str(),
            value: number.filter(|_| !is_ratio).map(|(value, _)| value),
            numerator: parts.map(|(numerator, _)| numerator),
            denominator: parts.map(|(_, denominator)| denominator),
            percent: parts.and_then(|(numerator, denominator)| shown_percent(numerator, denominator)),
            stated_percent: sum.stated,
            as_of: sum.counted.as_of.map(|day| day.to_epoch_days()),
            carried: sum.counted.carried,
            approximate: sum.counted.approximate,
            qualified: sum.counted.qualified,
            records: sum.counted.records,
            sources: source_names(self.reference, &sum.counted),
            wards_reporting: sum.reporting,
            wards_percent_only: sum.percent_only,
            wards_expected: self.expected.get(&area).copied().unwrap_or_default(),
            target: target.map(|target| target.number.micros()),
            status: target.map_or("", |target| status(target, number, is_ratio, sum.stated)),
        }
    }

    /// Whether the indicator has two parts.
    pub(super) fn is_ratio(&self) -> bool {
        matches!(self.indicator.kind.measure(), chiso_schemas::reference::Measure::Parts)
    }

    /// The nearest area wins, then id over type over `*` (contract section 7).
    fn target(&self, area: Area) -> Option<&'a Target> {
        if self.targets.is_empty() {
            return None;
        }
        let units = &self.reference.units;
        for (distance, above) in units.areas(area).into_iter().enumerate() {
            let judges = |target: &&&Target| {
                target.area == above
                    && match target.scope {
                        Scope::OfItself => distance == 0,
                        Scope::Wards => distance > 0 && units.area_level(area) == Level::Ward,
                    }
            };
            if let Some(target) = self.targets.iter().filter(judges).min_by_key(|target| target.specificity.rank()) {
                return Some(target);
            }
        }
        None
    }
}

/// The area next above, empty for the country.
pub(super) fn within(reference: &Reference, area: Area) -> &str {
    reference.units.areas(area).get(1).map_or("", |above| reference.units.area_id(*above))
}

/// The sources that a figure counts, in order.
pub(super) fn source_names<'a>(reference: &'a Reference, counted: &Counted) -> Vec<&'a str> {
    let of = |(at, source): (u32, &'a Source)| counted.sources.contains(&at).then_some(source.source.as_str());
    let mut names: Vec<&str> = (0..).zip(reference.sources.iter()).filter_map(of).collect();
    names.sort_unstable();
    names
}

/// Whether the pattern of a target names a period: its id, its type, `M` or `Q`, `*`.
fn names(pattern: &str, period: &Period) -> bool {
    pattern == "*"
        || pattern == period.id
        || (!pattern.is_empty() && pattern == period.kind.label())
        || (pattern == "M" && matches!(period.kind, PeriodKind::Month(_)))
        || (pattern == "Q" && matches!(period.kind, PeriodKind::Quarter(_)))
}

/// `100 * numerator / denominator` in hundredths, half up, never 100 or 0 by rounding; null if the denominator is 0.
fn shown_percent(numerator: i128, denominator: i128) -> Option<i128> {
    if denominator == 0 {
        return None;
    }
    let (upper, lower) = (BigInt::from(numerator), BigInt::from(denominator));
    let rounded = (upper * 20_000 + &lower) / (lower * 2);
    let rounded = i128::try_from(rounded).unwrap_or(i128::MAX);
    Some(match rounded {
        10_000.. if numerator < denominator => 9_999,
        0 if numerator > 0 => 1,
        rounded => rounded,
    })
}

fn status(target: &Target, number: Option<(i128, i128)>, is_ratio: bool, stated: Option<i128>) -> &'static str {
    let bound = BigInt::from(target.number.micros());
    let (reached, wanted) = match (number, stated) {
        (Some((_, 0)), _) if is_ratio => return "",
        // numerator / denominator against bound / 100, in millionths.
        (Some((numerator, denominator)), _) if is_ratio => {
            (BigInt::from(numerator) * 100_000_000, bound * BigInt::from(denominator))
        }
        (Some((value, _)), _) => (BigInt::from(value), bound),
        (None, Some(percent)) => (BigInt::from(percent), bound),
        (None, None) => return "",
    };
    let met = match target.comparison {
        Comparison::AtLeast => reached >= wanted,
        Comparison::AtMost => reached <= wanted,
        Comparison::Equal => reached == wanted,
    };
    if met { "met" } else { "not_met" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_is_rounded_half_up_and_never_to_the_ends() {
        for (numerator, denominator, shown) in [
            (0, 0, None),
            (0, 7, Some(0)),
            (67_355, 76_724, Some(8_779)),
            (1, 8, Some(1_250)),
            (12_345, 1_000_000, Some(123)),
            (12_350, 1_000_000, Some(124)),
            (99_999_999, 100_000_000, Some(9_999)),
            (1, 100_000_000, Some(1)),
            (3, 2, Some(15_000)),
            (10_i128.pow(37), 10_i128.pow(37), Some(10_000)),
        ] {
            assert_eq!(shown_percent(numerator, denominator), shown, "{numerator} / {denominator}");
        }
    }
}

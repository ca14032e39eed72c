//! How the facts at a ward become its figure of a period: contract sections 3 and 5 read word by word, a fact at a time.

use std::collections::{BTreeMap, HashMap};

use chiso_schemas::calendar::Period;
use chiso_schemas::reference::{Indicator, UnitIx};
use chrono::{Days, NaiveDate};

use super::lineage::Lineage;

/// An effective fact that is not retracted.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    pub(super) date: NaiveDate,
    pub(super) version: u128,
    /// Number of its source.
    pub(super) source: u32,
    /// Priority of its source.
    pub(super) priority: u32,
    /// Number of its dimensions.
    pub(super) series: u32,
    pub(super) qualified: bool,
    pub(super) measure: Measure,
}

/// The numbers of a fact, in millionths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Measure {
    /// Value and 0, or numerator and denominator.
    Numbers(i128, i128),
    Percent(i128),
}

/// Facts of one indicator by the unit that they were stated for, each by date.
pub(super) type ByUnit = HashMap<UnitIx, Vec<Fact>>;

/// What was counted for a figure.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Counted {
    pub(super) as_of: Option<NaiveDate>,
    pub(super) carried: bool,
    pub(super) approximate: bool,
    pub(super) qualified: bool,
    pub(super) records: u64,
    /// Numbers of its sources, in order.
    pub(super) sources: Vec<u32>,
}

impl Counted {
    fn count(&mut self, fact: &Fact, approximate: bool, start: NaiveDate) {
        self.as_of = self.as_of.max(Some(fact.date));
        self.carried |= fact.date < start;
        self.approximate |= approximate;
        self.qualified |= fact.qualified;
        self.records += 1;
        self.add_source(fact.source);
    }

    fn add_source(&mut self, source: u32) {
        if let Err(place) = self.sources.binary_search(&source) {
            self.sources.insert(place, source);
        }
    }

    /// Counts what another figure counts as well.
    pub(super) fn add(&mut self, other: &Self) {
        self.as_of = self.as_of.max(other.as_of);
        self.carried |= other.carried;
        self.approximate |= other.approximate;
        self.qualified |= other.qualified;
        self.records += other.records;
        other.sources.iter().for_each(|source| self.add_source(*source));
    }
}

/// The figure of a ward.
#[derive(Clone, Debug)]
pub(super) enum Figure {
    /// Value and 0, or numerator and denominator.
    Number(i128, i128, Counted),
    /// A percent alone.
    Stated(i128, Counted),
}

/// One indicator in one period.
pub(super) struct Asked<'a> {
    pub(super) lineage: &'a Lineage<'a>,
    pub(super) indicator: &'a Indicator,
    pub(super) period: &'a Period,
    pub(super) facts: &'a ByUnit,
}

/// A fact that counts, and whether a `part-default` step led it here.
type Led<'a> = (&'a Fact, bool);

impl<'a> Asked<'a> {
    /// The figures of the wards that are valid on the last day.
    pub(super) fn figures(&self) -> Vec<(UnitIx, Figure)> {
        let mut members: BTreeMap<UnitIx, Vec<(UnitIx, bool)>> = BTreeMap::new();
        for unit in self.facts.keys() {
            if let Some((ward, by_default)) = self.lineage.reached(*unit, self.period.end) {
                members.entry(ward).or_default().push((*unit, by_default));
            }
        }
        let figure = |(ward, units): (UnitIx, Vec<(UnitIx, bool)>)| {
            let counted = if self.indicator.kind.is_stock() { self.states(ward, false) } else { self.flow(&units) };
            Some((ward, self.sum(&counted).or_else(|| self.stated(ward))?))
        };
        members.into_iter().filter_map(figure).collect()
    }

    /// Facts at a unit from a day to the period's end.
    fn since(&self, unit: UnitIx, first: NaiveDate) -> &'a [Fact] {
        let facts = self.facts.get(&unit).map_or(&[][..], Vec::as_slice);
        let begin = facts.partition_point(|fact| fact.date < first);
        let end = facts.partition_point(|fact| fact.date <= self.period.end);
        facts.get(begin..end).unwrap_or_default()
    }

    fn flow(&self, units: &[(UnitIx, bool)]) -> Vec<Led<'a>> {
        let of_unit = |(unit, by_default): &(UnitIx, bool)| {
            let by_default = *by_default;
            self.since(*unit, self.period.start).iter().map(move |fact| (fact, by_default))
        };
        units.iter().flat_map(of_unit).filter(|(fact, _)| matches!(fact.measure, Measure::Numbers(..))).collect()
    }

    /// The unit's own state, or without one those of its direct predecessors, each found by this same rule.
    fn states(&self, unit: UnitIx, by_default: bool) -> Vec<Led<'a>> {
        let own = self.own_state(unit);
        if !own.is_empty() {
            return own.into_iter().map(|fact| (fact, by_default)).collect();
        }
        let before = self.lineage.predecessors(unit, self.period.end);
        before.flat_map(|step| self.states(step.old, by_default || step.by_default)).collect()
    }

    /// Of the authoritative source the last candidate of each series.
    fn own_state(&self, unit: UnitIx) -> Vec<&'a Fact> {
        // end - carry_days < date
        let carry = u64::from(self.indicator.carry_days).saturating_sub(1);
        let first = self.period.end.checked_sub_days(Days::new(carry)).unwrap_or(NaiveDate::MIN);
        let candidates = || self.since(unit, first).iter().filter(|fact| matches!(fact.measure, Measure::Numbers(..)));
        let Some(authority) = candidates().map(|fact| fact.priority).min() else { return Vec::new() };
        let mut series: BTreeMap<u32, &Fact> = BTreeMap::new();
        for fact in candidates().filter(|fact| fact.priority == authority) {
            let last = series.entry(fact.series).or_insert(fact);
            if (fact.date, fact.version) > (last.date, last.version) {
                *last = fact;
            }
        }
        series.into_values().collect()
    }

    fn sum(&self, counted: &[Led<'a>]) -> Option<Figure> {
        let (mut first, mut second, mut sum) = (0, 0, Counted::default());
        for (fact, by_default) in counted {
            if let Measure::Numbers(a, b) = fact.measure {
                first += a;
                second += b;
                sum.count(fact, *by_default, self.period.start);
            }
        }
        (sum.records > 0).then_some(Figure::Number(first, second, sum))
    }

    /// A percent alone, of the ward's own facts in the period: smallest priority first, then the last.
    fn stated(&self, ward: UnitIx) -> Option<Figure> {
        let percent = |fact: &'a Fact| match fact.measure {
            Measure::Percent(percent) => Some((fact, percent)),
            Measure::Numbers(..) => None,
        };
        let stated = self.since(ward, self.period.start).iter().filter_map(percent);
        let (fact, percent) = stated.max_by_key(|(fact, _)| (std::cmp::Reverse(fact.priority), fact.date, fact.version))?;
        let mut counted = Counted::default();
        counted.count(fact, false, self.period.start);
        Some(Figure::Stated(percent, counted))
    }
}

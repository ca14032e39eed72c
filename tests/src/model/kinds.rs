//! How the facts at a ward become its number of a period (contract sections 3 and 5).

use super::calendar::Period;
use super::effective::{Fact, Measure};
use super::number::Micros;
use super::reference::{Indicator, Reference};
use super::units::{Reached, Unit};
use chrono::{Days, NaiveDate};
use std::collections::{BTreeMap, BTreeSet};

/// The effective facts of one indicator, by unit.
pub(crate) type ByUnit<'a> = BTreeMap<&'a str, Vec<&'a Fact>>;

/// A sum of facts or of rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Amount {
    Value(Micros),
    Parts { numerator: Micros, denominator: Micros },
}

impl Amount {
    pub(crate) fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Parts { numerator, denominator }, Self::Parts { numerator: n, denominator: d }) => {
                Self::Parts { numerator: numerator + n, denominator: denominator + d }
            }
            (Self::Value(value), Self::Value(v)) => Self::Value(value + v),
            // One indicator has one kind.
            (sum, _) => sum,
        }
    }

    fn of(fact: &Fact) -> Option<Self> {
        match fact.measure {
            Measure::Value(value) => Some(Self::Value(value)),
            Measure::Parts { numerator, denominator } => Some(Self::Parts { numerator, denominator }),
            Measure::Percent(_) | Measure::Retraction => None,
        }
    }
}

/// The number of a ward, or its stated percent, and what was counted for it.
#[derive(Clone, Debug)]
pub(crate) struct WardNumber<'a> {
    pub(crate) amount: Option<Amount>,
    pub(crate) stated_percent: Option<Micros>,
    pub(crate) counted: Counted<'a>,
}

/// What a row says about the facts that it counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted<'a> {
    pub(crate) as_of: Option<NaiveDate>,
    pub(crate) carried: bool,
    pub(crate) approximate: bool,
    pub(crate) qualified: bool,
    pub(crate) records: usize,
    pub(crate) sources: BTreeSet<&'a str>,
}

impl<'a> Counted<'a> {
    fn fact(fact: &'a Fact, approximate: bool, start: NaiveDate) -> Self {
        Self {
            as_of: Some(fact.date),
            carried: fact.date < start,
            approximate,
            qualified: fact.qualifier != "exact",
            records: 1,
            sources: BTreeSet::from([fact.source.as_str()]),
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.as_of = self.as_of.max(other.as_of);
        self.carried |= other.carried;
        self.approximate |= other.approximate;
        self.qualified |= other.qualified;
        self.records += other.records;
        self.sources.extend(&other.sources);
    }
}

/// Computes the ward numbers of one indicator in one period.
pub(crate) struct Wards<'a> {
    pub(crate) reference: &'a Reference,
    pub(crate) indicator: &'a Indicator,
    pub(crate) period: &'a Period,
    pub(crate) facts: &'a ByUnit<'a>,
}

/// A fact that counts, and whether a `part-default` step led it here.
type Led<'a> = (&'a Fact, bool);

impl<'a> Wards<'a> {
    /// The number of every ward valid on the last day that has one, or a stated percent.
    pub(crate) fn numbers(&self) -> BTreeMap<&'a str, WardNumber<'a>> {
        let mut members: BTreeMap<&str, Vec<(&str, bool)>> = BTreeMap::new();
        for unit in self.facts.keys() {
            if let Some(Reached { unit: ward, approximate }) = self.reached(unit) {
                members.entry(&ward.id).or_default().push((unit, approximate));
            }
        }
        let number = |(ward, units): (&'a str, Vec<(&'a str, bool)>)| {
            let counted = if self.indicator.kind.is_flow() { self.flow(&units) } else { self.state(ward, false) };
            Some((ward, self.added(&counted).or_else(|| self.stated(ward))?))
        };
        members.into_iter().filter_map(number).collect()
    }

    fn reached(&self, unit: &str) -> Option<Reached<'a>> {
        let unit: &Unit = self.reference.units.get(unit)?;
        self.reference.units.successor(unit, self.period.end)
    }

    fn at(&self, unit: &str) -> &'a [&'a Fact] {
        self.facts.get(unit).map_or(&[], Vec::as_slice)
    }

    fn in_period(&self, fact: &Fact) -> bool {
        self.period.start <= fact.date && fact.date <= self.period.end
    }

    /// flow, flow_ratio: every fact of the period, of the ward and of the units that became it, over all sources.
    fn flow(&self, units: &[(&str, bool)]) -> Vec<Led<'a>> {
        let facts = units.iter().flat_map(|(unit, approximate)| self.at(unit).iter().map(|fact| (*fact, *approximate)));
        facts.filter(|(fact, _)| self.in_period(fact) && Amount::of(fact).is_some()).collect()
    }

    /// stock, stock_ratio: the unit's own last known state; without one, those of its direct predecessors, each found
    /// by this same rule.
    fn state(&self, unit: &str, approximate: bool) -> Vec<Led<'a>> {
        let own = self.own_state(unit);
        if !own.is_empty() {
            return own.into_iter().map(|fact| (fact, approximate)).collect();
        }
        let steps = self.reference.units.steps_into(unit, self.period.end);
        steps.flat_map(|step| self.state(&step.old, approximate || step.by_default)).collect()
    }

    /// Of the authoritative source, the greatest candidate of each series.
    fn own_state(&self, unit: &str) -> Vec<&'a Fact> {
        let candidates: Vec<&Fact> = self.at(unit).iter().copied().filter(|fact| self.is_candidate(fact)).collect();
        let Some(authority) = candidates.iter().map(|fact| self.priority(fact)).min() else { return Vec::new() };
        let mut series: BTreeMap<_, &Fact> = BTreeMap::new();
        for fact in candidates.into_iter().filter(|fact| self.priority(fact) == authority) {
            let last = series.entry(&fact.dimensions).or_insert(fact);
            if (fact.date, fact.version) > (last.date, last.version) {
                *last = fact;
            }
        }
        series.into_values().collect()
    }

    /// `end - carry_days < date <= end`, and not a percent alone.
    fn is_candidate(&self, fact: &Fact) -> bool {
        let carried_until = fact.date.checked_add_days(Days::new(self.indicator.carry_days));
        fact.date <= self.period.end && carried_until.is_none_or(|day| day > self.period.end) && Amount::of(fact).is_some()
    }

    fn priority(&self, fact: &Fact) -> i64 {
        self.reference.sources.get(&fact.source).map_or(i64::MAX, |source| source.priority)
    }

    fn added(&self, counted: &[Led<'a>]) -> Option<WardNumber<'a>> {
        let amount = counted.iter().filter_map(|(fact, _)| Amount::of(fact)).reduce(Amount::plus)?;
        let mut sum = Counted::default();
        for (fact, approximate) in counted {
            sum.add(&Counted::fact(fact, *approximate, self.period.start));
        }
        Some(WardNumber { amount: Some(amount), stated_percent: None, counted: sum })
    }

    /// A percent alone, of the ward's own facts of the period: smallest priority first, then the last.
    fn stated(&self, ward: &str) -> Option<WardNumber<'a>> {
        let percent = |fact: &'a Fact| match fact.measure {
            Measure::Percent(percent) if self.in_period(fact) => Some((fact, percent)),
            _ => None,
        };
        let stated = self.at(ward).iter().filter_map(|fact| percent(fact));
        let first = |(fact, _): &(&Fact, Micros)| (std::cmp::Reverse(self.priority(fact)), fact.date, fact.version);
        let (fact, percent) = stated.max_by_key(first)?;
        let counted = Counted::fact(fact, false, self.period.start);
        Some(WardNumber { amount: None, stated_percent: Some(percent), counted })
    }
}

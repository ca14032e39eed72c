//! What is audited at once: one indicator, or of a large one the wards of some families, so that memory is bounded.

use std::collections::{BTreeSet, HashSet};

use chiso_schemas::calendar::Period;
use chiso_schemas::reference::{Area, FIRST_DAY, Indicator, LAST_DAY, UnitIx};
use chrono::{Days, NaiveDate};
use clickhouse::query::Query;

use super::lineage::Lineage;

/// Events of one slice at most, roughly: a few hundred MiB.
pub(super) const SLICE_EVENTS: u64 = 1_000_000;

/// A part of the facts of an indicator.
pub(super) struct Slice<'a> {
    pub(super) indicator: &'a Indicator,
    /// First and last day of which facts may count.
    pub(super) days: (NaiveDate, NaiveDate),
    /// Ward codes; empty = all.
    pub(super) codes: Vec<String>,
    /// Wards; none = all.
    pub(super) wards: Option<HashSet<UnitIx>>,
}

impl Slice<'_> {
    /// A query with the parameters `indicator`, `first`, `last` and `codes`.
    pub(super) fn bind(&self, query: Query) -> Query {
        let (first, last) = self.days;
        let query = query.param("indicator", &self.indicator.code).param("codes", &self.codes);
        query.param("first", first.to_string()).param("last", last.to_string())
    }

    /// Whether the slice holds all facts that count for this ward.
    pub(super) fn holds(&self, ward: UnitIx) -> bool {
        self.wards.as_ref().is_none_or(|wards| wards.contains(&ward))
    }
}

/// The slices of an indicator with so many events, for the wards below some areas (all, if none are named).
pub(super) fn slices<'a>(
    lineage: &Lineage<'_>,
    (indicator, events): (&'a Indicator, u64),
    days: (NaiveDate, NaiveDate),
    areas: &[Area],
) -> Vec<Slice<'a>> {
    let count = usize::try_from(events.div_ceil(SLICE_EVENTS)).unwrap_or(1).max(1);
    if count == 1 && areas.is_empty() {
        return vec![Slice { indicator, days, codes: Vec::new(), wards: None }];
    }
    let asked: HashSet<usize> = lineage
        .units
        .wards()
        .filter(|(ward, _)| is_within(lineage, *ward, areas))
        .map(|(ward, _)| lineage.family(ward))
        .collect();
    let mut slices: Vec<(BTreeSet<String>, HashSet<UnitIx>)> = vec![Default::default(); count];
    for (ward, unit) in lineage.units.wards() {
        let family = lineage.family(ward);
        if asked.contains(&family) {
            let (codes, wards) = &mut slices[family % count];
            codes.insert(unit.code.clone());
            wards.insert(ward);
        }
    }
    slices.retain(|(codes, _)| !codes.is_empty());
    let slice = |(codes, wards): (BTreeSet<String>, HashSet<UnitIx>)| Slice {
        indicator,
        days,
        codes: codes.into_iter().collect(),
        wards: Some(wards),
    };
    slices.into_iter().map(slice).collect()
}

/// Whether a ward is one of the areas or lies below one; everything does if none is named.
pub(super) fn is_within(lineage: &Lineage<'_>, ward: UnitIx, areas: &[Area]) -> bool {
    is_asked(lineage, Area::Unit(ward), areas)
}

/// Whether an area is one of the areas or lies below one.
pub(super) fn is_asked(lineage: &Lineage<'_>, area: Area, areas: &[Area]) -> bool {
    areas.is_empty() || lineage.units.areas(area).iter().any(|above| areas.contains(above))
}

/// First and last day of which facts may count in some periods; all days if the periods are all that are kept, so that facts of
/// no period are looked at as well.
pub(super) fn days(indicator: &Indicator, periods: &[&Period], is_everything: bool) -> (NaiveDate, NaiveDate) {
    if is_everything {
        return (FIRST_DAY, LAST_DAY);
    }
    let carry = Days::new(if indicator.kind.is_stock() { u64::from(indicator.carry_days) } else { 0 });
    let first = periods.iter().map(|period| period.end.checked_sub_days(carry).unwrap_or(FIRST_DAY).min(period.start)).min();
    let last = periods.iter().map(|period| period.end).max();
    (first.unwrap_or(FIRST_DAY).max(FIRST_DAY), last.unwrap_or(FIRST_DAY))
}

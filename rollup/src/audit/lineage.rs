//! Who counts for whom, read from the units and their lineage step by step (contract section 5), without what `migrate` derives.

use std::collections::HashMap;

use chiso_schemas::reference::{Area, Relation, UnitIx, Units};
use chrono::NaiveDate;

/// A direct predecessor whose numbers are followed.
pub(super) struct Before {
    /// The unit that ended.
    pub(super) old: UnitIx,
    /// It was divided, and counts here for want of better knowledge.
    pub(super) by_default: bool,
    since: NaiveDate,
}

/// The units with the steps that lead into each.
pub(super) struct Lineage<'a> {
    pub(super) units: &'a Units,
    before: HashMap<UnitIx, Vec<Before>>,
    /// For every ward a number that it shares with all wards that lineage joins it to.
    families: HashMap<UnitIx, usize>,
}

impl<'a> Lineage<'a> {
    pub(super) fn new(units: &'a Units) -> Self {
        let mut before: HashMap<UnitIx, Vec<Before>> = HashMap::new();
        for (old, _) in units.wards() {
            for step in units.successors(old).iter().filter(|step| step.relation != Relation::Part) {
                let by_default = step.relation == Relation::PartDefault;
                before.entry(step.to).or_default().push(Before { old, by_default, since: step.effective_from });
            }
        }
        let mut lineage = Self { units, before, families: HashMap::new() };
        lineage.join_families();
        lineage
    }

    fn join_families(&mut self) {
        let mut last = 0;
        for (ward, _) in self.units.wards() {
            if self.families.contains_key(&ward) {
                continue;
            }
            last += 1;
            let mut open = vec![ward];
            while let Some(ward) = open.pop() {
                if self.families.insert(ward, last).is_none() {
                    let after = self.units.successors(ward).iter().filter(|step| step.relation != Relation::Part);
                    open.extend(after.map(|step| step.to));
                    open.extend(self.before.get(&ward).into_iter().flatten().map(|step| step.old));
                }
            }
        }
    }

    /// The number of a ward's family.
    pub(super) fn family(&self, ward: UnitIx) -> usize {
        self.families.get(&ward).copied().unwrap_or_default()
    }

    /// The unit that a ward's facts count for in a period that ends on `end`, and whether a `part-default` step leads there.
    pub(super) fn reached(&self, ward: UnitIx, end: NaiveDate) -> Option<(UnitIx, bool)> {
        let (mut unit, mut by_default) = (ward, false);
        while !self.units.get(unit).is_valid(end) {
            let steps = self.units.successors(unit).iter();
            let step = steps.filter(|step| step.effective_from <= end).find(|step| step.relation != Relation::Part)?;
            unit = step.to;
            by_default |= step.relation == Relation::PartDefault;
        }
        Some((unit, by_default))
    }

    /// The direct predecessors that had come into a unit by `end`.
    pub(super) fn predecessors(&self, ward: UnitIx, end: NaiveDate) -> impl Iterator<Item = &Before> {
        self.before.get(&ward).into_iter().flatten().filter(move |step| step.since <= end)
    }

    /// How many wards every area has on a day.
    pub(super) fn expected(&self, end: NaiveDate) -> HashMap<Area, u32> {
        let mut expected = HashMap::new();
        for (ward, _) in self.units.wards().filter(|(_, unit)| unit.is_valid(end)) {
            for area in self.units.areas(Area::Unit(ward)) {
                *expected.entry(area).or_default() += 1;
            }
        }
        expected
    }
}

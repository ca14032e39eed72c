//! Whose rows the account of a unit may see: its own, those of what lies below it, and those of their predecessors.

use std::collections::BTreeSet;

use super::units::{UnitIx, Units};

impl Units {
    /// For every unit, itself and all units whose rows its account may see: below by parents, back by `whole` and `part-default`
    /// lineage, as figures follow it (contract section 5). What gave only a part is not among them.
    pub fn reach(&self) -> Vec<(UnitIx, Vec<UnitIx>)> {
        let mut predecessors = vec![Vec::new(); self.len()];
        for (old, _) in self.iter() {
            if let Some(step) = self.followed(old) {
                predecessors[step.to.index()].push(old);
            }
        }
        let reached = |unit: UnitIx| {
            let (mut found, mut open) = (BTreeSet::from([unit]), vec![unit]);
            while let Some(unit) = open.pop() {
                let next = self.children[unit.index()].iter().chain(&predecessors[unit.index()]);
                open.extend(next.copied().filter(|unit| found.insert(*unit)));
            }
            found.into_iter().collect()
        };
        self.iter().map(|(unit, _)| (unit, reached(unit))).collect()
    }
}

//! Where the facts of a ward count: the way from a unit to the unit that is valid on a period's end (contract section 5).

use chrono::NaiveDate;

use super::units::{LAST_DAY, Relation, UnitIx, Units};

/// For periods that end in a stretch of days, the unit to which a ward's facts belong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// The ward that the facts were stated for.
    pub member: UnitIx,
    /// The ward that is valid on every day of the stretch.
    pub unit: UnitIx,
    /// First period end.
    pub from_end: NaiveDate,
    /// Last period end, at most [`LAST_DAY`].
    pub to_end: NaiveDate,
    /// Whether a `part-default` step lies on the way.
    pub approximate: bool,
    /// The units after `member` on the way, `unit` included; empty when they are the same. A state of one of them hides
    /// the member's (contract section 5).
    pub later: Vec<UnitIx>,
}

impl Units {
    /// The paths of every ward; the stretches of one member follow each other and never overlap. An end in no stretch
    /// of a member means that its facts count nowhere in such a period.
    pub fn paths(&self) -> Vec<Path> {
        let mut paths = Vec::new();
        for (ward, _) in self.wards() {
            self.paths_from(ward, &mut paths);
        }
        paths
    }

    fn paths_from(&self, member: UnitIx, paths: &mut Vec<Path>) {
        let (mut unit, mut approximate, mut later) = (member, false, Vec::new());
        let mut from_end = self.get(unit).valid_from;
        loop {
            let to_end = self.get(unit).valid_to.min(LAST_DAY);
            paths.push(Path { member, unit, from_end, to_end, approximate, later: later.clone() });
            let Some(step) = self.followed(unit) else { break };
            unit = step.to;
            approximate |= step.relation == Relation::PartDefault;
            later.push(unit);
            from_end = step.effective_from;
        }
    }
}

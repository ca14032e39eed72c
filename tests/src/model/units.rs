//! Administrative units in their intervals of validity, and the lineage between them (contract section 5).

use chrono::NaiveDate;
use std::collections::{BTreeMap, HashMap};

/// The id, code and parent of all: the country.
pub(crate) const COUNTRY: &str = "VN";

/// What kind of area a unit is; the order is that of the output.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Level {
    /// The smallest unit: every fact belongs to one.
    Ward,
    /// Between ward and province, until 2025-06-30.
    District,
    /// Right below the country.
    Province,
    /// The whole.
    Country,
}

impl Level {
    /// The name in rows, options and `units.csv`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ward => "ward",
            Self::District => "district",
            Self::Province => "province",
            Self::Country => "country",
        }
    }
}

/// An administrative unit in one interval of validity.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Level letter, code, `@`, first day: `W11413@2025-07-01`.
    pub id: String,
    /// The code, which other units bore before or will bear.
    pub code: String,
    /// Ward, district or province.
    pub level: Level,
    /// The newest name.
    pub name: String,
    /// The unit above, if any but the country.
    pub parent: Option<String>,
    /// First day of validity.
    pub from: NaiveDate,
    /// Last day of validity.
    pub to: NaiveDate,
}

impl Unit {
    /// Whether the unit was valid on that day.
    #[must_use]
    pub fn valid_on(&self, day: NaiveDate) -> bool {
        self.from <= day && day <= self.to
    }
}

/// One lineage step between two wards.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) old: String,
    pub(crate) new: String,
    /// `part-default`: the old ward was divided, and counts here for want of better knowledge.
    pub(crate) by_default: bool,
    pub(crate) since: NaiveDate,
}

/// A name that a unit bore before the day `since`.
#[derive(Clone, Debug)]
pub(crate) struct Rename {
    pub(crate) since: NaiveDate,
    pub(crate) old_name: String,
}

/// All units, their lineage and their former names.
#[derive(Clone, Debug, Default)]
pub struct Units {
    pub(crate) by_id: BTreeMap<String, Unit>,
    /// `whole` and `part-default` steps of wards; `part` is never followed and not here.
    pub(crate) steps: Vec<Step>,
    /// `part` relations of wards as (old, new), for the generator.
    pub(crate) parts: Vec<(String, String)>,
    pub(crate) renames: HashMap<String, Vec<Rename>>,
    by_code: HashMap<String, Vec<String>>,
    onward: HashMap<String, Vec<usize>>,
    backward: HashMap<String, Vec<usize>>,
}

/// The unit that a unit's facts count for in a period, and whether a `part-default` step leads there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reached<'a> {
    pub(crate) unit: &'a Unit,
    pub(crate) approximate: bool,
}

impl Units {
    /// Makes the units findable; the lists are filled by the reader of the CSV files.
    pub(crate) fn indexed(mut self) -> Self {
        for unit in self.by_id.values().filter(|unit| unit.level == Level::Ward) {
            self.by_code.entry(unit.code.clone()).or_default().push(unit.id.clone());
        }
        for (at, step) in self.steps.iter().enumerate() {
            self.onward.entry(step.old.clone()).or_default().push(at);
            self.backward.entry(step.new.clone()).or_default().push(at);
        }
        self
    }

    /// The unit of that id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Unit> {
        self.by_id.get(id)
    }

    /// All units, by id.
    pub fn all(&self) -> impl Iterator<Item = &Unit> {
        self.by_id.values()
    }

    /// All wards that ever had this code.
    pub(crate) fn wards_coded<'a>(&'a self, code: &str) -> impl Iterator<Item = &'a Unit> {
        self.by_code.get(code).into_iter().flatten().filter_map(|id| self.get(id))
    }

    /// The unit's id and those of everything above it, nearest first; the country last.
    pub(crate) fn chain<'a>(&'a self, id: &'a str) -> Vec<&'a str> {
        let mut chain = Vec::new();
        let mut next = self.get(id);
        while let Some(unit) = next {
            chain.push(unit.id.as_str());
            next = unit.parent.as_deref().and_then(|parent| self.get(parent));
        }
        chain.push(COUNTRY);
        chain
    }

    /// Follows a unit along `whole` and `part-default` steps that took effect by `end` to a unit valid on `end`.
    pub(crate) fn successor<'a>(&'a self, unit: &'a Unit, end: NaiveDate) -> Option<Reached<'a>> {
        let mut reached = Reached { unit, approximate: false };
        while !reached.unit.valid_on(end) {
            let steps = self.onward.get(&reached.unit.id)?;
            let step = steps.iter().map(|at| &self.steps[*at]).find(|step| step.since <= end)?;
            reached = Reached { unit: self.get(&step.new)?, approximate: reached.approximate || step.by_default };
        }
        Some(reached)
    }

    /// The steps by which direct predecessors came into a unit by `end`.
    pub(crate) fn steps_into<'a>(&'a self, id: &str, end: NaiveDate) -> impl Iterator<Item = &'a Step> {
        let steps = self.backward.get(id).into_iter().flatten().map(|at| &self.steps[*at]);
        steps.filter(move |step| step.since <= end)
    }

    /// The steps that lead on from a unit.
    pub(crate) fn steps_from<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a Step> {
        self.onward.get(id).into_iter().flatten().map(|at| &self.steps[*at])
    }

    /// The name that a unit bore on that day.
    pub(crate) fn name_on<'a>(&'a self, unit: &'a Unit, day: NaiveDate) -> &'a str {
        let later = self.renames.get(&unit.id).into_iter().flatten().filter(|rename| rename.since > day);
        later.min_by_key(|rename| rename.since).map_or(&unit.name, |rename| &rename.old_name)
    }
}

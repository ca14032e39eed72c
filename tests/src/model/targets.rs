//! The target registry (contract section 7): which target a row has, and whether it is met (section 6).

use super::calendar::Period;
use super::number::{Micros, compare_percent};
use super::units::{COUNTRY, Level, Units};
use std::cmp::Ordering;

/// Whose rows a target is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    /// The row of the area itself.
    Itself,
    /// Every ward below the area, but not the area itself.
    Wards,
}

/// How a number must stand to the target's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Comparison {
    AtLeast,
    AtMost,
    Exactly,
}

/// One row of the registry.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) indicator: String,
    pub(crate) calendar: String,
    pub(crate) period: String,
    pub(crate) area: String,
    pub(crate) scope: Scope,
    pub(crate) comparison: Comparison,
    pub(crate) number: Micros,
}

/// What a row has to hold against a target.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Compared {
    /// The exact ratio, as percent.
    Ratio {
        numerator: Micros,
        denominator: Micros,
    },
    /// A value, or a stated percent.
    Number(Micros),
    Nothing,
}

impl Target {
    /// `Some(true)` = met; `None` = nothing to compare.
    pub(crate) fn met(&self, compared: Compared) -> Option<bool> {
        let order = match compared {
            Compared::Ratio { denominator: 0, .. } | Compared::Nothing => return None,
            Compared::Ratio { numerator, denominator } => compare_percent(numerator, denominator, self.number),
            Compared::Number(number) => number.cmp(&self.number),
        };
        Some(match self.comparison {
            Comparison::AtLeast => order != Ordering::Less,
            Comparison::AtMost => order != Ordering::Greater,
            Comparison::Exactly => order == Ordering::Equal,
        })
    }

    /// How closely the target's period names the row's: 0 = its id, then its type, then a wider type, then `*`.
    fn closeness(&self, period: &Period) -> Option<usize> {
        let mut names = vec![period.id.as_str()];
        if let Some(label) = period.label() {
            names.push(label);
            if label.starts_with(['M', 'Q']) {
                names.push(&label[..1]);
            }
        }
        names.push("*");
        names.iter().position(|name| *name == self.period)
    }
}

/// The target of a row: of the nearest area that has one, the one that names the period most closely.
pub(crate) fn target_of<'a>(targets: &'a [Target], units: &Units, row: (&str, &str), period: &Period) -> Option<&'a Target> {
    let (area, indicator) = row;
    let is_ward = units.get(area).is_some_and(|unit| unit.level == Level::Ward);
    let chain = if area == COUNTRY { vec![COUNTRY] } else { units.chain(area) };
    let ranked =
        targets.iter().filter(|t| t.indicator == indicator && t.calendar == period.calendar.name()).filter_map(|target| {
            let distance = chain.iter().position(|above| *above == target.area)?;
            let applies = match target.scope {
                Scope::Itself => distance == 0,
                Scope::Wards => distance > 0 && is_ward,
            };
            let closeness = target.closeness(period)?;
            applies.then_some(((distance, closeness), target))
        });
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, target)| target)
}

//! What a log is drawn from: wards with their predecessors, indicators, sources and the days that matter.

use super::dice::Dice;
use super::{Options, Style};
use crate::model::{Calendar, Indicator, Kind, Level, Period, Reference, Source, Unit};
use anyhow::{Result, ensure};
use chrono::{Datelike, NaiveDate};
use std::collections::BTreeSet;

/// A current ward and everything that became it, also in part.
pub(crate) struct Family<'a> {
    pub(crate) units: Vec<&'a Unit>,
}

impl<'a> Family<'a> {
    /// The units that direct lineage leads into this one, `whole` or by default.
    pub(crate) fn predecessors(&self, reference: &Reference, unit: &Unit) -> Vec<&'a Unit> {
        let into = |old: &Unit| reference.units.steps_from(&old.id).any(|step| step.new == unit.id);
        self.units.iter().copied().filter(|old| into(old)).collect()
    }
}

pub(crate) struct Pool<'a> {
    pub(crate) reference: &'a Reference,
    /// At least one, each with at least one unit.
    pub(crate) families: Vec<Family<'a>>,
    /// All indicators.
    pub(crate) indicators: Vec<&'a Indicator>,
    /// A few of every kind, on which facts crowd so that they meet.
    pub(crate) crowded: Vec<&'a Indicator>,
    /// Days on which lineage took effect.
    pub(crate) reforms: Vec<NaiveDate>,
    /// Last days of months, in both calendars, around the days of the log.
    pub(crate) month_ends: Vec<NaiveDate>,
}

/// How many families and indicators facts crowd on.
const CROWDED_FAMILIES: usize = 8;
const CROWDED_OF_A_KIND: usize = 4;

impl<'a> Pool<'a> {
    pub(crate) fn new(reference: &'a Reference, options: &Options) -> Result<Self> {
        let mut dice = Dice::new(options.seed ^ 0x504F_4F4C);
        let families = families(reference, options, &mut dice);
        ensure!(!families.is_empty(), "no ward to draw from: raise the number of wards, or look at units.csv and sources.csv");
        let indicators: Vec<&Indicator> = reference.indicators.values().collect();
        ensure!(!indicators.is_empty(), "no indicator to draw from: indicators.csv is empty");
        let used: BTreeSet<&str> = families.iter().flat_map(|family| &family.units).map(|unit| unit.id.as_str()).collect();
        let reforms = reference.units.steps.iter().filter(|step| used.contains(step.old.as_str())).map(|step| step.since);
        Ok(Self {
            reference,
            crowded: crowded(&indicators, &mut dice),
            indicators,
            reforms: reforms.collect::<BTreeSet<_>>().into_iter().collect(),
            month_ends: month_ends(options),
            families,
        })
    }

    /// The sources that may state the indicator at the unit by the topic of the log.
    pub(crate) fn sources(&self, indicator: &Indicator, unit: &Unit, topic: &str) -> Vec<&'a Source> {
        let chain = self.reference.units.chain(&unit.id);
        let may = |source: &&Source| {
            source.indicators.as_ref().is_none_or(|codes| codes.contains(&indicator.code))
                && source.wards.as_ref().is_none_or(|roots| chain.iter().any(|id| roots.contains(*id)))
                && source.topics.as_ref().is_none_or(|topics| topics.contains(topic))
        };
        self.reference.sources.values().filter(may).collect()
    }

    /// A family; the first ones are drawn more often.
    pub(crate) fn family(&self, dice: &mut Dice, crowd: f64) -> &Family<'a> {
        let among = if dice.chance(crowd) { self.families.len().min(CROWDED_FAMILIES) } else { self.families.len() };
        &self.families[dice.index(among)]
    }
}

/// The families of a log: in the style of traps those of wards with sources of their own come first, in the realistic
/// style they are left out.
fn families<'a>(reference: &'a Reference, options: &Options, dice: &mut Dice) -> Vec<Family<'a>> {
    let units = &reference.units;
    let mut merged: Vec<&Unit> = units
        .all()
        .filter(|unit| unit.level == Level::Ward && units.steps_from(&unit.id).next().is_none())
        .filter(|unit| units.steps_into(&unit.id, NaiveDate::MAX).next().is_some())
        .collect();
    dice.shuffle(&mut merged);
    let roots: BTreeSet<&str> =
        reference.sources.values().filter_map(|source| source.wards.as_ref()).flatten().map(String::as_str).collect();
    let reporting = |family: &Family<'_>| {
        let mut chains = family.units.iter().flat_map(|unit| units.chain(&unit.id));
        chains.any(|id| id != "VN" && roots.contains(id))
    };
    let families = merged.into_iter().map(|unit| family(reference, unit));
    match options.style {
        Style::Realistic => families.filter(|family| !reporting(family)).take(options.wards).collect(),
        Style::Traps => {
            let mut families: Vec<Family<'a>> = families.collect();
            families.sort_by_cached_key(|family| !reporting(family));
            families.truncate(options.wards);
            families
        }
    }
}

fn family<'a>(reference: &'a Reference, unit: &'a Unit) -> Family<'a> {
    let units = &reference.units;
    let mut members = vec![unit];
    let mut next = 0;
    while let Some(member) = members.get(next) {
        let whole = units.steps_into(&member.id, NaiveDate::MAX).map(|step| step.old.as_str());
        let parts = units.parts.iter().filter(|(_, new)| *new == member.id).map(|(old, _)| old.as_str());
        let found: Vec<&Unit> = whole.chain(parts).filter_map(|id| units.get(id)).collect();
        members.extend(found);
        next += 1;
    }
    members.sort_by(|a, b| a.id.cmp(&b.id));
    members.dedup_by(|a, b| a.id == b.id);
    Family { units: members }
}

/// A few indicators of every kind; those with rules of their own first.
fn crowded<'a>(indicators: &[&'a Indicator], dice: &mut Dice) -> Vec<&'a Indicator> {
    let mut shuffled = indicators.to_vec();
    dice.shuffle(&mut shuffled);
    shuffled.sort_by_key(|indicator| (indicator.dimensions.is_empty(), !indicator.may_exceed));
    let of_kind = |kind: Kind| shuffled.iter().copied().filter(move |indicator| indicator.kind == kind).take(CROWDED_OF_A_KIND);
    [Kind::Flow, Kind::FlowRatio, Kind::Stock, Kind::StockRatio].into_iter().flat_map(of_kind).collect()
}

fn month_ends(options: &Options) -> Vec<NaiveDate> {
    let years = options.from.year()..=options.to.year() + 1;
    let labels = years.flat_map(|year| (1..=12).map(move |month| format!("{year:04}-M{month:02}")));
    let periods = labels.flat_map(|id| [Calendar::Civil, Calendar::Legal].map(|calendar| Period::parse(calendar, &id)));
    periods.flatten().map(|period| period.end).collect()
}

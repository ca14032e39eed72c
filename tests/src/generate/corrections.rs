//! What becomes of a fact after it was stated: corrections and retractions.

use super::event::Event;
use super::facts::{dimensions, measure};
use super::maker::{Maker, Spec};
use crate::model::Measure;

const HOUR_MS: i64 = 3_600_000;

/// Adds corrections and a retraction by chance. The record is named, if only as the id of the first event.
pub(crate) fn follow<'a>(maker: &mut Maker<'a>, first: &Spec<'a>, made: &mut Vec<(Spec<'a>, Event)>) {
    let mut next = first.clone();
    if first.record.is_none() {
        next.record = made.first().and_then(|(_, event)| event.id().map(str::to_owned));
    }
    let mut number = 0;
    while maker.dice.chance(maker.options.correct) {
        number += 1;
        next = corrected(maker, &next, number);
        made.push((next.clone(), maker.event(&next)));
    }
    if maker.dice.chance(maker.options.retract) {
        let retraction = retracted(maker, &next);
        made.push((retraction.clone(), maker.event(&retraction)));
    }
}

/// A correction; in a log of traps its revision or its time may be those of what it corrects, and so decide nothing.
pub(crate) fn corrected<'a>(maker: &mut Maker<'a>, spec: &Spec<'a>, number: u32) -> Spec<'a> {
    let ties = maker.traps() && maker.dice.chance(0.4);
    let mut next = spec.clone();
    next.revision = if ties { maker.dice.pick(&[spec.revision, 0]) } else { number };
    if !ties || maker.dice.chance(0.5) {
        next.time_ms += maker.dice.between(0, 500) * HOUR_MS;
    }
    next.measure = measure(maker, spec.indicator, (spec.unit, spec.date), false);
    if maker.traps() && maker.dice.chance(0.2) {
        next.dimensions = dimensions(maker, spec.indicator);
    }
    next
}

/// A withdrawal of the record in the cell of the spec.
pub(crate) fn retracted<'a>(maker: &mut Maker<'a>, spec: &Spec<'a>) -> Spec<'a> {
    let revision = if maker.traps() { maker.dice.pick(&[9, spec.revision, u32::MAX]) } else { 9 };
    let mut retraction = Spec { measure: Measure::Retraction, revision, time_ms: spec.time_ms + 24 * HOUR_MS, ..spec.clone() };
    if maker.dice.chance(0.7) {
        retraction.dimensions.clear();
        retraction.qualifier = "exact";
    }
    retraction
}

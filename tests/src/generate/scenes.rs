//! Scenes: a few events that meet in one place and go wrong together.

use super::corrections::{corrected, retracted};
use super::event::Event;
use super::facts::{at, draw, indicator, measure, moved};
use super::maker::{Maker, Spec};
use crate::model::{Indicator, Kind, Measure, Unit};
use chrono::{Days, NaiveDate};

/// Plays any scene.
pub(crate) fn play<'a>(maker: &mut Maker<'a>) -> Vec<(Spec<'a>, Event)> {
    match maker.dice.below(11) {
        0 => one_id_two_bodies(maker),
        1 => ties(maker),
        2 => retraction_elsewhere(maker),
        3 => moved_fact(maker),
        4 => rival_sources(maker),
        5 => series(maker),
        6 => percent_beside_parts(maker),
        7 => percent_before_a_merger(maker),
        8 => states_around_a_merger(maker),
        9 => only_the_oldest_speak(maker),
        _ => end_of_a_carry(maker),
    }
}

fn spelled<'a>(maker: &mut Maker<'a>, specs: Vec<Spec<'a>>) -> Vec<(Spec<'a>, Event)> {
    specs.into_iter().map(|spec| (spec.clone(), maker.event(&spec))).collect()
}

/// Two events under one source and id that differ in what they say.
fn one_id_two_bodies<'a>(maker: &mut Maker<'a>) -> Vec<(Spec<'a>, Event)> {
    let first = draw(maker);
    let mut second = first.clone();
    second.measure = measure(maker, first.indicator, (first.unit, first.date), false);
    if maker.dice.chance(0.3) {
        second.qualifier = "at_least";
    }
    let id = maker.name('t');
    [first, second].into_iter().map(|spec| (spec.clone(), maker.event_named(&id, &spec))).collect()
}

/// Many statements about one record with the same revision and time.
fn ties<'a>(maker: &mut Maker<'a>) -> Vec<(Spec<'a>, Event)> {
    let mut spec = draw(maker);
    spec.record = Some(maker.name('r'));
    let mut specs = Vec::new();
    for _ in 0..maker.dice.between(2, 5) {
        spec.measure = measure(maker, spec.indicator, (spec.unit, spec.date), false);
        specs.push(spec.clone());
    }
    if maker.dice.chance(0.3) {
        spec.measure = Measure::Retraction;
        specs.push(spec);
    }
    spelled(maker, specs)
}

/// The record is withdrawn in a cell where it never was.
fn retraction_elsewhere<'a>(maker: &mut Maker<'a>) -> Vec<(Spec<'a>, Event)> {
    let mut first = draw(maker);
    first.record = Some(maker.name('r'));
    let mut elsewhere = retracted(maker, &first);
    elsewhere.date = moved(first.date, -1).max(first.unit.from);
    spelled(maker, vec![first, elsewhere])
}

/// A correction that moves a fact: a retraction plus a new record; now and then the retraction is forgotten.
fn moved_fact<'a>(maker: &mut Maker<'a>) -> Vec<(Spec<'a>, Event)> {
    let mut first = draw(maker);
    first.record = Some(maker.name('r'));
    let mut next = corrected(maker, &first, 1);
    match maker.dice.below(3) {
        0 => next.date = moved(first.date, 3).min(first.unit.to),
        1 => {
            let other = indicator(maker, |other| other.kind == first.indicator.kind && other.dimensions.is_empty());
            let at_other = at(maker, other, first.unit, first.date);
            next = Spec { record: next.record, revision: next.revision, time_ms: next.time_ms, ..at_other };
        }
        _ => {
            let crowd = maker.pool.family(&mut maker.dice, 1.0);
            let unit = maker.dice.pick(&crowd.units);
            let at_other = at(maker, first.indicator, unit, first.date);
            next = Spec { record: next.record, revision: next.revision, ..at_other };
        }
    }
    let mut specs = vec![first.clone()];
    if maker.dice.chance(0.5) {
        specs.push(retracted(maker, &first));
        next.record = Some(maker.name('r'));
    }
    specs.push(next);
    spelled(maker, specs)
}

fn is_state(indicator: &Indicator) -> bool {
    !indicator.kind.is_flow()
}

/// Several sources state one number at one ward, some of them as a percent only.
fn rival_sources<'a>(maker: &mut Maker<'a>) -> Vec<(Spec<'a>, Event)> {
    let first = draw(maker);
    let indicator = indicator(maker, is_state);
    let mut specs = Vec::new();
    for source in maker.pool.sources(indicator, first.unit, &maker.options.topic) {
        let day = moved(first.date, maker.dice.between(-20, 20));
        let mut spec = at(maker, indicator, first.unit, day);
        spec.source = source;
        if indicator.kind.is_ratio() && maker.dice.chance(0.3) {
            spec.measure = measure(maker, indicator, (first.unit, spec.date), true);
        }
        specs.push(spec);
    }
    // Now and then the most authoritative source takes its word back.
    if maker.dice.chance(0.3)
        && let Some(best) = specs.iter_mut().min_by_key(|spec| spec.source.priority)
    {
        best.record = Some(maker.name('r'));
        let best = best.clone();
        specs.push(retracted(maker, &best));
    }
    spelled(maker, specs)
}

/// One source states a stock in several series on several days.
fn series<'a>(maker: &mut Maker<'a>) -> Vec<(Spec<'a>, Event)> {
    let place = draw(maker);
    let indicator = indicator(maker, |indicator| is_state(indicator) && !indicator.dimensions.is_empty());
    let first = at(maker, indicator, place.unit, place.date);
    let mut specs = Vec::new();
    for _ in 0..maker.dice.between(2, 6) {
        let day = moved(place.date, maker.dice.between(0, 3));
        let spec = at(maker, indicator, place.unit, day);
        specs.push(Spec { source: first.source, ..spec });
    }
    spelled(maker, specs)
}

/// A ward states its parts and, beside them, a percent; now and then the parts are withdrawn.
fn percent_beside_parts<'a>(maker: &mut Maker<'a>) -> Vec<(Spec<'a>, Event)> {
    let place = draw(maker);
    let indicator = indicator(maker, |indicator| indicator.kind.is_ratio());
    let mut parts = at(maker, indicator, place.unit, place.date);
    parts.record = Some(maker.name('r'));
    parts.measure = measure(maker, indicator, (parts.unit, parts.date), false);
    let mut specs = Vec::new();
    for _ in 0..maker.dice.between(1, 3) {
        let day = moved(place.date, maker.dice.between(-3, 3));
        let mut percent = at(maker, indicator, place.unit, day);
        percent.measure = measure(maker, indicator, (percent.unit, percent.date), indicator.kind.is_ratio());
        specs.push(percent);
    }
    if maker.dice.chance(0.5) {
        specs.push(retracted(maker, &parts));
    }
    specs.push(parts);
    spelled(maker, specs)
}

/// A ward with predecessors, and these.
fn merged_ward<'a>(maker: &mut Maker<'a>) -> (&'a Unit, Vec<&'a Unit>) {
    let reference = maker.pool.reference;
    let family = maker.pool.family(&mut maker.dice, 0.7);
    let merged: Vec<&'a Unit> =
        family.units.iter().copied().filter(|unit| !family.predecessors(reference, unit).is_empty()).collect();
    let unit = if merged.is_empty() { maker.dice.pick(&family.units) } else { maker.dice.pick(&merged) };
    (unit, family.predecessors(reference, unit))
}

/// Predecessors state a percent only, the successor nothing, or some of them their parts.
fn percent_before_a_merger<'a>(maker: &mut Maker<'a>) -> Vec<(Spec<'a>, Event)> {
    let (ward, predecessors) = merged_ward(maker);
    let indicator = indicator(maker, |indicator| indicator.kind.is_ratio());
    let mut specs = Vec::new();
    for unit in predecessors {
        let day = moved(ward.from, -maker.dice.between(1, 12));
        let percent = indicator.kind.is_ratio() && maker.dice.chance(0.7);
        let mut spec = at(maker, indicator, unit, day);
        spec.measure = measure(maker, indicator, (unit, spec.date), percent);
        specs.push(spec);
    }
    spelled(maker, specs)
}

/// Some predecessors state a stock, and the successor speaks later, not at all, or in a percent only.
fn states_around_a_merger<'a>(maker: &mut Maker<'a>) -> Vec<(Spec<'a>, Event)> {
    let (ward, predecessors) = merged_ward(maker);
    let indicator = indicator(maker, is_state);
    let mut specs = Vec::new();
    for unit in predecessors {
        if maker.dice.chance(0.7) {
            let day = moved(ward.from, -maker.dice.between(1, 60));
            specs.push(at(maker, indicator, unit, day));
        }
    }
    if maker.dice.chance(0.5) {
        let day = moved(ward.from, maker.dice.between(0, 90));
        let mut own = at(maker, indicator, ward, day);
        if indicator.kind == Kind::StockRatio && maker.dice.chance(0.3) {
            own.measure = measure(maker, indicator, (ward, own.date), true);
        }
        specs.push(own);
    }
    spelled(maker, specs)
}

/// Of a family only units without predecessors state a stock, so that their states have the longest way to go.
fn only_the_oldest_speak<'a>(maker: &mut Maker<'a>) -> Vec<(Spec<'a>, Event)> {
    let reference = maker.pool.reference;
    let quiet = maker.dice.pick(&maker.pool.indicators);
    let indicator = if is_state(quiet) { quiet } else { indicator(maker, is_state) };
    let family = maker.pool.family(&mut maker.dice, 0.7);
    let mut specs = Vec::new();
    for unit in family.units.iter().copied().filter(|unit| family.predecessors(reference, unit).is_empty()) {
        if maker.dice.chance(0.4) {
            let day = moved(unit.to.min(maker.options.to), -maker.dice.between(0, 60));
            specs.push(at(maker, indicator, unit, day));
        }
    }
    spelled(maker, specs)
}

/// States that are just old enough, or just not, at the end of a month.
fn end_of_a_carry<'a>(maker: &mut Maker<'a>) -> Vec<(Spec<'a>, Event)> {
    let indicator = indicator(maker, is_state);
    let family = maker.pool.family(&mut maker.dice, 0.7);
    let unit = maker.dice.pick(&family.units);
    let end: NaiveDate = maker.dice.pick(&maker.pool.month_ends);
    let edge = end.checked_sub_days(Days::new(indicator.carry_days)).unwrap_or(end);
    let specs = [0, 1].map(|days| at(maker, indicator, unit, moved(edge, days)));
    spelled(maker, specs.into_iter().take(2).collect())
}

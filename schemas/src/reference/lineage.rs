//! Reads and checks `admin-units/lineage.csv`: what became of units.

use std::fmt::Write;

use chrono::{Days, NaiveDate};

use super::faults::{Faults, Place};
use super::files::File;
use super::table::{self, Header, Row};
use super::units::{Level, Relation, STILL_VALID, Step, UnitIx, Units};
use super::units_file::UnitsFile;
use crate::calendar::day;

const HEADER: Header = Header { required: &["old_unit_id", "new_unit_id", "relation", "effective_from"], optional: &[] };

/// Reads the lineage into the units.
pub(super) fn read(text: &str, file: &mut UnitsFile, faults: &mut Faults) {
    let Some(rows) = table::read(File::Lineage, text, &HEADER, faults) else { return };
    let mut places: Vec<Option<Place>> = vec![None; file.units.len()];
    // Units with a line that cannot be used: their other steps alone would look wrong.
    let mut damaged = vec![false; file.units.len()];
    for row in &rows {
        let id = row.get("old_unit_id").trim();
        let old = if row.sound { file.find(row.place, "old_unit_id", id, faults) } else { file.units.by_id(id) };
        let step = row.sound.then(|| step(row, file, faults)).flatten();
        let Some(old) = old else { continue };
        places[old.index()].get_or_insert(row.place);
        match step {
            Some(step) => {
                check_step(row.place, &file.units, (old, step), faults);
                file.units.steps[old.index()].push(step);
            }
            None => damaged[old.index()] = true,
        }
    }
    for steps in &mut file.units.steps {
        steps.sort();
    }
    for (ix, unit) in file.units.iter().filter(|(ix, _)| !damaged[ix.index()]) {
        match places[ix.index()] {
            Some(place) => check_relations(place, &file.units, ix, faults),
            None if unit.level == Level::Ward && unit.valid_to < STILL_VALID => {
                let (id, last) = (&unit.id, unit.valid_to);
                let text =
                    format!("unit_id {id}: ended on {last} without a successor; add what became of it to {}", File::Lineage);
                faults.add(file.places[ix.index()], text);
            }
            None => {}
        }
    }
    check_circles(&file.units, &places, faults);
}

fn step(row: &Row, file: &UnitsFile, faults: &mut Faults) -> Option<Step> {
    let to = file.find(row.place, "new_unit_id", row.get("new_unit_id"), faults);
    let relation = row.choose("relation", &Relation::ALL.map(|relation| (relation.as_str(), relation)), faults);
    let text = row.get("effective_from");
    let effective_from = day(text);
    if effective_from.is_none() {
        faults.add(row.place, format!("effective_from {text:?}: must be a day from 1900-01-01 to 2299-12-31"));
    }
    Some(Step { relation: relation?, to: to?, effective_from: effective_from? })
}

/// The new state must begin where the old one ends: otherwise days would count twice or nowhere.
fn check_step(place: Place, units: &Units, (from, step): (UnitIx, Step), faults: &mut Faults) {
    let (old, new, since) = (units.get(from), units.get(step.to), step.effective_from);
    if units.successors(from).iter().any(|known| known.to == step.to) {
        faults.add(place, format!("new_unit_id {}: is a successor of {} already; remove one line", new.id, old.id));
    }
    if old.level != new.level {
        faults.add(
            place,
            format!("new_unit_id {}: is a {}, but {} is a {}; both must be of one level", new.id, new.level, old.id, old.level),
        );
    }
    if day_after(old.valid_to) != Some(since) {
        faults.add(
            place,
            format!(
                "effective_from {since}: {} is valid until {}; it must be the day after, correct one of them",
                old.id, old.valid_to
            ),
        );
    }
    if !new.is_valid(since) {
        faults.add(
            place,
            format!(
                "effective_from {since}: {} is valid from {} to {}; it must be valid on that day",
                new.id, new.valid_from, new.valid_to
            ),
        );
    }
}

fn day_after(day: NaiveDate) -> Option<NaiveDate> {
    day.checked_add_days(Days::new(1))
}

fn check_relations(place: Place, units: &Units, ix: UnitIx, faults: &mut Faults) {
    let count = |relation| units.successors(ix).iter().filter(|step| step.relation == relation).count();
    let [whole, default, part] = Relation::ALL.map(count);
    if !matches!((whole, default, part), (1, 0, 0) | (0, 1, 1..)) {
        let has = format!("has {whole} whole, {default} part-default and {part} part successors");
        let rule = "give it one whole, or one part-default and at least one part";
        faults.add(place, format!("old_unit_id {}: {has}; {rule}", units.get(ix).id));
    }
}

/// Following successors must end; each circle is named once.
fn check_circles(units: &Units, places: &[Option<Place>], faults: &mut Faults) {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut states = vec![State::New; units.len()];
    for (start, _) in units.iter() {
        if states[start.index()] != State::New {
            continue;
        }
        states[start.index()] = State::Open;
        let mut way = vec![(start, 0)];
        while let Some((ix, next)) = way.last_mut() {
            let Some(step) = units.successors(*ix).get(*next) else {
                states[ix.index()] = State::Done;
                way.pop();
                continue;
            };
            *next += 1;
            match states[step.to.index()] {
                State::New => {
                    states[step.to.index()] = State::Open;
                    way.push((step.to, 0));
                }
                State::Open => {
                    let circle = way.iter().map(|(ix, _)| *ix).skip_while(|ix| *ix != step.to).collect::<Vec<_>>();
                    name_circle(units, &circle, places, faults);
                }
                State::Done => {}
            }
        }
    }
}

fn name_circle(units: &Units, circle: &[UnitIx], places: &[Option<Place>], faults: &mut Faults) {
    let Some(first) = circle.first() else { return };
    let Some(place) = places[first.index()] else { return };
    let mut way = String::new();
    for ix in circle {
        let _ = write!(way, "{} -> ", units.get(*ix).id);
    }
    let id = &units.get(*first).id;
    faults.add(place, format!("old_unit_id {id}: its successors lead back to it: {way}{id}; remove one of these steps"));
}

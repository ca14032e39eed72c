//! Reads and checks `admin-units/units.csv`.

use chrono::NaiveDate;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::faults::{Faults, Place};
use super::files::File;
use super::table::{self, Header, Row};
use super::units::{Bearer, Bearers, Level, STILL_VALID, Unit, UnitIx, Units};
use crate::calendar::day;

const HEADER: Header =
    Header { required: &["unit_id", "code", "level", "name", "type", "parent_unit_id", "valid_from", "valid_to"], optional: &[] };

/// The units of a file in the making, with what later checks need of the file.
#[derive(Default)]
pub(super) struct UnitsFile {
    pub(super) units: Units,
    /// The line of each unit.
    pub(super) places: Vec<Place>,
    /// The line of each id that the file names, also where the line has a fault.
    lines: FxHashMap<String, u64>,
    /// Whether the file could be read at all.
    readable: bool,
}

impl UnitsFile {
    /// The unit with this id; adds a fault if there is none. An id on a line with a fault is not missing: one fault is enough.
    pub(super) fn find(&self, place: Place, column: &str, id: &str, faults: &mut Faults) -> Option<UnitIx> {
        let found = self.units.by_id(id);
        if found.is_none() && self.readable && !self.lines.contains_key(id) {
            faults.add(place, format!("{column} {id}: no such unit; correct the id or add the unit to {}", File::Units));
        }
        found
    }
}

/// Reads the units; those with a fault on their line are missing.
pub(super) fn read(text: &str, faults: &mut Faults) -> UnitsFile {
    let mut file = UnitsFile::default();
    let Some(rows) = table::read(File::Units, text, &HEADER, faults) else { return file };
    file.readable = true;
    let mut parents = Vec::new();
    for row in &rows {
        let id = row.get("unit_id").trim();
        if let Some(line) = file.lines.get(id) {
            faults.add(row.place, format!("unit_id {id}: stands in line {line} already; remove or correct one"));
            continue;
        }
        file.lines.insert(id.to_owned(), row.place.line);
        if row.sound
            && let Some(unit) = unit(row, faults)
        {
            file.units.by_id.insert(unit.id.clone(), UnitIx::new(file.units.list.len()));
            file.units.list.push(unit);
            file.places.push(row.place);
            parents.push(row.get("parent_unit_id"));
        }
    }
    link_parents(&mut file, &parents, faults);
    index_wards(&mut file.units);
    check_overlaps(&file, faults);
    let count = file.units.len();
    file.units.steps = vec![Vec::new(); count];
    file.units.renames = vec![Vec::new(); count];
    file
}

fn unit(row: &Row, faults: &mut Faults) -> Option<Unit> {
    let before = faults.len();
    let levels = [Level::Province, Level::District, Level::Ward];
    let level = row.choose("level", &levels.map(|level| (level.as_str(), level)), faults);
    let name = row.require("name", faults);
    let kind = row.require("type", faults);
    let valid_from = unit_day(row, "valid_from", faults);
    let valid_to = unit_day(row, "valid_to", faults);
    let (id, code) = (row.get("unit_id"), row.get("code"));
    if let Some(level) = level {
        check_id(row, level, faults);
    }
    if let (Some(from), Some(to)) = (valid_from, valid_to)
        && from > to
    {
        faults.add(row.place, format!("valid_to {to}: is before valid_from {from}; correct one of them"));
    }
    let unit = Unit {
        id: id.to_owned(),
        code: code.to_owned(),
        level: level?,
        name: name?,
        kind: kind?,
        parent: None,
        valid_from: valid_from?,
        valid_to: valid_to?,
    };
    (faults.len() == before).then_some(unit)
}

fn check_id(row: &Row, level: Level, faults: &mut Faults) {
    let (id, code, from) = (row.get("unit_id"), row.get("code"), row.get("valid_from"));
    let (letter, digits) = match level {
        Level::Ward => ('W', 5),
        Level::District => ('D', 3),
        Level::Province | Level::Country => ('P', 2),
    };
    if code.len() != digits || !code.bytes().all(|b| b.is_ascii_digit()) {
        faults.add(row.place, format!("code {code:?}: the code of a {level} has {digits} digits; keep leading zeros"));
    }
    let expected = format!("{letter}{code}@{from}");
    if id != expected {
        faults.add(row.place, format!("unit_id {id:?}: must be {expected} by level, code and valid_from; correct one of them"));
    }
}

fn unit_day(row: &Row, column: &str, faults: &mut Faults) -> Option<NaiveDate> {
    let text = row.get(column);
    let open = (column == "valid_to" && text == "9999-12-31").then_some(STILL_VALID);
    let found = open.or_else(|| day(text));
    if found.is_none() {
        faults.add(
            row.place,
            format!("{column} {text:?}: must be a day from 1900-01-01 to 2299-12-31{}", {
                if column == "valid_to" { ", or 9999-12-31 while the unit is valid" } else { "" }
            }),
        );
    }
    found
}

fn link_parents(file: &mut UnitsFile, parents: &[&str], faults: &mut Faults) {
    let mut children = vec![Vec::new(); file.units.len()];
    for (index, parent_id) in parents.iter().enumerate() {
        let (unit, place) = (&file.units.list[index], file.places[index]);
        if parent_id.is_empty() || unit.level == Level::Province {
            if parent_id.is_empty() != (unit.level == Level::Province) {
                let rule = "a province has none, a district a province, a ward a district or province";
                faults.add(place, format!("parent_unit_id {parent_id:?} of {} {}: {rule}", unit.level, unit.id));
            }
            continue;
        }
        let Some(parent) = file.find(place, "parent_unit_id", parent_id, faults) else { continue };
        check_parent(place, unit, file.units.get(parent), faults);
        children[parent.index()].push(UnitIx::new(index));
        file.units.list[index].parent = Some(parent);
    }
    file.units.children = children;
}

fn check_parent(place: Place, unit: &Unit, parent: &Unit, faults: &mut Faults) {
    if parent.level <= unit.level {
        faults.add(
            place,
            format!(
                "parent_unit_id {}: a {} cannot be above a {}; give a unit of a higher level",
                parent.id, parent.level, unit.level
            ),
        );
    }
    if parent.valid_from > unit.valid_from || parent.valid_to < unit.valid_to {
        faults.add(
            place,
            format!(
                "parent_unit_id {}: is valid from {} to {}, but {} from {} to {}; a parent must be valid as long as its child",
                parent.id, parent.valid_from, parent.valid_to, unit.id, unit.valid_from, unit.valid_to
            ),
        );
    }
}

fn index_wards(units: &mut Units) {
    let mut wards: FxHashMap<SmolStr, Bearers> = FxHashMap::default();
    for (ward, unit) in units.wards() {
        let bearer = Bearer { from: unit.valid_from, to: unit.valid_to, ward };
        wards.entry(SmolStr::new(&unit.code)).or_default().push(bearer);
    }
    wards.values_mut().for_each(|bearers| bearers.sort_by_key(|bearer| bearer.from));
    units.wards = wards;
}

fn check_overlaps(file: &UnitsFile, faults: &mut Faults) {
    let mut order: Vec<(UnitIx, &Unit)> = file.units.iter().collect();
    order.sort_by_key(|(_, unit)| (unit.level, &unit.code, unit.valid_from));
    let mut reach: Option<(UnitIx, &Unit)> = None;
    for (ix, unit) in order {
        let same = reach.filter(|(_, before)| (before.level, &before.code) == (unit.level, &unit.code));
        if let Some((before_ix, before)) = same.filter(|(_, before)| before.valid_to >= unit.valid_from) {
            let (place, line) = (file.places[ix.index()], file.places[before_ix.index()].line);
            faults.add(
                place,
                format!(
                    "valid_from {}: {} of line {line} bears code {} until {}; let one end before the other begins",
                    unit.valid_from, before.id, unit.code, before.valid_to
                ),
            );
        }
        if same.is_none_or(|(_, before)| before.valid_to < unit.valid_to) {
            reach = Some((ix, unit));
        }
    }
}

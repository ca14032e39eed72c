//! Reads and checks `admin-units/renames.csv`, and tells the name of an area on a day.

use chrono::{Days, NaiveDate};

use super::faults::{Faults, Place};
use super::files::File;
use super::table::{self, Header, Row};
use super::units::{Area, COUNTRY_NAME, FIRST_DAY, LAST_DAY, Unit, UnitIx, Units};
use super::units_file::UnitsFile;
use crate::calendar::day;

const HEADER: Header =
    Header { required: &["unit_id", "old_name", "old_type", "new_name", "new_type", "since", "note"], optional: &[] };

/// A unit took another name or type and stayed the same unit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Rename {
    /// First day of the new name.
    pub since: NaiveDate,
    /// Name before.
    pub old_name: String,
    /// Type before.
    pub old_type: String,
    /// Name from that day on.
    pub new_name: String,
    /// Type from that day on.
    pub new_type: String,
    /// On what ground.
    pub note: String,
}

/// The name that an area bore in a stretch of days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name<'a> {
    /// The area.
    pub area: Area,
    /// First day.
    pub from: NaiveDate,
    /// Last day, at most [`LAST_DAY`].
    pub to: NaiveDate,
    /// Its name then.
    pub name: &'a str,
    /// Its type then; empty for the country.
    pub kind: &'a str,
}

/// Reads the renames into the units.
pub(super) fn read(text: &str, file: &mut UnitsFile, faults: &mut Faults) {
    let Some(rows) = table::read(File::Renames, text, &HEADER, faults) else { return };
    let mut found = Vec::new();
    // Units with a line that cannot be used: their other names would not fit together.
    let mut damaged = Vec::new();
    for row in &rows {
        let id = row.get("unit_id").trim();
        let unit = if row.sound { file.find(row.place, "unit_id", id, faults) } else { file.units.by_id(id) };
        let rename = row.sound.then(|| rename(row, faults)).flatten();
        match (unit, rename) {
            (Some(ix), Some(rename)) => found.push((ix, rename, row.place)),
            (Some(ix), None) => damaged.push(ix),
            (None, _) => {}
        }
    }
    found.sort_by_key(|(ix, rename, place)| (*ix, rename.since, *place));
    for (n, (ix, rename, place)) in found.iter().enumerate() {
        check_days(*place, file.units.get(*ix), rename, faults);
        let next = found.get(n + 1).filter(|(next_ix, ..)| next_ix == ix);
        if let Some((_, _, twice)) = next.filter(|(_, next, _)| next.since == rename.since) {
            let (since, id) = (rename.since, &file.units.get(*ix).id);
            faults.add(*twice, format!("since {since}: {id} is renamed twice on that day; remove one line"));
        } else if !damaged.contains(ix) {
            check_next(*place, file.units.get(*ix), (rename, next.map(|(_, next, _)| next)), faults);
        }
    }
    for (ix, rename, _) in found {
        file.units.renames[ix.index()].push(rename);
    }
}

fn check_days(place: Place, unit: &Unit, rename: &Rename, faults: &mut Faults) {
    let (since, id, from, to) = (rename.since, &unit.id, unit.valid_from, unit.valid_to);
    if since <= from || since > to {
        let rule = "a rename falls after the first day and not after the last";
        faults.add(place, format!("since {since}: {id} is valid from {from} to {to}; {rule}"));
    }
    if (&rename.old_name, &rename.old_type) == (&rename.new_name, &rename.new_type) {
        faults.add(place, format!("new_name {:?}: name and type stay the same; remove the line", rename.new_name));
    }
}

/// A new name is the old one of the next rename, the last is the unit's own.
fn check_next(place: Place, unit: &Unit, (rename, next): (&Rename, Option<&Rename>), faults: &mut Faults) {
    let (name, kind, other) = match next {
        Some(next) => (&next.old_name, &next.old_type, format!("the next rename, of {}, starts from", next.since)),
        None => (&unit.name, &unit.kind, format!("{} has", File::Units)),
    };
    if (name, kind) != (&rename.new_name, &rename.new_type) {
        let new = format!("new_name {:?} ({})", rename.new_name, rename.new_type);
        faults.add(place, format!("{new}: {other} {name:?} ({kind}); make them agree"));
    }
}

fn rename(row: &Row, faults: &mut Faults) -> Option<Rename> {
    let texts = ["old_name", "old_type", "new_name", "new_type"].map(|column| row.require(column, faults));
    let text = row.get("since");
    let since = day(text);
    if since.is_none() {
        faults.add(row.place, format!("since {text:?}: must be the first day of the new name, YYYY-MM-DD"));
    }
    let [old_name, old_type, new_name, new_type] = texts;
    Some(Rename {
        since: since?,
        old_name: old_name?,
        old_type: old_type?,
        new_name: new_name?,
        new_type: new_type?,
        note: row.get("note").to_owned(),
    })
}

impl Units {
    /// The renames of a unit, the earliest first.
    pub fn renames(&self, ix: UnitIx) -> &[Rename] {
        &self.renames[ix.index()]
    }

    /// The names of every area, the country included: for each area stretches without gap over its validity.
    pub fn names(&self) -> Vec<Name<'_>> {
        let mut names = Vec::with_capacity(self.len() + 1);
        for (ix, unit) in self.iter() {
            self.names_of(ix, unit, &mut names);
        }
        names.push(Name { area: Area::Country, from: FIRST_DAY, to: LAST_DAY, name: COUNTRY_NAME, kind: "" });
        names
    }

    fn names_of<'a>(&'a self, ix: UnitIx, unit: &'a Unit, names: &mut Vec<Name<'a>>) {
        let area = Area::Unit(ix);
        let mut from = unit.valid_from;
        for rename in self.renames(ix) {
            if let Some(to) = rename.since.checked_sub_days(Days::new(1)) {
                names.push(Name { area, from, to, name: &rename.old_name, kind: &rename.old_type });
            }
            from = rename.since;
        }
        names.push(Name { area, from, to: unit.valid_to.min(LAST_DAY), name: &unit.name, kind: &unit.kind });
    }

    /// The name that an area bears on a day of its validity.
    pub fn name_on(&self, area: Area, day: NaiveDate) -> &str {
        match area {
            Area::Country => COUNTRY_NAME,
            Area::Unit(ix) => {
                let later = self.renames(ix).iter().find(|rename| rename.since > day);
                later.map_or(&self.get(ix).name, |rename| &rename.old_name)
            }
        }
    }
}

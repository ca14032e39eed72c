//! Reads `calendars.csv`: the cut-off day of the two calendars (contract section 4).

use super::faults::{Faults, Place};
use super::files::File;
use super::table::{self, Header, Row};
use crate::calendar::{Calendar, CalendarId};

const HEADER: Header = Header { required: &["calendar", "name_vi", "name_en", "cut_off_day"], optional: &[] };

/// The calendars in the order of [`CalendarId::ALL`]; those with a fault are missing.
pub(super) fn read(text: &str, faults: &mut Faults) -> Vec<Calendar> {
    let Some(rows) = table::read(File::Calendars, text, &HEADER, faults) else { return Vec::new() };
    let mut seen: Vec<(CalendarId, Option<Calendar>)> = Vec::new();
    for row in &rows {
        let id = row.get("calendar").trim();
        match CalendarId::from_id(id) {
            None => faults.add(row.place, format!("calendar {id}: unknown; the calendars are civil and legal")),
            Some(id) if seen.iter().any(|(known, _)| *known == id) => {
                faults.add(row.place, format!("calendar {id}: stands there twice; remove one line"));
            }
            Some(id) => seen.push((id, row.sound.then(|| calendar(row, id, faults)).flatten())),
        }
    }
    for id in CalendarId::ALL {
        if !seen.iter().any(|(known, _)| *known == id) {
            faults.add(Place { file: File::Calendars, line: 1 }, format!("calendar {id}: missing; add a line for it"));
        }
    }
    seen.sort_by_key(|(id, _)| *id);
    seen.into_iter().filter_map(|(_, calendar)| calendar).collect()
}

fn calendar(row: &Row, id: CalendarId, faults: &mut Faults) -> Option<Calendar> {
    for column in ["name_vi", "name_en"] {
        row.require(column, faults);
    }
    let text = row.get("cut_off_day");
    let cut_off = if text.is_empty() { Ok(None) } else { text.parse().map(Some) };
    let calendar = cut_off.ok().and_then(|day| Calendar::new(id, day));
    if calendar.is_none() {
        faults.add(row.place, format!("cut_off_day {text}: must be 1 to 28, or empty for the end of the month"));
    }
    calendar
}

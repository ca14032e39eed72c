//! How many wards an area has over time (contract section 5).

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use super::units::{Area, LAST_DAY, Units};

/// How many wards of an area are valid on the period ends of a stretch: `wards_expected`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected {
    /// The area; a ward is an area of one ward.
    pub area: Area,
    /// First period end.
    pub from_end: NaiveDate,
    /// Last period end, at most [`LAST_DAY`].
    pub to_end: NaiveDate,
    /// The number of wards, never 0.
    pub wards: u32,
}

impl Units {
    /// The number of wards of every area over time; the stretches of one area never overlap, and where an area has
    /// none there is no stretch.
    pub fn expected(&self) -> Vec<Expected> {
        let mut changes: BTreeMap<Area, BTreeMap<NaiveDate, i64>> = BTreeMap::new();
        for (ward, unit) in self.wards() {
            for area in self.areas(Area::Unit(ward)) {
                let of_area = changes.entry(area).or_default();
                *of_area.entry(unit.valid_from).or_default() += 1;
                if let Some(after) = unit.valid_to.checked_add_days(Days::new(1)) {
                    *of_area.entry(after).or_default() -= 1;
                }
            }
        }
        changes.into_iter().flat_map(|(area, changes)| stretches(area, &changes)).collect()
    }
}

/// Turns the changes of a count into stretches of one count each.
fn stretches(area: Area, changes: &BTreeMap<NaiveDate, i64>) -> Vec<Expected> {
    let mut found = Vec::new();
    let mut count: i64 = 0;
    let mut changes = changes.iter().filter(|(_, change)| **change != 0).peekable();
    while let Some((from_end, change)) = changes.next() {
        count += change;
        let next = changes.peek().and_then(|(day, _)| day.checked_sub_days(Days::new(1)));
        let to_end = next.unwrap_or(LAST_DAY).min(LAST_DAY);
        if let Ok(wards @ 1..) = u32::try_from(count) {
            found.push(Expected { area, from_end: *from_end, to_end, wards });
        }
    }
    found
}

//! Words of the command line that several commands read alike.

use chiso_schemas::calendar::{CalendarId, day};
use chiso_schemas::reference::{Level, Reference};
use chrono::NaiveDate;

/// A day.
///
/// # Errors
/// It is not written as one, or outside the dates of events.
pub fn parse_day(text: &str) -> Result<NaiveDate, String> {
    day(text).ok_or_else(|| "write a day as YYYY-MM-DD, from 1900-01-01 to 2299-12-31".to_owned())
}

/// A calendar.
///
/// # Errors
/// There is no such calendar.
pub fn parse_calendar(text: &str) -> Result<CalendarId, String> {
    CalendarId::from_id(text).ok_or_else(|| "the calendars are civil and legal".to_owned())
}

/// A level of areas.
///
/// # Errors
/// There is no such level.
pub fn parse_level(text: &str) -> Result<Level, String> {
    Level::from_word(text).ok_or_else(|| "the levels are ward, district, province and country".to_owned())
}

/// What is wrong with names of indicators and areas: one line for each that the reference data do not have.
pub(crate) fn unknown(reference: &Reference, indicators: &[String], areas: &[String]) -> Vec<String> {
    let indicators = indicators.iter().filter(|code| reference.indicators.get(code).is_none());
    let indicators = indicators.map(|code| format!("indicator {code:?} is not in the catalogue (see the view indicators)"));
    let areas = areas.iter().filter(|area| reference.units.area(area).is_none());
    indicators.chain(areas.map(|area| no_unit(area))).collect()
}

/// That there is no such area.
pub(crate) fn no_unit(area: &str) -> String {
    format!("area {area:?} is no unit: use a unit id such as W11413@2025-07-01 (see the view units), or VN")
}

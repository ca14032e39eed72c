//! Words of the command line that several commands read alike.

use chiso_schemas::calendar::{CalendarId, day};
use chiso_schemas::reference::Level;
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

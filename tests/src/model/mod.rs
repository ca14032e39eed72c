//! A plain reading of the contract, sections 1 to 6: messages in, report rows out, all in memory.
//!
//! Slow and obvious on purpose; it has its own JSON reader, decoder, numbers, calendar, lineage and carry, so that it
//! cannot share a fault with the product. The flow is
//! [`Reference::judge`] (section 1) -> [`effective`] (section 2) -> [`rows`] (sections 3 to 5) -> [`to_csv`] (section 6).

mod areas;
mod calendar;
mod effective;
mod envelope;
mod json;
mod judge;
mod kinds;
mod number;
mod reference;
mod rows;
mod statement;
mod targets;
mod units;

#[cfg(test)]
mod tests;

pub use calendar::{CALENDARS, Calendar, Period, kept_periods};
pub use effective::{Fact, Measure, Version, effective};
pub use envelope::Message;
pub use judge::{Judged, REASONS, judge_all};
pub use number::Micros;
pub use reference::{Indicator, Kind, Reference, Source};
pub use rows::{COLUMNS, Row, rows, to_csv};
pub use units::{Level, Unit, Units};

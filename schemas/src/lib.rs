//! What the programs of chiso agree on: the event and its rules, calendars, units, reference data, tables.

pub mod calendar;
pub mod number;
pub mod event;
pub mod reference;
pub mod settings;
pub mod store;
pub mod logging;
#[cfg(feature = "outside")]
pub mod outside;

//! Reference data: the catalogue, units and registries of contract section 7, read from CSV and checked as a whole.

mod areas;
mod calendars;
mod dimensions;
mod faults;
mod files;
mod holidays;
mod indicators;
mod lineage;
mod paths;
mod reach;
mod renames;
mod schedule;
mod sources;
mod table;
mod targets;
mod units;
mod units_file;

#[cfg(test)]
mod tests;

use chrono::NaiveDate;

pub use areas::Expected;
pub use dimensions::Allowed;
pub use faults::{Fault, Faults, Place};
pub use files::{File, Files, FilesError};
pub use holidays::Holidays;
pub use indicators::{Direction, Indicator, Indicators, Kind, Measure, Tier};
pub use paths::Path;
pub use renames::{Name, Rename};
pub use schedule::{ReportSchedule, local_moment};
pub use sources::{Source, Sources};
pub use targets::{Comparison, Scope, Specificity, Target};
pub use units::{Area, COUNTRY_ID, COUNTRY_NAME, FIRST_DAY, LAST_DAY, Level, Relation, STILL_VALID, Step, Unit, UnitIx, Units};

use crate::calendar::{Calendar, CalendarId};

/// One sound state of all reference data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reference {
    /// Both calendars, in the order of [`CalendarId::ALL`].
    pub calendars: Vec<Calendar>,
    /// The indicator catalogue.
    pub indicators: Indicators,
    /// The source registry.
    pub sources: Sources,
    /// The target registry.
    pub targets: Vec<Target>,
    /// Administrative units, their lineage and names.
    pub units: Units,
    /// When reports are closed.
    pub schedule: ReportSchedule,
}

impl Reference {
    /// Reads all files and checks them as a whole.
    ///
    /// # Errors
    /// Every fault of all files, in their order (contract section 7); then nothing of them may be used.
    pub fn parse(files: &Files) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let calendars = calendars::read(files.text(File::Calendars), &mut faults);
        let (indicators, codes) = indicators::read(files.text(File::Indicators), &mut faults);
        let mut units = units_file::read(files.text(File::Units), &mut faults);
        lineage::read(files.text(File::Lineage), &mut units, &mut faults);
        renames::read(files.text(File::Renames), &mut units, &mut faults);
        let sources = sources::read(files.text(File::Sources), &codes, &units, &mut faults);
        let targets = targets::read(files.text(File::Targets), &codes, &calendars, &units, &mut faults);
        let holidays = holidays::read(files.text(File::Holidays), &mut faults);
        let schedule = schedule::read(files.text(File::Schedule), &calendars, holidays, &mut faults);
        if faults.is_empty() {
            Ok(Self { calendars, indicators, sources, targets, units: units.units, schedule })
        } else {
            Err(faults.sorted())
        }
    }

    /// The calendar with this id.
    pub fn calendar(&self, id: CalendarId) -> Option<&Calendar> {
        self.calendars.iter().find(|calendar| calendar.id == id)
    }

    /// Whether stored facts of this source keep their place in this reference.
    pub fn covers_source(&self, source: &str) -> bool {
        self.sources.get(source).is_some()
    }

    /// Whether stored facts of this indicator keep their meaning: it is there and its facts state these numbers.
    pub fn covers_indicator(&self, code: &str, measure: Measure) -> bool {
        self.indicators.get(code).is_some_and(|indicator| indicator.kind.measure() == measure)
    }

    /// Whether stored facts of this ward code and day still belong to a unit.
    pub fn covers_ward(&self, code: &str, day: NaiveDate) -> bool {
        self.units.ward_at(code, day).is_some()
    }
}

//! The target registry, `targets.csv` (contract section 7).

use rustc_hash::FxHashMap;

use super::faults::Faults;
use super::files::File;
use super::indicators::Codes;
use super::table::{self, Header, Row};
use super::units::{Area, COUNTRY_ID};
use super::units_file::UnitsFile;
use crate::calendar::{Calendar, CalendarId};
use crate::number::Amount;

/// Whose rows a target judges.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// The row of the target's area.
    OfItself,
    /// Every ward below the area, not the area itself.
    Wards,
}

impl Scope {
    /// The word that stands in files and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OfItself => "self",
            Self::Wards => "wards",
        }
    }
}

/// How the number of a row is compared with the target.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Comparison {
    /// Met when the number is not below the target.
    AtLeast,
    /// Met when the number is not above the target.
    AtMost,
    /// Met when the number is the target.
    Equal,
}

impl Comparison {
    /// The sign that stands in files and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::Equal => "=",
        }
    }
}

/// How exactly a target names its periods; the most exact wins (contract section 7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Specificity {
    /// One period by its id: `2025-H2`, a day, a range.
    Id,
    /// The same period of every year: `M07`, `Q3`, `H2`, `9M`, `Y`.
    Type,
    /// Every month `M`, every quarter `Q`.
    AnyOfType,
    /// `*`.
    Any,
}

impl Specificity {
    /// Its place, 0 for what wins over all others.
    pub const fn rank(self) -> u8 {
        self as u8
    }
}

/// A number to be reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The indicator.
    pub indicator: String,
    /// The calendar of the periods.
    pub calendar: CalendarId,
    /// The periods: an id, a type or `*`; see [`Period::target_patterns`](crate::calendar::Period::target_patterns).
    pub period: String,
    /// How exactly `period` names them.
    pub specificity: Specificity,
    /// The area.
    pub area: Area,
    /// Whether it judges the area or the wards below it.
    pub scope: Scope,
    /// How to compare.
    pub comparison: Comparison,
    /// The number.
    pub number: Amount,
}

const HEADER: Header =
    Header { required: &["indicator", "calendar", "period", "area_id", "scope", "comparison", "number"], optional: &[] };
/// Numbers of facts are below it (contract section 1).
const LIMIT: Amount = Amount::from_micros(10_i128.pow(24));

/// Reads the registry; lines with a fault are missing from it.
pub(super) fn read(text: &str, codes: &Codes, calendars: &[Calendar], file: &UnitsFile, faults: &mut Faults) -> Vec<Target> {
    let Some(rows) = table::read(File::Targets, text, &HEADER, faults) else { return Vec::new() };
    let mut lines: FxHashMap<[&str; 5], u64> = FxHashMap::default();
    let mut targets = Vec::new();
    for row in &rows {
        if !row.sound {
            continue;
        }
        let key = ["indicator", "calendar", "period", "area_id", "scope"].map(|column| row.get(column));
        if let Some(line) = lines.insert(key, row.place.line) {
            faults.add(row.place, format!("target {}: stands in line {line} already; remove one", key.join(", ")));
        }
        targets.extend(target(row, codes, calendars, file, faults));
    }
    targets
}

fn target(row: &Row, codes: &Codes, calendars: &[Calendar], file: &UnitsFile, faults: &mut Faults) -> Option<Target> {
    let indicator = row.require("indicator", faults);
    if let (Some(code), Some(codes)) = (&indicator, codes)
        && !codes.contains(code)
    {
        faults.add(row.place, format!("indicator {code}: no such indicator; correct the code or add it to {}", File::Indicators));
    }
    let calendar = row.choose("calendar", &CalendarId::ALL.map(|id| (id.as_str(), id)), faults);
    let specificity = specificity(row, calendars, faults);
    let area = match row.get("area_id") {
        COUNTRY_ID => Some(Area::Country),
        id => file.find(row.place, "area_id", id, faults).map(Area::Unit),
    };
    let scope = row.choose("scope", &[Scope::OfItself, Scope::Wards].map(|scope| (scope.as_str(), scope)), faults);
    let comparisons = [Comparison::AtLeast, Comparison::AtMost, Comparison::Equal];
    let comparison = row.choose("comparison", &comparisons.map(|comparison| (comparison.as_str(), comparison)), faults);
    let number = row.get("number").parse().ok().filter(|number| (Amount::default()..LIMIT).contains(number));
    if number.is_none() {
        let rule = "must be a plain decimal such as 80 or 99.5, not negative, below 10^18, with at most 6 decimals";
        faults.add(row.place, format!("number {:?}: {rule}", row.get("number")));
    }
    Some(Target {
        indicator: indicator?,
        calendar: calendar?,
        period: row.get("period").to_owned(),
        specificity: specificity?,
        area: area?,
        scope: scope?,
        comparison: comparison?,
        number: number?,
    })
}

pub(super) fn specificity(row: &Row, calendars: &[Calendar], faults: &mut Faults) -> Option<Specificity> {
    let pattern = row.get("period");
    // Labels are the same in every calendar, and types are labels without their year.
    let named = |label: &str| calendars.first().and_then(|calendar| calendar.period(label).ok());
    let found = match pattern {
        "*" => Some(Specificity::Any),
        "M" | "Q" => Some(Specificity::AnyOfType),
        _ if named(pattern).is_some() => Some(Specificity::Id),
        _ => named(&format!("2000-{pattern}")).filter(|period| period.kind.label() == pattern).map(|_| Specificity::Type),
    };
    if found.is_none() && !calendars.is_empty() {
        let rule = "must be an id such as 2025-H2, 2025-10-09 or 2025-07-01..2025-10-09, a type M01..M12, M, Q1..Q4, Q, H1, H2, 9M or Y, or *";
        faults.add(row.place, format!("period {pattern:?}: {rule}"));
    }
    found
}

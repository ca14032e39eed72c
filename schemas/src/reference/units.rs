//! Administrative units in their intervals of validity, and the ways to look them up (contract section 5).

use std::fmt;

use chrono::NaiveDate;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use smol_str::SmolStr;

use super::renames::Rename;

/// The id of the country as an area.
pub const COUNTRY_ID: &str = "VN";
/// The name of the country as an area.
pub const COUNTRY_NAME: &str = "Việt Nam";
/// `valid_to` of a unit that is still valid.
pub const STILL_VALID: NaiveDate = match NaiveDate::from_ymd_opt(9999, 12, 31) {
    Some(day) => day,
    None => NaiveDate::MAX,
};
/// The first day that events may have (contract section 1), and `valid_from` of units older than these data.
pub const FIRST_DAY: NaiveDate = match NaiveDate::from_ymd_opt(1900, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};
/// The last day that events may have and on which a period may end; derived stretches end there, not at [`STILL_VALID`].
pub const LAST_DAY: NaiveDate = match NaiveDate::from_ymd_opt(2299, 12, 31) {
    Some(day) => day,
    None => NaiveDate::MAX,
};

/// The levels of areas, in the order of the output (contract section 6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// Phường, xã, thị trấn, đặc khu.
    Ward,
    /// Quận, huyện, thị xã, thành phố; none since 2025-07-01.
    District,
    /// Tỉnh, thành phố.
    Province,
    /// The country; no unit has this level.
    Country,
}

impl Level {
    /// All levels, from the ward up.
    pub const ALL: [Self; 4] = [Self::Ward, Self::District, Self::Province, Self::Country];

    /// The word that stands in files, tables and commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ward => "ward",
            Self::District => "district",
            Self::Province => "province",
            Self::Country => "country",
        }
    }

    /// The level with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == word)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The place of a unit in [`Units`]; it means nothing in the units of another reference.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UnitIx(pub(super) u32);

impl UnitIx {
    /// Its number, for tables of one value a unit.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) fn new(index: usize) -> Self {
        // Units of a file are counted in u32: 14,149 today.
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }
}

/// An administrative unit in one interval of validity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unit {
    /// Level letter, code, `@`, `valid_from`: `W11413@2025-07-01`.
    pub id: String,
    /// Its code; codes are used again by other units later.
    pub code: String,
    /// Its level.
    pub level: Level,
    /// Its newest name, with the type word.
    pub name: String,
    /// Its newest type, such as `phường`.
    pub kind: String,
    /// The unit above it; a province has none.
    pub parent: Option<UnitIx>,
    /// First day of validity.
    pub valid_from: NaiveDate,
    /// Last day of validity, [`STILL_VALID`] if it has none.
    pub valid_to: NaiveDate,
}

impl Unit {
    /// Whether it is valid on that day.
    pub fn is_valid(&self, day: NaiveDate) -> bool {
        self.valid_from <= day && day <= self.valid_to
    }
}

/// How much of a unit went into a successor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Relation {
    /// All of it.
    Whole,
    /// It was divided; this successor gets what is not known more finely.
    PartDefault,
    /// It was divided; a part went here, and nothing is counted along this step.
    Part,
}

impl Relation {
    /// All relations.
    pub const ALL: [Self; 3] = [Self::Whole, Self::PartDefault, Self::Part];

    /// The word that stands in files and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::PartDefault => "part-default",
            Self::Part => "part",
        }
    }
}

/// A step from a unit to one of its successors.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Step {
    /// How much went there; steps that are followed come first.
    pub relation: Relation,
    /// The successor.
    pub to: UnitIx,
    /// The first day of the new state.
    pub effective_from: NaiveDate,
}

/// A unit or the whole country: what a row of the output is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Area {
    /// A ward, district or province.
    Unit(UnitIx),
    /// Việt Nam.
    Country,
}

/// A ward in the days in which it bore its code. Every event looks for one, so they lie beside the code, without a look
/// at the units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bearer {
    pub(super) from: NaiveDate,
    pub(super) to: NaiveDate,
    pub(super) ward: UnitIx,
}

/// The wards of one code: most codes were given anew in 2025.
pub(super) type Bearers = SmallVec<[Bearer; 2]>;

/// All units with their hierarchy, lineage and former names.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Units {
    pub(super) list: Vec<Unit>,
    pub(super) by_id: FxHashMap<String, UnitIx>,
    pub(super) wards: FxHashMap<SmolStr, Bearers>,
    pub(super) children: Vec<Vec<UnitIx>>,
    pub(super) steps: Vec<Vec<Step>>,
    pub(super) renames: Vec<Vec<Rename>>,
}

impl Units {
    /// The unit at this place.
    pub fn get(&self, ix: UnitIx) -> &Unit {
        &self.list[ix.index()]
    }

    /// All units with their place, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (UnitIx, &Unit)> {
        self.list.iter().enumerate().map(|(index, unit)| (UnitIx::new(index), unit))
    }

    /// All wards, past and present.
    pub fn wards(&self) -> impl Iterator<Item = (UnitIx, &Unit)> {
        self.iter().filter(|(_, unit)| unit.level == Level::Ward)
    }

    /// How many units there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The unit with this id.
    pub fn by_id(&self, id: &str) -> Option<UnitIx> {
        self.by_id.get(id).copied()
    }

    /// The wards that bore this code, by `valid_from`; none if there never was one.
    pub fn wards_with_code(&self, code: &str) -> impl ExactSizeIterator<Item = UnitIx> {
        self.wards.get(code).map_or(&[][..], Bearers::as_slice).iter().map(|bearer| bearer.ward)
    }

    /// The ward that bore this code on that day.
    pub fn ward_at(&self, code: &str, day: NaiveDate) -> Option<UnitIx> {
        self.code_and_ward_at(code, day).map(|(_, ward)| ward)
    }

    /// The same with the code as it is kept here.
    pub(crate) fn code_and_ward_at(&self, code: &str, day: NaiveDate) -> Option<(&str, UnitIx)> {
        let (code, bearers) = self.wards.get_key_value(code)?;
        let bearer = bearers.iter().find(|bearer| bearer.from <= day && day <= bearer.to)?;
        Some((code, bearer.ward))
    }

    /// What became of a unit: `whole` or `part-default` first, then the `part` steps.
    pub fn successors(&self, ix: UnitIx) -> &[Step] {
        &self.steps[ix.index()]
    }

    /// The one step along which numbers are followed: `whole` or `part-default` (contract section 5).
    pub fn followed(&self, ix: UnitIx) -> Option<&Step> {
        self.successors(ix).iter().find(|step| step.relation != Relation::Part)
    }

    /// The unit, then everything above it, nearest first; the country is not among them.
    pub fn chain(&self, ix: UnitIx) -> Vec<UnitIx> {
        std::iter::successors(Some(ix), |ix| self.get(*ix).parent).collect()
    }

    /// The area, then everything above it up to the country.
    pub fn areas(&self, area: Area) -> Vec<Area> {
        let units = match area {
            Area::Unit(ix) => self.chain(ix),
            Area::Country => Vec::new(),
        };
        units.into_iter().map(Area::Unit).chain([Area::Country]).collect()
    }

    /// The area with this id: a unit id or `VN`.
    pub fn area(&self, id: &str) -> Option<Area> {
        if id == COUNTRY_ID { Some(Area::Country) } else { self.by_id(id).map(Area::Unit) }
    }

    /// The id of an area.
    pub fn area_id(&self, area: Area) -> &str {
        match area {
            Area::Unit(ix) => &self.get(ix).id,
            Area::Country => COUNTRY_ID,
        }
    }

    /// The code of an area, `VN` for the country.
    pub fn area_code(&self, area: Area) -> &str {
        match area {
            Area::Unit(ix) => &self.get(ix).code,
            Area::Country => COUNTRY_ID,
        }
    }

    /// The level of an area.
    pub fn area_level(&self, area: Area) -> Level {
        match area {
            Area::Unit(ix) => self.get(ix).level,
            Area::Country => Level::Country,
        }
    }

    /// All wards below a unit, itself included if it is one; by parents, never by lineage.
    pub(super) fn wards_below(&self, ix: UnitIx) -> Vec<UnitIx> {
        let mut below = vec![ix];
        let mut next = 0;
        while let Some(ix) = below.get(next).copied() {
            below.extend(&self.children[ix.index()]);
            next += 1;
        }
        below.retain(|ix| self.get(*ix).level == Level::Ward);
        below
    }
}

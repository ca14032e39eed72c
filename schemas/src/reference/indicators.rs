//! The indicator catalogue (`indicators.csv`): what is counted, how facts combine, what a fact may say about itself.

use std::collections::BTreeMap;
use std::fmt;

use rustc_hash::{FxHashMap, FxHashSet};

use super::dimensions::{self, Allowed};
use super::faults::Faults;
use super::files::File;
use super::table::{self, Header, Row};

/// How facts become the number of a period (contract section 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Sum of the values of a period.
    Flow,
    /// Sums of numerators and denominators of a period.
    FlowRatio,
    /// Last known value at the end of a period.
    Stock,
    /// Last known numerator and denominator at the end of a period.
    StockRatio,
}

/// Which numbers a fact states.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Measure {
    /// `value`.
    Value,
    /// `numerator` and `denominator`, or `percent` alone.
    Parts,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Flow, Self::FlowRatio, Self::Stock, Self::StockRatio];

    /// The word that stands in files and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::FlowRatio => "flow_ratio",
            Self::Stock => "stock",
            Self::StockRatio => "stock_ratio",
        }
    }

    /// Which numbers facts of this kind state.
    pub const fn measure(self) -> Measure {
        match self {
            Self::Flow | Self::Stock => Measure::Value,
            Self::FlowRatio | Self::StockRatio => Measure::Parts,
        }
    }

    /// Whether the last known state counts, carried forward, and not the sum of a period.
    pub const fn is_stock(self) -> bool {
        matches!(self, Self::Stock | Self::StockRatio)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether an indicator is in the core set that every ward reports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Tier {
    /// Every ward reports it.
    Core,
    /// Reported where it applies.
    Extended,
}

impl Tier {
    /// The word that stands in files and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Extended => "extended",
        }
    }
}

/// Which way the number should move.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// Neither.
    Neutral,
}

impl Direction {
    /// The word that stands in files and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::Neutral => "neutral",
        }
    }
}

/// One indicator of the catalogue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Indicator {
    /// Its code, as in events.
    pub code: String,
    /// Core or extended.
    pub tier: Tier,
    /// Vietnamese title.
    pub name_vi: String,
    /// English title.
    pub name_en: String,
    /// The pillar of digital transformation that it belongs to, in Vietnamese.
    pub pillar: String,
    /// How facts combine.
    pub kind: Kind,
    /// What the value or the numerator counts, in Vietnamese.
    pub numerator_meaning: String,
    /// What the denominator counts, in Vietnamese; empty for flow and stock.
    pub denominator_meaning: String,
    /// The unit of the number shown, `%` for ratios.
    pub unit: String,
    /// Which way it should move.
    pub direction: Direction,
    /// For how many days a state is carried forward.
    pub carry_days: u32,
    /// Whether the numerator may exceed the denominator, and the percent 100.
    pub may_exceed: bool,
    /// Dimensions that a fact may give.
    pub dimensions: BTreeMap<String, Allowed>,
}

/// The catalogue, in the order of the file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Indicators {
    list: Vec<Indicator>,
    by_code: FxHashMap<String, usize>,
}

impl Indicators {
    /// The indicator with this code.
    pub fn get(&self, code: &str) -> Option<&Indicator> {
        self.find(code).map(|(_, indicator)| indicator)
    }

    /// The same with its position in [`Indicators::iter`].
    pub fn find(&self, code: &str) -> Option<(usize, &Indicator)> {
        let at = *self.by_code.get(code)?;
        Some((at, self.list.get(at)?))
    }

    /// All indicators.
    pub fn iter(&self) -> impl Iterator<Item = &Indicator> {
        self.list.iter()
    }
}

const HEADER: Header = Header {
    required: &[
        "code",
        "tier",
        "name_vi",
        "name_en",
        "pillar",
        "kind",
        "numerator_meaning",
        "denominator_meaning",
        "unit",
        "direction",
        "carry_days",
        "may_exceed",
        "dimensions",
    ],
    optional: &[],
};
/// `carry_days` where the catalogue gives none (contract section 3).
const DEFAULT_CARRY_DAYS: u32 = 400;
/// A hundred years: more than any state is worth, and far from the ends of date arithmetic.
const MOST_CARRY_DAYS: u32 = 36_525;

/// The codes that the file names, also on lines with a fault; `None` if nothing is known of it.
pub(super) type Codes = Option<FxHashSet<String>>;

/// Reads the catalogue; lines with a fault are missing from it.
pub(super) fn read(text: &str, faults: &mut Faults) -> (Indicators, Codes) {
    let mut indicators = Indicators::default();
    let Some(rows) = table::read(File::Indicators, text, &HEADER, faults) else { return (indicators, None) };
    let mut lines: FxHashMap<String, u64> = FxHashMap::default();
    for row in &rows {
        let code = row.get("code").trim();
        if let Some(line) = lines.get(code) {
            faults.add(row.place, format!("code {code}: stands in line {line} already; remove or rename one"));
            continue;
        }
        lines.insert(code.to_owned(), row.place.line);
        if row.sound
            && let Some(indicator) = indicator(row, faults)
        {
            indicators.by_code.insert(indicator.code.clone(), indicators.list.len());
            indicators.list.push(indicator);
        }
    }
    (indicators, Some(lines.into_keys().collect()))
}

fn indicator(row: &Row, faults: &mut Faults) -> Option<Indicator> {
    let code = row.get("code");
    let well_formed =
        code.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    if !well_formed {
        faults.add(row.place, format!("code {code:?}: must be words of a-z and 0-9 with - between them, as in shops-qr-rate"));
    }
    let tier = row.choose("tier", &[Tier::Core, Tier::Extended].map(|tier| (tier.as_str(), tier)), faults);
    let texts = ["name_vi", "name_en", "pillar", "numerator_meaning", "unit"].map(|column| row.require(column, faults));
    let kind = row.choose("kind", &Kind::ALL.map(|kind| (kind.as_str(), kind)), faults);
    let directions = [Direction::Higher, Direction::Lower, Direction::Neutral];
    let direction = row.choose("direction", &directions.map(|direction| (direction.as_str(), direction)), faults);
    let may_exceed = row.choose("may_exceed", &[("true", true), ("false", false)], faults);
    let denominator = kind.and_then(|kind| denominator_meaning(row, kind, faults));
    let carry_days = carry_days(row, faults);
    let dimensions = dimensions(row, faults);
    let [name_vi, name_en, pillar, numerator_meaning, unit] = texts;
    Some(Indicator {
        code: well_formed.then(|| code.to_owned())?,
        tier: tier?,
        name_vi: name_vi?,
        name_en: name_en?,
        pillar: pillar?,
        kind: kind?,
        numerator_meaning: numerator_meaning?,
        denominator_meaning: denominator?,
        unit: unit?,
        direction: direction?,
        carry_days: carry_days?,
        may_exceed: may_exceed?,
        dimensions: dimensions?,
    })
}

fn denominator_meaning(row: &Row, kind: Kind, faults: &mut Faults) -> Option<String> {
    let text = row.get("denominator_meaning");
    let fault = match kind.measure() {
        Measure::Value if !text.is_empty() => "has no denominator; leave it empty",
        Measure::Parts if text.is_empty() => "needs a denominator; say what it counts",
        _ => return Some(text.to_owned()),
    };
    faults.add(row.place, format!("denominator_meaning {text:?}: a {kind} {fault}"));
    None
}

fn carry_days(row: &Row, faults: &mut Faults) -> Option<u32> {
    let text = row.get("carry_days");
    if text.is_empty() {
        return Some(DEFAULT_CARRY_DAYS);
    }
    let days = text.parse().ok().filter(|days| (1..=MOST_CARRY_DAYS).contains(days));
    if days.is_none() {
        let rule = format!("must be a whole number from 1 to {MOST_CARRY_DAYS}, or empty for {DEFAULT_CARRY_DAYS}");
        faults.add(row.place, format!("carry_days {text:?}: {rule}"));
    }
    days
}

fn dimensions(row: &Row, faults: &mut Faults) -> Option<BTreeMap<String, Allowed>> {
    let text = row.get("dimensions");
    match dimensions::read(text) {
        Ok(dimensions) => Some(dimensions),
        Err(error) => {
            let rule = r#"must be a JSON object such as {"channel": ["online", "postal"], "field": "*"}, or {}"#;
            faults.add(row.place, format!("dimensions {text:?}: {error}; {rule}"));
            None
        }
    }
}

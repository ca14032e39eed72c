//! The source registry (`sources.csv`): who may state what, for whom and by which topic, and whose word counts first.

use std::hash::Hash;

use rustc_hash::{FxHashMap, FxHashSet};

use super::faults::Faults;
use super::files::File;
use super::indicators::Codes;
use super::table::{self, Header, Row};
use super::units::{COUNTRY_ID, UnitIx};
use super::units_file::UnitsFile;

/// A source of facts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Its id, the CloudEvents attribute `source`.
    pub source: String,
    /// Its name in Vietnamese.
    pub name: String,
    /// Its place among sources that state the same thing; the smallest is the authority.
    pub priority: u32,
    /// The indicators that it may state; `*` alone is all of them.
    pub indicators: Vec<String>,
    /// The subtrees of units that it may speak for; `*` or `VN` is all of them.
    pub wards: Vec<String>,
    /// The topics by which it may arrive; `*` alone is all of them.
    pub topics: Vec<String>,
    stated: Permit<String>,
    spoken_for: Permit<UnitIx>,
}

/// A list in the registry, ready to be asked.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Permit<T: Eq + Hash> {
    All,
    Only(FxHashSet<T>),
}

impl Source {
    /// Whether it may state this indicator.
    pub fn may_state(&self, indicator: &str) -> bool {
        match &self.stated {
            Permit::All => true,
            Permit::Only(codes) => codes.contains(indicator),
        }
    }

    /// Whether it may speak for this ward: a listed unit or one below it, by parents and not by lineage.
    pub fn may_speak_for(&self, ward: UnitIx) -> bool {
        match &self.spoken_for {
            Permit::All => true,
            Permit::Only(wards) => wards.contains(&ward),
        }
    }

    /// Whether it may arrive by this Kafka topic.
    pub fn may_arrive_by(&self, topic: &str) -> bool {
        self.topics.iter().any(|known| known == "*" || known == topic)
    }
}

/// The registry, in the order of the file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Sources {
    list: Vec<Source>,
    by_id: FxHashMap<String, usize>,
}

impl Sources {
    /// The source with this id.
    pub fn get(&self, source: &str) -> Option<&Source> {
        self.find(source).map(|(_, source)| source)
    }

    /// The same with its position in [`Sources::iter`].
    pub fn find(&self, source: &str) -> Option<(usize, &Source)> {
        let at = *self.by_id.get(source)?;
        Some((at, self.list.get(at)?))
    }

    /// All sources.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.list.iter()
    }
}

const HEADER: Header = Header { required: &["source", "name", "priority", "indicators", "wards"], optional: &["topics"] };
/// Longest `source` of an event (contract section 1).
const LONGEST_SOURCE: usize = 256;
/// Longest name of a Kafka topic.
const LONGEST_TOPIC: usize = 249;

/// Reads the registry; lines with a fault are missing from it.
pub(super) fn read(text: &str, codes: &Codes, file: &UnitsFile, faults: &mut Faults) -> Sources {
    let mut sources = Sources::default();
    let Some(rows) = table::read(File::Sources, text, &HEADER, faults) else { return sources };
    let mut lines: FxHashMap<&str, u64> = FxHashMap::default();
    let mut priorities: FxHashMap<u32, (&str, u64)> = FxHashMap::default();
    for row in &rows {
        if !row.sound {
            continue;
        }
        let id = row.get("source");
        if let Some(line) = lines.insert(id, row.place.line) {
            faults.add(row.place, format!("source {id}: stands in line {line} already; remove or rename one"));
        }
        let source = source(row, codes, file, faults);
        let priority = priority(row, faults);
        if let Some((other, line)) = priority.and_then(|priority| priorities.insert(priority, (id, row.place.line))) {
            let rule = "give every source another priority, the smallest is the authority";
            faults.add(row.place, format!("priority {}: {other} of line {line} has it too; {rule}", row.get("priority")));
        }
        if let (Some(source), Some(priority)) = (source, priority) {
            sources.by_id.insert(source.source.clone(), sources.list.len());
            sources.list.push(Source { priority, ..source });
        }
    }
    sources
}

fn priority(row: &Row, faults: &mut Faults) -> Option<u32> {
    let text = row.get("priority");
    let priority = text.parse().ok();
    if priority.is_none() {
        faults.add(row.place, format!("priority {text:?}: must be a whole number from 0 to {}", u32::MAX));
    }
    priority
}

fn source(row: &Row, codes: &Codes, file: &UnitsFile, faults: &mut Faults) -> Option<Source> {
    let before = faults.len();
    let source = row.require("source", faults);
    if source.as_ref().is_some_and(|id| id.len() > LONGEST_SOURCE) {
        faults.add(row.place, format!("source {}: is longer than {LONGEST_SOURCE} bytes; shorten it", row.get("source")));
    }
    let name = row.require("name", faults);
    let indicators = list(row, "indicators", row.get("indicators"), faults);
    let stated = permit(&indicators, |code| check_code(row, codes, code, faults));
    let wards = list(row, "wards", row.get("wards"), faults);
    let spoken_for = wards_spoken_for(row, &wards, file, faults);
    let topics = list(row, "topics", row.find("topics").unwrap_or("*"), faults);
    for topic in topics.iter().filter(|topic| *topic != "*") {
        check_topic(row, topic, faults);
    }
    let source = Source { source: source?, name: name?, priority: 0, indicators, wards, topics, stated, spoken_for };
    (faults.len() == before).then_some(source)
}

/// The parts of a list field: `*` alone, or different parts with `;` between them.
pub(super) fn list(row: &Row, column: &str, field: &str, faults: &mut Faults) -> Vec<String> {
    let parts: Vec<String> = field.split(';').map(str::to_owned).collect();
    for (n, part) in parts.iter().enumerate() {
        let fault = if part.is_empty() {
            "has an empty part; write * for all, or the parts with ; between them"
        } else if part == "*" && parts.len() > 1 {
            "has * beside other parts; keep one of them"
        } else if part.trim() != part {
            "has white space around a part; remove it"
        } else if parts[..n].contains(part) {
            "names a part twice; remove one"
        } else {
            continue;
        };
        faults.add(row.place, format!("{column} {field:?}: {fault}"));
    }
    parts
}

fn permit(parts: &[String], mut check: impl FnMut(&str)) -> Permit<String> {
    if parts == ["*"] {
        return Permit::All;
    }
    for part in parts {
        check(part);
    }
    Permit::Only(parts.iter().cloned().collect())
}

fn check_code(row: &Row, codes: &Codes, code: &str, faults: &mut Faults) {
    let unknown = codes.as_ref().is_some_and(|codes| !codes.contains(code));
    if unknown && !code.is_empty() && code != "*" {
        faults
            .add(row.place, format!("indicators {code}: no such indicator; correct the code or add it to {}", File::Indicators));
    }
}

fn wards_spoken_for(row: &Row, parts: &[String], file: &UnitsFile, faults: &mut Faults) -> Permit<UnitIx> {
    let mut wards = FxHashSet::default();
    let mut all = false;
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if part == "*" || part == COUNTRY_ID {
            all = true;
        } else if let Some(unit) = file.find(row.place, "wards", part, faults) {
            wards.extend(file.units.wards_below(unit));
        }
    }
    if all { Permit::All } else { Permit::Only(wards) }
}

fn check_topic(row: &Row, topic: &str, faults: &mut Faults) {
    let legal = topic.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if !topic.is_empty() && (!legal || topic.len() > LONGEST_TOPIC) {
        let rule =
            format!("a Kafka topic has at most {LONGEST_TOPIC} letters, digits, dots, underscores and hyphens; correct it");
        faults.add(row.place, format!("topics {topic:?}: {rule}"));
    }
}

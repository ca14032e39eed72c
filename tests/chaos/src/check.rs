//! Compares what is stored with what must be stored, during the load and after it.

use std::collections::BTreeMap;

use anyhow::Context as _;
use chiso_tests::model::{CALENDARS, Fact, effective, rows, to_csv};

use crate::engines::Engines;
use crate::stored::{Stored, covered};
use crate::truth::{Outcome, Truth};
use crate::world::World;

/// What a check found; all but the first and the last must be 0.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Findings {
    /// Distinct events stored.
    pub stored: u64,
    /// Messages refused.
    pub refused: u64,
    /// Messages below the end of the ledger that are neither stored nor refused as they must be.
    pub lost: u64,
    /// Facts or refusals that analysts see more than once, and figures that count more records than there are.
    pub double: u64,
    /// Rows that no message asks for.
    pub strange: u64,
    /// Partitions whose ledger has a gap, or whose committed offset is beyond the ledger.
    pub gaps: u64,
    /// Figures that differ from the model's.
    pub wrong: u64,
    /// Physical copies, which are harmless: readers do not see them, and a merge removes them.
    pub copies: u64,
    /// The first of each kind, for a person.
    pub examples: Vec<String>,
}

impl Findings {
    /// Whether nothing is lost, double, strange or wrong.
    pub fn are_good(&self) -> bool {
        [self.lost, self.double, self.strange, self.gaps, self.wrong] == [0; 5]
    }

    /// Notes one of something that must not be.
    fn note(count: &mut u64, examples: &mut Vec<String>, what: impl FnOnce() -> String) {
        *count += 1;
        if *count <= 3 {
            examples.push(what());
        }
    }

    /// Adds what another check found.
    pub fn add(&mut self, other: Self) {
        self.stored += other.stored;
        self.refused += other.refused;
        self.lost += other.lost;
        self.double += other.double;
        self.strange += other.strange;
        self.gaps += other.gaps;
        self.wrong += other.wrong;
        self.copies += other.copies;
        self.examples.extend(other.examples);
    }
}

/// Compares while messages go on to arrive: what the ledger covers must be stored, and nothing may be stored that is not
/// in Kafka. Everything is asked for against the order of writing, so that what happens meanwhile cannot look wrong.
///
/// # Errors
/// An engine does not answer.
pub fn under_load(engines: &Engines, world: &World, truth: &mut Truth) -> anyhow::Result<Findings> {
    let mut found = Findings::default();
    let committed = world.committed(engines)?;
    let covers = covered(engines, world)?;
    for (partition, (committed, cover)) in committed.iter().zip(&covers).enumerate() {
        if cover.gap || *committed > cover.next {
            let what = || {
                format!("partition {partition}: committed {committed}, ledger up to {}, gap behind it: {}", cover.next, cover.gap)
            };
            Findings::note(&mut found.gaps, &mut found.examples, what);
        }
    }
    let stored = Stored::read(engines, world)?;
    truth.read_to(world, &world.ends(engines)?)?;
    for ((partition, offset), outcome) in &truth.outcomes {
        let is_covered = covers.get(usize::try_from(*partition)?).is_some_and(|cover| *offset < cover.next);
        let is_there = match outcome {
            Outcome::Stored(identity) => stored.events.contains(identity),
            Outcome::Refused(reason) => {
                stored.refusals.get(&(*partition, *offset)).is_some_and(|reasons| reasons.iter().all(|found| found == reason))
            }
        };
        if is_covered && !is_there {
            let what = || format!("lost: partition {partition}, offset {offset}, {outcome:?}");
            Findings::note(&mut found.lost, &mut found.examples, what);
        }
    }
    let identities = truth.identities();
    for event in stored.events.iter().filter(|event| !identities.contains(event)) {
        Findings::note(&mut found.strange, &mut found.examples, || format!("no message asks for {event}"));
    }
    for (place, reasons) in &stored.refusals {
        if reasons.len() > 1 {
            Findings::note(&mut found.double, &mut found.examples, || format!("refused twice: {place:?} {reasons:?}"));
        }
        if !matches!(truth.outcomes.get(place), Some(Outcome::Refused(_))) {
            Findings::note(&mut found.strange, &mut found.examples, || format!("no refused message at {place:?} {reasons:?}"));
        }
    }
    found.stored = u64::try_from(stored.events.len())?;
    found.refused = u64::try_from(stored.refusals.len())?;
    found.copies = stored.copies;
    Ok(found)
}

/// Local day of the pass, and some of the periods that facts of the logs reach.
const TODAY: &str = "2025-11-20";
const PERIODS: [&str; 4] = ["2025-M06", "2025-M07", "2025-Q3", "2025-Y"];

/// Compares, once all is stored, what analysts see: the effective facts, and figures after a pass.
///
/// # Errors
/// A program fails.
pub fn at_rest(engines: &Engines, world: &World, truth: &Truth) -> anyhow::Result<Findings> {
    let mut found = Findings::default();
    let facts = effective(&truth.facts);
    compare_facts(engines, world, &facts, &mut found)?;
    world.finish(engines, "chiso-rollup", &["run", "--once", "--today", TODAY])?;
    for calendar in CALENDARS {
        let mut arguments = vec!["export", "--calendar", calendar.name()];
        PERIODS.iter().for_each(|period| arguments.extend(["--period", period]));
        let exported = world.finish(engines, "chiso-rollup", &arguments)?;
        let expected = PERIODS.iter().flat_map(|period| rows(&world.reference, &facts, calendar, period)).collect::<Vec<_>>();
        compare_figures(&to_csv(&expected), &exported, &mut found)?;
    }
    Ok(found)
}

/// The view `events` holds each effective fact once.
fn compare_facts(engines: &Engines, world: &World, facts: &[Fact], found: &mut Findings) -> anyhow::Result<()> {
    let query =
        "SELECT date, indicator, ward, source, hex(record), revision, toUnixTimestamp64Milli(time) FROM events FORMAT TSVRaw";
    let mut seen = BTreeMap::<String, i64>::new();
    for row in world.rows(engines, query)? {
        *seen.entry(row.join(" ")).or_default() += 1;
    }
    for fact in facts {
        let ward = world.reference.units.get(&fact.unit).map_or("", |unit| unit.code.as_str());
        let record = fact.record.bytes().map(|byte| format!("{byte:02X}")).collect::<String>();
        let (version, source) = (fact.version, &fact.source);
        let line = format!("{} {} {ward} {source} {record} {} {}", fact.date, fact.indicator, version.revision, version.time_ms);
        *seen.entry(line).or_default() -= 1;
    }
    for (line, difference) in seen {
        match difference {
            0 => {}
            1.. => Findings::note(&mut found.double, &mut found.examples, || {
                format!("{difference} times too often in view events: {line}")
            }),
            _ => Findings::note(&mut found.lost, &mut found.examples, || format!("not in view events: {line}")),
        }
    }
    Ok(())
}

/// Rows of a file of figures by what they are about, each with how many records it counts.
fn figures(csv: &str) -> anyhow::Result<BTreeMap<String, (u64, &str)>> {
    let header = csv.lines().next().context("no header")?.split(',').collect::<Vec<_>>();
    let column = |name: &str| header.iter().position(|column| *column == name).with_context(|| format!("no column {name}"));
    let (records, indicator, area) = (column("records")?, column("indicator")?, column("area_id")?);
    let row = |line| {
        // No name of the small country holds a comma.
        let fields = str::split(line, ',').collect::<Vec<_>>();
        let key = format!("{} {} {} {}", fields[0], fields[1], fields[area], fields[indicator]);
        Ok((key, (fields[records].parse()?, line)))
    };
    csv.lines().skip(1).map(row).collect()
}

fn compare_figures(expected: &str, exported: &str, found: &mut Findings) -> anyhow::Result<()> {
    if expected == exported {
        return Ok(());
    }
    let (expected, exported) = (figures(expected)?, figures(exported)?);
    for key in expected.keys().chain(exported.keys().filter(|key| !expected.contains_key(*key))) {
        let (wanted, got) = (expected.get(key), exported.get(key));
        if wanted == got {
            continue;
        }
        let records = |row: Option<&(u64, &str)>| row.map_or(0, |(records, _)| *records);
        if records(got) > records(wanted) {
            Findings::note(&mut found.double, &mut found.examples, || {
                format!("counts too many records: {got:?}, not {wanted:?}")
            });
        }
        Findings::note(&mut found.wrong, &mut found.examples, || format!("{got:?}, not {wanted:?}"));
    }
    Ok(())
}

//! `chiso-ingest coverage`: which offsets of each partition are stored, and which are not.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use chiso_schemas::settings::Settings;
use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use serde::Serialize;
use tokio::runtime::Handle;

use crate::args::{Format, WatchArgs};
use crate::broker::Questions;
use crate::failure::Failure;
use crate::ledger::{Covered, Ledger};
use crate::place::Place;
use crate::run::{REACHED, reach};
use crate::topics::Topics;

/// One partition: what Kafka has of it, and what is stored. Ranges are `[from, next)`.
#[derive(Serialize, Debug)]
pub struct Coverage {
    topic: &'static str,
    partition: i32,
    /// Which topic of that name; absent while nothing was read.
    incarnation: Option<u32>,
    /// Where the log begins and ends; absent if Kafka does not have the partition.
    begin: Option<i64>,
    end: Option<i64>,
    stored: Vec<(i64, i64)>,
    gaps: Vec<(i64, i64)>,
    lost: Vec<(i64, i64, String)>,
    /// Offsets between the end of what is stored and the end of the log.
    behind: Option<i64>,
}

/// Prints the coverage of all partitions.
///
/// # Errors
/// Kafka or ClickHouse is not there, or there is a gap.
pub fn coverage(settings: &Settings, args: &WatchArgs, runtime: &Handle, out: &mut impl Write) -> Result<(), Failure> {
    let all = read(settings, args, runtime)?;
    let unwritable = |error| Failure::Finding(format!("cannot write the coverage: {error}"));
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::json!(all)).map_err(unwritable)?,
        Format::Table => writeln!(out, "{}", table(&all)).map_err(unwritable)?,
    }
    let gaps = all.iter().map(|coverage| coverage.gaps.len()).sum::<usize>();
    if gaps == 0 {
        return Ok(());
    }
    let partitions = all.iter().filter(|coverage| !coverage.gaps.is_empty()).count();
    Err(Failure::Finding(format!("{gaps} gaps in {partitions} partitions: these offsets are not stored")))
}

fn read(settings: &Settings, args: &WatchArgs, runtime: &Handle) -> Result<Vec<Coverage>, Failure> {
    let topics = Topics::new(args.topic.as_deref().unwrap_or(&settings.kafka.topic))?;
    let ledger = Ledger::new(reach(settings, runtime)?, &settings.kafka.group);
    let questions = Questions::new(&settings.kafka, topics.clone())?;
    questions.reached(REACHED)?;
    // Before the ends: what is stored later may lie beyond them.
    let covered = runtime.block_on(ledger.covered())?;
    let covered = covered.into_iter().filter(|(place, _)| topics.contain(place.topic.name())).collect::<BTreeMap<_, _>>();
    let in_kafka = questions.existing(REACHED)?;
    let unanswered = |error| Failure::Dependency(format!("cannot ask Kafka where partitions begin and end: {error}"));
    let begins = questions.begins(&in_kafka).map_err(unanswered)?.into_iter().collect::<BTreeMap<_, _>>();
    let ends = questions.ends(&in_kafka).map_err(unanswered)?.into_iter().collect::<BTreeMap<_, _>>();
    let places = in_kafka.into_iter().chain(covered.keys().copied()).collect::<BTreeSet<_>>();
    let of = |place: Place| Coverage::new(place, covered.get(&place), begins.get(&place).copied(), ends.get(&place).copied());
    Ok(places.into_iter().map(of).collect())
}

impl Coverage {
    fn new(place: Place, covered: Option<&Covered>, begin: Option<i64>, end: Option<i64>) -> Self {
        let mut coverage = Self {
            topic: place.topic.name(),
            partition: place.partition,
            incarnation: covered.map(|covered| covered.incarnation),
            begin,
            end,
            stored: Vec::new(),
            gaps: Vec::new(),
            lost: covered.map(|covered| covered.lost.clone()).unwrap_or_default(),
            behind: end.map(|end| (end - covered.map_or(begin.unwrap_or(0), |covered| covered.last_end)).max(0)),
        };
        let Some(covered) = covered else { return coverage };
        let mut from = covered.first_offset;
        for &(gap, next) in &covered.gaps {
            coverage.stored.push((from, gap));
            from = next;
        }
        coverage.stored.push((from, covered.last_end));
        coverage.stored.retain(|(from, next)| from < next);
        coverage.gaps = covered.gaps.clone();
        if let Some(begin) = begin {
            if begin < covered.first_offset {
                coverage.gaps.insert(0, (begin, covered.first_offset));
            }
            if covered.last_end < begin {
                // Expired before it was stored.
                coverage.gaps.push((covered.last_end, begin));
            }
        }
        coverage
    }
}

fn table(all: &[Coverage]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_header(["topic", "partition", "incarnation", "in Kafka", "stored", "gaps", "lost", "behind"]);
    let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    for coverage in all {
        let lost = coverage.lost.iter().map(|(from, next, because)| format!("{from}..{next} ({because})"));
        table.add_row([
            coverage.topic.to_owned(),
            coverage.partition.to_string(),
            number(coverage.incarnation.map(i64::from)),
            format!("{}..{}", number(coverage.begin), number(coverage.end)),
            ranges(&coverage.stored),
            ranges(&coverage.gaps),
            lost.collect::<Vec<_>>().join(", "),
            number(coverage.behind),
        ]);
    }
    table
}

fn ranges(ranges: &[(i64, i64)]) -> String {
    /// So many ranges are shown to a person; JSON has them all.
    const SHOWN: usize = 8;
    let mut shown = ranges.iter().take(SHOWN).map(|(from, next)| format!("{from}..{next}")).collect::<Vec<_>>();
    if ranges.len() > SHOWN {
        shown.push(format!("and {} more", ranges.len() - SHOWN));
    }
    shown.join(", ")
}

//! What a log promises: that it is reproducible, that it sets every trap, and that the realistic one sets none.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::facts::midnight;
use super::*;
use crate::model::{CALENDARS, Fact, Judged, Measure, REASONS, effective, judge_all, rows, to_csv};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

fn load(relative: &str) -> Reference {
    Reference::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)).unwrap()
}

static VIET_NAM: LazyLock<Reference> = LazyLock::new(|| load("../schemas/reference"));
static SMALL: LazyLock<Reference> = LazyLock::new(|| load("golden/small-country/reference"));

fn log(reference: &Reference, options: &Options) -> Log {
    Log::generate(reference, options).unwrap()
}

fn judged(reference: &Reference, log: &Log) -> Judged {
    judge_all(reference, &log.messages)
}

fn realistic() -> Options {
    Options { style: Style::Realistic, modes: Modes::Structured, bad: 0.0, ..Options::default() }
}

fn fingerprint(log: &Log) -> u64 {
    let mut file = Vec::new();
    log.write_lines(&mut file).unwrap();
    file.iter().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

#[test]
fn a_seed_makes_one_log_for_ever() {
    let options = Options { facts: 300, ..Options::default() };
    let first = log(&SMALL, &options);
    assert_eq!(first.messages, log(&SMALL, &options).messages);
    assert_ne!(first.messages, log(&SMALL, &Options { seed: 2, ..options.clone() }).messages);
    // Changes with the generator and the small country only: not with a library, not with the machine.
    assert_eq!(fingerprint(&log(&SMALL, &Options { modes: Modes::Structured, ..options })), PINNED);
}

const PINNED: u64 = 12_652_712_129_848_514_802;

#[test]
fn every_reason_of_refusal_occurs() {
    let found = |reference: &Reference, modes: Modes| -> BTreeSet<&'static str> {
        let options = Options { facts: 1000, modes, ..Options::default() };
        judged(reference, &log(reference, &options)).refused.iter().map(|(_, reason)| *reason).collect()
    };
    let expected: BTreeSet<&str> = REASONS.into_iter().filter(|reason| *reason != "source_not_allowed").collect();
    assert_eq!(found(&VIET_NAM, Modes::Both), expected);
    assert_eq!(found(&VIET_NAM, Modes::Structured), expected);
    assert_eq!(found(&SMALL, Modes::Both), expected);
    let mut elsewhere = SMALL.clone();
    elsewhere.sources.get_mut("urn:vn:telecom").unwrap().topics = Some(BTreeSet::from(["chiso.telecom.v1".to_owned()]));
    assert_eq!(found(&elsewhere, Modes::Both), REASONS.into_iter().collect());
}

/// Facts of one cell and record.
fn statements(facts: &[Fact]) -> impl Iterator<Item = Vec<&Fact>> {
    let mut records: BTreeMap<_, Vec<&Fact>> = BTreeMap::new();
    for fact in facts {
        records.entry((&fact.source, &fact.record, &fact.indicator, &fact.unit, fact.date)).or_default().push(fact);
    }
    records.into_values()
}

#[test]
fn a_log_sets_the_traps_of_records() {
    let log = log(&VIET_NAM, &Options::default());
    let Judged { facts, .. } = judged(&VIET_NAM, &log);
    let pair =
        |holds: fn(&Fact, &Fact) -> bool| statements(&facts).any(|facts| facts.iter().any(|a| facts.iter().any(|b| holds(a, b))));
    assert!(pair(|a, b| a.version == b.version && std::ptr::from_ref(a) != b), "repeats");
    assert!(
        pair(|a, b| a.version.revision == b.version.revision && a.version.time_ms == b.version.time_ms && a.measure != b.measure),
        "ties"
    );
    assert!(
        pair(|a, b| a.version.revision < b.version.revision && a.version.time_ms > b.version.time_ms),
        "an earlier correction that wins"
    );
    assert!(pair(|a, b| a.measure == Measure::Retraction && a.version < b.version), "stated again after a retraction");
    assert!(pair(|a, b| a.dimensions != b.dimensions), "a correction of dimensions");
    let lonely = |facts: Vec<&Fact>| facts.iter().all(|fact| fact.measure == Measure::Retraction);
    assert!(statements(&facts).any(lonely), "a retraction in a cell where nothing was");
    let mut cells: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for fact in &facts {
        cells.entry((&fact.source, &fact.record)).or_default().insert((&fact.indicator, &fact.unit, fact.date));
    }
    assert!(cells.values().any(|cells| cells.len() > 1), "a record in two cells");
    let structured = log.messages.iter().filter(|message| message.is_structured()).count();
    assert!((log.messages.len() / 3..log.messages.len() * 2 / 3).contains(&structured), "both content modes");
    assert!(log.messages.iter().any(|message| message.value.is_none()));
    let any = |holds: fn(&Fact) -> bool| facts.iter().any(holds);
    assert!(any(|fact| fact.dimensions.values().any(String::is_empty)));
    assert!(any(|fact| fact.dimensions.values().any(|value| value.contains('\0'))));
    assert!(any(|fact| fact.dimensions.len() > 1));
    assert!(any(|fact| fact.record.len() > 120));
    assert!(any(|fact| fact.record.contains('😀')));
    assert!(any(|fact| fact.version.time_ms < midnight(fact.date)), "stated on the day before");
    assert!(any(|fact| fact.version.time_ms == midnight(fact.date)), "at 17:00 UTC sharp");
}

#[test]
fn a_log_sets_the_traps_of_periods() {
    for (reference, sizes) in [(&*VIET_NAM, [5000, 1000]), (&*SMALL, [5000, 250])] {
        let periods = ["2025-M06", "2025-M07", "2025-M08", "2025-M12", "2026-M01"];
        // In a crowded log every ward has a number; in a thin one few of them meet.
        let rows: Vec<_> = sizes
            .into_iter()
            .flat_map(|facts| {
                let facts = effective(&judged(reference, &log(reference, &Options { facts, ..Options::default() })).facts);
                CALENDARS
                    .into_iter()
                    .flat_map(|calendar| periods.map(|id| rows(reference, &facts, calendar, id)))
                    .flatten()
                    .collect::<Vec<_>>()
            })
            .collect();
        let wards: Vec<_> = rows.iter().filter(|row| row.level == crate::model::Level::Ward).collect();
        for (what, found) in [
            ("carried", wards.iter().any(|row| row.carried)),
            ("approximate", wards.iter().any(|row| row.approximate)),
            ("qualified", wards.iter().any(|row| row.qualified)),
            ("stated percent", wards.iter().any(|row| row.stated_percent.is_some())),
            ("several sources", wards.iter().any(|row| row.sources > 1)),
            ("nothing arose", wards.iter().any(|row| row.denominator == Some(0) && row.numerator == Some(0))),
            ("almost all", wards.iter().any(|row| row.percent.as_deref() == Some("99.99"))),
            ("almost none", wards.iter().any(|row| row.percent.as_deref() == Some("0.01"))),
            (
                "wards with a percent only beside others",
                rows.iter().any(|row| row.wards_percent_only > 0 && row.wards_reporting > 0),
            ),
            ("met", rows.iter().any(|row| row.status == Some(true))),
            ("not met", rows.iter().any(|row| row.status == Some(false))),
            ("no number for a target", rows.iter().any(|row| row.status.is_none() && row.target.is_some())),
        ] {
            assert!(found, "no row is a case of: {what}");
        }
    }
}

#[test]
fn order_and_repeats_change_no_row() {
    let log = log(&SMALL, &Options { facts: 800, ..Options::default() });
    let csv = |messages: &[Message]| {
        let facts = effective(&judge_all(&SMALL, messages).facts);
        to_csv(&CALENDARS.into_iter().flat_map(|calendar| rows(&SMALL, &facts, calendar, "2025-Y")).collect::<Vec<_>>())
    };
    let once = csv(&log.messages);
    let mut again = [log.messages.clone(), log.messages].concat();
    Dice::new(7).shuffle(&mut again);
    assert_eq!(csv(&again), once);
}

#[test]
fn looks_do_not_change_what_is_said() {
    let structured = judged(&VIET_NAM, &log(&VIET_NAM, &realistic()));
    let both = judged(&VIET_NAM, &log(&VIET_NAM, &Options { modes: Modes::Both, ..realistic() }));
    assert_eq!(structured.facts, both.facts);
}

#[test]
fn a_realistic_log_is_sound_and_leaves_reporting_wards_alone() {
    let options = Options { facts: 3000, ..realistic() };
    let log = log(&VIET_NAM, &options);
    let Judged { facts, refused } = judged(&VIET_NAM, &log);
    assert_eq!(refused, []);
    let fact = |message: &Message| VIET_NAM.judge(message).unwrap().version.time_ms;
    assert!(log.messages.windows(2).all(|pair| fact(&pair[0]) <= fact(&pair[1])), "in the order of time");
    // Hải An, Bắc Sơn, Hưng Bình and Phường 1 of Kiến Tường, with what they became and came from.
    let units: BTreeSet<&str> = facts.iter().map(|fact| fact.unit.as_str()).collect();
    for unit in [
        "W11413@2025-07-01",
        "W11413@1900-01-01",
        "W14809@1900-01-01",
        "W16672@1900-01-01",
        "W27787@1900-01-01",
        "W17011@2025-07-01",
    ] {
        assert!(!units.contains(unit), "{unit} has a source of its own");
    }
    assert!(facts.iter().all(|fact| (options.from..=options.to).contains(&fact.date)));
    assert!(units.len() > 100, "wards and their predecessors");
}

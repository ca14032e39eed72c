//! Events arrive in random portions, days pass, the reference data change and change back: after every pass the kept rows
//! are what the model says of all that has arrived. In the end the audit, which knows neither, finds nothing.

use chiso_tests::generate::{Log, Options};
use chiso_tests::model::{CALENDARS, Fact, Judged, Message, Reference, judge_all};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::answers::Answers;
use super::stored::{kept_line, kept_rows};
use crate::harness::{World, assert_same, small_country};
use crate::rollup::changes::changed;

/// Local days of the passes: periods begin in between. The 4th and 5th use changed reference data.
const DAYS: [&str; 9] = [
    "2025-06-30",
    "2025-07-01",
    "2025-07-15",
    "2025-07-15",
    "2025-11-20",
    "2025-12-15",
    "2025-12-31",
    "2026-01-01",
    "2026-01-15",
];
const CHANGED: std::ops::Range<usize> = 3..5;
/// From here on nothing arrives: a month begins in the one calendar, and then one in the other.
const QUIET: usize = 7;

#[test]
fn every_pass_brings_all_rows_in_line_with_what_has_arrived_seed_1() {
    portions(1);
}

#[test]
fn every_pass_brings_all_rows_in_line_with_what_has_arrived_seed_2() {
    portions(2);
}

fn portions(seed: u64) {
    let world = World::with_reference("portions", 4, &small_country());
    let changed = changed();
    let folders = [small_country(), changed.path().to_owned()];
    let options = Options { seed, facts: 900, bad: 0.05, topic: world.topic.clone(), ..Options::default() };
    let mut log = Log::generate(&Reference::load(&folders[0]).unwrap(), &options).unwrap().messages;
    let mut dice = SmallRng::seed_from_u64(seed);
    log.shuffle(&mut dice);
    let mut rest = log.as_slice();
    let mut arrived: Vec<Fact> = Vec::new();
    let mut rows = Vec::new();
    for (pass, day) in DAYS.into_iter().enumerate() {
        let folder = &folders[usize::from(CHANGED.contains(&pass))];
        world.migrate_from(folder).ok();
        let reference = Reference::load(folder).unwrap();
        let count = if pass + 1 >= QUIET {
            rest.len()
        } else {
            let most = (rest.len() / 2).max(1);
            dice.random_range(most.div_ceil(8)..=most)
        };
        let (portion, later) = rest.split_at(count);
        rest = later;
        publish(&world, portion);
        arrived.extend(judge_all(&reference, portion).facts);
        let summary = world.roll_up(day);
        rows.push(summary["rows"].as_u64().unwrap());
        check(&world, &format!("seed {seed}, pass {pass} of {day}"), day, reference, &arrived);
    }
    assert!(rest.is_empty() && rows.iter().any(|rows| *rows > 0));
    assert!(rows[QUIET..].iter().all(|rows| *rows > 0), "periods begin without a new event: {rows:?}");
    // Nothing has changed: nothing is written.
    let summary = world.roll_up(DAYS[DAYS.len() - 1]);
    assert_eq!((&summary["rows"], &summary["cells"], &summary["batches"]), (&0.into(), &0.into(), &0.into()));
    let audit = world.rollup(&["audit", "--today", DAYS[DAYS.len() - 1]]);
    assert!(audit.code == Some(0) && audit.stdout.ends_with("0 differences, 0 in flight\n"), "{}", audit.stdout);
}

fn publish(world: &World, portion: &[Message]) {
    if !portion.is_empty() {
        world.publish(portion);
        world.catch_up();
    }
}

pub(crate) fn check(world: &World, what: &str, day: &str, reference: Reference, arrived: &[Fact]) {
    let answers = Answers::new(reference, &Judged { facts: arrived.to_vec(), refused: Vec::new() });
    for calendar in CALENDARS {
        let kept = answers.kept(calendar, day.parse().unwrap());
        let lines = |id: &String| answers.rows(calendar, id).iter().map(kept_line).collect::<String>();
        let expected: String = kept.iter().map(lines).collect();
        assert_same(&format!("{what}, view rollups, {calendar}"), &expected, &kept_rows(world, calendar));
    }
}

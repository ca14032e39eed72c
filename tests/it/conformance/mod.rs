//! The whole path against the model, byte for byte: seeded logs go through Kafka, ClickHouse and the rollup.
//!
//! `CHISO_CONFORMANCE_SEEDS=7` or `=10..40` tries other seeds than the three of every day.

mod answers;
mod golden;
pub(crate) mod portions;
pub(crate) mod stored;

use std::collections::BTreeMap;
use std::path::Path;

use chiso_tests::generate::{Log, Options};
use chiso_tests::model::{CALENDARS, Calendar, Judged, Message, Reference, Row, judge_all, to_csv};

use crate::harness::{Place, ReferenceCopy, World, assert_same, shipped_reference, small_country};
use answers::Answers;
use stored::{effective_facts, kept_rows, refusals};

/// Local days of the two passes.
const FIRST_DAY: &str = "2025-11-20";
const SECOND_DAY: &str = "2026-01-20";

/// Periods that both passes keep.
const KEPT: [&str; 13] = [
    "1900-Y", "2024-M12", "2025-M01", "2025-M06", "2025-M07", "2025-M10", "2025-Q1", "2025-Q2", "2025-Q3", "2025-H1", "2025-H2",
    "2025-9M", "2025-Y",
];
/// Periods that are kept from the second pass on, by calendar.
const KEPT_LATER: [&str; 2] = ["2026-M01", "2026-Q1"];
/// Periods that are never kept.
const NEVER_KEPT: [&str; 4] = ["2025-06-30", "2025-10-09", "2025-06-20..2025-07-10", "2025-07-01..2025-10-09"];

/// Facts of a log; corrections, retractions, repeats and refusals come on top.
const FACTS: usize = 4000;
const PARTITIONS: i32 = 6;

/// Tests run side by side, a lane each.
const LANES: usize = 3;

#[test]
fn every_output_is_what_the_model_says_lane_1() {
    lane(0);
}

#[test]
fn every_output_is_what_the_model_says_lane_2() {
    lane(1);
}

#[test]
fn every_output_is_what_the_model_says_lane_3() {
    lane(2);
}

#[test]
fn every_output_is_what_the_model_says_of_a_small_country() {
    let seed = seeds()[0];
    let reference = ReferenceCopy::of(&small_country());
    let world = World::bare("small", PARTITIONS);
    // One source may arrive by some topics only; let this be one of them.
    reference.replace("sources.csv", "chiso.telecom.v1", &world.topic);
    Trial::new(world, seed, reference.path()).run();
}

fn lane(number: usize) {
    for seed in seeds().into_iter().skip(number).step_by(LANES) {
        Trial::new(World::bare("conformance", PARTITIONS), seed, &shipped_reference()).run();
    }
}

/// `1..4` means 1, 2 and 3; `1,5` means both.
fn seeds() -> Vec<u64> {
    let given = std::env::var("CHISO_CONFORMANCE_SEEDS").unwrap_or_else(|_| "1..4".to_owned());
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("CHISO_CONFORMANCE_SEEDS={given}: write 1,2 or 1..4"));
    let seeds = match given.split_once("..") {
        Some((first, end)) => (number(first)..number(end)).collect::<Vec<_>>(),
        None => given.split(',').map(number).collect(),
    };
    assert!(!seeds.is_empty(), "CHISO_CONFORMANCE_SEEDS={given} are no seeds, so nothing would be compared");
    seeds
}

/// A log, what the model says about it, and a world in which the product processes it.
struct Trial {
    seed: u64,
    world: World,
    log: Vec<Message>,
    judged: Judged,
    answers: Answers,
}

impl Trial {
    fn new(world: World, seed: u64, folder: &Path) -> Self {
        world.migrate_from(folder).ok();
        let reference = Reference::load(folder).unwrap();
        let options = Options { seed, facts: FACTS, bad: 0.1, topic: world.topic.clone(), ..Options::default() };
        let log = Log::generate(&reference, &options).unwrap().messages;
        let judged = judge_all(&reference, &log);
        let answers = Answers::new(reference, &judged);
        Self { seed, world, log, judged, answers }
    }

    fn run(self) {
        let mut published = BTreeMap::new();
        self.publish(&mut published, |at| at);
        let counts = self.world.catch_up();
        assert_eq!(counts["read"], self.log.len());
        self.check_stored(&published);
        assert_eq!(counts["rejected"], self.judged.refused.len());
        let first = self.world.roll_up(FIRST_DAY);
        self.check_rows(FIRST_DAY);

        // Everything again, in another order: of all outputs only the refused messages are there twice.
        let shuffled = |at: u64| (at ^ self.seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.publish(&mut published, shuffled);
        self.world.catch_up();
        self.check_stored(&published);
        let second = self.world.roll_up(SECOND_DAY);
        self.check_rows(SECOND_DAY);
        let moment = |summary: &serde_json::Value| summary["complete_through"].as_str().unwrap().to_owned();
        assert!(moment(&first) < moment(&second), "complete_through: {first} {second}");
    }

    /// Publishes the log in the order of the keys that a function gives to its places.
    fn publish(&self, published: &mut BTreeMap<Place, usize>, key: impl Fn(u64) -> u64) {
        let mut order: Vec<usize> = (0..self.log.len()).collect();
        order.sort_by_key(|at| key(*at as u64));
        let places = self.world.publish(order.iter().map(|at| &self.log[*at]));
        published.extend(places.into_iter().zip(order));
    }

    /// What came of all facts together.
    fn check_rows(&self, today: &str) {
        for calendar in CALENDARS {
            self.check_exports(calendar, today);
            self.check_view(calendar, today);
        }
    }

    /// What came of every message.
    fn check_stored(&self, published: &BTreeMap<Place, usize>) {
        let reasons: BTreeMap<usize, &str> = self.judged.refused.iter().copied().collect();
        let refused = published.iter().filter_map(|(place, at)| Some((*place, *reasons.get(at)?, &self.log[*at])));
        assert_same(
            &self.what("rejected_events"),
            &stored::expected_refusals(&self.world.topic, refused),
            &refusals(&self.world),
        );
        assert_same(&self.what("events"), &stored::expected_facts(&self.answers), &effective_facts(&self.world));
    }

    fn check_exports(&self, calendar: Calendar, today: &str) {
        for periods in [&KEPT[..], &[&KEPT_LATER[..], &NEVER_KEPT].concat()] {
            let expected: Vec<Row> = periods.iter().flat_map(|id| self.answers.rows(calendar, id).to_vec()).collect();
            assert!(!expected.is_empty());
            let found = self.world.export(calendar.name(), periods, &[]);
            assert_same(&self.what(&format!("{calendar} export after the pass of {today}")), &to_csv(&expected), &found);
        }
    }

    /// The view holds the kept periods and nothing else.
    fn check_view(&self, calendar: Calendar, today: &str) {
        let kept = self.answers.kept(calendar, today.parse().unwrap());
        let lines = |id: &String| self.answers.rows(calendar, id).iter().map(stored::kept_line).collect::<String>();
        let expected: String = kept.iter().map(lines).collect();
        assert_same(&self.what(&format!("view rollups, {calendar}, on {today}")), &expected, &kept_rows(&self.world, calendar));
    }

    fn what(&self, output: &str) -> String {
        let seed = self.seed;
        format!(
            "{output} with seed {seed} (again: CHISO_CONFORMANCE_SEEDS={seed} cargo test --release -p chiso-tests --test it conformance)"
        )
    }
}

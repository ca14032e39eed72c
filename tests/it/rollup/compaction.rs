//! The ledger stays small, and says the same before, in the middle of and after a compaction.

use std::process::{Child, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::{TODAY, small_world};
use crate::harness::{Ended, World, wait_until};

const SOON: Duration = Duration::from_secs(60);
/// What analysts, workers and passes are told: the coverage, and by partition the moment that `complete_through` is made of.
const TOLD: [&str; 2] = [
    "SELECT * FROM coverage ORDER BY ALL",
    "SELECT topic, partition, maxOrNullIf(observed_at, observed_end <= stored_end) FROM ledger INNER JOIN coverage
     USING (topic, incarnation, partition) GROUP BY topic, partition ORDER BY topic, partition",
];
const JOINED: &str = "SELECT count() FROM ledger WHERE joined_by != toUUIDOrZero('')";
const ROWS: &str = "SELECT count() FROM ledger";
const COLUMNS: &str =
    "topic, incarnation, partition, from_offset, next_offset, batch, observed_end, observed_at, group_id, lost_because";

fn told(world: &World) -> [String; 2] {
    TOLD.map(|query| world.sql(query))
}

/// A world that keeps no rows for being new, with topics `t` and `u` begun.
fn ledger_world(name: &str) -> World {
    let mut world = small_world(name);
    world.set("LEDGER__KEEP_S", "0");
    world.sql("INSERT INTO incarnations (topic, incarnation) VALUES ('t', 1), ('u', 1)");
    world
}

fn compact(world: &World) -> Value {
    let ended: Ended = world.command("chiso-rollup", &["compact-ledger"]).output().unwrap().into();
    serde_json::from_str(&ended.ok()).unwrap()
}

fn start(world: &World) -> Child {
    let mut command = world.command("chiso-rollup", &["compact-ledger"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Batches of ten offsets of all partitions of topic `t`, from batch `from` on; the ends seen are at times ahead of what is stored.
fn batches(world: &World, from: u32, count: u32, partitions: u32) {
    world.sql(&format!(
        "INSERT INTO ledger ({COLUMNS}) SELECT 't', 1, number % {partitions}, {from} * 10 + intDiv(number, {partitions}) * 10 AS begin,
            begin + 10, generateUUIDv4(), begin + 10 + number % 3 * 5, toDateTime64('2026-01-01 00:00:00.000', 3, 'UTC') + begin, 'g', ''
         FROM numbers({count} * {partitions})"
    ));
}

#[test]
fn many_batches_become_few_rows_that_say_the_same() {
    let world = ledger_world("few");
    batches(&world, 0, 5_000, 2);
    let before = told(&world);
    let summary = compact(&world);
    assert_eq!((&summary["rows_before"], &summary["joined"]), (&json!(10_000), &json!(2)), "{summary}");
    // The joined row, and batches at the end that saw an end which is not stored yet.
    assert!(world.number(ROWS) <= 8, "{}", world.sql("SELECT * FROM ledger"));
    assert_eq!(told(&world), before);
    assert_eq!(compact(&world)["joined"], 0, "nothing is new, nothing is written");
    // Years later still few.
    for round in 1..=3 {
        batches(&world, 5_000 * round, 5_000, 2);
        let before = told(&world);
        compact(&world);
        assert_eq!(told(&world), before);
        assert!(world.number(ROWS) <= 8, "{}", world.sql("SELECT * FROM ledger"));
    }
}

/// One row as SQL: topic `u`, partition, range, end seen, second, and why it is lost.
fn row(partition: u32, range: (i64, i64), end: i64, second: i64, lost_because: &str) -> String {
    let batch = if range.0 == range.1 { "toUUIDOrZero('')" } else { "generateUUIDv4()" };
    let (from, next) = range;
    format!(
        "('u', 1, {partition}, {from}, {next}, {batch}, {end}, toDateTime64('2026-01-01 00:00:00.000', 3, 'UTC') + {second}, 'g', '{lost_because}')"
    )
}

/// What happens to a ledger: batches, ends that are seen without anything to store, the same offsets stored again by another
/// worker, holes that are filled later, losses, and clocks that differ.
fn history(random: &mut SmallRng, partition: u32, at: &mut (i64, i64), late: &mut Vec<(i64, i64)>) -> Vec<String> {
    let mut rows = Vec::new();
    for _ in 0..random.random_range(0..30) {
        let (position, second) = *at;
        at.1 += random.random_range(0..5);
        let next = position + random.random_range(1..9);
        let end = next + [0, 0, 0, 7, 40][random.random_range(0..5)];
        let second = second + random.random_range(0..4) - 2;
        match random.random_range(0..12) {
            0 => late.push((position, next)),
            1 if random.random_bool(0.3) => rows.push(row(partition, (position, next), i64::MAX, 0, "expired")),
            2 | 3 => {
                rows.push(row(partition, (position, position), position, second, ""));
                continue;
            }
            4 => rows.push(row(partition, ((position - 12).max(0), next), end, second, "")),
            5 if !late.is_empty() => {
                let range = late.swap_remove(random.random_range(0..late.len()));
                rows.push(row(partition, range, position, second, ""));
                continue;
            }
            _ => rows.push(row(partition, (position, next), end, second, "")),
        }
        at.0 = next;
    }
    rows
}

#[test]
fn whatever_a_ledger_has_seen_a_compaction_changes_nothing_that_is_told() {
    const PARTITIONS: usize = 8;
    let (world, twin) = (ledger_world("history"), ledger_world("twin"));
    let mut random = SmallRng::seed_from_u64(20_261_122);
    let mut states = vec![((0, 10), Vec::new()); PARTITIONS];
    for round in 0..4 {
        let mut rows = Vec::new();
        for (partition, (at, late)) in (0..).zip(&mut states) {
            rows.extend(history(&mut random, partition, at, late));
        }
        for world in [&world, &twin] {
            world.sql(&format!("INSERT INTO ledger ({COLUMNS}) VALUES {}", rows.join(", ")));
        }
        assert_eq!(told(&world), told(&twin), "round {round}, before");
        compact(&world);
        assert_eq!(told(&world), told(&twin), "round {round}");
    }
    let (compacted, whole) = (world.number(ROWS), twin.number(ROWS));
    assert!(world.number(JOINED) > 4 && compacted < whole, "{compacted} of {whole} rows");
    // Once all holes are filled and all ends are stored, only stretches between losses are left.
    let mut rows = Vec::new();
    for (partition, ((position, second), _)) in (0..).zip(&states) {
        rows.push(row(partition, (0, position + 50), position + 50, second + 10, ""));
    }
    for world in [&world, &twin] {
        world.sql(&format!("INSERT INTO ledger ({COLUMNS}) VALUES {}", rows.join(", ")));
    }
    compact(&world);
    assert_eq!(told(&world), told(&twin));
    let kept = world.number("SELECT count() FROM ledger WHERE lost_because = ''");
    assert!(kept <= 2 * i64::try_from(PARTITIONS).unwrap(), "{}", world.sql("SELECT * FROM ledger"));
}

#[test]
fn killed_between_its_steps_it_has_changed_nothing_and_is_done_again() {
    let world = ledger_world("between");
    batches(&world, 0, 300, 3);
    let before = told(&world);
    // What removes rows is a mutation, which waits as merges do.
    world.sql("SYSTEM STOP MERGES ledger");
    let mut compaction = start(&world);
    let waiting = "SELECT count() FROM system.mutations WHERE database = currentDatabase() AND table = 'ledger' AND NOT is_done";
    wait_until("the first rows are to be removed", SOON, || world.number(waiting) == 1);
    assert_eq!((world.number(JOINED), world.number(ROWS)), (1, 901), "joined, and nothing removed");
    assert_eq!(told(&world), before);
    kill(Pid::from_raw(i32::try_from(compaction.id()).unwrap()), Signal::SIGKILL).unwrap();
    compaction.wait().unwrap();
    assert_eq!(told(&world), before);
    // ClickHouse goes on by itself with what it was told to remove.
    world.sql("SYSTEM START MERGES ledger");
    wait_until("they are removed", SOON, || world.number(waiting) == 0);
    assert!(world.number(ROWS) < 610, "{}", world.sql(ROWS));
    assert_eq!(told(&world), before);
    compact(&world);
    assert!(world.number(ROWS) <= 12, "{}", world.sql("SELECT * FROM ledger"));
    assert_eq!(told(&world), before);
}

#[test]
fn several_at_once_with_a_worker_beside_them_lose_no_range() {
    let world = ledger_world("at_once");
    for round in 0..3 {
        batches(&world, 2_000 * round, 2_000, 4);
        let all = [start(&world), start(&world), start(&world)];
        batches(&world, 2_000 * (round + 1), 5, 4);
        for compaction in all {
            Ended::from(compaction.wait_with_output().unwrap()).ok();
        }
        let end = 20_000 * (round + 1) + 50;
        let expected =
            (0..4).map(|partition| format!("t\t1\t{partition}\t0\t{end}\t{end}\t[]\t[]")).collect::<Vec<_>>().join("\n");
        assert_eq!(world.sql("SELECT * FROM coverage ORDER BY ALL"), expected);
    }
    compact(&world);
    assert!(world.number(ROWS) <= 24, "{}", world.sql("SELECT * FROM ledger"));
}

#[test]
fn set_back_to_an_older_copy_the_hole_is_still_told() {
    let world = ledger_world("older");
    batches(&world, 0, 100, 1);
    compact(&world);
    batches(&world, 100, 10, 1);
    world.sql("CREATE TABLE copy AS ledger");
    world.sql("INSERT INTO copy SELECT * FROM ledger");
    batches(&world, 110, 100, 1);
    compact(&world);
    let whole = "SELECT stored_end, last_end, gaps FROM coverage";
    assert_eq!(world.sql(whole), "2100\t2100\t[]");
    // A worker that goes on meanwhile writes behind the hole.
    world.sql("TRUNCATE TABLE ledger");
    world.sql("INSERT INTO ledger SELECT * FROM copy");
    batches(&world, 210, 50, 1);
    assert_eq!(world.sql(whole), "1100\t2600\t[(1100,2100)]");
    let before = told(&world);
    compact(&world);
    assert_eq!(told(&world), before);
    let ranges = world.sql("SELECT from_offset, next_offset FROM ledger WHERE joined_by != toUUIDOrZero('') FORMAT TSVRaw");
    assert_eq!(ranges, "0\t1100", "joined only up to the hole");
    batches(&world, 110, 100, 1);
    compact(&world);
    assert_eq!(world.sql(whole), "2600\t2600\t[]");
    assert!(world.number(ROWS) <= 4, "{}", world.sql("SELECT * FROM ledger"));
}

#[test]
fn a_pass_compacts_a_ledger_that_has_grown_and_leaves_new_rows_alone() {
    let mut world = small_world("grown");
    world.catch_up();
    world.set("LEDGER__ROWS_MAX", "100");
    let note = |seconds_ago: u32| {
        world.sql(&format!(
            "INSERT INTO ledger ({COLUMNS}) SELECT '{}', 1, number % 2, intDiv(number, 2), intDiv(number, 2) + 1, generateUUIDv4(),
                intDiv(number, 2) + 1, now64(3) - {seconds_ago}, 'g', '' FROM numbers(90)",
            world.topic
        ));
    };
    note(100);
    note(90);
    let through = || world.roll_up(TODAY)["complete_through"].as_str().unwrap().to_owned();
    let first = through();
    assert_eq!(world.number(JOINED), 0, "a batch keeps its rows for an hour");
    note(7_000);
    assert_eq!(through(), first);
    assert_eq!(world.number(JOINED), 0, "not yet worth it");
    note(6_000);
    assert_eq!(through(), first);
    assert_eq!(world.number(JOINED), 2);
    assert!(world.number(ROWS) <= 190, "{}", world.sql(ROWS));
    assert_eq!(through(), first);
}

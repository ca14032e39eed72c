//! Passes: how far they are complete, what they keep, and two of them at once.

use std::process::{Child, Stdio};

use serde_json::{Value, json};

use super::{TODAY, columns, fact, small_world, small_world_with};
use crate::harness::{Ended, World};

fn received(id: &str, ward: &str, date: &str, value: u32) -> String {
    fact(id, "dossiers-received", ward, date, json!({ "value": value }))
}

fn shown(world: &World) -> String {
    world.sql("SELECT ifNull(toString(min(complete_through)), 'none'), uniqExact(complete_through) FROM rollups FORMAT TSVRaw")
}

/// Adds to the ledger of partition `partition` that a worker saw an end of `end` at `second`, having stored up to `stored`.
fn observe(world: &World, partition: i32, stored: u32, end: u32, second: u32) {
    world.sql(&format!(
        "INSERT INTO ledger (topic, incarnation, partition, from_offset, next_offset, batch, observed_end, observed_at, group_id)
         VALUES ('{}', 1, {partition}, {stored}, {stored}, generateUUIDv4(), {end}, '2030-01-01 00:00:{second:02}.000', 'g')",
        world.topic
    ));
}

#[test]
fn complete_through_is_what_every_partition_has_reached() {
    let world = small_world("complete");
    assert_eq!(world.roll_up(TODAY)["complete_through"], Value::Null);
    let messages = [("00101", 0), ("00102", 1), ("00103", 0)];
    let messages = messages.map(|(ward, partition)| crate::harness::Outgoing {
        partition: Some(partition),
        ..crate::harness::Outgoing::structured(received(ward, ward, "2025-05-02", 1))
    });
    world.produce(&messages);
    // Published, but not stored.
    assert_eq!(world.roll_up(TODAY)["complete_through"], Value::Null);
    let before = world.sql("SELECT toString(now64(3) - 60)");
    world.catch_up();
    // Stored, but not rolled up.
    assert_eq!(shown(&world), "none\t0");
    let first = world.roll_up(TODAY)["complete_through"].as_str().unwrap().to_owned();
    let seen = shown(&world);
    let seen = seen.strip_suffix("\t1").unwrap();
    assert!(seen > before.as_str(), "{seen} {before}");
    assert_eq!(first.replace('T', " ").trim_end_matches('Z'), seen);

    // A moment counts once what it saw is stored: two messages lie in partition 0, one in partition 1.
    observe(&world, 0, 2, 2, 10);
    observe(&world, 1, 1, 2, 11);
    world.roll_up(TODAY);
    assert_eq!(shown(&world), format!("{seen}\t1"), "partition 1 has an unread message");
    observe(&world, 1, 1, 1, 5);
    world.roll_up(TODAY);
    assert_eq!(shown(&world), "2030-01-01 00:00:05.000\t1");
    observe(&world, 0, 2, 9, 20);
    observe(&world, 1, 1, 1, 20);
    world.roll_up(TODAY);
    assert_eq!(shown(&world), "2030-01-01 00:00:10.000\t1", "partition 0 has unread messages");
    // A partition of which nothing is read yet: nothing more can be promised, but what was promised stays.
    observe(&world, 2, 0, 4, 30);
    world.roll_up(TODAY);
    assert_eq!(shown(&world), "2030-01-01 00:00:10.000\t1");
}

#[test]
fn a_hole_in_the_ledger_holds_the_moment_back() {
    let world = small_world_with("hole", &[received("a", "00101", "2025-05-02", 1)]);
    let range = |from: u32, next: u32, second: u32| {
        world.sql(&format!(
            "INSERT INTO ledger (topic, incarnation, partition, from_offset, next_offset, observed_end, observed_at, group_id)
             VALUES ('other', 2, 0, {from}, {next}, {next}, '2030-01-01 00:00:{second:02}.000', 'g')"
        ));
    };
    for partition in 0..2 {
        let stored = world.covered()[usize::try_from(partition).unwrap()];
        observe(&world, partition, u32::try_from(stored).unwrap(), u32::try_from(stored).unwrap(), 50);
    }
    // What was stored of a topic that had the name before counts no more.
    world.sql("INSERT INTO incarnations (topic, incarnation) VALUES ('other', 1), ('other', 2)");
    world.sql("INSERT INTO ledger (topic, incarnation, partition, from_offset, next_offset) VALUES ('other', 1, 0, 0, 100), ('other', 1, 9, 0, 9)");
    range(0, 10, 1);
    range(20, 30, 3);
    world.roll_up(TODAY);
    assert_eq!(shown(&world), "2030-01-01 00:00:01.000\t1");
    range(5, 20, 2);
    world.roll_up(TODAY);
    assert_eq!(shown(&world), "2030-01-01 00:00:03.000\t1");
}

#[test]
fn kept_periods_have_begun_and_stay_kept() {
    let world = small_world("kept");
    world.publish_events([received("a", "00101", "2025-08-20", 1)]);
    world.catch_up();
    let periods = || world.sql("SELECT DISTINCT calendar, period FROM rollups ORDER BY ALL FORMAT TSVRaw").replace('\t', " ");
    world.roll_up("2025-08-14");
    let legal = ["2025-9M", "2025-H2", "2025-Q3", "2025-Y"].map(|id| format!("legal {id}")).join("\n");
    let civil = ["2025-9M", "2025-H2", "2025-M08", "2025-Q3", "2025-Y"].map(|id| format!("civil {id}")).join("\n");
    assert_eq!(periods(), format!("{civil}\n{legal}"));
    // The legal September begins on 15 August.
    world.roll_up("2025-08-15");
    assert!(periods().contains("legal 2025-M09"));
    // A clock that was put back closes nothing.
    let before = periods();
    world.roll_up("2025-08-01");
    assert_eq!(periods(), before);
    // The same row, whether it is kept or computed on demand.
    let row = |id: &str| columns(&world.export("civil", &[id], &[]), &["level", "area_id", "value", "as_of", "wards_expected"]);
    assert_eq!(row("2025-M08"), row("2025-08-01..2025-08-31"));
    assert_eq!(world.number("SELECT count() FROM opened WHERE calendar = 'civil' AND period = '2025-M09'"), 0);
}

#[test]
fn two_passes_at_once_leave_the_same_figures() {
    let facts: Vec<String> =
        (1..=40).map(|n| received(&format!("f{n}"), "00101", &format!("2025-{:02}-{:02}", n % 6 + 1, n % 27 + 1), n)).collect();
    let world = small_world_with("two", &facts);
    let figures = || world.sql("SELECT * EXCEPT complete_through FROM rollups ORDER BY ALL");
    let expected = figures();
    assert!(expected.lines().count() > 80);
    world.publish_events([received("f1", "00101", "2025-02-02", 1), received("late", "00102", "2025-02-02", 1000)]);
    world.catch_up();
    let start = || -> Child {
        let mut command = world.command("chiso-rollup", &["run", "--once", "--today", TODAY]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let ended: Vec<Ended> =
        [start(), start(), start()].map(|child| child.wait_with_output().unwrap().into()).into_iter().collect();
    for ended in &ended {
        assert!(ended.code == Some(0) || ended.code == Some(1) && ended.stderr.contains("another rollup"), "{ended:?}");
    }
    assert!(ended.iter().any(|ended| ended.code == Some(0)), "{ended:?}");
    let found = figures();
    assert_ne!(found, expected, "the late fact counts");
    world.roll_up(TODAY);
    assert_eq!(figures(), found);
    assert_eq!(world.number("SELECT count() FROM marks WHERE batch NOT IN (SELECT batch FROM retired)"), 0);
}

#[test]
fn what_passes_left_that_ended_in_the_middle_is_swept_away_later() {
    let world = small_world_with("swept", &[received("a", "00101", "2025-08-20", 1)]);
    assert_eq!(world.number("SELECT max(epoch) FROM claims"), 1);
    world.sql(
        "INSERT INTO claims (epoch, holder, claimed_at) VALUES (2, 'dead', now64(3) - INTERVAL 2 HOUR), (3, 'paused', now64(3))",
    );
    for table in ["touched_rows", "step_cells", "inherited"] {
        world.sql(&format!("INSERT INTO {table} (epoch) VALUES (2), (3)"));
    }
    let summary = world.roll_up(TODAY);
    assert_eq!((&summary["epoch"], &summary["rows"]), (&4.into(), &0.into()));
    for table in ["touched_rows", "step_cells", "inherited"] {
        assert_eq!(world.sql(&format!("SELECT groupUniqArray(epoch) FROM {table} WHERE epoch > 1")), "[3]", "{table}");
    }
}

//! `sweep`: what was kept long enough goes, and nobody sees a difference.

use serde_json::{Value, json};

use super::{TODAY, fact, small_world_with};
use crate::harness::{Outgoing, World};

fn sweep(world: &World) -> Value {
    serde_json::from_str(&world.rollup(&["sweep"]).ok()).unwrap()
}

/// Moves a moment of all rows of a table so many days back.
fn age(world: &World, table: &str, column: &str, days: u32) {
    world.sql(&format!(
        "ALTER TABLE {table} UPDATE {column} = {column} - INTERVAL {days} DAY WHERE 1 SETTINGS mutations_sync = 1"
    ));
}

/// Moves marks to another day, which an update cannot: the day is their partition.
fn age_marks(world: &World, days: u32) {
    world.sql("CREATE TABLE aged AS marks");
    world.sql(&format!("INSERT INTO aged SELECT batch, marked_at - INTERVAL {days} DAY, indicator, ward, date FROM marks"));
    world.sql("EXCHANGE TABLES aged AND marks");
    world.sql("DROP TABLE aged");
}

fn everything(world: &World) -> String {
    ["rollups", "events", "rejected_events"].map(|view| world.sql(&format!("SELECT * FROM {view} ORDER BY ALL"))).join("\n")
}

fn dossiers(id: &str, value: u32) -> String {
    fact(id, "dossiers-received", "00101", "2025-08-01", json!({ "value": value }))
}

#[test]
fn marks_of_retired_batches_go_when_they_are_old_and_others_stay() {
    let world = small_world_with("marks", &[dossiers("a", 7)]);
    let nothing = sweep(&world);
    assert!(nothing.as_object().unwrap().values().all(|count| count == 0), "all is young: {nothing}");
    // A batch of the same old day that no pass has seen yet.
    world.publish_events([dossiers("b", 5)]);
    world.catch_up();
    age_marks(&world, 40);
    age(&world, "retired", "retired_at", 40);
    let before = everything(&world);
    let summary = sweep(&world);
    assert_eq!((&summary["marks"], &summary["retired"]), (&json!(1), &json!(1)), "{summary}");
    assert_eq!(everything(&world), before);
    assert_eq!(world.number("SELECT count() FROM marks"), 1);
    let pass = world.roll_up(TODAY);
    assert_eq!(pass["batches"], 1, "what waited still waits: {pass}");
    assert_eq!(world.sql("SELECT value FROM rollups WHERE calendar = 'civil' AND period = '2025-Y' AND level = 'country'"), "12");
}

#[test]
fn a_batch_that_the_last_epoch_must_do_again_keeps_its_marks() {
    let world = small_world_with("inherited", &[dossiers("a", 7)]);
    age_marks(&world, 40);
    age(&world, "retired", "retired_at", 40);
    // A later epoch was claimed while the batch waited; a predecessor has retired it only then.
    world.sql("INSERT INTO claims (epoch, holder) VALUES (9, 'x')");
    world.sql("INSERT INTO inherited SELECT 9, batch FROM marks");
    assert_eq!(sweep(&world)["marks"], 0);
    assert_eq!(world.number("SELECT count() FROM marks"), 1);
}

#[test]
fn gone_rows_go_with_all_that_they_hide() {
    let world = small_world_with(
        "gone_swept",
        &[dossiers("a", 7), fact("b", "bts-stations", "00201", "2025-08-01", json!({"value": 3}))],
    );
    // Parts stay apart, so that what a gone row hides is still there.
    world.sql("SYSTEM STOP MERGES rollup_rows");
    world.sql("SYSTEM STOP MERGES summands");
    let withdrawn =
        fact("c", "dossiers-received", "00101", "2025-08-01", json!({"record": "a", "revision": 1, "retracted": true}));
    world.publish_events([withdrawn]);
    world.process(TODAY);
    let hidden = "SELECT (SELECT count() FROM rollup_rows WHERE indicator = 'dossiers-received')
                       + (SELECT count() FROM summands WHERE indicator = 'dossiers-received')";
    let (all, rest) =
        (world.number(hidden), world.number("SELECT count() FROM rollup_rows WHERE indicator != 'dossiers-received'"));
    assert!(all > 20 && world.number("SELECT count() FROM rollup_rows WHERE gone") > 10);
    let before = everything(&world);
    // The epoch that wrote them is not over.
    age(&world, "claims", "claimed_at", 40);
    assert_eq!(sweep(&world)["gone"], 0);
    // The next one was claimed long ago as well.
    world
        .sql("INSERT INTO claims (epoch, holder, claimed_at) SELECT max(epoch) + 1, 'x', now64(3) - INTERVAL 35 DAY FROM claims");
    world.sql("SYSTEM START MERGES rollup_rows");
    world.sql("SYSTEM START MERGES summands");
    let summary = sweep(&world);
    assert_eq!(summary["gone"], json!(all), "{summary}");
    assert_eq!(everything(&world), before);
    assert_eq!((world.number(hidden), world.number("SELECT count() FROM rollup_rows")), (0, rest));
    world.publish_events([dossiers("d", 2)]);
    world.process(TODAY);
    assert_eq!(
        world.sql("SELECT value FROM rollups WHERE calendar = 'civil' AND period = '2025-Y' AND level = 'country' AND indicator = 'dossiers-received'"),
        "2",
        "the row can come again"
    );
}

#[test]
fn old_rejects_and_passes_go_and_the_last_pass_stays() {
    let world = small_world_with("rejects_swept", &[dossiers("a", 7)]);
    world.produce(&[Outgoing::structured("{")]);
    world.process(TODAY);
    world.sql("INSERT INTO replayed (topic, incarnation, partition, offset) SELECT topic, incarnation, partition, offset FROM rejected_log");
    age(&world, "rejected_log", "stored_at", 399);
    age(&world, "passes", "finished_at", 29);
    assert_eq!((&sweep(&world)["rejects"], &sweep(&world)["passes"]), (&json!(0), &json!(0)));
    age(&world, "rejected_log", "stored_at", 2);
    age(&world, "passes", "finished_at", 2);
    let (passes, reached) = (world.number("SELECT count() FROM passes"), world.sql("SELECT max(complete_through) FROM rollups"));
    assert!(passes > 1);
    let summary = sweep(&world);
    assert_eq!(
        (&summary["rejects"], &summary["replayed"], &summary["passes"]),
        (&json!(1), &json!(1), &json!(passes - 1)),
        "{summary}"
    );
    assert_eq!(world.sql("SELECT count() FROM rejected_events"), "0");
    assert_eq!(world.sql("SELECT max(complete_through) FROM rollups"), reached);
    assert_eq!(world.roll_up(TODAY)["rows"], 0, "nothing is recomputed for want of a record");
    assert_eq!(world.sql("SELECT count() FROM event_log"), "1");
}

//! `migrate`: repeatable, every column described, and no way back behind a newer release.

use serde_json::Value;

use super::{TODAY, small_world};
use crate::harness::{World, small_country};

#[test]
fn migrate_can_be_repeated_and_describes_every_column() {
    let world = World::bare("schema", 1);
    let summary = |ended: crate::harness::Ended| -> Value { serde_json::from_str(&ended.ok()).unwrap() };
    let first = summary(world.migrate_from(&small_country()));
    assert_eq!(first["applied"].as_array().unwrap().len(), 9, "{first}");
    assert_eq!((&first["generation"], &first["activated"]), (&1.into(), &true.into()));
    let state = "SELECT name, create_table_query, total_rows FROM system.tables WHERE database = currentDatabase() ORDER BY name";
    let before = world.sql(state);
    let again = summary(world.migrate_from(&small_country()));
    assert_eq!(again["applied"].as_array().unwrap().len(), 0, "{again}");
    assert_eq!((&again["generation"], &again["activated"]), (&1.into(), &false.into()));
    assert_eq!(world.sql(state), before);

    let undescribed = "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND comment = ''";
    assert_eq!(world.sql(undescribed), "", "columns without a comment");
    let undescribed = "SELECT name FROM system.tables WHERE database = currentDatabase() AND comment = ''";
    assert_eq!(world.sql(undescribed), "", "tables without a comment");
    let views = world.sql("SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View' ORDER BY name");
    for view in ["events", "indicators", "lineage", "rejected_events", "rollups", "sources", "targets", "units"] {
        assert!(views.lines().any(|name| name == view), "the view {view} is missing: {views}");
    }
}

#[test]
fn a_database_of_a_newer_release_is_left_alone() {
    let world = small_world("newer");
    world.sql("INSERT INTO schema_versions (version, file, digest) VALUES (99, '99_future.sql', 'x')");
    for arguments in
        [&["migrate"][..], &["run", "--once", "--today", TODAY], &["export", "--calendar", "civil", "--period", "2025-Y"]]
    {
        let complaint = world.rollup(arguments).fails(1);
        assert!(complaint.contains("99_future.sql"), "{arguments:?}: {complaint}");
    }
    assert_eq!(world.number("SELECT count() FROM claims"), 0);
}

#[test]
fn commands_say_what_must_be_done_first() {
    let world = World::bare("first", 1);
    let export = ["export", "--calendar", "civil", "--period", "2025-Y"];
    for arguments in [&["run", "--once"][..], &export] {
        let complaint = world.rollup(arguments).fails(1);
        assert!(complaint.contains("chiso-rollup migrate"), "{arguments:?}: {complaint}");
    }
    world.migrate_from(&small_country()).ok();
    let complaint = world.rollup(&export).fails(1);
    assert!(complaint.contains("chiso-rollup run --once"), "{complaint}");
    // A pass over nothing is a pass.
    assert_eq!(world.roll_up(TODAY)["rows"], 0);
    assert_eq!(world.rollup(&export).ok().lines().count(), 1);
}

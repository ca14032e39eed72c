//! `migrate`: repeatable, every column described, and no way back behind a newer release.

use std::collections::BTreeSet;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{TODAY, small_world};
use crate::harness::{Ended, ReferenceCopy, World, small_country};

/// The numbered SQL files of the project.
fn numbered_files() -> usize {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/clickhouse")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(|first: char| first.is_ascii_digit())).count()
}

fn summary(ended: Ended) -> Value {
    serde_json::from_str(&ended.ok()).unwrap()
}

#[test]
fn migrate_can_be_repeated_and_describes_every_column() {
    let world = World::bare("schema", 1);
    let first = summary(world.migrate_from(&small_country()));
    assert_eq!(first["applied"].as_array().unwrap().len(), numbered_files(), "{first}");
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
    for view in ["events", "findings", "indicators", "lineage", "rejected_events", "rollups", "sources", "targets", "units"] {
        assert!(views.lines().any(|name| name == view), "the view {view} is missing: {views}");
    }
}

#[test]
fn a_database_of_a_newer_release_is_left_alone() {
    let world = small_world("newer");
    world.sql("INSERT INTO schema_versions (version, file, digest) VALUES (99, '99_future.sql', 'x')");
    let year = ["--calendar", "civil", "--period", "2025-Y"];
    for arguments in [
        &["migrate"][..],
        &["run", "--once", "--today", TODAY],
        &["run", "--today", TODAY],
        &[&["export"][..], &year].concat(),
        &["status"],
        &["compact-ledger"],
        &["sweep"],
        &["findings"],
        &["report", "list"],
        &["report", "close-due"],
        &[&["report", "close", "--area", "VN"][..], &year].concat(),
        &[&["report", "restate", "--area", "VN"][..], &year].concat(),
        &[&["report", "show"][..], &year].concat(),
    ] {
        let complaint = world.rollup(arguments).fails(1);
        assert!(complaint.contains("99_future.sql"), "{arguments:?}: {complaint}");
    }
    assert_eq!(world.number("SELECT count() FROM claims"), 0);
}

#[test]
fn a_migrate_that_was_killed_is_done_again() {
    let world = small_world("killed");
    // Killed before the last file was noted.
    world.sql("ALTER TABLE schema_versions DELETE WHERE file = '08_passes.sql' SETTINGS mutations_sync = 2");
    assert!(world.rollup(&["run", "--once"]).fails(1).contains("08_passes.sql"));
    let again = summary(world.migrate_from(&small_country()));
    assert_eq!((&again["applied"], &again["generation"]), (&json!(["08_passes.sql"]), &1.into()));

    // Killed while it loaded a second generation: nobody sees its rows, and its number is not used again.
    world.sql("INSERT INTO generation_claims VALUES (2, 'somebody')");
    world
        .sql("INSERT INTO reference_sources (generation, source, priority) VALUES (2, 'urn:half', 1), (2, 'urn:vn:one-stop', 2)");
    let shown = "SELECT source, priority FROM sources WHERE source IN ('urn:half', 'urn:vn:one-stop') FORMAT TSVRaw";
    assert_eq!(world.sql(shown), "urn:vn:one-stop\t10");
    assert_eq!(world.roll_up(TODAY)["generation"], 1);
    let changed = ReferenceCopy::of(&small_country());
    changed.replace("sources.csv", ",10,*", ",11,*");
    assert_eq!(summary(world.migrate_from(changed.path()))["generation"], 3);
    assert_eq!(world.sql(shown), "urn:vn:one-stop\t11");
}

#[test]
fn migrates_at_once_make_one_sound_database() {
    let world = World::bare("at_once", 1);
    let reference = small_country();
    let start = || {
        let mut command = world.command("chiso-rollup", &["migrate", "--reference", reference.to_str().unwrap()]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let generations: BTreeSet<u64> = [start(), start(), start()]
        .map(|child| summary(child.wait_with_output().unwrap().into())["generation"].as_u64().unwrap())
        .into();
    let last = *generations.last().unwrap();
    assert_eq!(summary(world.migrate_from(&reference)), json!({"applied": [], "generation": last, "activated": false}));
    assert_eq!(
        world.sql("SELECT count(), uniqExact(unit_id) FROM units FORMAT TSVRaw"),
        world.sql("SELECT count(), count() FROM units FORMAT TSVRaw")
    );
    assert_eq!(world.roll_up(TODAY)["generation"], last);
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

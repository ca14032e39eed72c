//! `migrate`: repeatable, every column described, and no way back behind a newer release.

use std::collections::BTreeSet;
use std::process::Stdio;

use chiso_tests::generate::{Log, Options};
use chiso_tests::model::{Reference, judge_all};
use serde_json::{Value, json};

use super::changes::changed;
use super::gate::{Stop, killed_after, killed_at};
use super::{TODAY, small_world};
use crate::conformance::portions::check;
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

/// What a database consists of, and the reference data that it shows.
fn shape(world: &World) -> String {
    let tables = "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name";
    let data = ["indicators", "units", "lineage", "sources", "targets"].map(|view| format!("SELECT * FROM {view} ORDER BY ALL"));
    let shown = [tables.to_owned()].into_iter().chain(data).map(|sql| world.sql(&sql)).collect::<Vec<_>>().join("\n");
    shown.replace(&world.database, "database")
}

#[test]
fn a_first_migrate_may_be_killed_between_its_statements() {
    let reference = small_country();
    let arguments = ["migrate", "--reference", reference.to_str().unwrap()];
    let whole = World::bare("whole", 1);
    whole.rollup(&arguments).ok();
    let expected = shape(&whole);
    let world = World::bare("cut", 1);
    // After every third one, since all take minutes.
    let mut cut = 1;
    while killed_at(&world, &arguments, Stop::Making(cut)) {
        // What is there is used by nobody before it is whole.
        let early = world.rollup(&["run", "--once", "--today", TODAY]);
        assert!(early.code == Some(0) || early.stderr.contains("chiso-rollup migrate"), "after statement {cut}: {early:?}");
        world.rollup(&arguments).ok();
        assert_eq!(shape(&world), expected, "after statement {cut}");
        world.roll_up(TODAY);
        world.engines.sql("default", &format!("DROP DATABASE {} SYNC", world.database));
        cut += 3;
    }
    assert_eq!(shape(&world), expected);
    assert!(cut > 60, "a first migrate makes more than {cut} statements that write");
}

#[test]
fn a_migrate_with_other_reference_data_may_be_killed_after_any_of_its_statements() {
    let changed = changed();
    let folders = [small_country(), changed.path().to_owned()];
    let references = [0, 1].map(|at: usize| Reference::load(&folders[at]).unwrap());
    let world = World::with_reference("cut", 2, &folders[0]);
    let options = Options { seed: 41, facts: 300, bad: 0.0, topic: world.topic.clone(), ..Options::default() };
    let log = Log::generate(&references[0], &options).unwrap().messages;
    world.publish(&log);
    world.process(TODAY);
    let facts = judge_all(&references[0], &log).facts;
    let generation = || world.roll_up(TODAY)["generation"].as_u64().unwrap();
    let mut known = generation();
    let (mut cut, mut now) = (0, 0);
    let mut in_force = [0, 0];
    loop {
        let next = 1 - now;
        let arguments = ["migrate", "--reference", folders[next].to_str().unwrap()];
        let is_cut = killed_after(&world, &arguments, cut + 1);
        let found = generation();
        let shown = if found > known { next } else { now };
        in_force[usize::from(shown == next)] += 1;
        // All of the one or all of the other.
        check(&world, &format!("killed after statement {}", cut + 1), TODAY, references[shown].clone(), &facts);
        if !is_cut {
            break;
        }
        cut += 1;
        world.rollup(&arguments).ok();
        known = generation();
        assert_eq!(known > found, shown == now, "what was activated is not activated again");
        now = next;
    }
    assert!(cut >= 10 && in_force[0] >= 8 && in_force[1] >= 2, "{cut} statements, {in_force:?}");
    world.rollup(&["audit", "--today", TODAY]).ok();
}

#[test]
fn a_file_with_another_text_is_of_another_release() {
    let world = small_world("other_text");
    world.sql("INSERT INTO schema_versions (version, file, digest) SELECT version, file, 'x' FROM schema_versions WHERE file = '05_cells.sql'");
    for ended in
        [world.rollup(&["run", "--once", "--today", TODAY]), world.chiso_ingest(&["coverage"]), world.rollup(&["migrate"])]
    {
        let complaint = ended.fails(1);
        assert!(complaint.contains("05_cells.sql") && complaint.contains("release"), "{complaint}");
    }
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

//! `chiso-rollup audit`: it finds an error planted in any table, and nothing where there is none.

use chiso_tests::generate::{Log, Options};
use chiso_tests::model::Reference;
use serde_json::{Value, json};

use super::{TODAY, changes::changed, fact, small_world, small_world_with};
use crate::harness::{World, small_country};

/// What an audit found: the exit code, and what it printed.
pub(super) fn audit(world: &World, arguments: &[&str]) -> (Option<i32>, Value) {
    let mut all = vec!["audit", "--format", "json"];
    all.extend(arguments);
    if !arguments.contains(&"--today") {
        all.extend(["--today", TODAY]);
    }
    let ended = world.rollup(&all);
    let printed = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {}", ended.stderr));
    (ended.code, printed)
}

/// The differences as lines `table | key | column | proven | stored`.
fn differences(world: &World, arguments: &[&str]) -> Vec<String> {
    let (code, found) = audit(world, arguments);
    let line = |difference: &Value| {
        ["table", "key", "column", "proven", "stored"].map(|name| difference[name].as_str().unwrap().to_owned()).join(" | ")
    };
    let lines: Vec<String> = found["list"].as_array().unwrap().iter().map(line).collect();
    assert_eq!(
        (code, lines.len()),
        (Some(i32::from(!lines.is_empty())), usize::try_from(found["differences"].as_u64().unwrap()).unwrap())
    );
    lines
}

/// There is no difference.
pub(super) fn clean(world: &World) {
    assert_eq!(differences(world, &[]), [""; 0]);
}

/// A fact of a ward in May 2025.
pub(super) fn received(id: &str, value: u32) -> String {
    fact(id, "dossiers-received", "00301", "2025-05-10", json!({ "value": value, "record": id }))
}

#[test]
fn the_audit_of_a_random_log_finds_nothing_also_after_reference_data_changed() {
    let world = World::with_reference("audit_log", 4, &small_country());
    let reference = Reference::load(&small_country()).unwrap();
    let options = Options { seed: 23, facts: 1_500, bad: 0.02, topic: world.topic.clone(), ..Options::default() };
    let log = Log::generate(&reference, &options).unwrap().messages;
    world.publish(&log);
    world.process(TODAY);
    let (code, found) = audit(&world, &[]);
    assert_eq!((code, &found["differences"], &found["in_flight"]), (Some(0), &0.into(), &0.into()), "{found}");
    assert_eq!(found["rows"].as_i64().unwrap(), world.number("SELECT count() FROM rollups"));
    assert_eq!(found["cells"].as_i64().unwrap(), world.number("SELECT count() FROM cells FINAL"));

    world.migrate_from(changed().path()).ok();
    world.roll_up(TODAY);
    clean(&world);
    for arguments in [
        &["--calendar", "legal"][..],
        &["--period", "2025-M07", "--period", "2025-Y"],
        &["--from", "2025-06-20", "--to", "2025-07-20"],
        &["--area", "P01@2025-07-01"],
        &["--indicator", "bts-stations", "--calendar", "civil"],
        &["--sample", "12", "--seed", "5"],
    ] {
        let (code, part) = audit(&world, arguments);
        assert_eq!((code, &part["differences"]), (Some(0), &0.into()), "{arguments:?}: {part}");
        assert!(part["rows"].as_u64().unwrap() > 0 && part["rows"].as_u64() < found["rows"].as_u64(), "{arguments:?}: {part}");
    }
}

#[test]
fn an_error_planted_in_rollup_rows_is_found() {
    let world = small_world_with("audit_rows", &[received("a", 7), received("b", 5)]);
    clean(&world);
    let plant = |change: &str, gone: bool, of: &str| {
        world.sql(&format!(
            "INSERT INTO rollup_rows SELECT * REPLACE ({change}, {gone} AS gone, assumeNotNull((SELECT max(version) + 1 FROM rollup_rows)) AS version)
             FROM (SELECT * FROM rollup_rows FINAL WHERE {of})"
        ))
    };
    let ward = "calendar = 'civil' AND period = '2025-M05' AND level = 'ward'";
    let key = "rollup_rows | civil 2025-M05 W00301@1900-01-01 dossiers-received";

    plant("toDecimal128(13, 6) AS value, 3 AS records", false, ward);
    assert_eq!(differences(&world, &[]), [format!("{key} | records | 2 | 3"), format!("{key} | value | 12 | 13")]);
    assert_eq!(differences(&world, &["--calendar", "legal"]), [""; 0]);
    plant("value AS value", true, ward);
    assert_eq!(differences(&world, &["--period", "2025-M05", "--calendar", "civil"]), [format!("{key} | row | 12 | absent")]);
    plant("toDecimal128(12, 6) AS value, 2 AS records", false, ward);
    clean(&world);

    // What the view does not show, and the country is added up by.
    let province = "calendar = 'civil' AND period = '2025-M05' AND level = 'province'";
    plant("'P99@1900-01-01' AS within, ['urn:vn:document-office'] AS source_set", false, province);
    let key_of_province = key.replace("W00301", "P03");
    assert_eq!(
        differences(&world, &[]),
        [
            format!("{key_of_province} | source_set | urn:vn:one-stop | urn:vn:document-office"),
            format!("{key_of_province} | within | VN | P99@1900-01-01")
        ]
    );
    plant("'VN' AS within, ['urn:vn:one-stop'] AS source_set", false, province);
    clean(&world);

    plant("'W00303@1900-01-01' AS area_id, '00303' AS area_code, 'Xã Gió' AS area_name", false, ward);
    let superfluous = "rollup_rows | civil 2025-M05 W00303@1900-01-01 dossiers-received | row | absent | 12";
    assert_eq!(differences(&world, &[]), [superfluous]);
    plant("'2031-M01' AS period", false, "calendar = 'civil' AND period = '2025-M05' AND level = 'country'");
    let never = "rollup_rows | civil 2031-M01 VN dossiers-received | row | absent | 12";
    assert_eq!(differences(&world, &[]), [superfluous, never]);
    plant("'no-such' AS indicator", false, "calendar = 'civil' AND period = '2025-Y' AND level = 'country'");
    assert_eq!(differences(&world, &[]).len(), 3);
    let ended = world.rollup(&["audit", "--today", TODAY]);
    assert!(ended.stdout.contains("3 differences, 0 in flight") && ended.stdout.contains("2031-M01"), "{}", ended.stdout);
    assert_eq!(ended.fails(1).trim_end(), "chiso-rollup: 3 differences were found");
}

#[test]
fn an_error_planted_in_cells_events_marks_or_reference_tables_is_found() {
    let state = fact("s", "bts-stations", "00303", "2025-08-20", json!({ "value": 4, "dimensions": { "operator": "x" } }));
    let world = small_world_with("audit_tables", &[received("a", 7), state]);
    clean(&world);

    // A wrong number in cells: alone, and rolled up by the next pass that comes by.
    world.sql("INSERT INTO cells SELECT * REPLACE (toDecimal128(8, 6) AS value, seen + 1 AS seen) FROM cells FINAL WHERE indicator = 'dossiers-received'");
    let cell = "cells | dossiers-received 00301 2025-05-10";
    assert_eq!(differences(&world, &[]), [format!("{cell} | seen | 1 | 2"), format!("{cell} | value | 7 | 8")]);
    world.sql("INSERT INTO cells SELECT * REPLACE ('00302' AS ward) FROM cells FINAL WHERE indicator = 'bts-stations'");
    assert!(differences(&world, &[]).contains(&"cells | bts-stations 00302 2025-08-20 | row | absent | 1 events".to_owned()));
    world.sql("TRUNCATE TABLE cells");
    world.sql("TRUNCATE TABLE last_states");
    let last = "last_states | bts-stations 00303 urn:vn:one-stop {'operator':'x'}";
    assert_eq!(
        differences(&world, &[]),
        [
            "cells | bts-stations 00303 2025-08-20 | row | 1 events | absent",
            &format!("{cell} | row | 1 events | absent"),
            &format!("{last} | row | 2025-08-20 | absent")
        ]
    );

    // An event that is stored, covered by the ledger, and has no mark.
    let world = small_world_with("audit_marks", &[received("a", 7)]);
    world.sql("INSERT INTO event_log SELECT * REPLACE ('lost' AS record, 'lost' AS id) FROM event_log");
    let found = differences(&world, &["--calendar", "civil", "--period", "2025-M05"]);
    assert!(found.contains(&"rollup_rows | civil 2025-M05 VN dossiers-received | value | 14 | 7".to_owned()), "{found:?}");
    assert!(found.contains(&format!("{cell} | records | 2 | 1")), "{found:?}");

    // One that no unit has a place for.
    world.sql(
        "INSERT INTO event_log SELECT * REPLACE ('nowhere' AS record, 'nowhere' AS id, '99999' AS ward) FROM event_log LIMIT 1",
    );
    let nowhere = "event_log | admin-units/units.csv: ward 99999: no unit has this code";
    assert!(differences(&world, &["--sample", "0"]).iter().any(|line| line.starts_with(nowhere)));

    let world = small_world_with("audit_reference", &[received("a", 7)]);
    for (plant, table) in [
        (
            "INSERT INTO reference_paths SELECT * REPLACE ('W00303@1900-01-01' AS unit) FROM reference_paths WHERE member = 'W00301@1900-01-01' LIMIT 1",
            "reference_paths",
        ),
        ("INSERT INTO reference_chains SELECT * REPLACE (['VN'] AS areas) FROM reference_chains LIMIT 1", "reference_chains"),
        ("INSERT INTO reference_areas SELECT * REPLACE (99 AS expected) FROM reference_areas LIMIT 1", "reference_areas"),
        (
            "INSERT INTO reference_targets SELECT * REPLACE (toDecimal128(1.5, 6) AS number) FROM reference_targets LIMIT 1",
            "reference_targets",
        ),
        (
            "INSERT INTO reference_sources SELECT * REPLACE ('urn:new' AS source) FROM reference_sources LIMIT 1",
            "reference_sources",
        ),
        (
            "INSERT INTO reference_indicators SELECT * REPLACE (1 AS carry_days) FROM reference_indicators LIMIT 1",
            "reference_indicators",
        ),
        (
            "INSERT INTO reference_lineage SELECT * REPLACE ('part' AS relation) FROM reference_lineage LIMIT 1",
            "reference_lineage",
        ),
        ("INSERT INTO reference_units SELECT * REPLACE ('x' AS name) FROM reference_units LIMIT 1", "reference_units"),
        ("INSERT INTO reference_reach SELECT * REPLACE ('VN' AS member) FROM reference_reach LIMIT 1", "reference_reach"),
    ] {
        world.sql(plant);
        let found = differences(&world, &["--sample", "0"]);
        assert!(found.iter().any(|line| line.starts_with(table)), "{table}: {found:?}");
    }
}

#[test]
fn an_error_planted_in_last_states_is_found_and_a_rebuild_mends_it() {
    let state = |id: &str, date: &str, value: u32| {
        fact(id, "bts-stations", "00303", date, json!({ "value": value, "dimensions": { "operator": "x" } }))
    };
    let world = small_world_with("audit_last", &[state("a", "2025-05-20", 3), state("b", "2025-08-20", 4)]);
    let rebuild = || world.rollup(&["rebuild", "--today", TODAY]).ok();
    let last = "last_states | bts-stations 00303 urn:vn:one-stop {'operator':'x'}";
    let plant = |change: &str| world.sql(&format!("INSERT INTO last_states SELECT * REPLACE ({change}) FROM last_states FINAL"));
    clean(&world);

    // A number, an earlier day after the last one was lost, a later day, another ward, and none at all.
    plant("value + 1 AS value");
    let found = differences(&world, &[]);
    assert!(found.len() == 1 && found[0].starts_with(&format!("{last} | state | 4 0/0 version ")), "{found:?}");
    assert!(differences(&world, &["--period", "2025-M09", "--calendar", "civil"]).len() == 1);
    rebuild();
    clean(&world);
    world.sql("TRUNCATE TABLE last_states");
    world.sql("INSERT INTO cells SELECT * FROM cells FINAL WHERE date = toDate32('2025-05-20')");
    assert!(differences(&world, &[]).contains(&format!("{last} | date | 2025-08-20 | 2025-05-20")));
    rebuild();
    clean(&world);
    plant("addDays(date, 9) AS date");
    assert_eq!(differences(&world, &[]), [format!("{last} | date | 2025-08-20 | 2025-08-29")]);
    rebuild();
    clean(&world);
    plant("'00302' AS ward");
    let superfluous = "last_states | bts-stations 00302 urn:vn:one-stop {'operator':'x'} | row | absent | 2025-08-20";
    assert_eq!(differences(&world, &[]), [superfluous]);
    rebuild();
    clean(&world);
    world.sql("TRUNCATE TABLE last_states");
    assert_eq!(differences(&world, &[]), [format!("{last} | row | 2025-08-20 | absent")]);
    rebuild();
    clean(&world);
}

#[test]
fn an_error_planted_in_summands_is_found_and_a_rebuild_mends_it() {
    // A number, a ward that has no row, one in the wrong area, and none at all.
    let world = small_world_with("audit_summands", &[received("a", 7)]);
    let plant = |change: &str| {
        world.sql(&format!(
            "INSERT INTO summands SELECT * REPLACE ({change}, version + 1 AS version) FROM summands FINAL WHERE calendar = 'civil' AND period = '2025-M05'"
        ))
    };
    let summand = "summands | civil 2025-M05 W00301@1900-01-01 dossiers-received";
    plant("toDecimal128(8, 6) AS value, ['urn:vn:document-office'] AS source_set");
    assert_eq!(
        differences(&world, &["--calendar", "civil"]),
        [format!("{summand} | source_set | urn:vn:one-stop | urn:vn:document-office"), format!("{summand} | value | 7 | 8")]
    );
    plant("toDecimal128(7, 6) AS value, ['urn:vn:one-stop'] AS source_set");
    clean(&world);
    plant("'W00303@1900-01-01' AS ward");
    assert_eq!(
        differences(&world, &["--calendar", "civil", "--period", "2025-M05"]),
        ["summands | civil 2025-M05 W00303@1900-01-01 dossiers-received | row | absent | 7"]
    );
    world.sql("ALTER TABLE summands DELETE WHERE ward = 'W00303@1900-01-01' SETTINGS mutations_sync = 2");
    plant("'P02@1900-01-01' AS within");
    let found = differences(&world, &["--period", "2025-M05"]);
    assert!(found.iter().any(|line| line.contains("2025-M05 W00301@1900-01-01")), "{found:?}");
    world.sql("TRUNCATE TABLE summands");
    let found = differences(&world, &["--calendar", "civil", "--period", "2025-M05"]);
    assert_eq!(found, [format!("{summand} | row | 7 | absent")]);
    // A rebuild makes them right.
    world.rollup(&["rebuild", "--today", TODAY]).ok();
    clean(&world);
}

#[test]
fn what_cannot_be_audited_is_refused() {
    let world = small_world("audit_refused");
    assert!(world.rollup(&["audit"]).fails(1).contains("run chiso-rollup run --once"));
    world.roll_up(TODAY);
    clean(&world);
    let complaint = world.rollup(&["audit", "--area", "W1@x", "--indicator", "nothing"]).fails(2);
    assert!(complaint.contains("W1@x") && complaint.contains("nothing"), "{complaint}");
    assert!(world.rollup(&["audit", "--period", "2025-M13"]).fails(2).contains("2025-M13"));
    world.rollup(&["audit", "--seed", "1"]).fails(2);
}

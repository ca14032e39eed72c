//! `chiso-rollup rebuild`: whatever stands in cells and rows, afterwards they are what the events say.

use std::process::Stdio;

use chiso_tests::generate::{Log, Options};
use chiso_tests::model::{CALENDARS, Reference};
use serde_json::Value;

use super::{Scheduler, TODAY};
use crate::conformance::stored::kept_rows;
use crate::harness::{Ended, World, small_country, wait_until};

/// A world with a log rolled up, and its rows.
fn rolled_up(name: &str) -> (World, String) {
    let world = World::with_reference(name, 2, &small_country());
    let reference = Reference::load(&small_country()).unwrap();
    let options = Options { seed: 21, facts: 600, bad: 0.0, topic: world.topic.clone(), ..Options::default() };
    world.publish(&Log::generate(&reference, &options).unwrap().messages);
    world.process(TODAY);
    let rows = views(&world);
    (world, rows)
}

fn views(world: &World) -> String {
    CALENDARS.map(|calendar| kept_rows(world, calendar)).concat()
}

fn rebuild(world: &World, more: &[&str]) -> Ended {
    world.rollup(&[&["rebuild", "--today", TODAY], more].concat())
}

fn summary(answer: Ended) -> Value {
    serde_json::from_str(&answer.ok()).unwrap()
}

/// Puts a wrong number into every cell and row of a condition, and what no fact has made beside them.
fn spoil(world: &World, condition: &str) {
    for sql in [
        format!(
            "INSERT INTO cells SELECT * REPLACE (value + 1 AS value, numerator + 1 AS numerator, seen + 1000 AS seen,
                    arrayMap(s -> (s.1, s.2, s.3 + 1, s.4 + 1, s.5 + 1, s.6, s.7), states) AS states) FROM cells FINAL WHERE {condition}"
        ),
        format!("INSERT INTO cells SELECT * REPLACE (addDays(date, 1) AS date) FROM cells FINAL WHERE {condition}"),
        format!(
            "INSERT INTO rollup_rows SELECT * REPLACE (ifNull(value, 0) + 5 AS value, version + 1 AS version)
             FROM rollup_rows FINAL WHERE {condition} AND NOT gone"
        ),
        format!(
            "INSERT INTO rollup_rows SELECT * REPLACE ('country' AS level, '' AS within, 'VN' AS area_id, version + 1 AS version)
             FROM rollup_rows FINAL WHERE {condition} AND NOT gone AND level = 'ward'"
        ),
    ] {
        world.engines.sql(&world.database, &sql);
    }
}

#[test]
fn whatever_stands_in_the_tables_is_made_right() {
    let (world, right) = rolled_up("rebuilt");
    spoil(&world, "true");
    world.engines.sql(&world.database, "DELETE FROM cells WHERE cityHash64(ward, date) % 3 = 0");
    world.engines.sql(&world.database, "DELETE FROM rollup_rows WHERE cityHash64(area_id, period) % 3 = 0");
    assert_ne!(views(&world), right);
    let cells = "SELECT toInt64(sum(cityHash64(indicator, ward, date, value, numerator, denominator, states, seen)) % 1000000007) FROM cells FINAL";
    let spoiled = world.number(cells);

    let summary = summary(rebuild(&world, &[]));
    assert_eq!(views(&world), right);
    assert!(summary["cells_removed"].as_u64().unwrap() > 0, "{summary}");
    assert!(summary["last_states_mended"].as_u64().unwrap() > 0, "{summary}");
    world.rollup(&["audit", "--today", TODAY]).ok();
    assert_ne!(world.number(cells), spoiled);
    // Computed on demand from the cells, so these are right, too.
    let ranges = ["2025-06-20..2025-10-10", "2025-05-05"];
    let on_demand = world.export("civil", &ranges, &[]);
    let fresh = world.number(cells);
    rebuild(&world, &[]).ok();
    assert_eq!((world.export("civil", &ranges, &[]), world.number(cells), views(&world)), (on_demand, fresh, right));
}

#[test]
fn what_is_right_is_not_written_again() {
    let (world, right) = rolled_up("differing");
    let tables = ["cells", "last_states", "summands", "rollup_rows"];
    for table in tables {
        world.sql(&format!("SYSTEM STOP MERGES {table}"));
    }
    let stored = || tables.map(|table| world.number(&format!("SELECT count() FROM {table}"))).iter().sum::<i64>();
    let before = stored();
    assert_eq!(summary(rebuild(&world, &[]))["rows"], 0);
    assert_eq!((stored(), views(&world)), (before, right.clone()));

    // A row is wrong, and a cell.
    let of = "indicator = 'dossiers-received' AND level = 'ward' ORDER BY calendar, period, area_id LIMIT 1";
    world.sql(&format!(
        "INSERT INTO rollup_rows SELECT * REPLACE (ifNull(value, 0) + 5 AS value, version + 1 AS version)
         FROM rollup_rows FINAL WHERE NOT gone AND {of}"
    ));
    world.sql(
        "INSERT INTO cells SELECT * REPLACE (value + 1 AS value) FROM cells FINAL
         WHERE indicator = 'dossiers-received' ORDER BY ward, date LIMIT 1",
    );
    assert_ne!(views(&world), right);
    let before = stored();
    assert_eq!(summary(rebuild(&world, &[]))["rows"], 1);
    assert_eq!(views(&world), right);
    assert_eq!(stored(), before + 2);
}

#[test]
fn only_what_is_selected_is_rebuilt() {
    let (world, right) = rolled_up("selected");
    let wrong = |condition: &str| {
        let spoiled = "SELECT count() FROM rollup_rows FINAL WHERE NOT gone AND version % 4294967296 >= 1000000000";
        world.number(&format!("{spoiled} AND ({condition})"))
    };
    // Marked by a step that no pass reaches.
    let spoil_rows = "INSERT INTO rollup_rows SELECT * REPLACE (ifNull(value, 0) + 5 AS value, version + 1000000000 AS version)
                      FROM rollup_rows FINAL WHERE NOT gone";
    world.engines.sql(&world.database, spoil_rows);
    let all = wrong("true");

    rebuild(&world, &["--indicator", "dossiers-received"]).ok();
    assert_eq!((wrong("indicator = 'dossiers-received'"), wrong("true") > 0), (0, true));

    rebuild(&world, &["--from", "2025-08-01", "--to", "2025-08-31"]).ok();
    assert_eq!(wrong("period = '2025-M08' AND calendar = 'civil'"), 0);
    let untouched = wrong("period_end < toDate32('2025-08-01')");
    assert!(untouched > 0 && untouched < all);

    let area = "P01@2025-07-01";
    rebuild(&world, &["--area", area]).ok();
    assert_eq!(
        wrong(&format!("area_id = '{area}' OR within = '{area}' OR level = 'country' AND period_end >= toDate32('2025-07-01')")),
        0
    );
    assert!(wrong("true") > 0);

    // The country is everything.
    assert!(summary(rebuild(&world, &["--area", "VN", "--area", area]))["rows"].as_i64().unwrap() < all);
    assert_eq!(wrong("true"), 0);
    assert_eq!(views(&world), right);
}

#[test]
fn a_rebuild_that_was_killed_goes_on_where_it_was() {
    let (world, right) = rolled_up("goes_on");
    spoil(&world, "true");
    let noted = || world.number("SELECT count() FROM rebuilds WHERE indicator != ''");
    let mut child = world
        .command("chiso-rollup", &["rebuild", "--today", TODAY])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("a part is done", std::time::Duration::from_secs(60), || noted() > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(world.number("SELECT count() FROM rebuilds WHERE indicator = ''"), 0, "it was killed before its end");

    let before = noted();
    let again = summary(rebuild(&world, &[]));
    assert_eq!(again["done_before"], before);
    assert!(again["indicators"].as_u64().unwrap() > 0, "{again}");
    assert_eq!(views(&world), right);
    // The next one begins anew.
    assert_eq!(summary(rebuild(&world, &[]))["done_before"], 0);
}

#[test]
fn a_scheduler_stands_by_while_a_rebuild_works() {
    let (world, right) = rolled_up("stands_by");
    let folder = tempfile::tempdir().unwrap();
    let scheduler = Scheduler::start(&world, folder.path(), "scheduler");
    let patience = std::time::Duration::from_secs(90);
    wait_until("it leads", patience, || scheduler.log().contains("leading"));
    spoil(&world, "indicator = 'dossiers-received'");
    rebuild(&world, &[]).ok();
    wait_until("it leads again", patience, || scheduler.log().matches("leading").count() == 2);
    assert_eq!(views(&world), right);
    scheduler.stop();
}

#[test]
fn what_cannot_be_rebuilt_is_told_at_once() {
    let (world, _) = rolled_up("not_rebuilt");
    let claims = || world.number("SELECT count() FROM claims");
    let before = claims();
    let refused = rebuild(&world, &["--from", "2025-09-01", "--to", "2025-08-01", "--indicator", "nonsense", "--area", "W1"]);
    let text = refused.fails(2);
    for word in ["--from 2025-09-01 is later than --to 2025-08-01", "\"nonsense\" is not in the catalogue", "\"W1\" is no unit"] {
        assert!(text.contains(word), "{text}");
    }
    // Whoever leads goes on.
    assert_eq!(claims(), before);
}

//! Accounts of a ward and of a province: they see their own rows and those of predecessors, and nothing leads around that.

use serde_json::json;
use tempfile::TempDir;

use super::up::Up;
use crate::harness::{Outgoing, World};
use crate::rollup::{TODAY, fact};

/// Facts of every ward, before the merger, after it, and after the next.
fn fill(world: &World) {
    let wards = [
        ("2025-05-05", &["00101", "00102", "00103", "00201", "00202", "00301", "00302", "00303"][..]),
        ("2025-08-05", &["00101", "00201", "00202", "00301", "00303", "00401"]),
        ("2025-11-05", &["00101", "00104", "00202", "00301", "00303", "00401"]),
        ("2026-02-05", &["00105", "00104"]),
    ];
    let facts = wards.iter().flat_map(|(date, wards)| wards.iter().map(move |ward| (date, ward)));
    let facts = facts.map(|(date, ward)| fact(&format!("{ward} {date}"), "dossiers-received", ward, date, json!({"value": 1})));
    world.publish_events(facts);
    world.produce(&[Outgoing::structured("{")]);
    world.process(TODAY);
    for area in ["W00101@2025-07-01", "W00301@2025-07-01"] {
        world.rollup(&["report", "close", "--calendar", "civil", "--period", "2025-M08", "--area", area, "--incomplete"]).ok();
    }
    for (ward, day) in [("00101", "2025-08-05"), ("00101", "2025-11-05"), ("00301", "2025-11-05"), ("", "1900-01-01")] {
        world.sql(&format!(
            "INSERT INTO finding_log (kind, ward, day, subject, first_seen, last_seen) VALUES ('jump', '{ward}', '{day}', '{ward}{day}', now64(3), now64(3))"
        ));
    }
}

/// Asks as an account with the password `x`.
fn ask(world: &World, account: &str, query: &str) -> Result<String, String> {
    world.engines.sql_as(account, "x", &world.database, query).map(|answer| answer.trim_end().to_owned())
}

/// The account sees of each view just what fits the condition.
fn sees(world: &World, account: &str, views: &[(&str, &str)]) {
    for &(view, fits) in views {
        let rows = |condition: &str| format!("SELECT * FROM {view} WHERE {condition} ORDER BY ALL");
        let expected = world.sql(&rows(fits));
        assert!(!expected.is_empty() && expected != world.sql(&rows("true")), "{view}: {fits}");
        assert_eq!(ask(world, account, &rows("true")).unwrap(), expected, "{account} {view}");
        let counted = ask(world, account, &format!("SELECT count() FROM {view}")).unwrap();
        assert_eq!(counted, expected.lines().count().to_string(), "{account} {view}");
    }
}

#[test]
fn a_ward_and_a_province_see_their_own_rows_and_those_of_predecessors() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("data");
    let accounts = ["--account", "ward_one=x", "--account", "province_three=x", "--account", "nobody_yet=x"];
    let up = Up::start(folder.path(), &[&["--dir", dir.to_str().unwrap()][..], &accounts].concat());
    let world = up.world();
    fill(&world);
    world.sql("INSERT INTO account_units VALUES ('ward_one', 'W00101@2025-07-01'), ('province_three', 'P03@2025-07-01')");

    // Its code is another ward's from October on; W00103 was divided, and came to it by default.
    let own = "'W00101@2025-07-01', 'W00101@1900-01-01', 'W00102@1900-01-01', 'W00103@1900-01-01'";
    sees(
        &world,
        "ward_one",
        &[
            ("rollups", &format!("area_id IN ({own})")),
            ("reports", &format!("area_id IN ({own})")),
            ("report_versions", &format!("area_id IN ({own})")),
            ("events", "(ward = '00101' AND date <= '2025-09-30') OR ward IN ('00102', '00103')"),
            ("findings", "ward = '00101' AND day = '2025-08-05'"),
        ],
    );
    let below = "match(area_id, '^(P03|D003|D004|W003..|W00401)@')";
    sees(
        &world,
        "province_three",
        &[
            ("rollups", below),
            ("reports", below),
            ("events", "ward LIKE '003%' OR ward = '00401'"),
            ("findings", "ward = '00301'"),
        ],
    );
    for view in ["rollups", "reports", "events", "findings"] {
        assert_eq!(ask(&world, "nobody_yet", &format!("SELECT count() FROM {view}")).unwrap(), "0", "{view}");
    }
    for view in ["indicators", "units", "lineage", "sources", "targets"] {
        assert_eq!(
            ask(&world, "ward_one", &format!("SELECT count() FROM {view}")).unwrap(),
            world.sql(&format!("SELECT count() FROM {view}"))
        );
    }
    nothing_leads_around(&world);
}

fn nothing_leads_around(world: &World) {
    let tables = world.sql("SELECT name FROM system.tables WHERE database = currentDatabase() AND engine != 'View'");
    let mut barred = tables.lines().map(|table| format!("SELECT * FROM {table}")).collect::<Vec<_>>();
    assert!(barred.len() > 20);
    let indexed = world.sql("SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'");
    barred.extend(indexed.lines().map(|table| format!("SELECT * FROM mergeTreeIndex(currentDatabase(), {table})")));
    barred.extend(
        [
            "SELECT * FROM rejected_events",
            "SELECT * FROM coverage",
            "SELECT * FROM merge(currentDatabase(), '^event_log$')",
            "SELECT * FROM system.query_log",
            "SELECT * FROM system.users",
            "INSERT INTO account_units VALUES ('ward_one', 'P01@2025-07-01')",
            "CREATE VIEW mine AS SELECT * FROM rollups",
            "ALTER TABLE rollup_rows DELETE WHERE 1",
            "SET readonly = 0",
            "SET enable_analyzer = 0",
            "SET allow_experimental_analyzer = 0",
            "SELECT * FROM rollups SETTINGS enable_analyzer = 0",
            "SELECT * FROM rollups SETTINGS optimize_move_to_prewhere_if_final = 1",
        ]
        .map(str::to_owned),
    );
    for query in &barred {
        let refused = ask(world, "ward_one", query).expect_err(query);
        // Of a table that it may not read, it is told that there is none.
        let why =
            ["Not enough privileges", "There are no tables", "READONLY", "SETTING_CONSTRAINT_VIOLATION", "should not be changed"];
        assert!(why.iter().any(|why| refused.contains(why)), "{query}: {refused}");
    }
    // A function that fails on rows of others would tell of their figures, were it asked before the filter.
    for query in [
        "SELECT count() FROM rollups WHERE NOT throwIf(area_id = 'VN')",
        "SELECT count() FROM rollups WHERE period = '2025-Y' AND NOT throwIf(area_id = 'VN')",
        "SELECT count() FROM rollups PREWHERE NOT throwIf(area_id = 'VN')",
        "SELECT throwIf(area_id = 'VN') AS hit, count() FROM rollups GROUP BY hit",
        "SELECT count() FROM events WHERE NOT throwIf(ward = '00301' AND value = 1)",
        "SELECT count() FROM merge(currentDatabase(), '^rollups$') WHERE NOT throwIf(area_id = 'VN')",
    ] {
        if let Err(refused) = ask(world, "ward_one", query) {
            assert!(!refused.contains("FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"), "{query}: {refused}");
        }
    }
}

//! The account for analysts: it reads every view and writes nothing.

use serde_json::json;

use super::{fact, small_world_with};

#[test]
fn an_analyst_reads_every_view_and_writes_nothing() {
    let world = small_world_with("analyst", &[fact("a", "dossiers-received", "00101", "2025-08-01", json!({"value": 7}))]);
    let engines = world.engines;
    let (user, password) = engines.analyst();
    let ask = |sql: &str| engines.sql_as(user, password, &world.database, sql);
    let close = ["report", "close", "--calendar", "legal", "--period", "2025-M08", "--today", super::TODAY];
    world.rollup(&close).ok();
    for (view, rows) in [("events", 1), ("rollups", 30), ("rejected_events", 0), ("reports", 3), ("report_versions", 3)] {
        let count = ask(&format!("SELECT count() FROM {view}")).unwrap();
        assert_eq!(count.trim(), rows.to_string(), "{view}");
    }
    for view in ["indicators", "units", "lineage", "sources", "targets"] {
        assert_ne!(ask(&format!("SELECT count() FROM {view}")).unwrap(), "0\n", "{view}");
    }
    assert_eq!(
        ask("SELECT value FROM rollups WHERE period = '2025-Q3' AND calendar = 'civil' AND level = 'country'").unwrap(),
        "7\n"
    );
    for statement in [
        "INSERT INTO retired VALUES (generateUUIDv4(), 1)",
        "CREATE TABLE mine (a Int8) ENGINE Memory",
        "CREATE OR REPLACE VIEW events AS SELECT 1",
        "DROP TABLE rollup_rows",
        "TRUNCATE TABLE event_log",
        "ALTER TABLE event_log DELETE WHERE 1",
        "DELETE FROM event_log WHERE 1",
        "DELETE FROM report_rows WHERE 1",
        "INSERT INTO report_claims (version) VALUES (2)",
        "OPTIMIZE TABLE event_log",
        "SYSTEM RELOAD CONFIG",
    ] {
        assert!(ask(statement).is_err(), "an analyst may {statement}");
    }
    assert!(engines.sql_as(user, "wrong", &world.database, "SELECT 1").is_err());
    assert_eq!(world.number("SELECT count() FROM events"), 1);
}

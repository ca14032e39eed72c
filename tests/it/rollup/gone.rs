//! Rows that lose their last fact disappear, at every level, and come back with a new one.

use serde_json::{Value, json};

use super::{TODAY, columns, fact, small_world_with};
use crate::harness::World;

const LEVELS: [&str; 4] = ["ward W00301@1900-01-01 7", "district D003@1900-01-01 7", "province P03@1900-01-01 7", "country VN 7"];

fn statement(id: &str, more: Value) -> String {
    fact(id, "dossiers-received", "00301", "2025-05-10", more)
}

fn shown(world: &World, period: &str) -> Vec<String> {
    columns(&world.export("civil", &[period], &[]), &["level", "area_id", "value"])
}

#[test]
fn a_retraction_of_the_only_fact_takes_its_rows_away_at_every_level() {
    let world = small_world_with("gone", &[statement("a", json!({"value": 7, "record": "r"}))]);
    let view = || world.number("SELECT count() FROM rollups");
    let rows = view();
    // Month, quarter, half, nine months and year of the civil calendar, and the same of the legal one. Where the year and
    // the nine months end the district is no more.
    assert_eq!(rows, 2 * (3 * 4 + 2 * 3));
    assert_eq!(shown(&world, "2025-M05"), LEVELS);
    assert_eq!(shown(&world, "2025-05-01..2025-06-30"), LEVELS);

    world.publish_events([statement("b", json!({"retracted": true, "record": "r", "revision": 1}))]);
    world.process(TODAY);
    assert_eq!(view(), 0);
    assert_eq!(shown(&world, "2025-M05"), [""; 0]);
    assert_eq!(shown(&world, "2025-05-01..2025-06-30"), [""; 0]);
    assert_eq!(world.number("SELECT count() FROM rollup_rows FINAL WHERE gone"), rows);
    assert_eq!(world.number("SELECT count() FROM events"), 0);
    // What is gone is not written again and again.
    assert_eq!(world.roll_up(TODAY)["rows"], 0);

    world.publish_events([statement("c", json!({"value": 7, "record": "r", "revision": 2}))]);
    world.process(TODAY);
    assert_eq!(view(), rows);
    assert_eq!(shown(&world, "2025-M05"), LEVELS);
}

#[test]
fn a_state_gives_way_to_a_percent_alone_and_comes_back() {
    let state = |more: Value| fact("s", "smartphone-rate", "00303", "2025-08-20", more);
    let world = small_world_with(
        "percent",
        &[
            state(json!({"numerator": 1, "denominator": 4})),
            fact("p", "smartphone-rate", "00303", "2025-08-21", json!({"percent": 26.5})),
        ],
    );
    let row = || {
        let csv = world.export("legal", &["2025-Q3"], &["--level", "ward"]);
        columns(&csv, &["numerator", "stated_percent", "records", "wards_reporting", "wards_percent_only"])
    };
    assert_eq!(row(), ["1 - 1 1 0"]);
    world.publish_events([state(json!({"retracted": true, "revision": 1}))]);
    world.process(TODAY);
    assert_eq!(row(), ["- 26.5 1 0 1"]);
    world.publish_events([state(json!({"numerator": 2, "denominator": 4, "revision": 2}))]);
    world.process(TODAY);
    assert_eq!(row(), ["2 - 1 1 0"]);
}

//! Figures that are known from elsewhere: real reports of real wards, and percents at their edges.

use serde_json::json;

use super::{TODAY, columns, fact, small_world_with};
use crate::harness::World;

const SEED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/events/seed-events.jsonl");

#[test]
fn the_shipped_facts_give_the_figures_of_the_reports() {
    let world = World::new("seed", 4);
    world.chiso_ingest(&["publish", SEED]).ok();
    assert_eq!(world.catch_up()["rejected"], 0);
    world.roll_up("2025-12-20");
    let row = |period: &str, area: &str, indicator: &str| {
        let csv = world.export("legal", &[period], &["--area", area, "--indicator", indicator]);
        columns(&csv, &["area_name", "numerator", "denominator", "percent", "as_of", "carried", "target", "status"])
    };
    let vneid = "vneid-registered-rate";
    assert_eq!(row("2025-H2", "W11413@2025-07-01", vneid), ["Phường Hải An 67355 76724 87.79 2025-10-09 false 80 met"]);
    assert_eq!(row("2023-H1", "W14809@1900-01-01", vneid), ["Phường Bắc Sơn 4911 5944 82.62 2023-06-14 false 80 met"]);
    // The code 11413 was another ward's before.
    assert_eq!(row("2025-H2", "W11413@1900-01-01", vneid), [""; 0]);

    let table = ["--area", "W11413@2025-07-01", "--indicator", vneid, "--format", "table"];
    let table = world.export("legal", &["2025-H2"], &table);
    assert!(table.contains("Phường Hải An") && table.contains("67355 / 76724 = 87.79"), "{table}");

    // States of Hưng Bình of April 2025 count for its successor, flows of April do not lie in the period.
    let csv = world.export("legal", &["2025-H2"], &["--area", "W16681@2025-07-01"]);
    assert_eq!(
        columns(&csv, &["area_name", "indicator", "value", "numerator", "denominator", "as_of", "carried", "records"]),
        [
            "Phường Thành Vinh community-digital-team-coverage-rate - 15 15 2025-04-15 true 1",
            "Phường Thành Vinh community-digital-teams 15 - - 2025-04-15 true 1"
        ]
    );
    let csv = world.export("legal", &["2025-H1"], &["--area", "W16672@1900-01-01", "--indicator", "training-sessions"]);
    assert_eq!(columns(&csv, &["area_name", "value", "as_of", "carried"]), ["Phường Hưng Bình 3 2025-04-15 false"]);
}

#[test]
fn a_percent_is_never_rounded_to_all_or_nothing() {
    let flow = "dossiers-online-rate";
    let cases = [
        (flow, "00101", "99999", "100000", "99.99"),
        (flow, "00102", "1", "1000000", "0.01"),
        (flow, "00103", "0", "0", "-"),
        (flow, "00201", "0", "5", "0"),
        (flow, "00202", "5", "5", "100"),
        (flow, "00301", "1", "800", "0.13"),
        (flow, "00302", "999999999999999998.999999", "999999999999999999.999999", "99.99"),
        (flow, "00303", "0.000001", "999999999999999999.999999", "0.01"),
        ("revenue-plan-rate", "00101", "3", "2", "150"),
        ("revenue-plan-rate", "00102", "999999999999999999.999999", "0.000001", "99999999999999999999999900"),
        ("revenue-plan-rate", "00103", "7", "0", "-"),
    ];
    let facts = cases.iter().enumerate().map(|(number, (indicator, ward, numerator, denominator, _))| {
        // As text: JSON numbers of serde_json are doubles.
        fact(&format!("f{number}"), indicator, ward, "2025-05-02", json!({"numerator": "N", "denominator": "D"}))
            .replace("\"N\"", numerator)
            .replace("\"D\"", denominator)
    });
    let world = small_world_with("percents", &facts.collect::<Vec<_>>());
    let shown = ["indicator", "area_code", "numerator", "denominator", "percent"];
    let mut expected: Vec<String> =
        cases.iter().map(|(indicator, ward, n, d, percent)| format!("{indicator} {ward} {n} {d} {percent}")).collect();
    expected.sort();
    for period in ["2025-M05", "2025-05-02"] {
        let mut found = columns(&world.export("civil", &[period], &["--level", "ward"]), &shown);
        found.sort();
        assert_eq!(found, expected, "{period}");
    }
    let stored = world.sql(
        "SELECT concat(indicator, ' ', area_code, ' ', toString(numerator), ' ', toString(denominator), ' ', ifNull(toString(percent), '-')) AS row
         FROM rollups WHERE calendar = 'civil' AND period = '2025-M05' AND level = 'ward' ORDER BY row",
    );
    assert_eq!(stored.lines().collect::<Vec<_>>(), expected);
    assert_eq!(world.roll_up(TODAY)["generation"], 1);
}

//! A change of reference data that would leave stored facts without a place is refused, with a list.

use serde_json::json;

use super::{TODAY, fact, small_world_with};
use crate::harness::{ReferenceCopy, World, small_country};

fn world() -> World {
    small_world_with(
        "orphans",
        &[
            fact("a", "dossiers-online-rate", "00101", "2025-08-01", json!({"numerator": 1, "denominator": 2})),
            fact("b", "bts-stations", "00101", "2025-08-01", json!({"value": 5})),
            fact("c", "smartphone-rate", "00102", "2025-05-01", json!({"percent": 50})),
            fact("d", "dossiers-received", "00103", "2025-05-01", json!({"value": 1, "source": "urn:vn:report:song"})),
            fact("e", "dossiers-received", "00401", "2025-08-15", json!({"value": 3})),
            fact("f", "dossiers-received", "00401", "2025-07-15", json!({"value": 3, "record": "f"})),
            // Withdrawn, but kept for ever: it may be stated anew.
            fact("g", "dossiers-received", "00401", "2025-07-15", json!({"retracted": true, "record": "f", "revision": 1})),
        ],
    )
}

#[test]
fn a_change_that_orphans_facts_is_refused_with_a_list() {
    let world = world();
    let view = || world.sql("SELECT * EXCEPT complete_through FROM rollups ORDER BY ALL");
    let before = view();
    let narrower = ReferenceCopy::of(&small_country());
    narrower
        .remove("indicators.csv", "dossiers-online-rate,core")
        .remove("targets.csv", "dossiers-online-rate")
        .replace("indicators.csv", ",flow,hồ sơ", ",stock,hồ sơ")
        .replace(
            "indicators.csv",
            ",stock_ratio,người có điện thoại thông minh,người trưởng thành,%",
            ",stock,người có điện thoại,,người",
        )
        .remove("sources.csv", "urn:vn:report:song")
        .replace("admin-units/units.csv", "W00401@2025-07-01", "W00401@2025-08-01")
        .replace(
            "admin-units/units.csv",
            "P03@2025-07-01,2025-07-01,9999-12-31\nW00101@2025-10",
            "P03@2025-07-01,2025-08-01,9999-12-31\nW00101@2025-10",
        );

    let complaint = world.migrate_from(narrower.path()).fails(1);
    for expected in [
        "indicators.csv: dossiers-online-rate: 1 stored events",
        "indicators.csv: smartphone-rate: 1 stored events",
        "sources.csv: urn:vn:report:song: 1 stored events",
        "ward 00401",
        "2 stored events from 2025-07-15 to 2025-07-15",
    ] {
        assert!(complaint.contains(expected), "{expected} is not named:\n{complaint}");
    }
    // A stock states a value as a flow does: those facts keep their place.
    assert!(!complaint.contains("dossiers-received"), "{complaint}");
    assert_eq!(world.sql("SELECT max(generation) FROM generations"), "1");
    world.roll_up(TODAY);
    assert_eq!(view(), before);
}

#[test]
fn a_unit_with_facts_cannot_be_removed() {
    let world = world();
    let narrower = ReferenceCopy::of(&small_country());
    for file in ["units.csv", "lineage.csv"] {
        narrower.remove(&format!("admin-units/{file}"), "W00102@1900-01-01");
    }
    let complaint = world.migrate_from(narrower.path()).fails(1);
    assert!(complaint.contains("ward 00102") && complaint.contains("2025-05-01"), "{complaint}");
    assert_eq!(complaint.matches("units.csv").count(), 1, "{complaint}");
}

//! Passes read the last state of each series, not all days before: whatever becomes of it, the figures are what all days say.

use serde_json::{Value, json};

use super::{TODAY, columns, fact, small_world_with};
use crate::harness::World;

fn stations(id: &str, date: &str, operator: &str, more: Value) -> String {
    let mut fields = json!({ "dimensions": { "operator": operator } });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fact(id, "bts-stations", "00303", date, fields)
}

/// What the ward has in some months, after a pass over one more event; the audit agrees.
fn after(world: &World, event: String) -> Vec<String> {
    world.publish_events([event]);
    world.process(TODAY);
    world.rollup(&["audit", "--today", TODAY]).ok();
    shown(world)
}

fn shown(world: &World) -> Vec<String> {
    let csv = world.export("civil", &["2025-M04", "2025-M05", "2025-M06"], &["--level", "ward"]);
    columns(&csv, &["period", "value", "as_of", "carried"])
}

#[test]
fn a_last_state_may_be_replaced_withdrawn_stated_again_or_moved_to_another_series() {
    let first =
        [stations("x", "2025-03-10", "x", json!({ "value": 4 })), stations("y", "2025-04-10", "y", json!({ "value": 10 }))];
    let world = small_world_with("last_states", &first);
    let april = "2025-M04 14 2025-04-10 true";
    assert_eq!(shown(&world), [april, "2025-M05 14 2025-04-10 true", "2025-M06 14 2025-04-10 true"]);

    let later = |revision: u32, more: Value| {
        let mut fields = json!({ "record": "later", "revision": revision });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    let x = |revision: u32, more: Value| stations(&format!("x{revision}"), "2025-05-10", "x", later(revision, more));
    assert_eq!(after(&world, x(0, json!({ "value": 6 }))), [april, "2025-M05 16 2025-05-10 true", "2025-M06 16 2025-05-10 true"]);
    assert_eq!(after(&world, x(1, json!({ "value": 7 }))), [april, "2025-M05 17 2025-05-10 true", "2025-M06 17 2025-05-10 true"]);
    // Withdrawn: what was stated in March counts again, though it is not the last state any more.
    assert_eq!(
        after(&world, x(2, json!({ "retracted": true }))),
        [april, "2025-M05 14 2025-04-10 true", "2025-M06 14 2025-04-10 true"]
    );
    assert_eq!(world.number("SELECT count() FROM last_states FINAL WHERE is_withdrawn"), 1);
    assert_eq!(after(&world, x(3, json!({ "value": 8 }))), [april, "2025-M05 18 2025-05-10 true", "2025-M06 18 2025-05-10 true"]);
    // The same record, of another series now.
    let moved = stations("z", "2025-05-10", "z", later(4, json!({ "value": 1 })));
    assert_eq!(after(&world, moved), [april, "2025-M05 15 2025-05-10 true", "2025-M06 15 2025-05-10 true"]);
    assert_eq!(world.sql("SELECT series FROM last_states FINAL WHERE is_withdrawn FORMAT TSVRaw"), "{'operator':'x'}");
    // One that comes late, before the last one of its series, and one behind it.
    let late = stations("late", "2025-04-20", "y", json!({ "value": 11 }));
    let april = "2025-M04 15 2025-04-20 true";
    assert_eq!(after(&world, late), [april, "2025-M05 16 2025-05-10 true", "2025-M06 16 2025-05-10 true"]);
    let june = stations("june", "2025-06-01", "x", json!({ "value": 5 }));
    assert_eq!(after(&world, june), [april, "2025-M05 16 2025-05-10 true", "2025-M06 17 2025-06-01 true"]);
}

#[test]
fn where_no_state_is_young_enough_a_percent_of_the_period_counts() {
    let rate = |id: &str, date: &str, more: Value| fact(id, "smartphone-rate", "00303", date, more);
    let world = small_world_with("percents", &[rate("old", "2024-01-10", json!({ "numerator": 1, "denominator": 4 }))]);
    // No number reaches the month in which the percent is stated.
    let carry = world.number("SELECT carry_days FROM indicators WHERE code = 'smartphone-rate'");
    assert!(carry < 600, "carried for {carry} days");
    world.publish_events([rate("percent", "2025-10-20", json!({ "percent": 26.5 }))]);
    world.process(TODAY);
    world.rollup(&["audit", "--today", TODAY]).ok();
    let csv = world.export("civil", &["2025-M10"], &["--level", "ward"]);
    assert_eq!(columns(&csv, &["numerator", "stated_percent"]), ["- 26.5"]);
    world.publish_events([rate("new", "2025-10-21", json!({ "numerator": 1, "denominator": 2 }))]);
    world.process(TODAY);
    world.rollup(&["audit", "--today", TODAY]).ok();
    let csv = world.export("civil", &["2025-M10", "2026-M01"], &["--level", "ward"]);
    assert_eq!(columns(&csv, &["numerator", "stated_percent", "carried"]), ["1 - false", "1 - true"]);
}

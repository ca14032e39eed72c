//! The order of the reasons: of two faults the one that is checked first is named.

use super::*;

/// Breaks one rule of an event; later rules are broken first, so that what two rules share ends as the earlier wants it.
type Break = fn(&mut Value, &mut Message);

const BREAKS: [(&str, Break); 22] = [
    ("too_large", |e, _| e["subject"] = json!("x".repeat(65_536))),
    // A name twice in one object cannot be said with a value: see `broken`.
    ("malformed_json", |e, _| e["twice"] = json!(1)),
    ("not_cloudevent", |e, _| e["specversion"] = json!("0.3")),
    ("unsupported_type", |e, _| e["type"] = json!("other")),
    ("unknown_field", |e, _| e["data"]["extra"] = json!(1)),
    ("missing_field", |e, _| drop(e["data"].as_object_mut().unwrap().remove("date"))),
    ("bad_type", |e, _| e["data"]["qualifier"] = json!("exactly")),
    ("unknown_source", |e, _| e["source"] = json!("urn:vn:nobody")),
    ("unknown_indicator", |e, _| e["data"]["indicator"] = json!("no-such")),
    ("wrong_measure", |e, _| e["data"]["value"] = json!(1)),
    ("negative", |e, _| e["data"]["numerator"] = json!(-1)),
    ("out_of_range", |e, _| e["data"]["denominator"] = json!(1e18)),
    ("too_precise", |e, _| e["data"]["numerator"] = json!(0.1234567)),
    ("numerator_exceeds_denominator", |e, _| e["data"]["numerator"] = json!(4)),
    ("bad_dimension", |e, _| e["data"]["dimensions"] = json!({"no": "such"})),
    ("bad_date", |e, _| e["data"]["date"] = json!("2025-02-30")),
    ("future_date", |e, _| e["data"]["date"] = json!("2099-01-01")),
    ("unknown_ward", |e, _| e["data"]["ward"] = json!("99999")),
    ("ward_abolished", |e, _| e["data"]["ward"] = json!("00302")),
    ("indicator_not_allowed", |e, _| e["data"]["indicator"] = json!("dossiers-online-rate")),
    ("ward_not_allowed", |e, _| e["source"] = json!("urn:vn:report:mot-hai")),
    ("source_not_allowed", |_, m| "elsewhere".clone_into(&mut m.topic)),
];

fn broken(rules: &[usize]) -> Message {
    let mut event = event(
        "smartphone-rate",
        "00301",
        "2025-08-01",
        "a",
        json!({"numerator": 1, "denominator": 3, "source": "urn:vn:telecom"}),
    );
    let mut message = message(&event);
    for rule in rules.iter().rev() {
        BREAKS[*rule].1(&mut event, &mut message);
    }
    message.value = Some(event.to_string().replace("\"twice\"", "\"id\":\"b\",\"twice\"").into_bytes());
    message
}

#[test]
fn the_breaks_are_the_reasons_in_their_order() {
    assert_eq!(BREAKS.map(|(reason, _)| reason), REASONS);
    assert_eq!(SMALL.judge(&broken(&[])).err(), None);
}

#[test]
fn of_any_faults_the_first_rule_names_the_reason() {
    for (first, (reason, _)) in BREAKS.iter().enumerate() {
        assert_eq!(SMALL.judge(&broken(&[first])).err(), Some(*reason));
        for (second, (later, _)) in BREAKS.iter().enumerate().skip(first + 1) {
            let found = SMALL.judge(&broken(&[first, second])).err();
            assert_eq!(found, Some(*reason), "beside {later}");
        }
        let all: Vec<usize> = (first..BREAKS.len()).collect();
        assert_eq!(SMALL.judge(&broken(&all)).err(), Some(*reason), "beside all later ones");
    }
}

#[test]
fn each_rule_looks_at_all_numbers_before_the_next_rule() {
    let numbers = |numerator: Value, denominator: Value| {
        let more = json!({"numerator": numerator, "denominator": denominator});
        reason(&VIET_NAM, &event("satisfaction-rate", "11413", "2025-08-01", "a", more))
    };
    assert_eq!(numbers(json!(1e18), json!(-1)), Some("negative"));
    assert_eq!(numbers(json!(1e-7), json!(1e18)), Some("out_of_range"));
    assert_eq!(numbers(json!(2), json!(1e-7)), Some("too_precise"));
    let percent = event("satisfaction-rate", "11413", "2025-08-01", "a", json!({"percent": 100.0000001}));
    assert_eq!(reason(&VIET_NAM, &percent), Some("out_of_range"), "above 100, and too precise");
}

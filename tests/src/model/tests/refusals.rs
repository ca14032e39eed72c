//! What is refused, and what is only strange (contract section 1).

use super::*;

fn base() -> Value {
    event("bts-stations", "11413", "2025-08-01", "a", json!({"value": 1}))
}

/// The reason for the base event whose `"value":1` is spelled in another way.
fn spelled(text: &str) -> Option<&'static str> {
    let json = base().to_string().replace("\"value\":1", &format!("\"value\":{text}"));
    VIET_NAM.judge(&Message::structured(TOPIC, json.as_bytes())).err()
}

fn raw(json: &str) -> Option<&'static str> {
    VIET_NAM.judge(&Message::structured(TOPIC, json.as_bytes())).err()
}

fn with(name: &str, value: Value) -> Value {
    let mut event = base();
    event["data"][name] = value;
    event
}

#[test]
fn a_sound_event_is_accepted_whole() {
    let more =
        json!({"value": 2.5, "record": "r", "revision": 4294967295_u32, "qualifier": "at_least", "dimensions": {"operator": ""}});
    let fact = VIET_NAM.judge(&message(&event("bts-stations", "11413", "2025-08-01", "a", more))).unwrap();
    assert_eq!((fact.unit.as_str(), fact.record.as_str(), fact.measure), ("W11413@2025-07-01", "r", Measure::Value(2_500_000)));
    assert_eq!((fact.version.revision, fact.version.time_ms), (u32::MAX, 1_754_017_200_000));
    assert_eq!(VIET_NAM.judge(&message(&base())).unwrap().record, "a", "the record is the id by default");
}

#[test]
fn numbers_are_judged_by_value_not_by_spelling() {
    for (text, expected) in [
        ("1.0000000", None),
        ("1000000e-12", None),
        ("-0", None),
        ("0e-99999999999999999999", None),
        ("1e-7", Some("too_precise")),
        ("1e0000000000000000002", None),
        ("1e-0000000000000000006", None),
        ("1e99999999999999999999", Some("out_of_range")),
        ("-1e99999999999999999999", Some("negative")),
        ("1e18", Some("out_of_range")),
        ("999999999999999999.999999", None),
        ("null", Some("bad_type")),
        ("\"1\"", Some("bad_type")),
        ("01", Some("malformed_json")),
        ("NaN", Some("malformed_json")),
        ("{\"a\":1,\"a\":1}", Some("bad_type")),
        ("1,\"value\":1", Some("malformed_json")),
        ("1,\"\\u0076alue\":1", Some("malformed_json")),
    ] {
        assert_eq!(spelled(text), expected, "{text}");
    }
    assert_eq!(spelled(&("1".to_owned() + &"0".repeat(5000))), Some("out_of_range"));
    assert_eq!(spelled(&("[".repeat(30_000) + &"]".repeat(30_000))), Some("bad_type"));
}

#[test]
fn revisions_are_digits_only() {
    for (text, expected) in [
        ("1", None),
        ("0", None),
        ("1.0", Some("bad_type")),
        ("-0", Some("bad_type")),
        ("1e0", Some("bad_type")),
        ("4294967295", None),
        ("4294967296", Some("bad_type")),
        ("\"1\"", Some("bad_type")),
        ("null", Some("bad_type")),
    ] {
        assert_eq!(spelled(&format!("1,\"revision\":{text}")), expected, "{text}");
    }
}

#[test]
fn the_value_is_json_of_at_most_64_kib() {
    let text = base().to_string();
    let padded = |length: usize| format!("{text}{}", " ".repeat(length - text.len()));
    assert_eq!(raw(&padded(65_536)), None);
    assert_eq!(raw(&padded(65_537)), Some("too_large"));
    assert_eq!(raw(&"[".repeat(65_537)), Some("too_large"), "size comes before form");
    for json in ["", " ", "{not json", "{}{}", "\u{feff}{}", "[1,]"] {
        assert_eq!(raw(json), Some("malformed_json"), "{json}");
    }
    assert_eq!(VIET_NAM.judge(&Message { value: None, ..message(&base()) }).err(), Some("malformed_json"));
    for json in ["[1]", "null", "1", "{}", "\"\\ud800\""] {
        assert_eq!(raw(json), Some("not_cloudevent"), "{json}");
    }
}

#[test]
fn repeats_and_lone_surrogates_count_only_where_somebody_reads() {
    let text = base().to_string();
    let and = |member: &str| format!("{},{member}}}", &text[..text.len() - 1]);
    for (member, expected) in [
        (r#""ext":{"a":1,"a":2}"#, None),
        (r#""ext":"\ud800""#, None),
        (r#""ext":{"\ud800":1}"#, None),
        (r#""id":"b""#, Some("malformed_json")),
        (r#""\u0069d":"b""#, Some("malformed_json")),
        (r#""\ud800":1"#, Some("malformed_json")),
        (r#""ext":1,"ext":2"#, Some("malformed_json")),
        (r#""ext":"\ud83d\ude00""#, None),
    ] {
        assert_eq!(raw(&and(member)), expected, "{member}");
    }
    for (field, expected) in [
        (r#""x":{"deep":["\udc00"]}"#, "malformed_json"),
        (r#""\udc00":1"#, "malformed_json"),
        (r#""record":"\udc00""#, "malformed_json"),
        (r#""dimensions":{"operator":"x","operator":"x"}"#, "malformed_json"),
        (r#""x":{"a":1,"a":1}"#, "unknown_field"),
    ] {
        assert_eq!(spelled(&format!("1,{field}")), Some(expected), "{field}");
    }
    assert_eq!(raw(&text.replace("\"id\":\"a\"", r#""id":"\ud800""#)), Some("malformed_json"));
    assert_eq!(raw(&text.replace("\"id\":\"a\"", r#""id":"\ud83d\ude00""#)), None);
}

#[test]
fn attributes_have_bounds() {
    let attribute = |name: &str, value: Value| {
        let mut event = base();
        event[name] = value;
        reason(&VIET_NAM, &event)
    };
    for name in ["specversion", "id", "source", "type", "time"] {
        let mut event = base();
        event.as_object_mut().unwrap().remove(name);
        assert_eq!(reason(&VIET_NAM, &event), Some("not_cloudevent"), "{name} is missing");
        for value in [json!(""), json!(1), json!(null), json!(["1.0"])] {
            assert_eq!(attribute(name, value), Some("not_cloudevent"), "{name}");
        }
    }
    for (name, length, expected) in [
        ("id", 128, None),
        ("id", 129, Some("not_cloudevent")),
        ("source", 256, Some("unknown_source")),
        ("source", 257, Some("not_cloudevent")),
        ("type", 256, Some("unsupported_type")),
        ("type", 257, Some("not_cloudevent")),
        ("specversion", 3, Some("not_cloudevent")),
    ] {
        assert_eq!(attribute(name, json!("x".repeat(length))), expected, "{name} of {length}");
    }
    assert_eq!(attribute("id", json!("ế".repeat(43))), Some("not_cloudevent"), "lengths are bytes");
    for (time, expected) in [
        ("2025-08-01T10:00:00.123456789z", None),
        ("2025-08-01 10:00:00Z", Some("not_cloudevent")),
        ("2299-12-31T23:59:59.999+07:00", None),
        ("2300-01-01T00:00:00+07:00", Some("not_cloudevent")),
        ("2025-08-01T10:00:00.00000000000000000000000000000000000000000000000Z", Some("not_cloudevent")),
    ] {
        assert_eq!(attribute("time", json!(time)), expected, "{time}");
    }
    for data in [json!(null), json!([]), json!("x"), json!(1)] {
        assert_eq!(attribute("data", data), Some("not_cloudevent"));
    }
    let mut other = base();
    other["type"] = json!("vn.chiso.indicator.updated.v2");
    other.as_object_mut().unwrap().remove("data");
    assert_eq!(reason(&VIET_NAM, &other), Some("unsupported_type"), "the type is looked at before the data");
}

#[test]
fn fields_have_types_and_none_is_unknown() {
    for (name, value, expected) in [
        ("value", json!(null), "bad_type"),
        ("record", json!(""), "bad_type"),
        ("record", json!("x".repeat(129)), "bad_type"),
        ("record", json!(1), "bad_type"),
        ("qualifier", json!("Exact"), "bad_type"),
        ("retracted", json!("true"), "bad_type"),
        ("retracted", json!(null), "bad_type"),
        ("dimensions", json!(null), "bad_type"),
        ("dimensions", json!({"operator": 1}), "bad_type"),
        ("ward", json!(11413), "bad_type"),
        ("date", json!(20_250_801), "bad_type"),
        ("indicator", json!(null), "bad_type"),
        ("Value", json!(1), "unknown_field"),
        ("", json!(1), "unknown_field"),
    ] {
        assert_eq!(reason(&VIET_NAM, &with(name, value.clone())), Some(expected), "{name} {value}");
    }
    for (name, value) in [
        ("record", json!("x".repeat(128))),
        ("retracted", json!(false)),
        ("dimensions", json!({})),
        ("qualifier", json!("more_than")),
        ("revision", json!(0)),
    ] {
        assert_eq!(reason(&VIET_NAM, &with(name, value)), None, "{name}");
    }
    for name in ["indicator", "ward", "date"] {
        let mut event = base();
        event["data"].as_object_mut().unwrap().remove(name);
        assert_eq!(reason(&VIET_NAM, &event), Some("missing_field"), "{name}");
    }
}

#[test]
fn measures_fit_the_kind() {
    let ratio = |numbers: Value| reason(&VIET_NAM, &event("satisfaction-rate", "11413", "2025-08-01", "a", numbers));
    let wrong = Some("wrong_measure");
    for (numbers, expected) in [
        (json!({"numerator": 1}), wrong),
        (json!({"denominator": 1}), wrong),
        (json!({"value": 1}), wrong),
        (json!({}), wrong),
        (json!({"numerator": 1, "denominator": 1, "percent": 100}), wrong),
        (json!({"retracted": true, "percent": 1}), wrong),
        (json!({"retracted": true}), None),
        (json!({"numerator": 0, "denominator": 0}), None),
        (json!({"percent": 100}), None),
        (json!({"percent": 100.000001}), Some("out_of_range")),
        (json!({"numerator": 5, "denominator": 3}), Some("numerator_exceeds_denominator")),
        (json!({"numerator": 1.000001, "denominator": 1}), Some("numerator_exceeds_denominator")),
    ] {
        assert_eq!(ratio(numbers.clone()), expected, "{numbers}");
    }
    let exceeding = |numbers: Value| reason(&SMALL, &event("seats-taken-rate", "00301", "2025-08-01", "a", numbers));
    assert_eq!(exceeding(json!({"numerator": 5, "denominator": 3})), None);
    assert_eq!(exceeding(json!({"numerator": 5, "denominator": 0})), None);
    assert_eq!(exceeding(json!({"percent": 250})), None);
    assert_eq!(reason(&VIET_NAM, &with("percent", json!(1))), wrong, "a stock has no percent");
}

#[test]
fn dimensions_are_declared() {
    let stock = |dimensions: Value| reason(&VIET_NAM, &with("dimensions", dimensions));
    assert_eq!(stock(json!({"operator": ""})), None, "any string where the catalogue says *, also the empty one");
    assert_eq!(stock(json!({"Operator": "x"})), Some("bad_dimension"));
    let flow = |dimensions: Value| {
        reason(&VIET_NAM, &event("dossiers-received", "11413", "2025-08-01", "a", json!({"value": 1, "dimensions": dimensions})))
    };
    assert_eq!(flow(json!({"channel": "online", "field": "đất đai"})), None);
    assert_eq!(flow(json!({"channel": ""})), Some("bad_dimension"));
    assert_eq!(
        reason(&VIET_NAM, &event("e-certified-copies", "11413", "2025-08-01", "a", json!({"value": 1, "dimensions": {}}))),
        None
    );
}

#[test]
fn days_are_local_and_exist() {
    let at =
        |day: &str, time: &str| reason(&VIET_NAM, &event("bts-stations", "11413", day, "a", json!({"value": 1, "time": time})));
    assert_eq!(at("2025-08-02", "2025-08-01T23:00:00+07:00"), None, "tomorrow");
    assert_eq!(at("2025-08-03", "2025-08-01T23:00:00+07:00"), Some("future_date"));
    assert_eq!(at("2025-08-03", "2025-08-01T17:00:00Z"), None, "17:00 UTC is the next local day");
    assert_eq!(at("2025-08-03", "2025-08-01T16:59:59.999999Z"), Some("future_date"));
    assert_eq!(at("2025-08-03", "2025-08-02T09:00:00+23:59"), Some("future_date"), "the offset of the time is not the local one");
    assert_eq!(at("2299-12-31", "2299-12-30T12:00:00+07:00"), None);
    for day in ["2025-02-30", "1899-12-31", "2300-01-01", "2025-8-01", "20250801", "", "2025-08-01 ", "２025-08-01"] {
        assert_eq!(at(day, "2025-08-01T10:00:00+07:00"), Some("bad_date"), "{day}");
    }
    assert_eq!(at("1900-01-01", "2025-08-01T10:00:00+07:00"), None);
}

#[test]
fn wards_are_those_of_the_day() {
    let at = |ward: &str, day: &str| reason(&VIET_NAM, &event("bts-stations", ward, day, "a", json!({"value": 1})));
    assert_eq!(at("11414", "2025-06-30"), None);
    assert_eq!(at("11414", "2025-07-01"), Some("ward_abolished"));
    assert_eq!(at("99999", "2025-07-01"), Some("unknown_ward"));
    assert_eq!(at("01", "2025-07-01"), Some("unknown_ward"), "the code of a province");
    assert_eq!(at("11948", "2025-06-30"), Some("ward_abolished"), "not there yet: one had the code, but not on the day");
    assert_eq!(at("11948", "2025-07-01"), None);
}

#[test]
fn the_registry_says_who_may_state_what() {
    let by = |source: &str, indicator: &str, ward: &str, day: &str| {
        let measure = if indicator.ends_with("rate") {
            json!({"percent": 1, "source": source})
        } else {
            json!({"value": 1, "source": source})
        };
        reason(&SMALL, &event(indicator, ward, day, "a", measure))
    };
    assert_eq!(by("urn:vn:telecom", "bts-stations", "00301", "2025-08-01"), None);
    assert_eq!(by("urn:vn:telecom", "it-devices", "00301", "2025-08-01"), Some("indicator_not_allowed"));
    assert_eq!(by("urn:vn:report:song", "it-devices", "00103", "2025-06-30"), None, "a ward of the district");
    assert_eq!(by("urn:vn:report:song", "it-devices", "00201", "2025-06-30"), Some("ward_not_allowed"));
    assert_eq!(
        by("urn:vn:report:song", "it-devices", "00101", "2025-07-01"),
        Some("ward_not_allowed"),
        "a subtree follows parents, never lineage"
    );
    assert_eq!(
        by("urn:vn:report:mot-hai", "bts-stations", "00101", "2025-06-30"),
        Some("ward_not_allowed"),
        "the code's former ward"
    );
    assert_eq!(by("urn:vn:report:mot-hai", "bts-stations", "00101", "2025-12-01"), None);
    assert_eq!(by("urn:vn:province:nam", "it-devices", "00302", "2025-06-30"), None, "district, then province");
    assert_eq!(by("urn:vn:province:nam", "it-devices", "00401", "2025-07-01"), None);

    let telecom = message(&event("bts-stations", "00301", "2025-08-01", "a", json!({"value": 1, "source": "urn:vn:telecom"})));
    let from = |topic: &str| SMALL.judge(&Message { topic: topic.to_owned(), ..telecom.clone() }).err();
    assert_eq!(from("chiso.telecom.v1"), None);
    assert_eq!(from("elsewhere"), Some("source_not_allowed"));
}

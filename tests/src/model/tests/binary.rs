//! The binary content mode, and how the two modes are told apart (contract section 1).

use super::*;

/// The base event with these changes to its headers: a name with no value is taken away.
fn judged(changes: &[(&str, Option<&[u8]>)], value: Option<&[u8]>) -> Option<&'static str> {
    let mut headers: Vec<(String, Vec<u8>)> = [
        ("ce_specversion", "1.0"),
        ("ce_id", "a"),
        ("ce_source", "urn:vn:one-stop"),
        ("ce_type", TYPE),
        ("ce_time", "2025-08-01T10:00:00+07:00"),
        ("content-type", "application/json"),
    ]
    .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
    .to_vec();
    for (name, value) in changes {
        headers.retain(|(known, _)| known != name);
        headers.extend(value.map(|value| ((*name).to_owned(), value.to_vec())));
    }
    VIET_NAM.judge(&Message { topic: TOPIC.to_owned(), key: None, headers, value: value.map(<[u8]>::to_vec) }).err()
}

const DATA: &[u8] = br#"{"indicator":"bts-stations","ward":"11413","date":"2025-08-01","value":1}"#;

#[test]
fn attributes_are_headers_and_the_value_is_the_data() {
    assert_eq!(judged(&[], Some(DATA)), None);
    assert_eq!(judged(&[("ce_subject", Some(b"\xff")), ("other", Some(b"x"))], Some(DATA)), None, "others are ignored");
    for name in ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"] {
        assert_eq!(judged(&[(name, None)], Some(DATA)), Some("not_cloudevent"), "{name} is missing");
        assert_eq!(judged(&[(name, Some(b""))], Some(DATA)), Some("not_cloudevent"), "{name} is empty");
        assert_eq!(judged(&[(name, Some(b"\xff"))], Some(DATA)), Some("not_cloudevent"), "{name} is no text");
    }
    assert_eq!(judged(&[("ce_type", Some(b"other"))], Some(b"[]")), Some("unsupported_type"));
    assert_eq!(judged(&[], Some(b"[]")), Some("not_cloudevent"));
    assert_eq!(judged(&[], Some(b"null")), Some("not_cloudevent"));
}

#[test]
fn the_value_comes_before_the_headers() {
    let missing = [("ce_id", None)];
    assert_eq!(judged(&missing, None), Some("malformed_json"));
    assert_eq!(judged(&missing, Some(b"")), Some("malformed_json"));
    assert_eq!(judged(&missing, Some(&b" ".repeat(65_537))), Some("too_large"));
    assert_eq!(judged(&missing, Some(br#"{"ward":"1","\u0077ard":"1"}"#)), Some("malformed_json"));
    assert_eq!(judged(&missing, Some(br#"{"x":["\ud800"]}"#)), Some("malformed_json"));
    assert_eq!(judged(&[], Some(br#""\ud800""#)), Some("malformed_json"));
    assert_eq!(judged(&missing, Some(DATA)), Some("not_cloudevent"));
}

#[test]
fn the_content_type_tells_the_modes_apart() {
    let whole = event("bts-stations", "11413", "2025-08-01", "a", json!({"value": 1})).to_string();
    for structured in [
        "application/cloudevents+json; charset=UTF-8",
        "application/cloudevents",
        "Application/CloudEvents+JSON",
        "APPLICATION/CLOUDEVENTS+json;x=y",
    ] {
        assert_eq!(judged(&[("content-type", Some(structured.as_bytes()))], Some(whole.as_bytes())), None, "{structured}");
        assert_eq!(judged(&[("content-type", Some(structured.as_bytes()))], Some(DATA)), Some("not_cloudevent"), "{structured}");
    }
    for binary in
        [None, Some(b"application/json".as_slice()), Some(b"Application/JSON; charset=UTF-8"), Some(b"application/vnd.x+json")]
    {
        assert_eq!(judged(&[("content-type", binary)], Some(DATA)), None);
        assert_eq!(judged(&[("content-type", binary)], Some(whole.as_bytes())), Some("unknown_field"));
    }
}

#[test]
fn what_is_said_to_be_something_else_than_json_is_not_guessed_at() {
    let whole = event("bts-stations", "11413", "2025-08-01", "a", json!({"value": 1})).to_string();
    for content_type in [b"application/cloudevents-batch+json".as_slice(), b"application/cloudevents+avro"] {
        assert_eq!(judged(&[("content-type", Some(content_type))], Some(whole.as_bytes())), Some("not_cloudevent"));
    }
    for content_type in [b"text/plain".as_slice(), b"", b"\xff", b"application/jsonl"] {
        assert_eq!(judged(&[("content-type", Some(content_type))], Some(DATA)), Some("not_cloudevent"));
        assert_eq!(
            judged(&[("content-type", Some(content_type)), ("ce_type", Some(b"other"))], Some(DATA)),
            Some("not_cloudevent")
        );
        assert_eq!(judged(&[("content-type", Some(content_type))], Some(b"{")), Some("malformed_json"));
    }
}

#[test]
fn a_header_that_is_given_twice_says_nothing() {
    let sound = message(&event("bts-stations", "11413", "2025-08-01", "a", json!({"value": 1})));
    for (name, expected) in [("content-type", Some("not_cloudevent")), ("ce_id", None), ("other", None)] {
        let mut twice = sound.clone();
        let value = twice.headers[0].1.clone();
        twice.headers.extend([(name.to_owned(), value.clone()), (name.to_owned(), value)]);
        assert_eq!(VIET_NAM.judge(&twice).err(), expected, "{name} in the structured mode");
    }
    for name in ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"] {
        let headers = [
            ("ce_specversion", "1.0"),
            ("ce_id", "a"),
            ("ce_source", "urn:vn:one-stop"),
            ("ce_type", TYPE),
            ("ce_time", "2025-08-01T03:00:00Z"),
        ];
        let mut headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
        let again = headers.iter().find(|(known, _)| known == name).unwrap().clone();
        headers.push(again);
        let message = Message { topic: TOPIC.to_owned(), key: None, headers, value: Some(DATA.to_vec()) };
        assert_eq!(VIET_NAM.judge(&message).err(), Some("not_cloudevent"), "{name}");
    }
}

#[test]
fn both_modes_say_the_same() {
    let structured = VIET_NAM.judge(&message(&event("bts-stations", "11413", "2025-08-01", "a", json!({"value": 1})))).unwrap();
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", "a"),
        ("ce_source", "urn:vn:one-stop"),
        ("ce_type", TYPE),
        ("ce_time", "2025-08-01T03:00:00Z"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
    let binary = Message { topic: TOPIC.to_owned(), key: None, headers, value: Some(DATA.to_vec()) };
    assert_eq!(VIET_NAM.judge(&binary).unwrap(), structured);
}

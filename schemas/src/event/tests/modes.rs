//! Content modes: which header decides, and that both give the same event.

use super::*;

type Headers = Vec<(&'static str, &'static [u8])>;

const BINARY: [(&str, &[u8]); 6] = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"a"),
    ("ce_source", b"urn:vn:one-stop"),
    ("ce_type", b"vn.chiso.indicator.updated.v1"),
    ("ce_time", b"2025-08-01T10:00:00+07:00"),
    ("content-type", b"application/json"),
];

fn binary(change: impl FnOnce(&mut Headers), value: Option<&[u8]>) -> Result<u128, Refusal> {
    let mut headers = BINARY.to_vec();
    change(&mut headers);
    decode(&Message { topic: TOPIC, headers: &headers, value }, &REFERENCE).map(|event| event.version)
}

fn set(headers: &mut Headers, name: &str, value: &'static [u8]) {
    headers.iter_mut().find(|(header, _)| *header == name).unwrap().1 = value;
}

#[test]
fn both_modes_give_the_same_event() {
    let data = object(&DATA);
    let whole = event(&[], &[]);
    let message = Message { topic: TOPIC, headers: &BINARY, value: Some(data.as_bytes()) };
    assert_eq!(decode(&message, &REFERENCE).unwrap(), decode_structured(whole.as_bytes()).unwrap());
}

#[test]
fn the_content_type_tells_structured_mode() {
    let whole = event(&[], &[]);
    for (content_type, fine) in [
        ("application/cloudevents+json; charset=UTF-8", true),
        ("Application/CloudEvents+JSON;charset=utf-8", true),
        ("application/cloudevents+json", true),
        ("application/cloudevents", true),
        ("application/cloudevents+json ; x=y", true),
        (" application/cloudevents+json", false),
        ("application/cloudevents-batch+json", false),
        ("application/cloudevents+avro", false),
        ("application/json", false),
        ("application/cloudevent+json", false),
        ("", false),
    ] {
        let headers = [("content-type", content_type.as_bytes())];
        let got = decode(&Message { topic: TOPIC, headers: &headers, value: Some(whole.as_bytes()) }, &REFERENCE);
        assert_eq!(got.err().map(|refusal| refusal.reason), (!fine).then_some(Reason::NotCloudevent), "{content_type}");
    }
}

#[test]
fn binary_data_are_json() {
    let data = object(&DATA);
    let with_type = |content_type: &'static str| {
        let got = binary(|headers| set(headers, "content-type", content_type.as_bytes()), Some(data.as_bytes()));
        got.err().map(|refusal| refusal.reason)
    };
    for content_type in
        ["application/json", "APPLICATION/JSON; charset=utf-8", "application/vnd.chiso+json", "application/json ;a=b"]
    {
        assert_eq!(with_type(content_type), None, "{content_type}");
    }
    for content_type in ["text/plain", "application/xml", "application/jsonl", "json", "", "; charset=utf-8", " application/json"]
    {
        assert_eq!(with_type(content_type), Some(Reason::NotCloudevent), "{content_type}");
    }
    assert!(binary(|headers| headers.retain(|(name, _)| *name != "content-type"), Some(data.as_bytes())).is_ok());
}

#[test]
fn every_header_is_required_once_in_utf_8() {
    let data = object(&DATA);
    for name in ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"] {
        let refused = |change: &dyn Fn(&mut Headers)| {
            let refusal = binary(|headers| change(headers), Some(data.as_bytes())).expect_err(name);
            assert_eq!(refusal.reason, Reason::NotCloudevent, "{name}");
            let attribute = name.trim_start_matches("ce_");
            assert!(refusal.detail.contains(attribute), "{}", refusal.detail);
        };
        refused(&|headers| headers.retain(|(header, _)| *header != name));
        refused(&|headers| set(headers, name, b""));
        refused(&|headers| set(headers, name, b"\xff"));
        refused(&|headers| headers.push((name, b"again")));
    }
    assert!(binary(|headers| headers.push(("content-type", b"application/json")), Some(data.as_bytes())).is_err());
}

#[test]
fn other_headers_are_ignored() {
    let data = object(&DATA);
    let others: [(&str, &[u8]); 6] = [
        ("ce_subject", b"\xff"),
        ("ce_subject", b"x"),
        ("CE_ID", b"b"),
        ("id", b"b"),
        ("traceparent", b""),
        ("Content-Type", b"x"),
    ];
    let plain = binary(|_| (), Some(data.as_bytes())).unwrap();
    assert_eq!(binary(|headers| headers.extend(others), Some(data.as_bytes())).unwrap(), plain);
}

#[test]
fn structured_events_take_nothing_from_ce_headers() {
    let whole = event(&[("id", "")], &[]);
    let mut headers = BINARY.to_vec();
    set(&mut headers, "content-type", b"application/cloudevents+json");
    let got = decode(&Message { topic: TOPIC, headers: &headers, value: Some(whole.as_bytes()) }, &REFERENCE);
    assert_eq!(got.unwrap_err().reason, Reason::NotCloudevent);
}

#[test]
fn early_refusals_of_binary_messages_know_source_and_id() {
    let huge = vec![b' '; MAX_VALUE_BYTES + 1];
    for (value, reason) in [
        (None, Reason::MalformedJson),
        (Some(b"".as_slice()), Reason::MalformedJson),
        (Some(b"{"), Reason::MalformedJson),
        (Some(b"\xff"), Reason::MalformedJson),
        (Some(b"[1]"), Reason::NotCloudevent),
        (Some(b" null "), Reason::NotCloudevent),
        (Some(b"[\"\\ud800\"]"), Reason::MalformedJson),
        (Some(&huge), Reason::TooLarge),
    ] {
        let refusal = binary(|_| (), value).unwrap_err();
        assert_eq!(
            (refusal.reason, refusal.source.as_deref(), refusal.id.as_deref()),
            (reason, Some("urn:vn:one-stop"), Some("a"))
        );
    }
}

#[test]
fn an_event_without_its_content_type_gets_a_hint() {
    let whole = event(&[], &[]);
    let refused = |headers: &[(&str, &[u8])]| {
        let refusal = decode(&Message { topic: TOPIC, headers, value: Some(whole.as_bytes()) }, &REFERENCE).unwrap_err();
        assert_eq!(refusal.reason, Reason::NotCloudevent);
        assert!(refusal.detail.contains("send the header content-type: application/cloudevents+json"), "{}", refusal.detail);
        refusal.detail
    };
    assert!(refused(&[]).contains("there is no content-type header"));
    assert!(refused(&[("content-type", b"application/json")]).contains("content-type header is \"application/json\""));
}

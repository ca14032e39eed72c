//! What holds for every message: no panic, one answer for both modes, no meaning in order and white space.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Valid events of many kinds, as they are published.
const SEED: &str = include_str!("../../../events/seed-events.jsonl");

fn seed_line() -> impl Strategy<Value = &'static str> {
    select(SEED.lines().collect::<Vec<_>>())
}

/// A number in some spelling, good or bad.
fn number() -> impl Strategy<Value = String> {
    prop_oneof!["-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,8})?([eE][+-]?[0-9]{1,3})?", "[0-9]{1,3}", "[0-9.eE+-]{1,6}"]
}

/// JSON text of any kind for any place.
fn json() -> impl Strategy<Value = String> {
    let words = ["null", "true", "[]", "{}", "\"\"", "\"exact\"", "\"\\ud800\"", "{\"a\":[1,{}]}", "\"11413\"", "\"2025-07-01\""];
    prop_oneof![number(), select(words.to_vec()).prop_map(str::to_owned), "\"[a-zệ\\\\\"u0-9]{0,8}\""]
}

/// Attributes, known and others, repeated ones among them.
fn attribute() -> impl Strategy<Value = (&'static str, &'static str)> {
    let names = ["subject", "datacontenttype", "dataschema", "source", "id", "time", "x", "y", "data", "\\u0078"];
    let values =
        ["\"\"", "\"a\\n\"", "null", "1.50", "0", "-1", "01", "1.", "1e3", "true", "tru", "{\"a\":[]}", "[1]", "\"ệ\"", "\"\t\""];
    (select(names.to_vec()), select(values.to_vec()))
}

fn field() -> impl Strategy<Value = &'static str> {
    select(vec![
        "indicator",
        "ward",
        "date",
        "value",
        "numerator",
        "denominator",
        "percent",
        "record",
        "revision",
        "retracted",
        "qualifier",
        "dimensions",
        "other",
    ])
}

/// The attributes of a seed line as headers, and its data.
fn as_binary(line: &str) -> (Vec<(String, String)>, String) {
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    let attributes = event.as_object().unwrap().iter().filter(|(name, _)| *name != "data");
    let headers = attributes.map(|(name, value)| (format!("ce_{name}"), value.as_str().unwrap().to_owned()));
    (headers.collect(), line[line.find("\"data\":").unwrap() + 7..line.len() - 1].to_owned())
}

/// The one pass over the ordinary spelling and the reader of every spelling give the same answer, details included.
fn assert_read_alike(headers: &[(&str, &[u8])], value: &[u8]) {
    let message = Message { topic: TOPIC, headers, value: Some(value) };
    let mut attributes = Attributes::default();
    let by_any = judge(&message, &REFERENCE, &mut attributes, read_any).map_err(|breach| breach.of(&attributes));
    assert_eq!(decode(&message, &REFERENCE), by_any);
}

fn assert_sound(got: &Result<Event<'_>, Refusal>) {
    match got {
        Ok(event) => {
            assert!((1..=128).contains(&event.id.len()) && (1..=128).contains(&event.record.len()));
            assert!(event.dimensions.is_sorted());
            assert_eq!(u128::from(event.revision), event.version >> 96);
            assert!(REFERENCE.units.ward_at(event.ward, event.date).is_some());
        }
        Err(refusal) => {
            assert_ne!(refusal.reason, Reason::NotStorable);
            assert!(!refusal.detail.is_empty() && refusal.detail.len() < 2_000, "{}", refusal.detail);
        }
    }
}

#[test]
fn every_seed_event_is_accepted() {
    assert_eq!(SEED.lines().count(), 129);
    for line in SEED.lines() {
        decode_structured(line.as_bytes()).unwrap_or_else(|refusal| panic!("{refusal}: {line}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_get_an_answer(value in vec(any::<u8>(), 0..400), headers in vec(("(ce_)?[a-z]{2,12}", vec(any::<u8>(), 0..40)), 0..6)) {
        assert_sound(&decode_structured(&value));
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        assert_sound(&decode(&Message { topic: TOPIC, headers: &headers, value: Some(&value) }, &REFERENCE));
    }

    #[test]
    fn mutated_events_get_an_answer(line in seed_line(), edits in vec((any::<Index>(), any::<u8>(), 0..4u8), 1..6)) {
        let mut bytes = line.as_bytes().to_vec();
        for (place, byte, how) in edits {
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => { bytes.remove(at); }
                _ => bytes[at] = b"{}[]\",:\\0-9eEu"[usize::from(byte) % 14],
            }
        }
        assert_sound(&decode_structured(&bytes));
        assert_read_alike(STRUCTURED, &bytes);
    }

    #[test]
    fn strange_fields_get_an_answer(changes in vec((field(), json()), 0..5)) {
        let changes: Vec<(&str, &str)> = changes.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let event = event(&[], &changes);
        assert_sound(&decode_structured(event.as_bytes()));
        assert_read_alike(STRUCTURED, event.as_bytes());
    }

    #[test]
    fn strange_attributes_get_an_answer(line in seed_line(), more in vec(attribute(), 0..12)) {
        let more = more.iter().map(|(name, value)| format!("\"{name}\":{value},")).collect::<String>();
        let event = line.replacen('{', &format!("{{{more}"), 1);
        assert_sound(&decode_structured(event.as_bytes()));
        assert_read_alike(STRUCTURED, event.as_bytes());
    }

    #[test]
    fn both_modes_agree(line in seed_line(), change in proptest::option::of((field(), json()))) {
        let changed = match &change {
            Some((name, value)) => line.replacen("\"data\":{", &format!("\"data\":{{\"{name}\":{value},"), 1),
            None => line.to_owned(),
        };
        let (headers, _) = as_binary(line);
        let data = changed[changed.find("\"data\":").unwrap() + 7..changed.len() - 1].to_owned();
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_read_alike(STRUCTURED, changed.as_bytes());
        assert_read_alike(&headers, data.as_bytes());
        let binary = decode(&Message { topic: TOPIC, headers: &headers, value: Some(data.as_bytes()) }, &REFERENCE);
        let structured = decode_structured(changed.as_bytes());
        match (structured, binary) {
            (Ok(one), Ok(other)) => prop_assert_eq!(one, other),
            (Err(one), Err(other)) => prop_assert_eq!(one.reason, other.reason),
            (one, other) => prop_assert!(false, "{:?} but {:?}", one, other),
        }
    }

    #[test]
    fn neither_order_nor_white_space_matters(line in seed_line(), seed in any::<u64>(), space in "[ \t\r\n]{0,3}") {
        let event: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        let mut members: Vec<(String, String)> = event.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        let turn = usize::try_from(seed % 7).unwrap() % members.len();
        members.rotate_left(turn);
        members.reverse();
        let members: Vec<String> = members.iter().map(|(name, value)| format!("{space}\"{name}\"{space}:{space}{value}{space}")).collect();
        let other = format!("{space}{{{}}}{space}", members.join(","));
        let plain = decode_structured(line.as_bytes()).unwrap();
        assert_read_alike(STRUCTURED, other.as_bytes());
        prop_assert_eq!(decode_structured(other.as_bytes()).unwrap(), plain);
    }
}

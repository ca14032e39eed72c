//! The documents for producers beside the examples: JSON Schemas and the AsyncAPI document agree with decoding.

use super::examples::{Example, events_folder, examples};
use super::*;
use jsonschema::{Registry, Validator};
use serde_json::Value;

const EVENT_SCHEMA: &str = "indicator-updated.v1.schema.json";
const DATA_SCHEMA: &str = "indicator-updated.v1.data.schema.json";

fn read(file: &str) -> String {
    std::fs::read_to_string(events_folder().join(file)).unwrap()
}

fn schema(file: &str) -> Value {
    serde_json::from_str(&read(file)).unwrap()
}

fn validator(file: &str) -> Validator {
    let at = |file: &str| format!("chiso:///{file}");
    let registry = Registry::new().add(at(DATA_SCHEMA), schema(DATA_SCHEMA)).unwrap().prepare().unwrap();
    jsonschema::options().with_base_uri(at(file)).with_registry(&registry).build(&schema(file)).unwrap()
}

/// What the schema sees of a rule: the table in `schemas/events/README.md`.
#[derive(PartialEq, Eq, Debug)]
enum Seen {
    Always,
    /// Some cases.
    Partly,
    Never,
    /// No example of it is a JSON event that a schema could look at.
    BeforeJson,
}

fn seen(reason: Reason) -> Seen {
    match reason {
        Reason::UnsupportedType | Reason::UnknownField | Reason::MissingField | Reason::Negative => Seen::Always,
        Reason::NotCloudevent | Reason::BadType | Reason::WrongMeasure | Reason::OutOfRange | Reason::BadDate => Seen::Partly,
        Reason::UnknownSource
        | Reason::UnknownIndicator
        | Reason::TooPrecise
        | Reason::NumeratorExceedsDenominator
        | Reason::BadDimension
        | Reason::FutureDate
        | Reason::UnknownWard
        | Reason::WardAbolished
        | Reason::IndicatorNotAllowed
        | Reason::WardNotAllowed => Seen::Never,
        Reason::TooLarge | Reason::MalformedJson | Reason::SourceNotAllowed | Reason::NotStorable => Seen::BeforeJson,
    }
}

#[test]
fn schemas_are_json_schema_2020_12() {
    for file in [EVENT_SCHEMA, DATA_SCHEMA] {
        let schema = schema(file);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{file}: {error}"));
        for example in schema["examples"].as_array().unwrap() {
            assert!(validator(file).is_valid(example), "{file}: {example}");
        }
    }
}

#[test]
fn schemas_accept_every_valid_example() {
    let (whole, data) = (validator(EVENT_SCHEMA), validator(DATA_SCHEMA));
    for example in examples("valid") {
        if let Some(event) = &example.event {
            whole.validate(event).unwrap_or_else(|error| panic!("{}: {error}", example.name));
        }
        if let Some(binary) = example.binary_data() {
            data.validate(&binary).unwrap_or_else(|error| panic!("{}: {error}", example.name));
        }
    }
    for line in read("seed-events.jsonl").lines() {
        let event = serde_json::from_str(line).unwrap();
        whole.validate(&event).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn schemas_refuse_what_the_readme_says_that_they_see() {
    let whole = validator(EVENT_SCHEMA);
    let invalid = examples("invalid");
    for reason in Reason::ALL {
        let of_reason = |example: &&Example| example.reason == reason && example.event.is_some();
        let verdicts: Vec<(bool, &str)> = invalid
            .iter()
            .filter(of_reason)
            .map(|example| (!whole.is_valid(example.event.as_ref().unwrap()), example.name.as_str()))
            .collect();
        let refused = verdicts.iter().filter(|(refused, _)| *refused).count();
        let shown = match (refused, verdicts.len()) {
            (_, 0) => Seen::BeforeJson,
            (0, _) => Seen::Never,
            (refused, all) if refused == all => Seen::Always,
            _ => Seen::Partly,
        };
        assert_eq!(shown, seen(reason), "{reason}: {verdicts:?}");
    }
}

#[test]
fn the_schema_knows_the_fields_that_decoding_knows() {
    let data = schema(DATA_SCHEMA);
    for name in data["properties"].as_object().unwrap().keys() {
        assert_ne!(reason(event(&[], &[(name, "[]")])), Some(Reason::UnknownField), "{name}");
    }
    assert_eq!(data["properties"].as_object().unwrap().len(), 12);
    let words = Qualifier::ALL.map(Qualifier::as_str);
    assert_eq!(data["properties"]["qualifier"]["enum"], serde_json::json!(words));
    assert_eq!(schema(EVENT_SCHEMA)["properties"]["type"]["const"], EVENT_TYPE);
}

/// Resolves `#/a/b` inside the document.
fn resolved<'a>(document: &'a Value, reference: &str) -> &'a Value {
    let target = document.pointer(reference.trim_start_matches('#'));
    target.unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

fn each_reference(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                see(reference);
            }
            members.values().for_each(|member| each_reference(member, see));
        }
        Value::Array(items) => items.iter().for_each(|item| each_reference(item, see)),
        _ => {}
    }
}

#[test]
fn the_asyncapi_document_holds_together() {
    let document: Value = serde_saphyr::from_str(&read("asyncapi.yaml")).unwrap();
    assert_eq!(document["asyncapi"], "3.0.0");
    let channel = &document["channels"]["indicatorEvents"];
    assert_eq!(channel["address"], TOPIC);
    assert_eq!(channel["bindings"]["kafka"]["topic"], TOPIC);
    assert_eq!(channel["bindings"]["kafka"]["bindingVersion"], "0.5.0");
    each_reference(&document, &mut |reference| match reference.strip_prefix("./") {
        Some(file) => assert!(events_folder().join(file).is_file(), "{reference}"),
        None => assert!(resolved(&document, reference).is_object(), "{reference}"),
    });
}

#[test]
fn examples_of_the_asyncapi_document_are_accepted() {
    let document: Value = serde_saphyr::from_str(&read("asyncapi.yaml")).unwrap();
    for (mode, file) in [("structured", EVENT_SCHEMA), ("binary", DATA_SCHEMA)] {
        let message = &document["components"]["messages"][mode];
        assert_eq!(message["payload"]["schema"]["$ref"], format!("./{file}"));
        let headers_schema = jsonschema::validator_for(&message["headers"]).unwrap();
        for example in message["examples"].as_array().unwrap() {
            assert!(headers_schema.is_valid(&example["headers"]), "{example}");
            assert!(validator(file).is_valid(&example["payload"]), "{example}");
            let headers = example["headers"].as_object().unwrap().iter();
            let headers: Vec<(&str, &[u8])> =
                headers.map(|(name, value)| (name.as_str(), value.as_str().unwrap().as_bytes())).collect();
            let value = example["payload"].to_string();
            let got = decode(&Message { topic: TOPIC, headers: &headers, value: Some(value.as_bytes()) }, &REFERENCE);
            assert!(got.is_ok(), "{example}: {}", got.unwrap_err());
        }
    }
}

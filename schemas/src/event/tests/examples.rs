//! The example files of `schemas/events`: each decodes, or is refused with the reason that it is named after.

use super::*;
use crate::reference::File;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One example: the message that its file describes.
pub(super) struct Example {
    pub(super) name: String,
    /// The reason whose rule it is about.
    pub(super) reason: Reason,
    /// The event, where the file is one.
    pub(super) event: Option<serde_json::Value>,
    message: Description,
}

/// A `*.message.json` file, as `schemas/events/README.md` describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    rule: String,
    headers: Vec<(String, String)>,
    json: Option<Box<RawValue>>,
    text: Option<String>,
    hex: Option<String>,
    pad_to: Option<usize>,
    topic: Option<String>,
    sources: Option<String>,
}

impl Example {
    fn read(path: &Path) -> Self {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let about = name.split(['-', '.']).next().unwrap();
        let reason =
            Reason::ALL.into_iter().find(|reason| reason.as_str() == about).unwrap_or_else(|| panic!("{name}: no reason"));
        let text = std::fs::read_to_string(path).unwrap();
        if name.ends_with(".message.json") {
            let message = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            return Self { name, reason, event: None, message };
        }
        let event: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let message = Description {
            rule: event["rule"].as_str().unwrap_or_else(|| panic!("{name}: no rule")).to_owned(),
            headers: vec![("content-type".to_owned(), "application/cloudevents+json; charset=UTF-8".to_owned())],
            json: None,
            text: Some(text),
            hex: None,
            pad_to: None,
            topic: None,
            sources: None,
        };
        Self { name, reason, event: Some(event), message }
    }

    /// The data of an example in binary mode.
    pub(super) fn binary_data(&self) -> Option<serde_json::Value> {
        let binary = self.message.headers.iter().any(|(name, _)| name == "ce_id");
        let json = self.message.json.as_ref().filter(|_| binary)?;
        Some(serde_json::from_str(json.get()).unwrap())
    }

    fn value(&self) -> Option<Vec<u8>> {
        let json = self.message.json.as_ref().map(|json| json.get().as_bytes().to_vec());
        let text = self.message.text.clone().map(String::into_bytes);
        let hex = self.message.hex.as_ref().map(|digits| {
            let pairs = digits.as_bytes().chunks(2);
            pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
        });
        let mut value: Vec<u8> = json.or(text).or(hex)?;
        if let Some(length) = self.message.pad_to {
            value.resize(length, b' ');
        }
        Some(value)
    }

    /// What decoding its message says: nothing, or the refusal.
    fn refusal(&self) -> Option<Refusal> {
        let own = self.message.sources.as_ref().map(|sources| {
            let mut files = Files::embedded();
            files.set(File::Sources, sources.clone());
            Reference::parse(&files).unwrap()
        });
        let value = self.value();
        let headers = self.message.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let message = Message {
            topic: self.message.topic.as_deref().unwrap_or(TOPIC),
            headers: &headers.collect::<Vec<_>>(),
            value: value.as_deref(),
        };
        decode(&message, own.as_ref().unwrap_or(&REFERENCE)).err()
    }
}

pub(super) fn events_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("events")
}

/// All examples of `valid` or `invalid`.
pub(super) fn examples(folder: &str) -> Vec<Example> {
    let entries = std::fs::read_dir(events_folder().join(folder)).unwrap();
    entries.map(|entry| Example::read(&entry.unwrap().path())).collect()
}

#[test]
fn valid_examples_are_accepted() {
    for example in examples("valid") {
        let refusal = example.refusal();
        assert!(refusal.is_none(), "{}: {}", example.name, refusal.unwrap());
    }
}

#[test]
fn invalid_examples_are_refused_with_the_reason_in_their_name() {
    for example in examples("invalid") {
        let refusal = example.refusal().unwrap_or_else(|| panic!("{} is accepted", example.name));
        assert_eq!(refusal.reason, example.reason, "{}: {}", example.name, refusal.detail);
    }
}

/// Whether decoding can refuse with it. A new reason has to be put here, and then wants its examples.
fn is_decided_by_decoding(reason: Reason) -> bool {
    match reason {
        Reason::TooLarge
        | Reason::MalformedJson
        | Reason::NotCloudevent
        | Reason::UnsupportedType
        | Reason::UnknownField
        | Reason::MissingField
        | Reason::BadType
        | Reason::UnknownSource
        | Reason::UnknownIndicator
        | Reason::WrongMeasure
        | Reason::Negative
        | Reason::OutOfRange
        | Reason::TooPrecise
        | Reason::NumeratorExceedsDenominator
        | Reason::BadDimension
        | Reason::BadDate
        | Reason::FutureDate
        | Reason::UnknownWard
        | Reason::WardAbolished
        | Reason::IndicatorNotAllowed
        | Reason::WardNotAllowed
        | Reason::SourceNotAllowed => true,
        // Given by ClickHouse for a row, never for a message.
        Reason::NotStorable => false,
    }
}

#[test]
fn every_rule_has_examples_on_both_sides() {
    let wanted: BTreeSet<Reason> = Reason::ALL.into_iter().filter(|reason| is_decided_by_decoding(*reason)).collect();
    for folder in ["valid", "invalid"] {
        let shown: BTreeSet<Reason> = examples(folder).iter().map(|example| example.reason).collect();
        assert_eq!(shown, wanted, "{folder}");
    }
}

#[test]
fn every_example_states_its_rule_in_one_sentence() {
    for example in examples("valid").iter().chain(&examples("invalid")) {
        let rule = &example.message.rule;
        assert!(rule.ends_with('.') && rule.len() > 15, "{}: {rule}", example.name);
        let values = [example.message.json.is_some(), example.message.text.is_some(), example.message.hex.is_some()];
        assert!(values.iter().filter(|given| **given).count() <= 1, "{}: one of json, text, hex", example.name);
    }
}

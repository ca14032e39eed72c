//! Tests of decoding as a whole: what they share. Cases stand in the files beside this one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod documents;
mod examples;
mod modes;
mod order;
mod properties;
mod refusals;
mod versions;

use super::*;
use crate::reference::Files;
use std::sync::LazyLock;

pub(super) const TOPIC: &str = "chiso.indicator-events.v1";
pub(super) const STRUCTURED: &[(&str, &[u8])] = &[("content-type", b"application/cloudevents+json; charset=UTF-8")];

pub(super) static REFERENCE: LazyLock<Reference> =
    LazyLock::new(|| Reference::parse(&Files::embedded()).expect("the shipped reference data are sound"));

/// The attributes of a plain event: names and JSON texts.
pub(super) const ATTRIBUTES: [(&str, &str); 5] = [
    ("specversion", r#""1.0""#),
    ("id", r#""a""#),
    ("source", r#""urn:vn:one-stop""#),
    ("type", r#""vn.chiso.indicator.updated.v1""#),
    ("time", r#""2025-08-01T10:00:00+07:00""#),
];

/// The fields of a plain stock fact: names and JSON texts.
pub(super) const DATA: [(&str, &str); 4] =
    [("indicator", r#""bts-stations""#), ("ward", r#""11413""#), ("date", r#""2025-08-01""#), ("value", "1")];

/// Those members with some replaced, added, or (by an empty text) left out.
pub(super) fn with<'a>(members: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = members.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    kept.chain(changes).copied().filter(|(_, value)| !value.is_empty()).collect()
}

/// The JSON text of an object.
pub(super) fn object(members: &[(&str, &str)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// A structured event with these changes to the plain one.
pub(super) fn event(attributes: &[(&str, &str)], data: &[(&str, &str)]) -> String {
    let data = object(&with(&DATA, data));
    let mut members = with(&ATTRIBUTES, attributes);
    if members.iter().all(|(name, _)| *name != "data") {
        members.push(("data", &data));
    }
    object(&members)
}

pub(super) fn decode_structured(value: &[u8]) -> Result<Event<'_>, Refusal> {
    decode(&Message { topic: TOPIC, headers: STRUCTURED, value: Some(value) }, &REFERENCE)
}

/// The reason for which this structured event is refused, if it is.
pub(super) fn reason(event: impl AsRef<[u8]>) -> Option<Reason> {
    decode_structured(event.as_ref()).err().map(|refusal| refusal.reason)
}

/// The detail with which this structured event is refused.
pub(super) fn detail(event: &str) -> String {
    decode_structured(event.as_bytes()).expect_err("a refusal").detail
}

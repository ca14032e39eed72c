//! A structured event in binary mode, and the key of an event: what a publisher reads of a line before it is sent.

use std::borrow::Cow;
use std::fmt;

use chiso_schemas::event::MAX_VALUE_BYTES;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An event in binary mode: attributes and data.
pub struct Binary<'a> {
    /// Names and values of the attributes, without prefix.
    pub attributes: Vec<(String, String)>,
    /// The data, byte for byte.
    pub data: &'a str,
}

const JSON: &str = "application/json";

/// Splits a structured event so that it means the same; `None` where that cannot be: what is no object, repeats a name,
/// has no data, has an attribute that is no string or has a name that is none, has data that are no JSON, or is so
/// long that only the split would make it acceptable.
pub fn split(line: &[u8]) -> Option<Binary<'_>> {
    if line.len() > MAX_VALUE_BYTES {
        return None;
    }
    let Members(members) = serde_json::from_slice(line).ok()?;
    let (mut attributes, mut data) = (Vec::new(), None);
    for (name, value) in members {
        if name == "data" {
            if data.replace(value.get()).is_some() {
                return None;
            }
            continue;
        }
        let value = serde_json::from_str::<String>(value.get()).ok()?;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !is_name || attributes.iter().any(|(known, _)| *known == name) {
            return None;
        }
        if name == "datacontenttype" {
            if value != JSON {
                return None;
            }
            continue;
        }
        attributes.push((name, value));
    }
    Some(Binary { attributes, data: data? })
}

/// The members of an object in their order, also repeated ones.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// The ward code of a line, where it can be read: the key that keeps one ward's facts in order.
pub fn ward(line: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        data: Data<'a>,
    }
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        ward: Cow<'a, str>,
    }
    serde_json::from_slice::<Event<'_>>(line).ok().map(|event| event.data.ward)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn attributes_become_headers_and_data_stay_as_they_are() {
        let line =
            br#"{"id":"a\u0301","data": {"ward" : "11413", "value":1e2} ,"datacontenttype":"application/json","time":"x"}"#;
        let binary = split(line).unwrap();
        assert_eq!(binary.attributes, [("id".to_owned(), "a\u{301}".to_owned()), ("time".to_owned(), "x".to_owned())]);
        assert_eq!(binary.data, r#"{"ward" : "11413", "value":1e2}"#);
        assert_eq!(ward(line).unwrap(), "11413");
    }

    #[test]
    fn what_would_change_its_meaning_is_not_split() {
        for line in [
            &br#"{"id":1,"data":{}}"#[..],
            br#"{"id":"1","id":"1","data":{}}"#,
            br#"{"data":{},"data":{}}"#,
            br#"{"id":"1"}"#,
            br#"{"Id":"1","data":{}}"#,
            br#"{"":"1","data":{}}"#,
            br#"{"id":"\ud800","data":{}}"#,
            br#"{"datacontenttype":"text/xml","data":{}}"#,
            br#"{"data_base64":"e30=","data":{}}"#,
            b"[]",
            b"{\"id\":\"\xff\",\"data\":{}}",
            b"not json",
        ] {
            assert!(split(line).is_none(), "{}", String::from_utf8_lossy(line));
        }
        let long = format!(r#"{{"subject":"{}","data":{{}}}}"#, "x".repeat(MAX_VALUE_BYTES));
        assert!(split(long.as_bytes()).is_none());
    }

    #[test]
    fn a_ward_that_cannot_be_read_is_no_key() {
        for line in [&b"x"[..], b"{}", br#"{"data":{}}"#, br#"{"data":{"ward":11413}}"#, br#"{"data":[]}"#] {
            assert!(ward(line).is_none());
        }
    }
}

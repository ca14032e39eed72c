//! Reading JSON member by member: names unescaped, values left as the text they are, nothing nested is built.

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Calls `each` with name and value text of every member of the object in `text`, in its order. `each` gives back a
/// name that it had before, which is an error.
///
/// All of `text` is checked to be JSON, values at any depth too: serde_json skips over them without recursion, so
/// nesting costs no stack. `Ok(false)` means that it is JSON, but no object.
pub(super) fn members<'a>(
    text: &'a str,
    each: impl FnMut(Cow<'a, str>, &'a str) -> Result<(), Cow<'a, str>>,
) -> Result<bool, serde_json::Error> {
    if !is_object(text.trim_ascii_start()) {
        serde_json::from_str::<IgnoredAny>(text)?;
        return Ok(false);
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_map(Members(each))?;
    deserializer.end()?;
    Ok(true)
}

/// Whether this JSON value is an object.
pub(super) fn is_object(json: &str) -> bool {
    json.starts_with('{')
}

/// Whether this JSON value is a number.
pub(super) fn is_number(json: &str) -> bool {
    json.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

/// The text of this JSON value if it is a string, unescaped. An error is a lone surrogate.
pub(super) fn string(json: &str) -> Result<Option<Cow<'_, str>>, serde_json::Error> {
    let Some(inside) = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Ok(None);
    };
    if inside.as_bytes().contains(&b'\\') { serde_json::from_str(json).map(Some) } else { Ok(Some(Cow::Borrowed(inside))) }
}

/// Whether any string in this JSON text, at any depth, escapes half a surrogate pair alone.
pub(super) fn has_lone_surrogate(json: &str) -> bool {
    let mut rest = json.as_bytes();
    // Hardly any event escapes anything, and this search is many times as fast as the one below.
    if !rest.contains(&b'\\') {
        return false;
    }
    while let Some(at) = rest.iter().position(|&b| b == b'\\') {
        let escape = &rest[at..];
        rest = match (escaped_unit(escape), escape.get(6..).and_then(escaped_unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => &escape[12..],
            (Some(0xD800..=0xDFFF), _) => return true,
            // `\\` and `\"` are stepped over whole, so that their second half opens nothing.
            _ => escape.get(2..).unwrap_or_default(),
        };
    }
    false
}

/// The UTF-16 unit of an escape `\uXXXX`.
fn escaped_unit(escape: &[u8]) -> Option<u16> {
    let digits = escape.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit: u16, &digit| {
        let value = char::from(digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(value).ok()?)
    })
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

struct Members<F>(F);

impl<'de, F: FnMut(Cow<'de, str>, &'de str) -> Result<(), Cow<'de, str>>> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let value: &'de RawValue = map.next_value()?;
            (self.0)(name, value.get())
                .map_err(|name| A::Error::custom(format_args!("the name {name:?} stands twice in one object")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn members_come_in_order_with_unescaped_names_and_raw_values() {
        let mut seen = Vec::new();
        let text = " {\"a\" : 1.0 ,\"\\u0062\":[ {\"x\":[]} ], \"c\":\"\\u0041\" }\n";
        let found = members(text, |name, value| {
            seen.push((name.to_string(), value));
            Ok(())
        });
        assert!(found.unwrap());
        let want = [("a", "1.0"), ("b", "[ {\"x\":[]} ]"), ("c", "\"\\u0041\"")];
        assert_eq!(seen, want.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn other_json_is_no_object_and_other_text_no_json() {
        for text in ["1", " [] ", "\"{\"", "null", "1e999", "[[[1]]]"] {
            assert!(!members(text, |_, _| Ok(())).unwrap(), "{text}");
        }
        for text in [
            "",
            " ",
            "{",
            "{}}",
            "{} x",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":.5}",
            "{\"a\":+1}",
            "{\"a\":1e}",
            "{\"a\":NaN}",
            "{\"a\":Infinity}",
            "{\"a\":tru}",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12g4\"}",
            "{\"a\":[1,]}",
            "{\"a\":[1}",
            "{\"a\":{\"b\" 1}}",
            "{'a':1}",
            "\u{feff}{}",
            "\u{a0}{}",
            "{\"a\n\":1}",
            "nul",
            "01",
            "[",
            "]",
        ] {
            assert!(members(text, |_, _| Ok(())).is_err(), "{text}");
        }
    }

    #[test]
    fn strings_unescape_and_borrow_where_they_can() {
        assert!(matches!(string("\"Hải An\"").unwrap(), Some(Cow::Borrowed("Hải An"))));
        assert_eq!(string("\"\\ud83d\\ude00\\n\\\"\"").unwrap().unwrap(), "😀\n\"");
        assert_eq!(string("12").unwrap(), None);
        assert_eq!(string("[\"\"]").unwrap(), None);
        assert!(string("\"\\ud800\"").is_err());
        assert!(string("\"\\ude00\\ud83d\"").is_err());
    }

    #[test]
    fn lone_surrogates_are_found_at_any_depth() {
        for text in [
            "\"\\ud800\"",
            "[{\"\\uDFFF\":1}]",
            "\"\\ud83d \\ude00\"",
            "\"\\ud83d\\ud83d\\ude00\"",
            "\"\\ude00\"",
            "\"\\\\\\ud800\"",
            "\"\\ud800\\n\"",
        ] {
            assert!(has_lone_surrogate(text), "{text}");
        }
        for text in [
            "\"\"",
            "\"\\ud83d\\uDE00\"",
            "\"\\\\ud800\"",
            "\"\\u0041\\ue000\"",
            "\"\\\"\\ud83d\\ude00\\ud83d\\ude00\"",
            "{\"a\":\"😀\\\\\"}",
        ] {
            assert!(!has_lone_surrogate(text), "{text}");
        }
    }
}

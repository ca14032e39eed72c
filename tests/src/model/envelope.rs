//! The outside of a message: CloudEvents 1.0 in the Kafka protocol binding, both content modes (contract section 1).

use super::calendar::parse_date;
use super::json::{At, Document, Node};
use chrono::{NaiveDate, NaiveTime, TimeDelta};

/// A Kafka message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The topic by which it arrived.
    pub topic: String,
    /// The ward code in UTF-8; no rule looks at it.
    pub key: Option<Vec<u8>>,
    /// Headers in their order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The value, if there is one.
    pub value: Option<Vec<u8>>,
}

impl Message {
    /// Told apart by the `content-type` header, as the binding says: the event is whole where it begins with
    /// `application/cloudevents`, in upper or lower case.
    #[must_use]
    pub fn is_structured(&self) -> bool {
        self.header("content-type").is_some_and(|value| value.to_ascii_lowercase().starts_with(b"application/cloudevents"))
    }

    /// Whether the content type says JSON, as an event or as data; in the binary mode it may be left out.
    fn says_json(&self) -> bool {
        let mut types =
            self.headers.iter().filter(|(name, _)| name == "content-type").map(|(_, value)| value.to_ascii_lowercase());
        let Some(first) = types.next() else { return true };
        let parameters = first.iter().position(|byte| *byte == b';').unwrap_or(first.len());
        let format = first[..parameters].trim_ascii_end();
        let json = match self.is_structured() {
            true => [b"application/cloudevents".as_slice(), b"application/cloudevents+json"].contains(&format),
            false => format == b"application/json" || format.ends_with(b"+json"),
        };
        json && types.next().is_none()
    }

    /// The messages of a file of structured events, each with the number of its line, from 1; empty lines are skipped.
    #[must_use]
    pub fn of_lines(topic: &str, file: &[u8]) -> Vec<(usize, Self)> {
        let lines = file.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
        lines.map(|(at, line)| (at + 1, Self::structured(topic, line))).collect()
    }

    /// A message in the structured mode, without a key.
    #[must_use]
    pub fn structured(topic: &str, value: &[u8]) -> Self {
        let content_type = b"application/cloudevents+json; charset=UTF-8".to_vec();
        let headers = vec![("content-type".to_owned(), content_type)];
        Self { topic: topic.to_owned(), key: None, headers, value: Some(value.to_vec()) }
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_slice())
    }

    /// The text of the attribute's header, of which there must be one.
    fn attribute(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key.strip_prefix("ce_") == Some(name)).map(|(_, value)| value);
        let text = std::str::from_utf8(values.next()?).ok()?;
        values.next().is_none().then_some(text)
    }
}

/// The greatest value, in bytes.
const VALUE_MAX: usize = 65_536;

/// The required attributes and the greatest length of each, in bytes; the least is 1.
const ATTRIBUTES: [(&str, usize); 5] = [("specversion", 3), ("id", 128), ("source", 256), ("type", 256), ("time", 64)];

/// The only type of event there is.
const TYPE: &str = "vn.chiso.indicator.updated.v1";

/// An event whose outside is sound.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) id: String,
    pub(crate) source: String,
    /// When the statement was made, in ms since 1970 UTC.
    pub(crate) time_ms: i64,
    pub(crate) document: Document,
    /// The data object in the document.
    pub(crate) data: At,
}

/// Opens a message: the rules from `too_large` to `unsupported_type`, and that the data are an object.
pub(crate) fn open(message: &Message) -> Result<Envelope, &'static str> {
    let value = message.value.as_deref().unwrap_or_default();
    if value.len() > VALUE_MAX {
        return Err("too_large");
    }
    let document = Document::read(value).ok_or("malformed_json")?;
    let (attributes, data) = if message.is_structured() {
        let event = document.root();
        check_text(&document, event)?;
        let attributes = ATTRIBUTES.map(|(name, _)| document.member(event, name).and_then(|at| document.text(at)));
        (attributes, document.member(event, "data"))
    } else {
        check_data_text(&document, document.root())?;
        (ATTRIBUTES.map(|(name, _)| message.attribute(name)), Some(document.root()))
    };
    if !message.says_json() {
        return Err("not_cloudevent");
    }
    let [specversion, id, source, kind, time] = checked(attributes).ok_or("not_cloudevent")?;
    let time_ms = parse_time(&time).ok_or("not_cloudevent")?;
    if specversion != "1.0" {
        return Err("not_cloudevent");
    }
    if kind != TYPE {
        return Err("unsupported_type");
    }
    let data = data.filter(|at| document.members(*at).is_some()).ok_or("not_cloudevent")?;
    Ok(Envelope { id, source, time_ms, document, data })
}

/// Repeated names and lone surrogates of a structured event; the values of ignored attributes are not looked into.
fn check_text(document: &Document, event: At) -> Result<(), &'static str> {
    let Some(members) = document.members(event) else { return Ok(()) };
    let broken_name = members.iter().any(|(name, _)| name.is_none());
    let broken = |at: At| matches!(document.node(at), Node::Text(None));
    let broken_attribute = ATTRIBUTES.iter().any(|(name, _)| document.member(event, name).is_some_and(broken));
    if document.repeats_a_name(event) || broken_name || broken_attribute {
        return Err("malformed_json");
    }
    document.member(event, "data").map_or(Ok(()), |data| check_data_text(document, data))
}

/// Repeated names of the data and dimensions objects, and lone surrogates anywhere in the data.
fn check_data_text(document: &Document, data: At) -> Result<(), &'static str> {
    let repeats =
        document.repeats_a_name(data) || document.member(data, "dimensions").is_some_and(|at| document.repeats_a_name(at));
    if repeats || document.has_broken_text(data) { Err("malformed_json") } else { Ok(()) }
}

/// The attributes, when all are there and of the right length.
fn checked(attributes: [Option<&str>; 5]) -> Option<[String; 5]> {
    let mut owned: [String; 5] = Default::default();
    for ((value, (_, most)), place) in attributes.into_iter().zip(ATTRIBUTES).zip(&mut owned) {
        *place = value.filter(|text| (1..=most).contains(&text.len()))?.to_owned();
    }
    Some(owned)
}

/// RFC 3339 with an offset, from 1970-01-01T00:00:00Z to 2299-12-31T16:59:59.999Z, in ms; further digits are cut off.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let (day, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't'])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let (fraction, offset) = match rest.strip_prefix('.') {
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            (Some(&rest[..digits]).filter(|digits| !digits.is_empty())?, &rest[digits..])
        }
        None => ("", rest),
    };
    let time = parse_clock(clock)?;
    let ms: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    let utc = parse_date(day)?.and_time(time) - TimeDelta::minutes(parse_offset(offset)?);
    let ms = utc.and_utc().timestamp_millis() + ms;
    let last = NaiveDate::from_ymd_opt(2299, 12, 31)?.and_hms_milli_opt(16, 59, 59, 999)?;
    (0..=last.and_utc().timestamp_millis()).contains(&ms).then_some(ms)
}

/// `hh:mm:ss`, the seconds 00..59.
fn parse_clock(text: &str) -> Option<NaiveTime> {
    let [hour, minute, second] = two_digit_parts(text)?;
    NaiveTime::from_hms_opt(hour, minute, second)
}

/// Minutes east of Greenwich.
fn parse_offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let [hours, minutes] = two_digit_parts(text.strip_prefix(['+', '-'])?)?;
    (hours < 24 && minutes < 60).then_some(sign * i64::from(hours * 60 + minutes))
}

fn two_digit_parts<const N: usize>(text: &str) -> Option<[u32; N]> {
    let parts: Vec<u32> = text
        .split(':')
        .map(|part| (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?)
        .collect::<Option<_>>()?;
    parts.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::parse_time;

    #[test]
    fn times_are_rfc_3339_with_an_offset() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t07:00:00.001+07:00", 1),
            ("1970-01-01T00:00:00.9999999999z", 999),
            ("1970-01-01T00:00:01.5-00:00", 1500),
            ("1969-12-31T18:30:00-05:30", 0),
            ("1970-01-02T23:58:00+23:59", 86_340_000),
            ("2299-12-31T16:59:59.9999Z", 10_413_766_799_999),
            ("2299-12-31T23:59:59.999+07:00", 10_413_766_799_999),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ] {
            assert_eq!(parse_time(text), Some(ms), "{text}");
        }
        for text in [
            "",
            "2025-08-01",
            "2025-08-01 10:00:00Z",
            "2025-08-01T10:00:00",
            "2025-08-01T10:00Z",
            "2025-08-01T10:00:60Z",
            "2025-08-01T24:00:00Z",
            "2025-08-01T10:00:00+07:60",
            "2025-08-01T10:00:00+24:00",
            "2025-08-01T10:00:00+0700",
            "2025-08-01T10:00:00.Z",
            "2025-08-01T10:00:00,5Z",
            "2025-08-01T10:00:00 Z",
            "2025-02-29T10:00:00Z",
            "2025-8-01T10:00:00Z",
            "1970-01-01T06:59:59.999+07:00",
            "1969-12-31T23:59:59.9999Z",
            "2299-12-31T17:00:00Z",
            "2300-01-01T00:00:00+07:00",
            "9999-12-31T23:59:59Z",
            "0000-01-01T00:00:00Z",
            "2025-08-01T10:00:00+7:00",
            "２025-08-01T10:00:00Z",
            "2025-08-01T10:00:00+07:00Z",
            "2025-08-01T1é:00:00Z",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}

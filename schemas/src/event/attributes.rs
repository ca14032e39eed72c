//! The CloudEvents attributes that the contract looks at, read from either content mode.

use super::json;
use super::message::{ContentType, Message, Mode};
use super::refusal::{Breach, Reason, shortened, shown};
use super::time;
use std::borrow::Cow;

/// The one event type that chiso reads.
pub const EVENT_TYPE: &str = "vn.chiso.indicator.updated.v1";

const SPEC_VERSION: &str = "1.0";

/// The five required attributes as far as they were given. All others are accepted and ignored.
#[derive(Default)]
pub(super) struct Attributes<'a> {
    specversion: Attribute<'a>,
    id: Attribute<'a>,
    source: Attribute<'a>,
    kind: Attribute<'a>,
    time: Attribute<'a>,
}

#[derive(Default)]
enum Attribute<'a> {
    #[default]
    Absent,
    Text(Cow<'a, str>),
    /// Given, but not as one text: how.
    Unusable(String),
}

/// What the attributes say about an event.
pub(super) struct Origin<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) source: Cow<'a, str>,
    pub(super) time_ms: i64,
}

impl<'a> Attributes<'a> {
    /// Takes them from the `ce_` headers of a message in binary mode.
    pub(super) fn read_headers(&mut self, message: &Message<'a>) {
        for &(header, value) in message.headers {
            let Some(attribute) = header.strip_prefix("ce_").and_then(|name| self.named(name)) else {
                continue;
            };
            *attribute = match (&attribute, str::from_utf8(value)) {
                (Attribute::Absent, Ok(text)) => Attribute::Text(Cow::Borrowed(text)),
                (Attribute::Absent, Err(error)) => Attribute::Unusable(format!("is not UTF-8: {error}")),
                _ => Attribute::Unusable("is given twice".to_owned()),
            };
        }
    }

    /// Takes them from a whole event, and returns the text of its `data`, if it has one.
    pub(super) fn read_event(&mut self, event: &'a str) -> Result<Option<&'a str>, Breach> {
        let mut data = None;
        let mut ignored: Vec<Cow<'a, str>> = Vec::new();
        let mut lone_surrogate = None;
        let is_object = json::members(event, |name, value| {
            if name == "data" {
                return data.replace(value).map_or(Ok(()), |_| Err(name));
            }
            let Some(attribute) = self.named(&name) else {
                ignored.push(name);
                return Ok(());
            };
            if !matches!(attribute, Attribute::Absent) {
                return Err(name);
            }
            *attribute = match json::string(value) {
                Ok(Some(text)) => Attribute::Text(text),
                Ok(None) => Attribute::Unusable(format!("is {}, not a string", shortened(value))),
                Err(error) => {
                    lone_surrogate = Some(error);
                    Attribute::Unusable("has a lone surrogate".to_owned())
                }
            };
            Ok(())
        })
        .map_err(Breach::malformed)?;
        if let Some(error) = lone_surrogate {
            return Err(Breach::malformed(error));
        }
        ignored.sort_unstable();
        if let Some(pair) = ignored.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Breach::repeats("event", &pair[0]));
        }
        if !is_object {
            let detail = format!("the value is {}, not an event object", shortened(event));
            return Err(Breach::new(Reason::NotCloudevent, detail));
        }
        Ok(data)
    }

    /// Takes a member of an event from its name and value text, where nothing is escaped. `false` means that the attribute
    /// is not of the five; `None` that it came twice or is no string.
    pub(super) fn take_plain(&mut self, name: &str, value: &'a str) -> Option<bool> {
        let Some(attribute) = self.named(name) else { return Some(false) };
        let text = value.strip_prefix('"')?.strip_suffix('"')?;
        if !matches!(attribute, Attribute::Absent) {
            return None;
        }
        *attribute = Attribute::Text(Cow::Borrowed(text));
        Some(true)
    }

    fn named(&mut self, name: &str) -> Option<&mut Attribute<'a>> {
        match name {
            "specversion" => Some(&mut self.specversion),
            "id" => Some(&mut self.id),
            "source" => Some(&mut self.source),
            "type" => Some(&mut self.kind),
            "time" => Some(&mut self.time),
            _ => None,
        }
    }

    /// The source, where it could be read.
    pub(super) fn source(&self) -> Option<&str> {
        self.source.text()
    }

    /// The id, where it could be read.
    pub(super) fn id(&self) -> Option<&str> {
        self.id.text()
    }

    /// Judges them: `not_cloudevent`, then `unsupported_type`.
    pub(super) fn check(&self, content_type: &ContentType<'_>) -> Result<Origin<'a>, Breach> {
        content_type.check()?;
        let required = |name: &str, attribute: &Attribute<'a>, most: usize| match attribute {
            Attribute::Text(text) if (1..=most).contains(&text.len()) => Ok(text.clone()),
            Attribute::Text(text) => Err(not_cloudevent(format!(
                "the attribute {name} {} has {} bytes; 1 to {most} are allowed",
                shown(text),
                text.len()
            ))),
            Attribute::Unusable(how) => Err(not_cloudevent(format!("the attribute {name} {how}"))),
            Attribute::Absent => Err(missing(name, content_type)),
        };
        let spec_version = required("specversion", &self.specversion, 8)?;
        if spec_version != SPEC_VERSION {
            let detail = format!("the attribute specversion is {}, not \"{SPEC_VERSION}\"", shown(&spec_version));
            return Err(not_cloudevent(detail));
        }
        let id = required("id", &self.id, 128)?;
        let source = required("source", &self.source, 256)?;
        let kind = required("type", &self.kind, 256)?;
        let time = required("time", &self.time, 64)?;
        let time_ms = time::instant_ms(&time).ok_or_else(|| {
            not_cloudevent(format!(
                "the attribute time {} is not an RFC 3339 time with an offset, such as 2025-07-09T10:00:00+07:00, \
                 from 1970-01-01T00:00:00Z to 2299-12-31T16:59:59.999Z",
                shown(&time)
            ))
        })?;
        if kind != EVENT_TYPE {
            let detail = format!("the attribute type is {}; chiso reads {EVENT_TYPE}", shown(&kind));
            return Err(Breach::new(Reason::UnsupportedType, detail));
        }
        Ok(Origin { id, source, time_ms })
    }
}

impl Attribute<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Unusable(_) => None,
        }
    }
}

fn not_cloudevent(detail: String) -> Breach {
    Breach::new(Reason::NotCloudevent, detail)
}

/// A whole event sent without its content type looks like data without attributes: the detail says so.
fn missing(name: &str, content_type: &ContentType<'_>) -> Breach {
    not_cloudevent(match content_type.mode() {
        Mode::Structured => format!("the attribute {name} is missing"),
        Mode::Binary => format!(
            "the header ce_{name} is missing ({content_type}, so this was read in binary mode; if the value is the \
             whole event, send the header content-type: application/cloudevents+json; charset=UTF-8)"
        ),
    })
}

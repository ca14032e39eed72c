//! A Kafka message as it arrives, and its content mode: the CloudEvents 1.0 Kafka protocol binding.

use super::refusal::{Breach, Reason};

/// A message's value is at most this long (contract section 1), in bytes.
pub const MAX_VALUE_BYTES: usize = 65_536;

/// What decoding looks at in a Kafka message; it borrows all of it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The topic by which it came: a source may be bound to some topics.
    pub topic: &'a str,
    /// Its headers in their order; a header without a value counts as an empty one.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Its value, if it has one.
    pub value: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    /// The value as text.
    pub(super) fn text(&self) -> Result<&'a str, Breach> {
        let malformed = |detail: String| Breach::new(Reason::MalformedJson, detail);
        let value = self.value.ok_or_else(|| malformed("the message has no value".to_owned()))?;
        if value.len() > MAX_VALUE_BYTES {
            let detail = format!("the value has {} bytes; at most {MAX_VALUE_BYTES} are allowed", value.len());
            return Err(Breach::new(Reason::TooLarge, detail));
        }
        str::from_utf8(value).map_err(|error| malformed(format!("the value is not UTF-8: {error}")))
    }
}

/// Where a message keeps its attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    /// The value is the whole event.
    Structured,
    /// Attributes are `ce_` headers, the value is the data.
    Binary,
}

/// The `content-type` header: it tells the mode, and it must fit it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ContentType<'a> {
    header: Option<&'a [u8]>,
    repeated: bool,
}

const CLOUDEVENTS: &[u8] = b"application/cloudevents";

impl<'a> ContentType<'a> {
    pub(super) fn of(message: &Message<'a>) -> Self {
        let mut headers = message.headers.iter().filter(|(name, _)| *name == "content-type");
        Self { header: headers.next().map(|(_, value)| *value), repeated: headers.next().is_some() }
    }

    /// Structured if it begins with `application/cloudevents`, in upper or lower case; else binary.
    pub(super) fn mode(&self) -> Mode {
        let start = self.essence().get(..CLOUDEVENTS.len());
        if start.is_some_and(|start| start.eq_ignore_ascii_case(CLOUDEVENTS)) { Mode::Structured } else { Mode::Binary }
    }

    /// Refuses a format that is not JSON: reading it as JSON would be a guess.
    pub(super) fn check(&self) -> Result<(), Breach> {
        if self.repeated {
            return Err(Breach::new(Reason::NotCloudevent, "the message has two content-type headers"));
        }
        let essence = self.essence();
        let fits = match self.mode() {
            Mode::Structured => {
                [CLOUDEVENTS, b"application/cloudevents+json"].iter().any(|known| essence.eq_ignore_ascii_case(known))
            }
            Mode::Binary => {
                self.header.is_none()
                    || essence.eq_ignore_ascii_case(b"application/json")
                    || ends_with_ignore_case(essence, b"+json")
            }
        };
        if fits {
            return Ok(());
        }
        let detail = format!(
            "{self}, but chiso reads JSON only: application/cloudevents+json for a whole event, application/json for data"
        );
        Err(Breach::new(Reason::NotCloudevent, detail))
    }

    /// The media type without parameters.
    fn essence(&self) -> &'a [u8] {
        let header = self.header.unwrap_or_default();
        let end = header.iter().position(|&b| b == b';').unwrap_or(header.len());
        header[..end].trim_ascii_end()
    }
}

impl std::fmt::Display for ContentType<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.header {
            Some(header) => {
                let text = String::from_utf8_lossy(header);
                write!(f, "the content-type header is {}", super::refusal::shown(&text))
            }
            None => f.write_str("there is no content-type header"),
        }
    }
}

fn ends_with_ignore_case(text: &[u8], end: &[u8]) -> bool {
    text.len() >= end.len() && text[text.len() - end.len()..].eq_ignore_ascii_case(end)
}

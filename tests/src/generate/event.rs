//! An event on its way to become a message: every part as the text that will be sent, so that any part can be spoilt.

use super::dice::Dice;
use crate::model::Message;

/// The value of a CloudEvents attribute.
#[derive(Clone, Debug)]
pub(crate) enum Attribute {
    /// Text: a JSON string (spelled as here, if at all) in the structured mode, a header with the plain text in the binary one.
    Text { plain: String, json: Option<String> },
    /// Any JSON value; has no header.
    Json(String),
    /// Bytes that are no text, in quotes or in a header.
    Bytes(Vec<u8>),
}

/// The name of a data field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Name {
    /// Needs no escapes.
    Plain(&'static str),
    /// As JSON text.
    Json(&'static str),
}

/// The data of an event.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// An object: the values as JSON text.
    Fields(Vec<(Name, String)>),
    /// Anything else that is JSON.
    Json(String),
    Absent,
}

/// An event, sound or spoilt.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The ward code, which is the key of the message.
    pub(crate) ward: String,
    pub(crate) attributes: Vec<(&'static str, Attribute)>,
    pub(crate) data: Data,
    /// Spaces are put behind the value until it has this length.
    pub(crate) padded_to: usize,
    /// The whole value, instead of what the other fields make.
    pub(crate) raw: Option<Vec<u8>>,
    /// When it is sent, for the order of a log.
    pub(crate) sent_ms: i64,
}

/// How a message looks, apart from what it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) structured: bool,
    /// Members in any order, spaces in between, content types in any case.
    pub(crate) fancy: bool,
}

const STRUCTURED: [&str; 4] = [
    "application/cloudevents+json; charset=UTF-8",
    "application/cloudevents+json",
    "Application/CloudEvents+JSON;charset=utf-8",
    "application/cloudevents",
];
const BINARY: [&str; 3] = ["application/json", "application/json; charset=UTF-8", "Application/JSON"];

impl Event {
    /// The id, if it is text.
    pub(crate) fn id(&self) -> Option<&str> {
        self.attributes.iter().find_map(|(name, value)| match value {
            Attribute::Text { plain, .. } if *name == "id" => Some(plain.as_str()),
            _ => None,
        })
    }

    /// The JSON text of a data field.
    pub(crate) fn field(&self, name: &'static str) -> Option<&str> {
        let Data::Fields(fields) = &self.data else { return None };
        fields.iter().find(|(field, _)| *field == Name::Plain(name)).map(|(_, json)| json.as_str())
    }

    /// Gives a data field this JSON text.
    pub(crate) fn set(&mut self, name: &'static str, json: impl Into<String>) {
        self.remove(name);
        self.repeat(Name::Plain(name), json);
    }

    /// Adds a data field, even if there is one of that name.
    pub(crate) fn repeat(&mut self, name: Name, json: impl Into<String>) {
        if let Data::Fields(fields) = &mut self.data {
            fields.push((name, json.into()));
        }
    }

    pub(crate) fn remove(&mut self, name: &'static str) {
        if let Data::Fields(fields) = &mut self.data {
            fields.retain(|(field, _)| *field != Name::Plain(name));
        }
    }

    /// Gives an attribute this value; `None` takes it away.
    pub(crate) fn attribute(&mut self, name: &'static str, value: Option<Attribute>) {
        self.attributes.retain(|(known, _)| *known != name);
        self.attributes.extend(value.map(|value| (name, value)));
    }

    /// Gives an attribute this text.
    pub(crate) fn text(&mut self, name: &'static str, plain: &str) {
        self.attribute(name, Some(Attribute::Text { plain: plain.to_owned(), json: None }));
    }

    /// The message in one of the two content modes.
    pub(crate) fn message(&self, topic: &str, look: Look, dice: &mut Dice) -> Message {
        let mut headers = Vec::new();
        let content_type = if look.structured { STRUCTURED.as_slice() } else { BINARY.as_slice() };
        let content_type = if look.fancy { dice.pick(content_type) } else { content_type[0] };
        headers.push(("content-type".to_owned(), content_type.as_bytes().to_vec()));
        if !look.structured {
            headers.extend(self.attributes.iter().filter_map(|(name, value)| {
                let bytes = match value {
                    Attribute::Text { plain, .. } => plain.as_bytes(),
                    Attribute::Json(_) => return None,
                    Attribute::Bytes(bytes) => bytes,
                };
                Some((format!("ce_{name}"), bytes.to_vec()))
            }));
            if look.fancy {
                dice.shuffle(&mut headers);
            }
        }
        let mut value = match &self.raw {
            Some(raw) => raw.clone(),
            None if look.structured => self.structured(look, dice),
            None => self.data_json(look, dice),
        };
        value.resize(value.len().max(self.padded_to), b' ');
        Message { topic: topic.to_owned(), key: Some(self.ward.clone().into_bytes()), headers, value: Some(value) }
    }

    fn structured(&self, look: Look, dice: &mut Dice) -> Vec<u8> {
        let quoted = |bytes: &[u8]| [b"\"", bytes, b"\""].concat();
        let mut members: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for (name, value) in &self.attributes {
            let json = match value {
                Attribute::Text { json: Some(json), .. } | Attribute::Json(json) => json.as_bytes().to_vec(),
                Attribute::Text { plain, json: None } => super::spelling::plain_text(plain).into_bytes(),
                Attribute::Bytes(bytes) => quoted(bytes),
            };
            members.push((quoted(name.as_bytes()), json));
        }
        if !matches!(self.data, Data::Absent) {
            members.push((quoted(b"data"), self.data_json(look, dice)));
        }
        object(members, look, dice)
    }

    fn data_json(&self, look: Look, dice: &mut Dice) -> Vec<u8> {
        let quoted = |name: &Name| match name {
            Name::Plain(name) => format!("\"{name}\"").into_bytes(),
            Name::Json(json) => json.as_bytes().to_vec(),
        };
        match &self.data {
            Data::Fields(fields) => {
                let members = fields.iter().map(|(name, json)| (quoted(name), json.as_bytes().to_vec()));
                object(members.collect(), look, dice)
            }
            Data::Json(json) => json.as_bytes().to_vec(),
            Data::Absent => b"null".to_vec(),
        }
    }
}

fn object(mut members: Vec<(Vec<u8>, Vec<u8>)>, look: Look, dice: &mut Dice) -> Vec<u8> {
    let mut space: &[u8] = b"";
    if look.fancy {
        dice.shuffle(&mut members);
        // No line feed: a structured message has to fit on a line of a file.
        space = dice.pick(&[b"".as_slice(), b"", b" ", b"\t", b" \r "]);
    }
    let mut json = Vec::with_capacity(members.iter().map(|(name, value)| name.len() + value.len() + 20).sum());
    json.push(b'{');
    for (at, (name, value)) in members.iter().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        for part in [space, name, space, b":", space, value, space] {
            json.extend_from_slice(part);
        }
    }
    json.push(b'}');
    json
}

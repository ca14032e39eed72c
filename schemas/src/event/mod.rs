//! The event of contract section 1: a Kafka message in, an accepted fact or the reason for its refusal out.
//!
//! In the order of a decoding: `message` (content mode, size), `attributes` and `data` (what stands there, member by
//! member: the ordinary spelling through `plain`, any other through `json`), `rules` (what the reference data says, with
//! `time`), `version`; `refusal` at every step.

mod attributes;
mod data;
mod json;
mod message;
mod plain;
mod refusal;
mod rules;
mod time;
mod version;

pub use attributes::EVENT_TYPE;
pub use message::{MAX_VALUE_BYTES, Message};
pub use refusal::{Reason, Refusal};

use crate::number::Amount;
use crate::reference::{Reference, UnitIx};
use attributes::Attributes;
use chrono::NaiveDate;
use data::Fields;
use message::{ContentType, Mode};
use refusal::Breach;
use std::borrow::Cow;

/// An accepted event: one statement of one number by one source. It borrows from the message and the reference data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event<'a> {
    /// The event's id; with the source it names one event.
    pub id: Cow<'a, str>,
    /// The source, as in the source registry.
    pub source: &'a str,
    /// When the source made the statement, in milliseconds since 1970-01-01T00:00:00Z.
    pub time_ms: i64,
    /// The indicator's code.
    pub indicator: &'a str,
    /// The ward's code as valid on `date`.
    pub ward: &'a str,
    /// The local day that the numbers belong to.
    pub date: NaiveDate,
    /// The numbers that it states.
    pub numbers: Numbers,
    /// The identity of the fact within its source; the event's id where none is given.
    pub record: Cow<'a, str>,
    /// A higher one replaces a lower one of the same record.
    pub revision: u32,
    /// It withdraws the record.
    pub retracted: bool,
    /// How exactly the source knows the numbers.
    pub qualifier: Qualifier,
    /// Keys and values, by key in byte order.
    pub dimensions: Vec<(&'a str, Cow<'a, str>)>,
    /// `revision << 96 | time_ms << 48 | tie`: the greatest of a record in a cell counts (contract section 2).
    pub version: u128,
    /// Where source, indicator and ward stand in the reference data.
    pub positions: Positions,
}

/// Positions in the reference data by which an event was judged, so that nobody needs to look for its texts again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Positions {
    /// Of the source in the source registry.
    pub source: usize,
    /// Of the indicator in the catalogue.
    pub indicator: usize,
    /// Of the ward among the units.
    pub ward: UnitIx,
}

/// The numbers of a fact: `value`, or `numerator` and `denominator`, or `percent`, or in a retraction none.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Numbers {
    /// For kinds flow and stock.
    pub value: Option<Amount>,
    /// For the two ratio kinds, with a denominator.
    pub numerator: Option<Amount>,
    /// For the two ratio kinds, with a numerator.
    pub denominator: Option<Amount>,
    /// For the two ratio kinds, when the source knows only the percent.
    pub percent: Option<Amount>,
}

/// How exactly the source knows its numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub enum Qualifier {
    /// As counted.
    #[default]
    Exact,
    /// About that much.
    Approximately,
    /// More than that.
    MoreThan,
    /// That or more.
    AtLeast,
}

impl Qualifier {
    /// Every qualifier.
    pub const ALL: [Self; 4] = [Self::Exact, Self::Approximately, Self::MoreThan, Self::AtLeast];

    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Approximately => "approximately",
            Self::MoreThan => "more_than",
            Self::AtLeast => "at_least",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|qualifier| qualifier.as_str() == word)
    }
}

/// Reads a message by the rules of contract section 1. The answer depends on the message and the reference data only.
///
/// # Errors
/// The first rule in the order of [`Reason`] that the message breaks, with a detail for a human.
pub fn decode<'a>(message: &Message<'a>, reference: &'a Reference) -> Result<Event<'a>, Refusal> {
    let mut attributes = Attributes::default();
    judge(message, reference, &mut attributes, read).map_err(|breach| breach.of(&attributes))
}

/// What stands in a value: the text of its data, where it is needed, and the fields, if the data are an object.
type Content<'a> = (Option<&'a str>, Option<Fields<'a>>);

/// The steps in the order of the reasons; `attributes` keeps what could be read when a step refuses.
fn judge<'a>(
    message: &Message<'a>,
    reference: &'a Reference,
    attributes: &mut Attributes<'a>,
    read: impl FnOnce(Mode, &'a str, &mut Attributes<'a>) -> Result<Content<'a>, Breach>,
) -> Result<Event<'a>, Breach> {
    let content_type = ContentType::of(message);
    let mode = content_type.mode();
    if mode == Mode::Binary {
        attributes.read_headers(message);
    }
    let (data, fields) = read(mode, message.text()?, attributes)?;
    let origin = attributes.check(&content_type)?;
    let fields = fields.ok_or_else(|| Breach::not_an_object(data))?;
    rules::accept(origin, fields.typed()?, message.topic, reference)
}

/// Reads the ordinary spelling in one pass, and any other by [`read_any`].
fn read<'a>(mode: Mode, text: &'a str, attributes: &mut Attributes<'a>) -> Result<Content<'a>, Breach> {
    let fields = match mode {
        Mode::Structured => plain::read_event(text).map(|(read, fields)| {
            *attributes = read;
            fields
        }),
        Mode::Binary => plain::read_data(text),
    };
    if fields.is_some() { Ok((None, fields)) } else { read_any(mode, text, attributes) }
}

/// Reads every spelling.
fn read_any<'a>(mode: Mode, text: &'a str, attributes: &mut Attributes<'a>) -> Result<Content<'a>, Breach> {
    let data = match mode {
        Mode::Structured => attributes.read_event(text)?,
        Mode::Binary => Some(text),
    };
    Ok((data, data.map(Fields::read).transpose()?.flatten()))
}

#[cfg(test)]
mod tests;

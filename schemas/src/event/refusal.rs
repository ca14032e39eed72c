//! Why a message is refused: the reasons of contract section 1, in the order in which they are looked for.

use super::attributes::Attributes;
use std::borrow::Cow;
use std::fmt;

/// Why a message was refused. The order is the one of contract section 1: of several that apply, the first wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// The value is longer than 65,536 bytes.
    TooLarge,
    /// No value, no UTF-8 JSON, a repeated field, or a lone surrogate.
    MalformedJson,
    /// A required attribute is missing or malformed, or the data is no object.
    NotCloudevent,
    /// The event is of a type that chiso does not read.
    UnsupportedType,
    /// The data has a field that the contract does not know.
    UnknownField,
    /// The data lacks a field.
    MissingField,
    /// A field has a value of the wrong type.
    BadType,
    /// The source is not in the source registry.
    UnknownSource,
    /// The indicator is not in the catalogue.
    UnknownIndicator,
    /// The numbers given are not those of the indicator's kind.
    WrongMeasure,
    /// A number is below zero.
    Negative,
    /// A number is 10^18 or more, or a percent above 100.
    OutOfRange,
    /// A number has more than 6 decimals.
    TooPrecise,
    /// The numerator is greater than the denominator.
    NumeratorExceedsDenominator,
    /// A dimension that the catalogue does not declare for the indicator.
    BadDimension,
    /// The date is no day, or not of 1900..2299.
    BadDate,
    /// The date is later than the day after the statement.
    FutureDate,
    /// No ward ever had this code.
    UnknownWard,
    /// A ward had this code, but not on the date.
    WardAbolished,
    /// The registry does not let the source state this indicator.
    IndicatorNotAllowed,
    /// The registry does not let the source speak for this ward.
    WardNotAllowed,
    /// The registry does not let the source arrive by this topic.
    SourceNotAllowed,
    /// Outside the order: ClickHouse refused this one row. Decoding never says so.
    NotStorable,
}

impl Reason {
    /// Every reason, in order.
    pub const ALL: [Self; 23] = [
        Self::TooLarge,
        Self::MalformedJson,
        Self::NotCloudevent,
        Self::UnsupportedType,
        Self::UnknownField,
        Self::MissingField,
        Self::BadType,
        Self::UnknownSource,
        Self::UnknownIndicator,
        Self::WrongMeasure,
        Self::Negative,
        Self::OutOfRange,
        Self::TooPrecise,
        Self::NumeratorExceedsDenominator,
        Self::BadDimension,
        Self::BadDate,
        Self::FutureDate,
        Self::UnknownWard,
        Self::WardAbolished,
        Self::IndicatorNotAllowed,
        Self::WardNotAllowed,
        Self::SourceNotAllowed,
        Self::NotStorable,
    ];

    /// The code of the contract, as stored in `rejected_events`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::MalformedJson => "malformed_json",
            Self::NotCloudevent => "not_cloudevent",
            Self::UnsupportedType => "unsupported_type",
            Self::UnknownField => "unknown_field",
            Self::MissingField => "missing_field",
            Self::BadType => "bad_type",
            Self::UnknownSource => "unknown_source",
            Self::UnknownIndicator => "unknown_indicator",
            Self::WrongMeasure => "wrong_measure",
            Self::Negative => "negative",
            Self::OutOfRange => "out_of_range",
            Self::TooPrecise => "too_precise",
            Self::NumeratorExceedsDenominator => "numerator_exceeds_denominator",
            Self::BadDimension => "bad_dimension",
            Self::BadDate => "bad_date",
            Self::FutureDate => "future_date",
            Self::UnknownWard => "unknown_ward",
            Self::WardAbolished => "ward_abolished",
            Self::IndicatorNotAllowed => "indicator_not_allowed",
            Self::WardNotAllowed => "ward_not_allowed",
            Self::SourceNotAllowed => "source_not_allowed",
            Self::NotStorable => "not_storable",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A message that breaks a rule: stored with its reason, never dropped and never repaired.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The first rule in order that the message breaks.
    pub reason: Reason,
    /// For a human: the field, its value, what is wrong and what would be right.
    pub detail: String,
    /// The event's source, where it could be read.
    pub source: Option<String>,
    /// The event's id, where it could be read.
    pub id: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.detail)
    }
}

// By hand, for thiserror would take the field `source` for the cause of the error.
impl std::error::Error for Refusal {}

/// A broken rule, before it is known whose event broke it.
pub(super) struct Breach {
    reason: Reason,
    detail: String,
}

impl Breach {
    pub(super) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// What JSON itself objects to.
    pub(super) fn malformed(error: serde_json::Error) -> Self {
        Self::new(Reason::MalformedJson, format!("the value is not JSON as the contract wants it: {error}"))
    }

    pub(super) fn repeats(object: &str, name: &str) -> Self {
        let detail = format!("the {object} object has the field {} twice", shown(name));
        Self::new(Reason::MalformedJson, detail)
    }

    /// The data is missing, or something else than an object.
    pub(super) fn not_an_object(data: Option<&str>) -> Self {
        let detail = match data {
            Some(json) => format!("data is {}, not an object", shortened(json.trim_ascii())),
            None => "data is missing".to_owned(),
        };
        Self::new(Reason::NotCloudevent, detail)
    }

    pub(super) fn of(self, attributes: &Attributes<'_>) -> Refusal {
        Refusal {
            reason: self.reason,
            detail: self.detail,
            source: attributes.source().map(str::to_owned),
            id: attributes.id().map(str::to_owned),
        }
    }
}

/// How many characters of a value stand in a detail.
const SHOWN_CHARS: usize = 100;

/// A text of an event within a detail: quoted, control characters escaped, shortened.
pub(super) fn shown(text: &str) -> String {
    format!("{:?}", start_of(text))
}

/// JSON text of an event within a detail: as it was written, but on one line, and shortened.
pub(super) fn shortened(text: &str) -> String {
    start_of(text).replace(char::is_control, " ")
}

fn start_of(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

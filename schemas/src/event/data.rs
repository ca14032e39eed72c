//! The data object: its fields, each of the type that the contract gives it.

use super::Qualifier;
use super::json;
use super::refusal::{Breach, Reason, shortened, shown};
use crate::number::Reading;
use std::borrow::Cow;

/// The fields of a data object as the JSON text that stands there, before their types are looked at.
#[derive(Default)]
pub(super) struct Fields<'a> {
    indicator: Option<&'a str>,
    ward: Option<&'a str>,
    date: Option<&'a str>,
    value: Option<&'a str>,
    numerator: Option<&'a str>,
    denominator: Option<&'a str>,
    percent: Option<&'a str>,
    record: Option<&'a str>,
    revision: Option<&'a str>,
    retracted: Option<&'a str>,
    qualifier: Option<&'a str>,
    dimensions: Option<&'a str>,
    /// The members of `dimensions`, by name, if it is an object.
    dimension_members: Vec<(Cow<'a, str>, &'a str)>,
    unknown: Vec<Cow<'a, str>>,
}

/// A data object whose fields are known, complete and of the right types.
pub(super) struct Data<'a> {
    pub(super) indicator: Cow<'a, str>,
    pub(super) ward: Cow<'a, str>,
    pub(super) date: Cow<'a, str>,
    /// Value, numerator, denominator, percent.
    pub(super) numbers: [Option<Given<'a>>; 4],
    pub(super) record: Option<Cow<'a, str>>,
    pub(super) revision: u32,
    pub(super) retracted: bool,
    pub(super) qualifier: Qualifier,
    pub(super) dimensions: Dimensions<'a>,
}

/// Keys and values, by key.
pub(super) type Dimensions<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// A number that was given.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) field: &'static str,
    pub(super) text: &'a str,
    pub(super) reading: Reading,
}

impl<'a> Fields<'a> {
    /// Reads `data`, JSON or not; `None` if it is JSON, but no object. Refuses as `malformed_json` only.
    pub(super) fn read(data: &'a str) -> Result<Option<Self>, Breach> {
        let mut fields = Self::default();
        let is_object = json::members(data, |name, value| fields.take(name, value)).map_err(Breach::malformed)?;
        if json::has_lone_surrogate(data) {
            return Err(Breach::new(Reason::MalformedJson, "the data has a lone surrogate escape (half a character)"));
        }
        fields.unknown.sort_unstable();
        if let Some(pair) = fields.unknown.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Breach::repeats("data", &pair[0]));
        }
        if let Some(dimensions) = fields.dimensions {
            let members = &mut fields.dimension_members;
            json::members(dimensions, |name, value| {
                members.push((name, value));
                Ok(())
            })
            .map_err(Breach::malformed)?;
            members.sort_unstable();
            if let Some(pair) = members.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                return Err(Breach::repeats("dimensions", &pair[0].0));
            }
        }
        Ok(is_object.then_some(fields))
    }

    /// Takes `dimensions` with its members, each name once; `None` if it or one of them came twice.
    pub(super) fn take_dimensions(&mut self, text: &'a str, mut members: Vec<(Cow<'a, str>, &'a str)>) -> Option<()> {
        members.sort_unstable();
        let repeats = members.windows(2).any(|pair| pair[0].0 == pair[1].0);
        self.dimension_members = members;
        (self.dimensions.replace(text).is_none() && !repeats).then_some(())
    }

    /// Whether the contract knows all of them.
    pub(super) fn are_known(&self) -> bool {
        self.unknown.is_empty()
    }

    /// Takes a field; a name that came before is given back.
    pub(super) fn take(&mut self, name: Cow<'a, str>, value: &'a str) -> Result<(), Cow<'a, str>> {
        let field = match name.as_ref() {
            "indicator" => &mut self.indicator,
            "ward" => &mut self.ward,
            "date" => &mut self.date,
            "value" => &mut self.value,
            "numerator" => &mut self.numerator,
            "denominator" => &mut self.denominator,
            "percent" => &mut self.percent,
            "record" => &mut self.record,
            "revision" => &mut self.revision,
            "retracted" => &mut self.retracted,
            "qualifier" => &mut self.qualifier,
            "dimensions" => &mut self.dimensions,
            _ => {
                self.unknown.push(name);
                return Ok(());
            }
        };
        field.replace(value).map_or(Ok(()), |_| Err(name))
    }

    /// Judges names and types: `unknown_field`, `missing_field`, `bad_type`.
    pub(super) fn typed(self) -> Result<Data<'a>, Breach> {
        if let Some(name) = self.unknown.first() {
            let detail = format!("data has the field {}, which the contract does not know", shown(name));
            return Err(Breach::new(Reason::UnknownField, detail));
        }
        let required = |name: &str, field: Option<&'a str>| {
            field.ok_or_else(|| Breach::new(Reason::MissingField, format!("data.{name} is missing")))
        };
        let indicator = required("indicator", self.indicator)?;
        let ward = required("ward", self.ward)?;
        let date = required("date", self.date)?;
        Ok(Data {
            indicator: string("indicator", indicator)?,
            ward: string("ward", ward)?,
            date: string("date", date)?,
            numbers: [
                number("value", self.value)?,
                number("numerator", self.numerator)?,
                number("denominator", self.denominator)?,
                number("percent", self.percent)?,
            ],
            record: self.record.map(record).transpose()?,
            revision: self.revision.map_or(Ok(0), revision)?,
            retracted: self.retracted.map_or(Ok(false), retracted)?,
            qualifier: self.qualifier.map_or(Ok(Qualifier::Exact), qualifier)?,
            dimensions: dimensions(self.dimensions, self.dimension_members)?,
        })
    }
}

fn bad_type(field: &str, json: &str, want: &str) -> Breach {
    Breach::new(Reason::BadType, format!("data.{field} is {}, not {want}", shortened(json)))
}

fn string<'a>(field: &str, json: &'a str) -> Result<Cow<'a, str>, Breach> {
    json::string(json).map_err(Breach::malformed)?.ok_or_else(|| bad_type(field, json, "a string"))
}

fn number<'a>(field: &'static str, json: Option<&'a str>) -> Result<Option<Given<'a>>, Breach> {
    let Some(text) = json else { return Ok(None) };
    if !json::is_number(text) {
        return Err(bad_type(field, text, "a number"));
    }
    Ok(Some(Given { field, text, reading: Reading::of_json(text) }))
}

fn record(json: &str) -> Result<Cow<'_, str>, Breach> {
    let record = string("record", json)?;
    if (1..=128).contains(&record.len()) { Ok(record) } else { Err(bad_type("record", json, "a string of 1 to 128 bytes")) }
}

fn revision(json: &str) -> Result<u32, Breach> {
    json.parse().map_err(|_| bad_type("revision", json, "digits for 0 to 4294967295"))
}

fn retracted(json: &str) -> Result<bool, Breach> {
    json.parse().map_err(|_| bad_type("retracted", json, "true or false"))
}

fn qualifier(json: &str) -> Result<Qualifier, Breach> {
    let word = string("qualifier", json)?;
    Qualifier::from_word(&word).ok_or_else(|| bad_type("qualifier", json, "exact, approximately, more_than or at_least"))
}

fn dimensions<'a>(json: Option<&'a str>, members: Vec<(Cow<'a, str>, &'a str)>) -> Result<Dimensions<'a>, Breach> {
    let Some(json) = json else { return Ok(Vec::new()) };
    if !json::is_object(json) {
        return Err(bad_type("dimensions", json, "an object of strings"));
    }
    let typed = |(key, value): (Cow<'a, str>, &'a str)| {
        let field = format!("dimensions.{}", shortened(&key));
        string(&field, value).map(|text| (key, text))
    };
    members.into_iter().map(typed).collect()
}

//! The data object of an event, read field by field: the rules `unknown_field`, `missing_field` and `bad_type` (contract
//! section 1). What the fields say is judged elsewhere.

use super::json::{At, Document, Node};
use super::number::Number;
use std::collections::BTreeMap;

/// The names of the four numbers, in the order in which the tie of contract section 2 takes them.
pub(crate) const NUMBERS: [&str; 4] = ["value", "numerator", "denominator", "percent"];

const REQUIRED: [&str; 3] = ["indicator", "ward", "date"];
const OPTIONAL: [&str; 5] = ["record", "revision", "retracted", "qualifier", "dimensions"];
const QUALIFIERS: [&str; 4] = ["exact", "approximately", "more_than", "at_least"];

/// The greatest length of a record, in bytes.
const RECORD_MAX: usize = 128;

/// A data object whose fields have the right names and types.
#[derive(Debug, Default)]
pub(crate) struct Statement {
    pub(crate) indicator: String,
    pub(crate) ward: String,
    pub(crate) date: String,
    /// Those given, by name.
    pub(crate) numbers: BTreeMap<&'static str, Number>,
    pub(crate) record: Option<String>,
    pub(crate) revision: u32,
    pub(crate) retracted: bool,
    pub(crate) qualifier: String,
    pub(crate) dimensions: BTreeMap<String, String>,
}

impl Statement {
    pub(crate) fn read(document: &Document, data: At) -> Result<Self, &'static str> {
        let members = document.members(data).unwrap_or_default();
        let named = |name: &str| members.iter().find(|(text, _)| text.as_deref() == Some(name)).map(|(_, at)| *at);
        let known = |name: &str| NUMBERS.contains(&name) || REQUIRED.contains(&name) || OPTIONAL.contains(&name);
        if !members.iter().all(|(name, _)| name.as_deref().is_some_and(known)) {
            return Err("unknown_field");
        }
        if !REQUIRED.iter().all(|name| named(name).is_some()) {
            return Err("missing_field");
        }
        let mut statement = Self { qualifier: "exact".to_owned(), ..Self::default() };
        for (name, at) in members {
            let name = name.as_deref().unwrap_or_default();
            statement.take(name, document, *at).ok_or("bad_type")?;
        }
        Ok(statement)
    }

    /// Takes over one field; `None` when its value has the wrong type.
    fn take(&mut self, name: &str, document: &Document, at: At) -> Option<()> {
        let text = || document.text(at).map(str::to_owned);
        match name {
            "indicator" => self.indicator = text()?,
            "ward" => self.ward = text()?,
            "date" => self.date = text()?,
            "record" => self.record = Some(text().filter(|record| (1..=RECORD_MAX).contains(&record.len()))?),
            "qualifier" => self.qualifier = text().filter(|text| QUALIFIERS.contains(&text.as_str()))?,
            "retracted" => self.retracted = boolean(document.node(at))?,
            "revision" => self.revision = digits_only(document.node(at))?,
            "dimensions" => {
                for (key, value) in document.members(at)? {
                    self.dimensions.insert(key.clone()?, document.text(*value)?.to_owned());
                }
            }
            _ => {
                let name = NUMBERS.into_iter().find(|number| *number == name)?;
                let Node::Number(spelled) = document.node(at) else { return None };
                self.numbers.insert(name, Number::parse(spelled));
            }
        }
        Some(())
    }
}

fn boolean(node: &Node) -> Option<bool> {
    match node {
        Node::Bool(value) => Some(*value),
        _ => None,
    }
}

/// An integer written with digits only, so neither `1.0` nor `1e0` nor `-0`.
fn digits_only(node: &Node) -> Option<u32> {
    match node {
        Node::Number(spelled) if spelled.bytes().all(|b| b.is_ascii_digit()) => spelled.parse().ok(),
        _ => None,
    }
}

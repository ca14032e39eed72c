//! Dimensions that an indicator declares: the JSON object of a column of `indicators.csv`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// The values that a dimension may have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Allowed {
    /// Any string, also the empty one.
    Any,
    /// These only.
    OneOf(BTreeSet<String>),
}

impl Allowed {
    /// Whether the dimension may have this value.
    pub fn allows(&self, value: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(values) => values.contains(value),
        }
    }
}

/// Reads the object of the column.
pub(super) fn read(text: &str) -> Result<BTreeMap<String, Allowed>, serde_json::Error> {
    serde_json::from_str::<Dimensions>(text).map(|dimensions| dimensions.0)
}

/// The object of the column `dimensions`; repeated names are errors, which a plain map would hide.
struct Dimensions(BTreeMap<String, Allowed>);

impl<'de> Deserialize<'de> for Dimensions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DimensionsVisitor)
    }
}

struct DimensionsVisitor;

impl<'de> Visitor<'de> for DimensionsVisitor {
    type Value = Dimensions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of dimensions")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Dimensions, A::Error> {
        let mut dimensions = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, serde_json::Value>()? {
            if key.is_empty() {
                return Err(Error::custom("a dimension without a name"));
            }
            let allowed = allowed(&key, &value).map_err(Error::custom)?;
            if dimensions.insert(key.clone(), allowed).is_some() {
                return Err(Error::custom(format!("{key:?} stands there twice")));
            }
        }
        Ok(Dimensions(dimensions))
    }
}

fn allowed(key: &str, value: &serde_json::Value) -> Result<Allowed, String> {
    let wrong = || format!("{key:?} must be \"*\" or a list of different strings");
    match value {
        serde_json::Value::String(star) if star == "*" => Ok(Allowed::Any),
        serde_json::Value::Array(list) if !list.is_empty() => {
            let values: BTreeSet<String> = list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
            if values.len() == list.len() { Ok(Allowed::OneOf(values)) } else { Err(wrong()) }
        }
        _ => Err(wrong()),
    }
}

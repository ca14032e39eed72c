//! The reference data (contract section 7), read from the CSV files that the product ships.

use super::calendar::{CALENDARS, parse_date};
use super::json::{Document, Node};
use super::number::parse_micros;
use super::targets::{Comparison, Scope, Target};
use super::units::{Level, Rename, Step, Unit, Units};
use anyhow::{Context, Result, bail};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// How facts become the number of a period (contract section 3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Numbers of days are added.
    Flow,
    /// Numerators and denominators of days are added.
    FlowRatio,
    /// The last known state counts.
    Stock,
    /// The last known numerator and denominator count.
    StockRatio,
}

impl Kind {
    /// The name in rows and in `indicators.csv`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::FlowRatio => "flow_ratio",
            Self::Stock => "stock",
            Self::StockRatio => "stock_ratio",
        }
    }

    /// Has a numerator and a denominator instead of a value.
    #[must_use]
    pub fn is_ratio(self) -> bool {
        matches!(self, Self::FlowRatio | Self::StockRatio)
    }

    /// Facts are added over the days of the period; else the last state counts.
    #[must_use]
    pub fn is_flow(self) -> bool {
        matches!(self, Self::Flow | Self::FlowRatio)
    }
}

/// An indicator of the catalogue.
#[derive(Clone, Debug)]
pub struct Indicator {
    /// The code.
    pub code: String,
    /// How its facts become numbers.
    pub kind: Kind,
    /// How many days a state stays the last known one.
    pub carry_days: u64,
    /// Less is better; only the generator asks.
    pub lower_is_better: bool,
    /// The numerator may exceed the denominator, and a percent 100.
    pub may_exceed: bool,
    /// Allowed dimension keys, each with its allowed values, or `None` for any string.
    pub dimensions: BTreeMap<String, Option<BTreeSet<String>>>,
}

/// A source of the registry; `None` in a list means everything.
#[derive(Clone, Debug)]
pub struct Source {
    /// The CloudEvents source.
    pub id: String,
    /// The smaller one is the more authoritative.
    pub priority: i64,
    /// The indicators it may state.
    pub indicators: Option<BTreeSet<String>>,
    /// The units whose subtrees it may speak for.
    pub wards: Option<BTreeSet<String>>,
    /// The topics by which it may arrive.
    pub topics: Option<BTreeSet<String>>,
}

/// All reference data.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The catalogue, by code.
    pub indicators: BTreeMap<String, Indicator>,
    /// The source registry, by source.
    pub sources: BTreeMap<String, Source>,
    /// The target registry.
    pub(crate) targets: Vec<Target>,
    /// Units and lineage.
    pub units: Units,
}

impl Reference {
    /// Reads `indicators.csv`, `sources.csv`, `targets.csv` and `admin-units/{units,lineage,renames}.csv` from a folder.
    ///
    /// # Errors
    /// When a file is missing or a row cannot be read; the message names file and row. Whether the data are sound as a
    /// whole is not checked here: that is the product's duty.
    pub fn load(folder: &Path) -> Result<Self> {
        check_calendars(folder)?;
        Ok(Self {
            indicators: each(folder, "indicators.csv", |row| indicator(row).map(|i| (i.code.clone(), i)))?.into_iter().collect(),
            sources: each(folder, "sources.csv", |row| source(row).map(|s| (s.id.clone(), s)))?.into_iter().collect(),
            targets: each(folder, "targets.csv", target)?,
            units: units(folder)?,
        })
    }
}

/// The model knows the calendars of contract section 4 and no others: a `calendars.csv` must agree, if there is one.
fn check_calendars(folder: &Path) -> Result<()> {
    let file = "calendars.csv";
    if !folder.join(file).exists() {
        return Ok(());
    }
    let cut_offs = each(folder, file, |row| Ok((row.get("calendar")?.to_owned(), row.get("cut_off_day")?.to_owned())))?;
    for calendar in CALENDARS {
        let expected = calendar.cut_off_day().map(|day| day.to_string()).unwrap_or_default();
        let stated = cut_offs.iter().find(|(name, _)| name == calendar.name()).map(|(_, day)| day);
        if stated != Some(&expected) {
            bail!("{file}: the model knows the {calendar} calendar with the cut-off day {expected:?} only, not {stated:?}");
        }
    }
    Ok(())
}

/// One row of a CSV file, by column name.
struct Line(HashMap<String, String>);

impl Line {
    fn get(&self, column: &str) -> Result<&str> {
        self.0.get(column).map(String::as_str).with_context(|| format!("no column {column}"))
    }

    fn date(&self, column: &str) -> Result<NaiveDate> {
        let text = self.get(column)?;
        parse_date(text).with_context(|| format!("{column} is no date: {text:?}"))
    }

    fn integer<N: std::str::FromStr>(&self, column: &str) -> Result<N> {
        let text = self.get(column)?;
        text.parse().ok().with_context(|| format!("{column} is no such integer: {text:?}"))
    }

    /// A list separated by `;`, or `None` for `*`.
    fn list(&self, column: &str) -> Result<Option<BTreeSet<String>>> {
        let text = self.get(column)?;
        Ok((text != "*").then(|| text.split(';').map(str::to_owned).collect()))
    }
}

fn each<T>(folder: &Path, file: &str, read: impl Fn(&Line) -> Result<T>) -> Result<Vec<T>> {
    let path = folder.join(file);
    let mut reader = csv::Reader::from_path(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut rows = Vec::new();
    for (at, row) in reader.deserialize().enumerate() {
        let place = || format!("{}, row {}", path.display(), at + 1);
        rows.push(read(&Line(row.with_context(place)?)).with_context(place)?);
    }
    Ok(rows)
}

fn indicator(row: &Line) -> Result<Indicator> {
    let kind = row.get("kind")?;
    let kinds = [Kind::Flow, Kind::FlowRatio, Kind::Stock, Kind::StockRatio];
    Ok(Indicator {
        code: row.get("code")?.to_owned(),
        kind: kinds.into_iter().find(|k| k.name() == kind).with_context(|| format!("unknown kind {kind:?}"))?,
        carry_days: row.integer("carry_days")?,
        lower_is_better: row.get("direction")? == "lower",
        may_exceed: row.get("may_exceed")? == "true",
        dimensions: dimensions(row.get("dimensions")?).context("dimensions are no object of lists or \"*\"")?,
    })
}

/// A JSON object: key to list of values, or to `"*"`.
fn dimensions(text: &str) -> Option<BTreeMap<String, Option<BTreeSet<String>>>> {
    let document = Document::read(text.as_bytes())?;
    let mut dimensions = BTreeMap::new();
    for (key, values) in document.members(document.root())? {
        let allowed = match document.node(*values) {
            Node::Text(Some(any)) if any == "*" => None,
            Node::Array(items) => Some(items.iter().map(|at| document.text(*at).map(str::to_owned)).collect::<Option<_>>()?),
            _ => return None,
        };
        dimensions.insert(key.clone()?, allowed);
    }
    Some(dimensions)
}

fn source(row: &Line) -> Result<Source> {
    Ok(Source {
        id: row.get("source")?.to_owned(),
        priority: row.integer("priority")?,
        indicators: row.list("indicators")?,
        wards: row.list("wards")?,
        topics: if row.0.contains_key("topics") { row.list("topics")? } else { None },
    })
}

fn target(row: &Line) -> Result<Target> {
    let number = row.get("number")?;
    Ok(Target {
        indicator: row.get("indicator")?.to_owned(),
        calendar: row.get("calendar")?.to_owned(),
        period: row.get("period")?.to_owned(),
        area: row.get("area_id")?.to_owned(),
        scope: match row.get("scope")? {
            "self" => Scope::Itself,
            "wards" => Scope::Wards,
            other => bail!("unknown scope {other:?}"),
        },
        comparison: match row.get("comparison")? {
            ">=" => Comparison::AtLeast,
            "<=" => Comparison::AtMost,
            "=" => Comparison::Exactly,
            other => bail!("unknown comparison {other:?}"),
        },
        number: parse_micros(number).with_context(|| format!("number cannot be read: {number:?}"))?,
    })
}

fn units(folder: &Path) -> Result<Units> {
    let mut units = Units::default();
    for unit in each(folder, "admin-units/units.csv", unit)? {
        units.by_id.insert(unit.id.clone(), unit);
    }
    for (old, new, relation, since) in each(folder, "admin-units/lineage.csv", |row| {
        Ok((
            row.get("old_unit_id")?.to_owned(),
            row.get("new_unit_id")?.to_owned(),
            row.get("relation")?.to_owned(),
            row.date("effective_from")?,
        ))
    })? {
        if units.by_id.get(&old).is_none_or(|unit| unit.level != Level::Ward) {
            continue; // facts belong to wards: the lineage of what is above them moves no number
        }
        match relation.as_str() {
            "whole" | "part-default" => units.steps.push(Step { old, new, by_default: relation == "part-default", since }),
            "part" => units.parts.push((old, new)),
            other => bail!("unknown relation {other:?} from {old} to {new} in lineage.csv"),
        }
    }
    for (unit, rename) in each(folder, "admin-units/renames.csv", |row| {
        Ok((row.get("unit_id")?.to_owned(), Rename { since: row.date("since")?, old_name: row.get("old_name")?.to_owned() }))
    })? {
        units.renames.entry(unit).or_default().push(rename);
    }
    Ok(units.indexed())
}

fn unit(row: &Line) -> Result<Unit> {
    let level = row.get("level")?;
    let parent = row.get("parent_unit_id")?;
    Ok(Unit {
        id: row.get("unit_id")?.to_owned(),
        code: row.get("code")?.to_owned(),
        level: [Level::Ward, Level::District, Level::Province]
            .into_iter()
            .find(|l| l.name() == level)
            .with_context(|| format!("unknown level {level:?}"))?,
        name: row.get("name")?.to_owned(),
        parent: (!parent.is_empty()).then(|| parent.to_owned()),
        from: row.date("valid_from")?,
        to: row.date("valid_to")?,
    })
}
